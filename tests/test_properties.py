"""What holds for every scenario, valid or broken: hypothesis looks for one for which it does not.

Examples are derived from the tests themselves, so that a run finds what the last one found.
"""

import copy
import random
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import clvsim
from clvsim.errors import ScenarioError
from clvsim.results import raw
from clvsim.scenario.toml import dotted
from tests import strategies
from tests.strategies import to_toml


def quick(examples):
    """So many examples, the same ones every time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture
def plan(tmp_path):
    """Write a scenario to a file and load it."""

    def load(scenario):
        path = tmp_path / "a.toml"
        path.write_text(to_toml(scenario), "utf-8")
        return clvsim.load(path)

    return load


def simulated(plan, worlds=2, **effort):
    return clvsim.run(plan, effort=clvsim.Effort(worlds=worlds, threads=1, **effort))


# No traceback, ever


@quick(150)
@given(strategies.broken())
def test_a_mistake_is_found_where_it_was_made(plan, case):
    scenario, path = case
    with pytest.raises(ScenarioError) as caught:
        plan(scenario)
    found = [fault.path for fault in caught.value.faults]
    assert any(one.startswith(dotted(path)) for one in found), found
    for fault in caught.value.faults:
        assert fault.message
        assert fault.line is None or fault.line >= 1
        assert len(str(fault)) < 1000


@quick(200)
@given(strategies.junk())
def test_anything_anywhere_is_a_scenario_or_a_list_of_faults(plan, scenario):
    with suppress(ScenarioError):
        plan(scenario)


#: What is not defined in a world without customers.
OF_SOMEBODY = {"clv_quantiles", "clv_quantiles_by_segment", "gini", "top_20_share"}


@quick(14)
@given(strategies.scenarios())
def test_every_valid_scenario_runs(plan, scenario):
    result = simulated(plan(scenario))
    for name in set(raw(result)) - OF_SOMEBODY:
        assert np.isfinite(result[name].values.astype(float)).all(), name
    assert (result["active"] >= 0.0).all()


# What money and hazards do


def cohort_of(segment, periods, **more):
    """Customers of one segment that join at the start."""
    return {
        "time": {"periods": periods},
        "money": {"discount_rate": 0.1},
        "segments": {"m": {"churn": 0.1, "spend": 30.0} | segment},
        "cohorts": {"all": {"segment": "m", "customers": 25}},
        **more,
    }


PERSONAL = {
    "add-on": {"kind": "add_on", "adoption": 0.3, "price": 4.0, "hazard": 0.7},
    "club": {"kind": "loyalty", "member_share": 0.5, "benefit": 0.4, "hazard": 0.8},
    "calls": {"kind": "retention", "share": 0.4, "spend": 1.5, "discount": 0.5, "duration": 2},
}


@quick(7)
@given(
    st.sampled_from(strategies.CHURN),
    st.sampled_from(strategies.SPEND),
    st.lists(st.tuples(strategies.shares, strategies.shares).map(sorted), min_size=1, max_size=5),
    st.sampled_from((0.0, 0.6)),
    st.booleans(),
)
def test_a_higher_discount_never_raises_the_margin_of_the_same_customers(
    plan, churn, spend, discounts, cost_share, is_personal
):
    segment = {"churn": churn, "spend": spend, "cost_share": cost_share, "cost_to_serve": 3.0}
    # No price response: the same people stay for the same time.
    scenario = cohort_of(segment, 5, offer="o", programs=PERSONAL if is_personal else {})
    values = []
    for depth in (0, 1):
        offer = {"discount": [float(pair[depth]) for pair in discounts]}
        values.append(simulated(plan(scenario | {"offers": {"o": offer}}))["value"].values)
    lower, higher = values
    assert (higher <= lower + 1e-9 * np.abs(lower)).all()


@quick(6)
@given(
    st.sampled_from(strategies.CHURN),
    st.lists(st.sampled_from((0.0, 0.2, 0.5, 1.0)), min_size=2, max_size=2, unique=True),
    st.integers(1, 3),
)
def test_nor_does_it_where_customers_leave_when_it_ends(plan, churn, depths, lasts):
    segment = {"churn": churn, "price_rise_sensitivity": 4.0}
    scenario = cohort_of(segment, 5, offer="o")
    values = []
    for depth in sorted(depths):
        offer = {"discount": depth, "discount_periods": lasts}
        values.append(simulated(plan(scenario | {"offers": {"o": offer}}))["value"].values)
    assert (values[1] <= values[0] + 1e-9 * np.abs(values[0])).all()


def lives(plan, scenario):
    """Periods that one customer stays, by world: each world has another customer."""
    scenario["cohorts"]["all"]["customers"] = 1
    return simulated(plan(scenario), worlds=60)["active"].sum("period").values


HAZARDS = (0.0, 0.4, 1.0, 1.0, 2.5)


@quick(8)
@given(
    st.sampled_from([one for one in strategies.CHURN if one not in (0.0, 1.0)]),
    st.sampled_from(("tenure", "season", "onboarding", "loyalty", "add_on", "retention")),
    st.sets(st.sampled_from(HAZARDS), min_size=2, max_size=2).map(sorted),
    st.sampled_from(({}, {"o": {"term": 3}}, {"o": {"term": 2, "renews": True}})),
)
def test_a_lower_hazard_never_shortens_a_life(plan, churn, lever, hazards, offers):
    found = []
    for hazard in hazards:
        scenario = cohort_of({"churn": churn}, 6, offers=offers)
        if offers:
            scenario["offer"] = "o"
        if lever in {"tenure", "season"}:
            key = {"tenure": "hazard_by_tenure", "season": "hazard_season"}[lever]
            scenario["segments"]["m"][key] = [1.0, hazard, 1.0]
        else:
            own = {
                "onboarding": {"tenures": 3},
                "add_on": {"adoption": 0.4},
                "retention": {"share": 0.5, "duration": 2},
            }
            program = {"kind": lever, "hazard": hazard, **own.get(lever, {})}
            scenario["programs"] = {"p": program}
        found.append(lives(plan, scenario))
    lower, higher = found
    assert (lower >= higher).all()


@pytest.mark.parametrize("kind", ["constant", "beta"])
def test_a_lower_churn_lengthens_lives_and_shortens_none(plan, kind):
    def churn(rate):
        return rate if kind == "constant" else {"distribution": "beta", "a": 1, "b": 1 / rate}

    found = [lives(plan, cohort_of({"churn": churn(rate)}, 12)) for rate in (0.3, 0.15, 0.05)]
    for higher, lower in pairwise(found):
        assert (lower >= higher).all()
        assert (lower > higher).any()


# What must change nothing


@quick(3)
@given(strategies.scenarios(), st.integers(1, 4))
def test_worlds_may_be_split_over_calls(plan, scenario, cut):
    loaded = plan(scenario)
    whole = raw(simulated(loaded, worlds=5))
    begun = simulated(loaded, worlds=cut)
    rest = simulated(loaded, worlds=5 - cut, first_world=cut)
    resumed = clvsim.run(loaded, effort=clvsim.Effort(worlds=5, threads=1), earlier=begun)
    assert_same(whole, xr.concat([raw(begun), raw(rest)], dim="world", data_vars="minimal"))
    assert_same(whole, raw(resumed))


@quick(5)
@given(strategies.scenarios(), st.integers(0, 2**32))
def test_the_order_of_tables_changes_nothing(plan, scenario, seed):
    shuffled = reordered(copy.deepcopy(scenario), random.Random(seed))  # noqa: S311
    assert_same(simulated(plan(scenario)), simulated(plan(shuffled)))


def test_sums_over_many_sources_are_taken_in_one_order(plan):
    # Three or more uneven amounts: a sum in another order differs in its last digits.
    scenario = copy.deepcopy(strategies.EXAMPLE)
    channel, program = scenario["channels"]["search"], {"kind": "loyalty", "fixed_cost": 0.1}
    for number in range(1, 5):
        more = channel | {"spend": 333.3 / number, "carry_over": 0.1 * number}
        scenario["channels"][f"channel {number}"] = more
        cohort = {"segment": "young", "customers": 10 * number, "cost_per_customer": 0.7 / number}
        scenario["cohorts"][f"cohort {number}"] = cohort
        scenario["installed_base"][f"base {number}"] = {
            "segment": "families",
            "customers": 7,
            "tenure": number,
        }
        scenario["programs"][f"club {number}"] = program | {"cost_per_member": 0.1 * number}
    result = simulated(plan(scenario))
    for seed in range(3):
        shuffled = reordered(copy.deepcopy(scenario), random.Random(seed))  # noqa: S311
        assert_same(result, simulated(plan(shuffled)))


def reordered(scenario, order):
    """The same scenario with the tables of every section, and the sections, in another order."""
    for section in (
        "segments",
        "offers",
        "channels",
        "cohorts",
        "installed_base",
        "programs",
        "shocks",
    ):
        tables = list(scenario.get(section, {}).items())
        order.shuffle(tables)
        scenario[section] = dict(tables)
    for channel in scenario["channels"].values():
        channel["segments"] = dict(reversed(channel["segments"].items()))
    sections = list(scenario.items())
    order.shuffle(sections)
    return dict(sections)


def assert_same(one, other):
    """Equal to the last bit, whatever the attributes say of the file."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        left, right = one[name].values, other[name].values
        assert left.dtype.kind == right.dtype.kind, name
        np.testing.assert_array_equal(left, right, err_msg=str(name), strict=True)
