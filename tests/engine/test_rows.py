"""Customers one by one: they are the customers that a run adds up, and files hold them whole."""

import csv
import itertools

import numpy as np
import pytest

from clvsim.accounts import ACCOUNT_INDEX
from clvsim.engine import tasks as task_rules
from clvsim.engine.compile import compile_scenario
from clvsim.engine.rows import customer_rows, expected_rows, warm_up
from clvsim.engine.run import run_worlds
from clvsim.errors import ClvsimError, InputError
from clvsim.kernels import plan as p
from clvsim.kernels.customers import run_tasks, simulate
from clvsim.report.customers import COLUMNS, write_customers
from clvsim.scenario.model import Scenario

SEED, WORLDS = 11, 3
BASE = {
    "time": {"periods": 12},
    "money": {"discount_rate": 0.1, "residual": "expected"},
    "segments": {
        "home": {
            "churn": {"distribution": "beta", "a": 1.0, "b": 8.0},
            "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
            "lift": {"distribution": "norm", "loc": 0.1, "scale": 0.2},
            "correlations": [{"between": ["churn", "lift"], "value": 0.3}],
            "cost_share": 0.3,
            "price_sensitivity": 2.0,
        },
        "office": {"churn": 0.05, "spend": 90.0},
    },
    "offer": "term",
    "offers": {"term": {"discount": 0.3, "discount_periods": 2, "gift": 5.0, "term": 3}},
    "channels": {
        "search": {
            "spend": 300.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": {"home": 0.1, "office": 0.0},
            "segments": {"home": 0.8, "office": 0.2},
        }
    },
    "cohorts": {"takeover": {"segment": "office", "customers": 37, "joins": 4}},
    "installed_base": {"old": {"segment": "home", "customers": 25, "tenure": [0.0, 1.0, 2.0]}},
    "programs": {
        "club": {"kind": "loyalty", "hazard": 0.8, "cost_per_member": 1.0, "segments": ["home"]}
    },
}


@pytest.fixture(scope="module")
def compiled():
    return compile_scenario(Scenario.model_validate(BASE))


@pytest.fixture(scope="module")
def worlds(compiled):
    return run_worlds([compiled], SEED, 0, WORLDS)[0]


@pytest.fixture(scope="module")
def rows(compiled):
    return [list(customer_rows(compiled, SEED, world)) for world in range(WORLDS)]


def _column(parts, name):
    return np.concatenate([part.column(name) for part in parts])


def test_there_are_as_many_rows_as_customers(compiled, worlds, rows):
    for world, parts in enumerate(rows):
        for group, one in enumerate(compiled.table.groups):
            own = [
                part for part in parts if (part.source, part.segment) == (one.source, one.segment)
            ]
            assert sum(map(len, own)) == worlds.sums[world, group, p.SUM_CUSTOMERS]


def test_rows_add_up_to_the_run_s_value(compiled, worlds, rows):
    for world, parts in enumerate(rows):
        cost = compiled.intake.cost[_column(parts, "cell").astype(int)]
        before = (_column(parts, "clv") + cost).sum()
        assert before == pytest.approx(worlds.sums[world, :, p.SUM_VALUE].sum(), rel=1e-12)


def test_rows_add_up_to_the_run_s_active_customers(worlds, rows):
    for world, parts in enumerate(rows):
        active = worlds.flows[world, p.ACTIVE]
        assert _column(parts, "periods").sum() == active.sum()
        assert _column(parts, "active_at_end").sum() <= active[-1]


def test_rows_pay_the_run_s_revenue():
    """Spend times periods is the list revenue where nothing changes a customer's spend."""
    plain = compile_scenario(Scenario.model_validate({**BASE, "programs": {}}))
    for world, worlds in enumerate(run_worlds([plain], SEED, 0, 1)):
        parts = list(customer_rows(plain, SEED, world))
        paid = (_column(parts, "spend") * _column(parts, "periods")).sum()
        revenue = worlds.cash[0, ACCOUNT_INDEX["list_revenue"]].sum()
        assert paid == pytest.approx(revenue, rel=1e-12)


