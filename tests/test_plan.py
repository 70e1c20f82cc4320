"""The plan apart from the business: what it earns, when it pays itself back, how deep it goes."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clvsim
from clvsim.accounts import ACCOUNT_INDEX, ACCOUNTS
from clvsim.measures import estimates
from clvsim.report.remarks import remarks
from clvsim.results import raw
from clvsim.scenario.model import Scenario
from tests import naive_plan, strategies
from tests.statistics import assert_mean
from tests.strategies import to_toml

#: Accounts by what becomes of them, written out by hand.
SPENT = (
    "channel_spend", "gifts", "equipment", "lead_costs", "campaigns", "program_costs",
    "member_costs", "contacts", "incentives",
)  # fmt: skip
LET_OFF = ("introductory_discounts", "free_periods", "concessions")
BEYOND = ("residual_value", "undecided_value", "fixed_costs_beyond")

SEARCH = {
    "spend": [10_000.0] * 12,
    "reach": {"kind": "linear", "cost_per_prospect": 20.0},
    "conversion": 0.2,
    "segments": {"all": 1.0},
}
THREE_LABELS = {
    "time": {"periods": 36},
    "money": {"timing": "start", "residual": "expected"},
    "segments": {"all": {"churn": 0.05, "spend": 50.0, "cost_share": 0.3, "cost_to_serve": 5.0}},
    "offers": {
        "gift": {"gift": 50.0},
        "box": {"equipment_subsidy": 50.0},
        "free": {"free_periods": 1},
    },
    "channels": {"search": SEARCH},
}
NEVER_BACK = {
    "time": {"periods": 24},
    "segments": {
        "old": {"churn": 0.02, "spend": 30.0},
        "new": {"churn": 0.05, "spend": 30.0, "cost_share": 1.0},
    },
    "installed_base": {"old": {"segment": "old", "customers": 3000, "tenure": 12}},
    "channels": {"shop": SEARCH | {"segments": {"new": 1.0}}},
}
HORIZON = {
    "money": {"residual": "expected", "fixed_costs": 1000.0, "fixed_costs_beyond": True},
    "segments": {"all": {"churn": 0.02, "spend": 50.0, "cost_share": 0.3, "cost_to_serve": 5.0}},
    "channels": {"search": SEARCH},
}
#: Customers who are there whatever is planned.
ANYHOW = {
    "time": {"periods": 12},
    "money": {"residual": "expected", "fixed_costs": 20.0},
    "segments": {
        "m": {
            "churn": {"distribution": "beta", "a": 1.0, "b": 9.0},
            "spend": {"distribution": "gamma", "a": 2.0, "scale": 15.0},
            "cost_share": 0.3,
        }
    },
    "cohorts": {"c": {"segment": "m", "customers": 40, "cost_per_customer": 5.0, "joins": 2}},
    "installed_base": {"old": {"segment": "m", "customers": 60, "tenure": 3}},
}


def result_of(scenario, worlds=4, **changes):
    made = Scenario.model_validate({**scenario, **changes})
    return clvsim.run(made, effort=clvsim.Effort(worlds=worlds))


def figure(result, name):
    return float(result[f"{name}_mean"][0]), float(result[f"{name}_se"][0])


# Against loops


def assert_agrees_with_loops(result):
    """Every measure of the plan of one scenario; returns the share of worlds that pay back."""
    one = result.isel(scenario=0)
    cash, without = one["cash"].values.tolist(), one["cash_without_plan"].values.tolist()
    present, rest = (
        one[name].values.tolist() for name in ("present_value", "present_value_without_plan")
    )
    spent, let_off, beyond = (
        [ACCOUNT_INDEX[name] for name in names] for names in (SPENT, LET_OFF, BEYOND)
    )
    worlds = range(len(cash))

    def of_plan(accounts):
        return [
            naive_plan.total(present[world], accounts) - naive_plan.total(rest[world], accounts)
            for world in worlds
        ]

    everything = range(len(ACCOUNTS))
    earned = of_plan(everything)
    npv = [naive_plan.total(present[world], everything) for world in worlds]
    later = [naive_plan.total(present[world], beyond) for world in worlds]
    invested = [-amount for amount in of_plan(spent + let_off)]
    paid = [-amount for amount in of_plan(spent)]
    courses = [naive_plan.course(cash[world], without[world]) for world in worlds]
    troughs, periods, backs = zip(*courses, strict=True)
    share = naive_plan.ratio(later, npv) if sum(npv) > 0.0 else (math.nan, math.nan)
    expected = {
        "npv": naive_plan.mean(npv),
        "marketing_investment": naive_plan.mean(
            [-naive_plan.total(present[world], spent + let_off) for world in worlds]
        ),
        "plan_npv": naive_plan.mean(earned),
        "plan_investment": naive_plan.mean(invested),
        "romi": naive_plan.ratio(earned, invested),
        "romi_on_spend": naive_plan.ratio(earned, paid),
        "plan_cash_trough": naive_plan.mean(troughs),
        "plan_cash_trough_period": naive_plan.mean(periods),
        "plan_payback_period": naive_plan.mean(backs),
        "residual_share": share,
    }
    found = estimates(result)
    largest = max(1.0, *(abs(amount) for world in present for amount in world))
    for name, (value, error) in expected.items():
        mean, own = (
            float(one.isel(scenario=0)) for one in (found[name].mean, found[name].standard_error)
        )
        is_ratio = name in {"romi", "romi_on_spend", "residual_share"}
        near = 1e-9 if is_ratio else 1e-9 * largest
        assert mean == pytest.approx(value, rel=1e-9, abs=near, nan_ok=True), name
        assert own == pytest.approx(error, rel=1e-6, abs=near, nan_ok=True), name
    flows = np.array([naive_plan.cash_of_plan(cash[w], without[w]) for w in worlds])
    np.testing.assert_allclose(
        found["plan_cash"].mean.isel(scenario=0).values, flows.mean(axis=0), atol=1e-9 * largest
    )
    return sum(not math.isnan(back) for back in backs) / len(backs)


@pytest.fixture(scope="module")
def blank():
    """Raw variables of five worlds and six periods, to be filled with other cash."""
    return raw(result_of(ANYHOW | {"time": {"periods": 6}}, 5))


SHAPE = (1, 5, len(ACCOUNTS), 6)


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32), st.sampled_from((0.0, 0.05, 0.5, 1.0)))
def test_any_cash_is_measured_as_loops_do(blank, seed, density):
    generator = np.random.default_rng(seed)

    def amounts(shape):
        # Whole and often the same or nothing, so that balances come back to zero exactly.
        return generator.integers(-8, 9, shape) * (generator.random(shape) < density) * 1.0

    cash, without = amounts(SHAPE), amounts(SHAPE)
    present, rest = amounts(SHAPE[:3]), amounts(SHAPE[:3])
    filled = blank.copy()
    for name, values in (
        ("cash", cash),
        ("cash_without_plan", without),
        ("present_value", present),
        ("present_value_without_plan", rest),
    ):
        filled[name] = (filled[name].dims, values)
    assert_agrees_with_loops(filled)


@settings(
    max_examples=8, derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(strategies.scenarios())
def test_every_scenario_is_measured_as_loops_do(tmp_path, scenario):
    path = tmp_path / "a.toml"
    path.write_text(to_toml(scenario), "utf-8")
    result = clvsim.run(clvsim.load(path), effort=clvsim.Effort(worlds=3, threads=1))
    paid_back = assert_agrees_with_loops(result)
    assert figure(result, "plan_payback_probability")[0] == pytest.approx(paid_back)
    # Remarks read the scenario back from the result.
    assert all(said[-1] in ".?" for said in remarks(result))


# What the plan is


def test_a_plan_that_never_pays_back_beside_customers_who_pay_well():
    result = result_of(NEVER_BACK, 20)
    discounted = sum(10_000.0 / 1.1 ** (month / 12.0) for month in range(12))
    assert figure(result, "plan_npv")[0] == pytest.approx(-discounted)
    assert figure(result, "romi")[0] == pytest.approx(-1.0)
    assert figure(result, "plan_cash_trough")[0] == pytest.approx(-120_000.0)
    assert figure(result, "plan_cash_trough_period")[0] == 11.0
    assert math.isnan(figure(result, "plan_payback_period")[0])
    assert figure(result, "plan_payback_probability")[0] == 0.0
    spend = result["plan_cash_mean"][0].values
    np.testing.assert_allclose(spend, [-10_000.0] * 12 + [0.0] * 12, atol=1e-6)
    # The business as a whole lives well on the customers that it has.
    assert figure(result, "payback_period")[0] == 0.0
    assert figure(result, "cash_trough")[0] == 0.0


def test_without_customers_a_plan_less_business_has_its_fixed_costs_alone():
    result = result_of(THREE_LABELS, money={"fixed_costs": [7.0, 5.0], "discount_rate": 0.2})
    left = result["cash_without_plan"].isel(scenario=0)
    costs = left.sel(account="fixed_costs").values
    np.testing.assert_array_equal(costs, [[-7.0, -5.0, *[0.0] * 34]] * 4)
    assert not left.drop_sel(account="fixed_costs").values.any()
    np.testing.assert_allclose(
        result["npv"].values - result["plan_npv"].values,
        result["present_value_without_plan"].sel(account="fixed_costs").values,
    )


NEUTRAL = {
    "loyalty": {"kind": "loyalty", "member_share": 0.5},
    "add_on": {"kind": "add_on", "adoption": 0.2},
    "retention": {"kind": "retention", "share": 0.5, "every": 2},
    "onboarding": {"kind": "onboarding", "tenures": 3},
    "price_change": {"kind": "price_change", "change": 0.0},
    "brand_campaign": {"kind": "brand_campaign", "conversion_odds": 1.0},
    "nurture": {"kind": "nurture", "conversion_odds": 1.0},
}


@pytest.mark.parametrize("programs", [{}, *({name: one} for name, one in NEUTRAL.items()), NEUTRAL])
def test_a_plan_that_does_nothing_is_worth_nothing_to_the_bit(programs):
    result = result_of(ANYHOW, programs=programs, offers={"list": {}}, offer="list")
    for name in ("cash", "present_value"):
        np.testing.assert_array_equal(result[name].values, result[f"{name}_without_plan"].values)
    for name in ("plan_npv", "plan_investment", "plan_cash", "plan_cash_trough",
                 "plan_cash_trough_period", "plan_payback_period"):  # fmt: skip
        assert not result[name].values.any(), name
    # Nothing invested: there is no return on it. (The cohort is bought whatever is planned.)
    assert math.isnan(figure(result, "romi")[0])
    assert figure(result, "marketing_investment")[0] > 0.0


def test_a_balance_back_at_zero_is_back_whatever_the_business_adds_up_to():
    """100 spent on joining, 50 a month: back after two months beside any other cash."""
    plan = {
        "time": {"periods": 6},
        "money": {"discount_rate": 0.0, "timing": "end"},
        "segments": {"all": {"churn": 0.0, "spend": 50.0},
                     "odd": {"churn": 0.05, "spend": {"distribution": "gamma", "a": 2.0}}},
        "offers": {"gift": {"gift": 100.0}},
        "channels": {"web": {
            "spend": [0.0], "reach": {"kind": "linear", "cost_per_prospect": 1.0},
            "conversion": 0.5, "segments": {"all": 1.0}}},
        "installed_base": {"old": {"segment": "odd", "customers": 997, "tenure": 3}},
    }  # fmt: skip
    result = result_of(plan, 8)
    filled = raw(result).copy(deep=True)
    place = filled["cash"].sel(account="gifts")
    place[:, :, 0] -= 100.0
    income = filled["cash"].sel(account="list_revenue")
    income[:, :, :2] += 50.0
    assert estimates(filled)["plan_payback_period"].values.values.tolist() == [[2.0] * 8]


# Investment


def test_fifty_euros_are_fifty_euros_whatever_their_label():
    scenarios = {
        name: Scenario.model_validate(THREE_LABELS | {"offer": name})
        for name in ("gift", "box", "free")
    }
    result = clvsim.compare(scenarios, effort=clvsim.Effort(worlds=20))
    for name in ("plan_npv", "plan_investment", "romi"):
        gift, box, free = result[f"{name}_mean"].values
        assert box == pytest.approx(gift, rel=1e-12)
        assert free == pytest.approx(gift, rel=1e-12)
        assert not np.any(np.abs(result[f"{name}_difference"].values) > 1e-9 * abs(gift))
    # What is let off is no spend: per unit of that alone, the free month looks better.
    gift, box, free = result["romi_on_spend_mean"].values
    assert box == pytest.approx(gift, rel=1e-12)
    assert free > 1.3 * gift


# Beyond the horizon


def test_fixed_costs_beyond_make_the_horizon_no_matter():
    short, long = (result_of(HORIZON, 40, time={"periods": periods}) for periods in (12, 120))
    npv, error = figure(short, "npv")
    other, error_of_other = figure(long, "npv")
    without = figure(
        result_of(HORIZON, 40, time={"periods": 12},
                  money=HORIZON["money"] | {"fixed_costs_beyond": False}), "npv",
    )[0]  # fmt: skip
    assert_mean(npv, math.hypot(error, error_of_other), other, fault=other + without - npv)
    # No customer's and no program's: the plan is worth the same in both.
    plan, error = figure(short, "plan_npv")
    assert_mean(plan, error, figure(long, "plan_npv")[0])


@pytest.mark.parametrize(("timing", "offset"), [("start", 0.0), ("mid", 0.5), ("end", 1.0)])
def test_fixed_costs_beyond_are_a_perpetuity(timing, offset):
    programs = {
        "goes_on": {"kind": "loyalty", "fixed_cost": 3.0, "timing": "end"},
        "ends": {"kind": "loyalty", "fixed_cost": 50.0, "last": 11},
        "off": {"kind": "loyalty", "fixed_cost": 70.0, "enabled": False},
    }
    money = {"residual": "expected", "fixed_costs": [9.0] * 11 + [4.0], "discount_rate": 0.3,
             "timing": timing, "fixed_costs_beyond": True}  # fmt: skip
    result = result_of(ANYHOW, money=money, programs=programs)
    months = np.arange(12, 5_000) / 12.0

    def for_ever(cost, later):
        return -cost * (1.3 ** -(months + later / 12.0)).sum()

    found = result["present_value"].sel(account="fixed_costs_beyond").values
    np.testing.assert_allclose(found, for_ever(4.0, offset) + for_ever(3.0, 1.0), rtol=1e-12)
    rest = result["present_value_without_plan"].sel(account="fixed_costs_beyond").values
    np.testing.assert_allclose(rest, for_ever(4.0, offset), rtol=1e-12)
    # They are no cash, and after the end of a list there are none.
    assert not result["cash"].sel(account="fixed_costs_beyond").values.any()
    short = result_of(ANYHOW, money=money | {"fixed_costs": [9.0]})
    assert not short["present_value"].sel(account="fixed_costs_beyond").values.any()


def test_a_loss_has_no_residual_share():
    money = ANYHOW["money"]
    gain = result_of(ANYHOW)
    assert 0.0 < figure(gain, "residual_share")[0] < 1.0
    loss = result_of(ANYHOW, money=money | {"fixed_costs": 1e6})
    assert math.isnan(figure(loss, "residual_share")[0])
    none = result_of(ANYHOW, money=money | {"residual": "none"})
    assert figure(none, "residual_share") == (0.0, 0.0)
