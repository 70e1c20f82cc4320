"""Memory said is memory used, within a third, as NumPy counts it."""

import gc
import tracemalloc

import pytest

from clvsim.api import Effort, Session
from clvsim.engine import memory, variants
from clvsim.engine.compile import compile_scenario
from clvsim.engine.memory import available_bytes, model_bytes, passing_bytes, rows_bytes
from clvsim.engine.rows import customer_rows
from clvsim.errors import InputError
from clvsim.report.customers import write_customers
from clvsim.scenario.model import Scenario

THIRD = 1.0 / 3.0
BETA = {"distribution": "beta", "a": 0.5, "b": 6.0}
CONTRACT = {"churn": BETA, "spend": {"distribution": "gamma", "a": 2.0, "scale": 5.0}}
BUYER = {**CONTRACT, "relationship": "bg/nbd", "purchase_rate": 0.5}
CALLS = {"kind": "retention", "share": 0.3, "hazard": 0.7, "duration": 2, "contact_cost": 0.2}
CLUB = {"kind": "loyalty", "hazard": 0.8, "cost_per_member": 1.0}


def plan(periods, segment=CONTRACT, programs=(), residual="expected", **more):
    tables = {
        "time": {"step": "week", "periods": periods},
        "money": {"residual": residual},
        "segments": {"a": segment, "b": segment},
        "channels": {
            "web": {
                "spend": 100.0,
                "reach": {"kind": "linear", "cost_per_prospect": 0.5},
                "conversion": 0.02,
                "segments": {"a": 0.5, "b": 0.5},
            }
        },
        "programs": {f"p{i}": one for i, one in enumerate(programs)},
    }
    return Scenario.model_validate({**tables, **more})


def used(work):
    """Most bytes at a time while something is done, and those that it keeps."""
    gc.collect()
    tracemalloc.start()
    try:
        result = work()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most, kept, result


@pytest.mark.parametrize(
    "scenario",
    [
        plan(300),
        plan(300, residual="none"),
        plan(200, programs=[CALLS, CLUB]),
        plan(200, BUYER, [CALLS], "none"),
    ],
)
def test_of_compiling(scenario):
    most, kept, _ = used(lambda: compile_scenario(scenario))
    assert model_bytes(scenario) == pytest.approx(kept, rel=THIRD)
    assert model_bytes(scenario) + passing_bytes(scenario) == pytest.approx(most, rel=THIRD)


def said_of(session, worlds, monkeypatch):
    """Bytes that are said to be needed."""
    found = []
    with monkeypatch.context() as patch:
        patch.setattr(
            variants, "refuse_if_too_large", lambda needed, *_, **__: found.append(needed)
        )
        session.variants.refuse_if_too_large(worlds)
    return found[0]


COHORT = {"cohorts": {"c": {"segment": "a", "customers": 5}}, "channels": {}}


@pytest.mark.parametrize(
    ("count", "worlds", "periods"), [(1, 2000, 100), (6, 400, 60), (80, 20, 12)]
)
def test_of_running(count, worlds, periods, monkeypatch):
    scenarios = {f"v{i}": plan(periods, **COHORT) for i in range(count)}

    def work():
        session = Session(scenarios, Effort(worlds=worlds, threads=1))
        session.result(baseline="v0" if count > 1 else None)
        return session

    Session({"v0": scenarios["v0"]}, Effort(worlds=2)).result()
    most, _, session = used(work)
    assert said_of(session, worlds, monkeypatch) == pytest.approx(most, rel=THIRD)


def test_a_wave_is_counted_once_for_all_variants(monkeypatch):
    """500 variants needed 33.8 GB, and used 0.8."""
    many = Session({f"v{i}": plan(4, **COHORT) for i in range(30)}, Effort(worlds=2, threads=1))
    assert said_of(many, 20, monkeypatch) < 60e6


def test_of_writing_customers(tmp_path):
    scenario = plan(2, cohorts={"c": {"segment": "a", "customers": 60_000}}, channels={})
    compiled = compile_scenario(scenario)
    rows = (("v", part) for part in customer_rows(compiled, 1, 0))
    next(iter(customer_rows(compiled, 1, 0)))
    most, _, _ = used(lambda: write_customers(tmp_path / "c.csv", rows))
    assert rows_bytes(compiled) == pytest.approx(most, rel=THIRD)


def test_too_much_is_refused_with_what_helps(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e8)
    with pytest.raises(InputError, match="it grows with their square"):
        Session({"v": plan(1000)}, Effort(worlds=1))
    with pytest.raises(InputError, match=r"20,000 worlds of 1 scenario would need .* fewer worlds"):
        Session({"v": plan(60, **COHORT)}, Effort(worlds=20_000))
    assert available_bytes() > 0.0
