"""Programs that are ended at any moment: what is there is whole, and what they say of it is true.

``CLVSIM_KILLS=100`` ends so many instead of a few (some 5 s each).
"""

import os
import random
import re
import signal
import subprocess
import sys

import pytest

from clvsim.results import load_whole_result

COUNT = int(os.environ.get("CLVSIM_KILLS", "3"))
PLAN = """
[time]
periods = 30
[simulation]
worlds = 200
[segments.a]
churn = { distribution = "beta", a = 1.0, b = 20.0 }
spend = 10.0
[cohorts.c]
segment = "a"
customers = 5000
[variants.v.segments.a]
spend = 11.0
"""
#: Seconds within which a program is ended, and has ended.
WHILE, PATIENCE = 6.0, 60.0


def worlds_in(path):
    return load_whole_result(path).sizes["world"] if path.exists() else 0


def ended(folder, command, worlds, number, after):
    """Run a command and end it; its exit code and what it said."""
    program = "from clvsim.cli import main; main()"
    options = [command, "plan.toml", "--worlds", str(worlds), "--out", f"{command}.nc", "--resume"]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program, *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = process.communicate(timeout=after)[1]
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            said = process.communicate(timeout=PATIENCE)[1]
    return process.returncode, said


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored here"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_is_there_after_an_end_is_whole_and_said(tmp_path, number):
    rng = random.Random(number)  # noqa: S311 - no secret
    (tmp_path / "plan.toml").write_text(PLAN)
    for _ in range(-(-COUNT // 3)):
        command = rng.choice(("run", "compare"))
        path = tmp_path / f"{command}.nc"
        before = worlds_in(path)
        code, said = ended(tmp_path, command, before + 200, number, rng.uniform(0.5, WHILE))
        after = worlds_in(path)
        assert code in {0, 128 + number, -number}, said
        assert "Traceback" not in said
        assert after >= before
        told = re.search(r"interrupted: ([\d,]+) worlds? are whole and saved in", said)
        if told is not None:
            assert int(told[1].replace(",", "")) == after
        if "nothing was saved" in said:
            assert after == before
    # The next run removes what a killed one left.
    ended(tmp_path, "run", 1, number, PATIENCE)
    assert {one.suffix for one in tmp_path.iterdir()} <= {".toml", ".nc"}
