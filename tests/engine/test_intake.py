"""Channels, offers and whose cost is whose, against closed forms and examples by hand."""

import math

import numpy as np
import pytest

from clvsim.accounts import ACCOUNT_INDEX
from clvsim.engine.acquisition import (
    FORESIGHT,
    adstock,
    conversion,
    deciding,
    let_off_by_tenure,
    list_payments,
    reach,
    saving,
)
from clvsim.engine.compile import compile_scenario
from clvsim.engine.run import run_worlds
from clvsim.engine.undecided import undecided
from clvsim.kernels import plan as p
from clvsim.scenario.channels import Channel
from clvsim.scenario.model import Offer, Scenario, Segment, Time
from tests.statistics import assert_mean, z_limit

PLAIN = {"churn": 0.1, "spend": 10.0}


def calendar(periods, step="month"):
    return Time(periods=periods, step=step).calendar


def channel(**changes):
    """A linear channel at 20 a prospect."""
    plain = {
        "spend": 100.0,
        "reach": {"kind": "linear", "cost_per_prospect": 20.0},
        "conversion": 0.1,
        "segments": {"a": 1.0},
    }
    return Channel.model_validate(plain | changes)


def scenario(channels, **changes):
    """Five years of some channels, each the plain one with changes."""
    plain = {
        "time": {"periods": 5, "step": "year"},
        "money": {"discount_rate": 0.25, "timing": "start"},
        "segments": {"a": PLAIN, "b": PLAIN},
        "channels": {
            name: channel(**own).model_dump(by_alias=True) for name, own in channels.items()
        },
    }
    return Scenario.model_validate(plain | changes)


# Spend and prospects


def test_spend_by_period():
    months = calendar(5)
    assert channel().spend_by_period(months).tolist() == [100.0] * 5
    assert channel(spend=[1.0, 2.0, 3.0]).spend_by_period(months).tolist() == [1, 2, 3, 0, 0]
    steps = [{"from": 1, "spend": 7.0}, {"from": "2026-04", "spend": 9.0}]
    assert channel(spend=steps).spend_by_period(months).tolist() == [0, 7, 7, 9, 9]