def test_joining_periods_are_the_run_s(worlds, rows):
    for world, parts in enumerate(rows):
        joined = np.concatenate([part.joined for part in parts])
        counts = np.bincount(joined[joined >= 0], minlength=12)
        assert counts.tolist() == worlds.flows[world, p.JOINED].tolist()
        assert (joined < 0).sum() == 25


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_blocks_change_no_row(block, compiled, rows):
    again = customer_rows(compiled, SEED, 1, block)
    for part, same in zip(rows[1], again, strict=True):
        assert np.array_equal(part.numbers, same.numbers)


def test_a_large_cohort_cut_into_tasks_has_the_same_rows(compiled, rows, monkeypatch):
    monkeypatch.setattr(task_rules, "LEAF", 10)
    cut = list(customer_rows(compiled, SEED, 0))
    assert len(cut) > len(rows[0])
    whole = np.concatenate([part.numbers for part in rows[0]])
    assert np.array_equal(np.concatenate([part.numbers for part in cut]), whole)


def test_about_as_many_are_expected_as_there_are(compiled, rows):
    mean = np.mean([sum(map(len, parts)) for parts in rows])
    assert expected_rows(compiled) == pytest.approx(mean, rel=0.3)


def test_a_scenario_without_customers_has_no_rows():
    channel = {**BASE["channels"]["search"], "spend": 0.0}
    empty = {**BASE, "channels": {"search": channel}, "cohorts": {}, "installed_base": {}}
    assert not list(customer_rows(compile_scenario(Scenario.model_validate(empty)), SEED, 0))


def test_warming_up_compiles_and_simulates_nobody(compiled, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "clvsim.engine.relationships.simulate",
        lambda seed, tasks, size, model, slots, rows, **kernel: seen.append(
            (
                len(tasks),
                len(rows),
                simulate(seed, tasks, size, model, slots, rows, **kernel),
                slots,
            )
        ),
    )
    warm_up(compiled)
    ((tasks, rows, _, slots),) = seen
    assert (tasks, rows) == (0, 0)
    assert not slots.sums.any()
    assert run_tasks.signatures


# Files


def _named(rows):
    return [("base, line", part) for parts in rows for part in parts]


def test_a_csv_reads_back_to_the_bit(rows, tmp_path):
    path = tmp_path / "c.csv"
    written = write_customers(path, _named(rows))
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert written == len(found) == sum(len(part) for parts in rows for part in parts)
    assert list(found[0]) == list(COLUMNS)
    assert {row["scenario"] for row in found} == {"base, line"}
    flat = list(itertools.chain.from_iterable(rows))
    for name, column in (("clv", "clv"), ("periods_active", "periods"), ("rank", "rank")):
        assert [float(row[name]) for row in found] == _column(flat, column).tolist()
    active = [row["active_at_end"] == "true" for row in found]
    assert active == (_column(flat, "active_at_end") > 0.0).tolist()
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_says_the_same_as_csv(rows, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_customers(tmp_path / "c.csv", _named(rows))
    assert write_customers(tmp_path / "c.parquet", _named(rows)) > 0
    table = parquet.read_table(tmp_path / "c.parquet")
    assert table.schema.field("clv").metadata[b"description"].startswith(b"Customer lifetime")
    with (tmp_path / "c.csv").open(newline="") as file:
        for row, same in zip(csv.DictReader(file), table.to_pylist(), strict=True):
            text = {True: "true", False: "false"}.get(same["active_at_end"])
            assert {**same, "active_at_end": text} == {
                name: type(same[name])(value) if name != "active_at_end" else value
                for name, value in row.items()
            }


def test_nobody_makes_an_empty_file(tmp_path):
    pytest.importorskip("pyarrow")
    for name in ("c.csv", "c.parquet"):
        assert write_customers(tmp_path / name, []) == 0
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["c.csv", "c.parquet"])
def test_a_failure_leaves_the_old_file_and_no_part(name, rows, tmp_path):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_text("old")

    def failing(error):
        yield "base", rows[0][0]
        raise error

    with pytest.raises(ClvsimError, match="No space left"):
        write_customers(path, failing(OSError(28, "No space left on device")))
    with pytest.raises(KeyboardInterrupt):
        write_customers(path, failing(KeyboardInterrupt()))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        write_customers(tmp_path / "c.xlsx", [])
