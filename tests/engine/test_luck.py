"""The spread of NPV is told apart: the customers' own luck, and numbers that nobody knows."""

import numpy as np
import pytest

import clvsim
from clvsim.api import Effort
from clvsim.engine.compile import compile_scenario
from clvsim.engine.luck import companions
from clvsim.engine.memory import wave_bytes
from clvsim.engine.run import Settings, run_worlds, world_bytes
from clvsim.engine.tasks import new_slots, plan_tasks
from clvsim.kernels import plan as p
from clvsim.scenario.load import load
from clvsim.scenario.model import Scenario
from tests.statistics import z_limit

PLAN = {
    "time": {"periods": 18},
    "money": {"discount_rate": 0.6, "residual": "expected"},
    "segments": {
        "home": {
            "churn": {"distribution": "beta", "a": 1.0, "b": 8.0},
            "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
            "cost_share": 0.3,
            "price_sensitivity": 2.0,
            "call_share": 0.5,
            "call_cost": 4.0,
        },
    },
    "offers": {"gift": {"gift": 30.0, "gift_value": 10.0, "discount": 0.2, "discount_periods": 3}},
    "channels": {
        "search": {
            "spend": 50.0,
            "reach": {"kind": "linear", "cost_per_prospect": 5.0},
            "segments": {"home": 1.0},
            "conversion": 0.2,
            "offer": "gift",
        }
    },
    "cohorts": {"bought": {"segment": "home", "customers": 20, "joins": 12}},
    "installed_base": {"old": {"segment": "home", "customers": 20, "tenure": 5}},
    "programs": {
        "save": {
            "kind": "retention", "target": "random", "share": 0.3, "every": 4, "duration": 3,
            "hazard": 0.6, "acceptance": 0.5, "contact_cost": 2.0, "incentive": 5.0,
        },
        "club": {"kind": "loyalty", "member_share": 0.3, "hazard": 0.9, "cost_per_member": 1.0},
    },
}  # fmt: skip


def _relative_gap(worlds):
    """Luck as it is estimated over the variance that there is, less 1; and its standard error."""
    npv = worlds.present.sum(axis=1)
    around = (npv - npv.mean()) ** 2 * len(npv) / (len(npv) - 1.0)
    gap = worlds.luck / around.mean() - around / around.mean()
    return gap.mean(), gap.std(ddof=1) / np.sqrt(len(npv))


ALONE = PLAN | {
    "channels": {},
    "cohorts": {
        f"c{joins}": {"segment": "home", "customers": 1, "joins": joins} for joins in (0, 5, 9)
    }
    | {"pair": {"segment": "home", "customers": 2}},
    "installed_base": {"old": {"segment": "home", "customers": 4, "tenure": [1.0] * 4}},
}


def test_the_luck_of_one_customer_is_told_from_another():
    """Cells of one customer: their luck is that between two people, not nothing."""
    worlds = run_worlds([compile_scenario(Scenario.model_validate(ALONE))], 3, 0, 30_000)[0]
    gap, error = _relative_gap(worlds)
    assert abs(gap) < z_limit() * error
    assert z_limit() * error < 0.15
    # Nobody was added.
    assert (worlds.sums[:, :, p.SUM_CUSTOMERS].sum(axis=1) == 9.0).all()


@pytest.mark.parametrize("kind", ["channels", "cohorts", "installed_base"])
def test_without_uncertain_numbers_all_spread_is_the_customers_luck(kind):
    others = {"channels", "cohorts", "installed_base"} - {kind}
    plan = Scenario.model_validate({key: one for key, one in PLAN.items() if key not in others})
    worlds = run_worlds([compile_scenario(plan)], 3, 0, 20_000)[0]
    gap, error = _relative_gap(worlds)
    assert abs(gap) < z_limit() * error
    # The size is enough to find luck that is wrong by a tenth.
    assert z_limit() * error < 0.1


def test_an_uncertain_cost_is_all_the_spread_where_nobody_has_luck(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(
        """
        [time]
        periods = 3
        [money]
        discount_rate = 0.0
        [segments.a]
        churn = 0.0
        spend = 10.0
        [cohorts.c]
        segment = "a"
        customers = 50
        cost_per_customer = { uncertain = "uniform", loc = 2.0, scale = 6.0 }
        [simulation]
        worlds = 800
        """
    )
    result = clvsim.run(load(file))
    assert float(result["npv_spread_customers_mean"][0]) == 0.0
    found = float(result["npv_spread_parameters_mean"][0])
    error = float(result["npv_spread_parameters_se"][0])
    assert abs(found - 50.0 * 6.0 / np.sqrt(12.0)) < z_limit() * error
    assert error < 0.03 * found


def test_worlds_of_an_uncertain_scenario_do_not_depend_on_how_they_are_run():
    plan = {**PLAN, "uncertain": [
        {"path": ["channels", "search", "conversion"], "distribution": "beta",
         "parameters": {"a": 20.0, "b": 80.0}},
    ]}  # fmt: skip
    scenario = Scenario.model_validate(plan)
    whole = clvsim.run(scenario, effort=Effort(worlds=6, threads=1))
    parts = [
        clvsim.run(scenario, effort=Effort(worlds=3, first_world=first, threads=2, block=7))
        for first in (0, 3)
    ]
    both = np.concatenate([part["npv"].values[0] for part in parts])
    np.testing.assert_array_equal(whole["npv"].values[0], both)
    assert len(set(whole["marketing_investment"].values[0])) > 1


def test_where_only_luck_varies_cells_of_one_customer_are_no_riddle():
    """One customer of each tenure: nothing can be told from inside a cell, nor has to be."""
    plan = {
        "time": {"periods": 12},
        "segments": {"all": {"churn": 0.1, "spend": {"distribution": "gamma", "a": 2.0}}},
        "installed_base": {"old": {"segment": "all", "customers": 10, "tenure": [1.0] * 10}},
    }
    result = clvsim.run(Scenario.model_validate(plan), effort=Effort(worlds=40))
    spread = float(result["npv"].std("world", ddof=1)[0])
    assert float(result["npv_spread_customers_mean"][0]) == pytest.approx(spread, rel=1e-12)
    assert float(result["npv_spread_shocks_mean"][0]) == 0.0


def test_the_memory_that_is_said_beforehand_holds_companions_too():
    alone = {**PLAN, "cohorts": {"bought": {"segment": "home", "customers": 1, "joins": 12}}}
    crowd = {**PLAN, "cohorts": {"bought": {"segment": "home", "customers": 2, "joins": 12}}}
    one, two = (compile_scenario(Scenario.model_validate(plan)) for plan in (alone, crowd))
    pairs = companions(one)
    assert companions(two) is None
    taken = []
    for side, plan in (
        (two, plan_tasks(two)),
        (one, plan_tasks(one)),
        (pairs, plan_tasks(pairs).of_somebody(pairs)),
    ):
        slots = new_slots(side, len(plan.tasks), plan.widest)
        taken.append(sum(part.nbytes for part in slots))
    assert world_bytes(two) == taken[0]
    assert world_bytes(one) == taken[1] + taken[2]
    assert taken[2] > 0
    settings = Settings(wave_bytes=1)
    assert wave_bytes(one, 5, settings) - wave_bytes(two, 5, settings) == (
        2.0 * (world_bytes(one) - world_bytes(two))
    )