def test_adstock_carries_over_and_keeps_a_constant_spend():
    pulse = np.array([100.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(adstock(pulse, 0.5), [50.0, 25.0, 12.5, 6.25])
    np.testing.assert_array_equal(adstock(pulse, 0.0), pulse)
    np.testing.assert_allclose(adstock(np.full(60, 30.0), 0.5)[-1], 30.0)
    np.testing.assert_allclose(adstock(np.full(4, 30.0), 0.5, 30.0), 30.0)


def test_reach():
    spend = np.array([0.0, 50.0, 200.0])
    np.testing.assert_allclose(reach(channel(), spend), [0.0, 2.5, 10.0])
    saturating = channel(reach={"kind": "saturating", "ceiling": 100.0, "rate": 0.01})
    np.testing.assert_allclose(
        reach(saturating, spend),
        [0.0, 100.0 - 100.0 * math.exp(-0.5), 100.0 - 100.0 * math.exp(-2)],
    )
    hill = channel(reach={"kind": "hill", "ceiling": 100.0, "half": 50.0, "slope": 2.0})
    np.testing.assert_allclose(reach(hill, spend), [0.0, 50.0, 100.0 * 16.0 / 17.0])


def test_prospects_decide_over_the_lead_time():
    late = channel(lead_time=[0.5, 0.25, 0.25])
    np.testing.assert_allclose(deciding(late, calendar(4)).inside, [2.5, 3.75, 5.0, 5.0])
    np.testing.assert_allclose(deciding(late, calendar(4)).later, [2.5, 1.25])
    # The horizon may be shorter than the lead time.
    np.testing.assert_allclose(deciding(late, calendar(2)).inside, [2.5, 3.75])


@pytest.mark.parametrize("late", [{"carry_over": 0.7}, {"lead_time": [0.1, 0.2, 0.3, 0.4]}])
@pytest.mark.parametrize("before", [{"steady": True}, {"earlier_spend": 100.0}])
def test_what_has_run_for_ever_is_in_its_steady_state(late, before):
    found = deciding(channel(**late, **before), calendar(12))
    np.testing.assert_allclose(found.inside, 5.0, rtol=1e-12)


@pytest.mark.parametrize("late", [{"carry_over": 0.7}, {"lead_time": [0.1, 0.2, 0.3, 0.4]}])
def test_whom_spend_reaches_decides_some_time(late):
    """The last amounts before the start, those of the horizon, and what is decided after it."""
    one = channel(spend=[40.0, 0.0, 60.0], earlier_spend=[200.0, 80.0, 20.0], **late)
    found, bare = deciding(one, calendar(3)), channel(spend=[200.0, 80.0, 20.0], **late)
    # Decided before the start already.
    before = deciding(bare, calendar(3)).inside.sum()
    reached = (40.0 + 60.0 + 200.0 + 80.0 + 20.0) / 20.0
    np.testing.assert_allclose(found.inside.sum() + found.later.sum() + before, reached)


def test_carry_over_after_the_end_is_a_geometric_series():
    """Of effective spend 100 the rest c / (1 - c) works after the end; Hill fades by its slope."""
    found = deciding(channel(carry_over=0.8, steady=True), calendar(3)).later
    np.testing.assert_allclose(found[:3], 5.0 * 0.8 ** np.arange(1.0, 4.0))
    np.testing.assert_allclose(found.sum(), 5.0 * 0.8 / 0.2, rtol=1e-12)
    hill = {"kind": "hill", "ceiling": 10.0, "half": 50.0, "slope": 0.25}
    slow = deciding(channel(carry_over=0.8, steady=True, reach=hill), calendar(3)).later
    assert slow[-1] < 1e-12 * slow[0]


def test_organic_prospects_come_without_spend():
    one = {"reach": {"kind": "organic", "prospects": [3.0, 4.0]}, "lead_time": [0.5, 0.5]}
    np.testing.assert_allclose(
        deciding(channel(**one, spend=0.0), calendar(4)).inside, [1.5, 3.5, 2, 0]
    )
    steady = deciding(channel(**one, spend=0.0, steady=True), calendar(4))
    np.testing.assert_allclose(steady.inside, [3, 3.5, 2, 0])
    np.testing.assert_allclose(steady.later, [0.0])


@pytest.mark.parametrize("neutral", [{"earlier_spend": 0.0}, {"earlier_spend": [0.0, 0.0]}])
def test_nothing_spent_before_changes_no_bit(neutral):
    plain = channel(carry_over=0.3, lead_time=[0.2, 0.5, 0.3])
    with_key = channel(carry_over=0.3, lead_time=[0.2, 0.5, 0.3], **neutral)
    for ours, theirs in zip(
        deciding(plain, calendar(9)), deciding(with_key, calendar(9)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


# What attracts


def test_price_let_off_by_tenure():
    offer = Offer(discount=0.4, discount_periods=3, free_periods=1)
    assert let_off_by_tenure(offer, 5).tolist() == [1.0, 0.4, 0.4, 0.0, 0.0]
    assert let_off_by_tenure(Offer(discount=(0.3, 0.2)), 4).tolist() == [0.3, 0.2, 0.0, 0.0]
    assert let_off_by_tenure(Offer(discount=(0.3, 0.2)), 1).tolist() == [0.3]


@pytest.mark.parametrize(
    ("terms", "per_year", "saved"),
    [
        ({}, 12.0, 0.0),
        ({"free_periods": 3}, 12.0, 0.25),
        ({"discount": 0.5, "discount_periods": 6}, 12.0, 0.25),
        ({"discount": 0.5, "discount_periods": 24}, 12.0, 1.0),
        ({"discount": [0.0] * 12 + [0.5] * 12}, 12.0, 0.5),
        ({"gift": 60.0}, 12.0, 0.5),
        ({"gift": 60.0, "gift_value": 12.0}, 12.0, 0.1),
        ({"gift": 30.0, "equipment_subsidy": 30.0}, 12.0, 0.5),
        ({"free_periods": 1, "gift": 10.0}, 4.0, 0.5),
        ({"free_periods": 13}, 365.25 / 7.0, 0.25),
        ({"free_periods": 1}, 1.0, 1.0),
    ],
)
def test_the_whole_saving_counts_of_one_who_is_patient(terms, per_year, saved):
    found = saving(Offer.model_validate(terms), 10.0, list_payments(60), per_year, 0.0)
    assert found == pytest.approx(saved)
    # Impatience takes nothing from what is had at once.
    at_once = Offer(free_periods=1, gift=30.0)
    now = saving(at_once, 10.0, list_payments(60), per_year, 7.0)
    assert now == pytest.approx(4.0 / max(1, round(per_year)))


@pytest.mark.parametrize("purchases", [None, 0.4])
@pytest.mark.parametrize("impatience", [0.0, 0.5, 3.0])
def test_saving_by_a_plain_loop(impatience, purchases):
    """A discount for 30 months, a free one and a gift, the price list rising by 10 % in the 8th."""
    offer = Offer(discount=0.2, discount_periods=30, free_periods=1, gift=15.0)
    price = np.where(np.arange(60) < 7, 1.0, 1.1)
    less, year = 0.0, 0.0
    for tenure in range(60):
        bought = 1.0 if purchases is None else purchases + (tenure == 0)
        let_off = 1.0 if tenure < 1 else 0.2 if tenure < 30 else 0.0
        saved = 25.0 * bought * (1.0 - (1.1 if tenure >= 7 else 1.0) * (1.0 - let_off))
        less += saved / (1.0 + impatience) ** (tenure / 12.0)
        year += 25.0 * bought if tenure < 12 else 0.0
    found = saving(offer, 25.0, list_payments(60, purchases), 12.0, impatience, price)
    assert found == pytest.approx((less + 15.0) / year, rel=1e-12)


def test_an_everlasting_discount_weighs_as_a_geometric_series():
    offer = Offer(discount=0.1, discount_periods=4096)
    found = saving(offer, 10.0, list_payments(4096), 12.0, 0.5)
    assert found == pytest.approx(0.1 / (1.0 - 1.5 ** (-1.0 / 12.0)) / 12.0)


def test_conversion_shifts_the_odds():
    segment = Segment(churn=0.1, spend=10.0, price_sensitivity=2.0)
    # Base odds of 1 to 9.
    none, double = np.zeros(1), np.full(1, math.log(2.0))

    def odds(offer, saved, added):
        share = conversion(channel(), segment, "a", offer, np.full(1, saved), added)
        return share / (1.0 - share)

    np.testing.assert_allclose(odds(Offer(), 0.0, none), 1.0 / 9.0)
    np.testing.assert_allclose(odds(Offer(), 0.25, none), math.exp(0.5) / 9.0)
    np.testing.assert_allclose(odds(Offer(), -0.25, none), math.exp(-0.5) / 9.0)
    np.testing.assert_allclose(odds(Offer(), 0.0, double), 2.0 / 9.0)
    bound = Offer(term=12, reluctance=0.7)
    np.testing.assert_allclose(odds(bound, 0.25, double), 2.0 * math.exp(0.5 - 0.7) / 9.0)
    assert conversion(channel(conversion=0.0), segment, "a", Offer(), none, double) == 0.0
    assert conversion(channel(), segment, "a", Offer(), np.full(1, -1e4), none) == 0.0
    by_segment = channel(conversion={"a": 0.5, "b": 0.2})
    assert conversion(by_segment, segment, "a", Offer(), none, none) == pytest.approx(0.5)


def _shift(**changes):
    """Log-odds by which conversion moves in each of five years, at a sensitivity of 1."""
    eager = PLAIN | {"price_sensitivity": 1.0}
    found = compile_scenario(scenario({"web": {}}, segments={"a": eager}, **changes)).intake
    share = found.limit / found.prospects
    return np.log(share / (1.0 - share)) - math.log(0.1 / 0.9)


def test_a_price_cut_attracts_as_an_everlasting_discount_does():
    cut = {"cut": {"kind": "price_change", "change": -0.1}}
    off = {"off": {"discount": 0.1, "discount_periods": FORESIGHT}}
    shift = _shift(programs=cut)
    np.testing.assert_allclose(shift, 0.1 / (1.0 - 1.0 / 1.5))
    np.testing.assert_allclose(_shift(offers=off, offer="off"), shift)


def test_a_price_known_to_rise_keeps_away_the_more_the_nearer_it_is():
    rise = {"rise": {"kind": "price_change", "change": 0.2, "first": 2}}
    for_ever = 0.2 / (1.0 - 1.0 / 1.5)
    expected = [-for_ever / 1.5**2, -for_ever / 1.5, -for_ever, -for_ever, -for_ever]
    np.testing.assert_allclose(_shift(programs=rise), expected)
    # One that is over when the horizon ends: it does not last.
    rise["rise"]["last"] = 4
    years = [sum(1.5**-ahead for ahead in range(5) if 2 <= at + ahead <= 4) for at in range(5)]
    np.testing.assert_allclose(_shift(programs=rise), -0.2 * np.array(years))


def test_a_price_that_stays_changes_no_bit():
    same = {"same": {"kind": "price_change", "change": 0.0}}
    off = {"offers": {"off": {"discount": 0.3, "discount_periods": 7}}, "offer": "off"}
    np.testing.assert_array_equal(_shift(**off), _shift(**off, programs=same))


# Whose cost is whose


def test_a_segment_bears_the_cost_of_those_reached():
    """50 and 500, where one converts ten times as well; nobody's cost is lost."""
    shares = {"segments": {"a": 0.5, "b": 0.5}}
    found = compile_scenario(scenario({"shop": shares | {"conversion": {"a": 0.4, "b": 0.04}}}))
    cost = dict(zip(found.levers.cohorts.segment, found.intake.cost, strict=True))
    assert cost["a"] == pytest.approx(50.0)
    assert cost["b"] == pytest.approx(500.0)
    np.testing.assert_allclose(found.intake.costs, [250.0, 250.0])
    shares = {"segments": {"a": 0.2, "b": 0.8}}
    nobody = compile_scenario(scenario({"shop": shares | {"conversion": {"a": 0.4, "b": 0.0}}}))
    np.testing.assert_allclose(nobody.intake.costs, [100.0, 400.0])
    (worlds,) = run_worlds([nobody], 1, 0, 3)
    spent = worlds.cash[:, ACCOUNT_INDEX["channel_spend"]].sum(axis=1)
    np.testing.assert_allclose(worlds.acquisition_costs.sum(axis=1), -spent)


def test_acquisition_cost_per_customer():
    one = {"segments": {"a": 0.5, "b": 0.5}, "conversion": {"a": 0.1, "b": 0.3}, "offer": "gift"}
    mails = {"kind": "nurture", "conversion_odds": 1.0, "cost_per_lead": 0.5, "segments": ["a"]}
    compiled = compile_scenario(
        scenario({"web": one}, offers={"gift": {"gift": 4.0}}, programs={"mails": mails})
    )
    # 5 prospects a period in halves; 0.25 and 0.75 join; 50 are spent on each.
    cost = dict(zip(compiled.levers.cohorts.segment, compiled.intake.cost, strict=True))
    np.testing.assert_allclose(compiled.intake.limit, [0.25] * 5 + [0.75] * 5)
    np.testing.assert_allclose(cost["b"], 50.0 / 0.75 + 4.0)
    np.testing.assert_allclose(cost["a"], 200.0 + 4.0 + 0.5 * 10.0)


def test_campaigns_are_borne_by_the_prospects_they_concern():
    """30 a year for the last three, over 2.5 of 5 prospects: those of the second channel."""
    half = {"spend": 50.0}
    brand = {"kind": "brand_campaign", "conversion_odds": 1.0, "fixed_cost": 30.0, "first": 2}
    all_of_them = {"a": half, "b": half}
    found = compile_scenario(scenario(all_of_them, programs={"brand": brand})).intake
    np.testing.assert_allclose(found.costs, [250.0 + 45.0, 250.0 + 45.0])
    # 0.25 join in a year: 200 each, and 15 more for each of the quarters of the last three years.
    np.testing.assert_allclose(found.cost[:5], [200.0, 200.0, 260.0, 260.0, 260.0])
    own = brand | {"sources": ["b"]}
    found = compile_scenario(scenario(all_of_them, programs={"brand": own})).intake
    np.testing.assert_allclose(found.costs, [250.0, 250.0 + 90.0])


def test_costs_of_channels_add_up_to_what_is_paid():
    """Gifts, leads, bought cohorts, and a campaign that reaches nobody, in every world."""
    plan = scenario(
        {"one": {"offer": "gift"}, "two": {"conversion": 0.0}},
        offers={"gift": {"gift": 4.0, "equipment_subsidy": 3.0}},
        cohorts={"bought": {"segment": "b", "customers": 3, "cost_per_customer": 8.0, "joins": 2}},
        installed_base={"old": {"segment": "a", "customers": 9, "tenure": 0, "offer": "gift"}},
        programs={
            "mails": {"kind": "nurture", "conversion_odds": 2.0, "cost_per_lead": 0.5},
            "brand": {"kind": "brand_campaign", "conversion_odds": 2.0, "fixed_cost": 6.0,
                      "sources": ["old"]},
        },
    )  # fmt: skip
    (worlds,) = run_worlds([compile_scenario(plan)], 1, 0, 4)
    names = ("channel_spend", "gifts", "equipment", "lead_costs", "campaigns")
    accounts = [ACCOUNT_INDEX[name] for name in names]
    paid = -worlds.cash[:, accounts].sum(axis=(1, 2))
    assert len(np.unique(paid)) > 1
    np.testing.assert_allclose(worlds.acquisition_costs.sum(axis=1), paid)
    # Whoever was there before has had the gift.
    gifts = [ACCOUNT_INDEX[name] for name in ("gifts", "equipment")]
    given = -worlds.cash[:, gifts].sum(axis=(1, 2))
    place = [group.source for group in compile_scenario(plan).table.groups].index("one")
    np.testing.assert_allclose(given, 7.0 * worlds.sums[:, place, p.SUM_CUSTOMERS])


# What is under way


def test_what_has_run_costs_the_same_with_carry_over_as_without():
    tv = {"carry_over": 0.9, "steady": True}
    plan = compile_scenario(scenario({"search": {}, "tv": tv})).intake
    np.testing.assert_allclose(plan.cost, 200.0)


def test_the_plan_does_not_earn_what_earlier_spend_brings():
    """Without the plan come who is organic, and whom spend before the start still brings."""
    tv = {"carry_over": 0.5, "steady": True, "offer": "off"}
    friends = {"reach": {"kind": "organic", "prospects": 7.0}, "spend": 0.0, "offer": "off"}
    offers = {"off": {"free_periods": 1}}
    rest = scenario({"tv": tv, "search": {}, "friends": friends}, offers=offers).without_plan()
    assert sorted(rest.channels) == ["friends", "tv"]
    found = compile_scenario(rest)
    np.testing.assert_allclose(found.intake.prospects[:5], 7.0)
    np.testing.assert_allclose(found.intake.prospects[5:], 5.0 * 0.5 ** np.arange(1.0, 6.0))
    assert {group.offered for group in found.table.groups} == {"(list price)"}
    np.testing.assert_array_equal(found.intake.costs, 0.0)


def test_customers_after_the_end_are_worth_what_those_before_it_are():
    """Carry-over 0.6 of a steady channel: sum_j 0.6**j d**(T + j) customers of m / (1 - r d)."""
    residual = {"discount_rate": 0.25, "timing": "start", "residual": "expected"}
    tv = {"spend": 4000.0, "carry_over": 0.6, "steady": True, "offer": "gift"}
    plan = scenario({"tv": tv}, money=residual, offers={"gift": {"gift": 2.0}})
    compiled = compile_scenario(plan)
    d, r, joining = 1.0 / 1.25, 0.9, 20.0
    worth = 10.0 / (1.0 - r * d) - 2.0
    expected = joining * worth * d**5 * 0.6 / (1.0 - 0.6 * d)
    (worlds,) = run_worlds([compiled], 1, 0, 4000)
    found = worlds.present[:, ACCOUNT_INDEX["undecided_value"]]
    assert_mean(found, None, expected, fault=0.95 * expected)
    assert worlds.prospects[0, 0, 3] == pytest.approx(joining * 0.6 / 0.4)
    assert (worlds.cash[:, ACCOUNT_INDEX["undecided_value"]] == 0.0).all()


def test_what_those_who_stand_for_others_add_to_chance_is_luck_too():
    """In a horizon of one year each of its customers counts for 0.72 / (1 - 0.72) more."""
    residual = {"discount_rate": 0.25, "timing": "start", "residual": "expected"}
    tv = {"spend": 4000.0, "carry_over": 0.9, "steady": True, "offer": "gift"}
    plan = scenario(
        {"tv": tv}, money=residual, offers={"gift": {"gift": 2.0}},
        time={"periods": 1, "step": "year"},
    )  # fmt: skip
    (worlds,) = run_worlds([compile_scenario(plan)], 1, 0, 4000)
    npv = worlds.present.sum(axis=1)
    spread = (npv - npv.mean()) ** 2 * len(npv) / (len(npv) - 1.0) - worlds.luck
    assert_mean(spread, None, 0.0, fault=0.2 * npv.var())


def test_leads_after_the_end_cost_what_leads_do():
    """One half decides a year later, in the first year after the horizon: 100 leads at 3."""
    residual = {"discount_rate": 0.25, "timing": "start", "residual": "expected"}
    mails = {"kind": "nurture", "conversion_odds": 1.0, "cost_per_lead": 3.0, "timing": "end"}
    one = {"spend": 4000.0, "lead_time": [0.5, 0.5]}
    plan = scenario({"web": one}, money=residual, programs={"mails": mails})
    assert undecided(compile_scenario(plan)).costs == pytest.approx(100.0 * 3.0 / 1.25**6)


def test_nobody_is_valued_beyond_without_a_residual_value():
    plan = compile_scenario(scenario({"tv": {"carry_over": 0.6}}))
    assert not undecided(plan).weight.any()
    (worlds,) = run_worlds([plan], 1, 0, 2)
    assert (worlds.present[:, ACCOUNT_INDEX["undecided_value"]] == 0.0).all()
    assert (worlds.prospects[:, 0, 3] > 0.0).all()


@pytest.mark.parametrize(
    "terms",
    [
        {"term": 7},
        {"term": 3, "renews": True},
        {"term": 7, "on_leaving": "fee", "termination_fee": 5.0},
        {"discount": 0.5, "discount_periods": 4},
    ],
)
def test_a_base_inside_an_offer_lives_on_as_the_cohort_that_it_was(terms):
    """A cohort of five years, and a base of as many as are left of one after two of them."""
    leaving = {"churn": 0.2, "spend": 10.0, "call_share": 0.5, "call_cost": 4.0}
    plan = {
        "time": {"periods": 5, "step": "year"},
        "money": {"discount_rate": 0.25, "timing": "start", "residual": "expected"},
        "segments": {"a": leaving},
        "offers": {"inside": terms},
    }
    joined = {"segment": "a", "customers": 20_000, "offer": "inside"}
    whole = compile_scenario(
        Scenario.model_validate(plan | {"time": {"periods": 7, "step": "year"},
                                        "cohorts": {"c": joined}})
    )  # fmt: skip
    (past,) = run_worlds([whole], 1, 0, 40)
    there = past.flows[:, p.ACTIVE, 2].mean()
    base = {"segment": "a", "customers": round(there), "tenure": 2, "offer": "inside"}
    rest = compile_scenario(Scenario.model_validate(plan | {"installed_base": {"b": base}}))
    (found,) = run_worlds([rest], 2, 0, 40)
    for flow in (p.ACTIVE, p.LIST_REVENUE, p.DISCOUNT, p.FEES):
        ours, theirs = found.flows[:, flow], past.flows[:, flow, 2:]
        error = np.sqrt((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / 40.0)
        # The number of customers there is rounded: half a customer's spend or fee.
        gap = np.abs(ours.mean(axis=0) - theirs.mean(axis=0))
        assert (gap < z_limit() * error + 10.0).all()


def test_who_is_held_by_a_term_is_among_those_there():
    """Everybody is there until the term ends; one who had decided before goes then."""
    plan = {
        "time": {"periods": 5, "step": "year"},
        "segments": {"a": {"churn": 0.5, "spend": 10.0}},
        "offers": {"held": {"term": 3}},
        "installed_base": {
            "b": {"segment": "a", "customers": 40_000, "tenure": 2, "offer": "held"}
        },
    }
    (found,) = run_worlds([compile_scenario(Scenario.model_validate(plan))], 1, 0, 1)
    active = found.flows[0, p.ACTIVE]
    assert active[0] == 40_000
    np.testing.assert_allclose(active[1] / active[0], 0.5**3, atol=0.01)
    # Who decided before is no sign of how many decide at a tenure of two.
    assert found.flows[0, p.AT_RISK, 2] == 0.0
    assert found.flows[0, p.AT_RISK, 3] == active[1]
