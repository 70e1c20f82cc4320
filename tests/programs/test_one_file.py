"""A program is one file: nobody else knows it, and a new one needs no other change."""

import re
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import pytest
from pydantic import Field

import clvsim
from clvsim import programs
from clvsim.fields import Multiplier
from clvsim.programs import Program
from clvsim.scenario.model import Scenario

ROOT = Path(clvsim.__file__).parent
KINDS = [
    get_args(one.model_fields["kind"].annotation)[0]
    for one in get_args(get_args(programs.AnyProgram)[0])
]
BLIND = [
    *sorted((ROOT / "kernels").glob("*.py")),
    *sorted((ROOT / "engine").glob("*.py")),
    *sorted((ROOT / "report").glob("*.py")),
    *(ROOT / f"{name}.py" for name in ("levers", "results", "measures", "comparison", "accounts")),
]


def test_each_kind_of_program_has_a_file_of_its_own():
    files = {path.stem for path in (ROOT / "programs").glob("*.py")} - {"__init__", "base"}
    assert files == set(KINDS)


@pytest.mark.parametrize("file", BLIND, ids=lambda path: path.stem)
def test_no_kind_is_named_outside_its_file(file):
    text = file.read_text(encoding="utf-8")
    named = [kind for kind in KINDS if re.search(rf"""["']{kind}["']""", text)]
    # "retention" is also a roll-up of accounts, which is older than any program.
    assert [kind for kind in named if kind != "retention"] == []
    assert not re.search(r"programs\.[a-z_]+ import|import clvsim\.programs", text)


class Season(Program):
    """A new program, written here and nowhere else: December is a good month."""

    kind: Literal["season"]
    hazard: Multiplier = 1.0

    def apply(self, name, levers, calendar):
        where = self.where(calendar)
        self.open(name, levers, where)
        december = levers.where(where) & (levers.cohorts.period() % 12 == 11)
        levers.hazard[december] *= self.hazard


def test_a_new_program_needs_no_other_change():
    class Wider(Scenario):
        programs: dict[str, Annotated[Season, Field()]] = {}

    plain = {
        "time": {"periods": 24},
        "segments": {"all": {"churn": 0.05, "spend": 10.0}},
        "cohorts": {"base": {"segment": "all", "customers": 2000}},
    }
    with_it = {**plain, "programs": {"december": {"kind": "season", "hazard": 0.0}}}
    both = {
        name: Wider.model_validate(one) for name, one in (("plain", plain), ("season", with_it))
    }
    left = clvsim.compare(both, effort=clvsim.Effort(worlds=2))["left"].values
    assert np.all(left[1, :, [11, 23]] == 0.0)
    assert np.all(left[0, :, [11, 23]] > 0.0)
    # Until the first December nobody can tell the two apart.
    assert np.array_equal(left[0, :, :11], left[1, :, :11])
