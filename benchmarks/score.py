"""``clvsim score`` from start to end: a file of customers to a file of scores, imports and all.

A million customers drawn from Pareto/NBD with the parameters of CDNOW, times to two decimals, are
scored with BG/NBD and Gamma-Gamma over 52 weeks, discounted, with intervals and the error of the
fit; CSV to CSV and, where pyarrow is installed, Parquet to Parquet. Each run is a process of its
own, whose wall and processor time and peak memory are taken.

The rivals read the same CSV and write P(alive), purchases ahead by the ₂F₁ of Fader, Hardie & Lee
(2005, equation 10) and their value: with pandas, all rows at once, and with Python's reader of CSV
row by row, on fewer rows, without its start, and scaled up. They neither discount nor check rows
nor give intervals.

    python benchmarks/score.py [--tiny]
"""

import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from scoring import BG, VALUE, WEEKS, customers, formula
from timing import report, seconds

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("customer", "frequency", "recency", "age", "value")
FIT = f"""\
[segments.shop]
relationship = "bg/nbd"
purchase_rate = {{ distribution = "gamma", a = {BG[0]}, scale = {1.0 / BG[1]!r} }}
churn = {{ distribution = "beta", a = {BG[2]}, b = {BG[3]} }}
spend = {{ distribution = "invgamma", a = {VALUE.q}, scale = {VALUE.scale} }}
spend_shape = {VALUE.p}

[segments.shop.fit]
model = "bg/nbd"
step = "week"
parameters = ["purchase_rate.a", "purchase_rate.scale", "churn.a", "churn.b", "spend.a"]
covariance = [
    [0.002, -0.002, 0.0, 0.0, 0.0],
    [-0.002, 0.005, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.03, 0.04, 0.0],
    [0.0, 0.0, 0.04, 0.06, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.005],
]
"""


def table(size: int) -> pd.DataFrame:
    """Customers as a shop might keep them: no value where there was no repeat purchase."""
    history, value = customers(size)
    recency = np.where(history.frequency > 0.0, np.maximum(history.recency.round(2), 0.01), 0.0)
    columns = (
        [f"C{number:07d}" for number in range(size)],
        history.frequency.astype(np.int64),
        recency,
        np.maximum(history.age.round(2), recency),
        np.where(history.frequency > 0.0, value.round(2), np.nan),
    )
    return pd.DataFrame(dict(zip(NAMES, columns, strict=True)))


def rival(people: Any) -> tuple[Any, Any, Any]:
    """P(alive), purchases ahead and their value, of one customer or of many."""
    x, last, age = people["frequency"], people["recency"], people["age"]
    r, alpha, a, b = BG
    odds = (x > 0) * a / (b + np.maximum(x, 1) - 1.0) * ((alpha + age) / (alpha + last)) ** (r + x)
    ahead = formula(x, last, age)
    value = np.where(x > 0, people["value"], 0.0)
    return 1.0 / (1.0 + odds), ahead, ahead * VALUE.mean(np.asarray(x), value)


def with_pandas(source: Path, target: Path) -> None:
    """Rival: whole columns."""
    people = pd.read_csv(source)
    people["p_alive"], people["expected_purchases"], people["value"] = rival(people)
    people["percentile"] = 100.0 * people["value"].rank(pct=True)
    people.drop(columns=list(NAMES[1:4])).to_csv(target, index=False)


def row_by_row(source: Path, target: Path) -> None:
    """Rival: a customer at a time."""
    with source.open(newline="") as file, target.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("customer", "p_alive", "expected_purchases", "value"))
        for row in csv.DictReader(file):
            people = {name: float(row[name] or 0.0) for name in NAMES[1:]}
            writer.writerow((row["customer"], *map(float, rival(people))))


def timed(arguments: list[str], repeats: int) -> dict[str, float]:
    """Wall and processor time of some runs of a Python, and the greatest peak of memory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    walls, works, peaks = [], [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        walls.append(time.perf_counter() - begin)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments)
        works.append(usage.ru_utime + usage.ru_stime)
        # Linux counts kilobytes, macOS bytes.
        peaks.append(usage.ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0) / 1e6)
    return {
        "fastest_s": min(walls),
        "median_s": median(walls),
        "processor_s": median(works),
        "peak_megabytes": max(peaks),
        "runs": repeats,
    }


def measure(*, tiny: bool = False) -> dict[str, Any]:
    """Figures of the benchmark; ``tiny`` for the tests."""
    size, few, repeats = (300, 100, 1) if tiny else (1_000_000, 20_000, 5)
    people = table(size)
    figures: dict[str, Any] = {"customers": size}
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        (here / "fit.toml").write_text(FIT, encoding="utf-8")
        people.to_csv(here / "all.csv", index=False)
        people[:few].to_csv(here / "few.csv", index=False)
        endings = ["csv"]
        if importlib.util.find_spec("pyarrow"):
            people.to_parquet(here / "all.parquet", index=False)
            endings.append("parquet")
        for ending in endings:
            options = ["--fit", f"{here}/fit.toml", "--horizon", f"{WEEKS:g}"]
            paths = [f"{here}/all.{ending}", "--out", f"{here}/scores.{ending}"]
            command = ["-m", "clvsim", "score", *paths, *options]
            figures[f"{ending}_to_{ending}"] = timed(command, repeats)
        command = [__file__, "--rival", f"{here}/all.csv", f"{here}/pandas.csv"]
        figures["rival_pandas"] = timed(command, repeats)
        looped = seconds(lambda: row_by_row(here / "few.csv", here / "rows.csv"), 1)
        figures["rival_row_by_row"] = {
            **looped,
            "customers": few,
            "scaled_up_s": looped["fastest_s"] / few * size,
        }
        ours, theirs = pd.read_csv(here / "scores.csv"), pd.read_csv(here / "pandas.csv")
    ratio = ours["expected_purchases"] / theirs["expected_purchases"]
    figures["largest_relative_difference"] = float(np.max(np.abs(ratio - 1.0)))
    fastest = figures["csv_to_csv"]["fastest_s"]
    figures["speed_up"] = {
        "over_pandas": figures["rival_pandas"]["fastest_s"] / fastest,
        "over_row_by_row": figures["rival_row_by_row"]["scaled_up_s"] / fastest,
    }
    return figures


if __name__ == "__main__":
    if "--rival" in sys.argv:
        with_pandas(*map(Path, sys.argv[-2:]))
    else:
        report("score", measure(tiny="--tiny" in sys.argv))
