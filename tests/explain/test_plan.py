"""A scenario in plain words: figures by hand, and against the simulation's own expectations."""

import re
from pathlib import Path

import numpy as np
import pytest

import clvsim
from clvsim.explain.expected import giving, half_life, joining, surviving
from clvsim.explain.page import page
from clvsim.explain.plan import explained
from clvsim.scenario.load import load
from clvsim.scenario.model import Offer, Scenario
from clvsim.wording import Words, amount, counted, listed, moved, percent, plain, times

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
PLAN = {
    "time": {"periods": 24},
    "segments": {"home": {"churn": 0.18, "spend": 15.0, "cost_share": 0.4, "cost_to_serve": 1.0}},
    "offers": {"half": {"discount": 0.5, "discount_periods": 2, "gift": 7.0}},
    "channels": {
        "web": {
            "spend": 1000.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": 0.2,
            "segments": {"home": 1.0},
            "offer": "half",
        }
    },
}


def told(plan, variants=None):
    """Everything that is said, in one line."""
    parts = explained(Scenario.model_validate(plan), variants)
    return " ".join(" ".join([part.title, *part.lines]) for part in parts)


def with_segment(**changes):
    """The plan with another segment."""
    return (
        PLAN
        | {"offers": {}, "channels": {}, "segments": {"home": changes}}
        | {"cohorts": {"c": {"segment": "home", "customers": 10}}}
    )


def test_a_churn_a_month_is_told_by_the_year_with_half_of_a_life():
    text = told(PLAN)
    # 0.82^12 = 0.0924, 0.82^24 = 0.0085; 0.82^3 = 0.551, 0.82^4 = 0.452.
    assert "18 % leave each month: 91 % a year." in text
    assert "Of 100 who join, 9 after 1 year and less than 1 when the horizon ends" in text
    assert "half are gone after 4 months" in text


def test_spend_is_told_by_the_year_and_what_is_left_of_it():
    text = told(PLAN)
    assert "Each pays 15 USD a month (180 a year)." in text
    # 15 (1 - 0.4) - 1 = 8
    assert "8 USD a month (96 a year) is left of the list price" in text


def test_an_offer_is_told_by_joiner():
    # Half of 15, in the first month by all and in the second by 82 %, and a gift of 7:
    # 7.5 (1 + 0.82) + 7 = 20.65, of 180 in a year 15 and 7 are saved, 12.2 %.
    assert "half (made by web): 50 % off for 2 months and a gift that costs 7 USD." in told(PLAN)
    assert "costs about 20.65 USD and saves 12 % of a year's price" in told(PLAN)


def test_a_channel_is_told_by_year_with_what_a_joiner_costs():
    text = told(PLAN)
    assert "Spend: 1,000 USD a month (12,000 a year); 24,000 USD in all." in text
    # 2,400 prospects, one in five joins (nobody is sensitive to price): 480, at 50 and a gift of 7.
    assert "2,400 prospects decide" in text
    assert "about 480 customers join" in text
    assert "A joiner costs 57 USD, gifts and leads included" in text


def test_money_and_time():
    text = told(PLAN | {"money": {"discount_rate": 0.25, "currency": "EUR"}})
    assert "24 months (2 years), January 2026 to December 2027. Amounts in EUR." in text
    assert "Discounted at 25 % a year: 100 EUR a year from now count as 80." in text
    assert "After the last period nothing counts" in text
    text = told(PLAN | {"money": {"discount_rate": 0.0, "fixed_costs": 100.0}})
    assert "Not discounted" in text
    assert "Fixed costs: 100 USD a month (1,200 a year)." in text


def test_who_differ_leave_less_and_less():
    text = told(with_segment(churn={"distribution": "beta", "a": 1.0, "b": 9.0}, spend=1.0))
    # The sBG: survival after t months is B(1, 9 + t)/B(1, 9) = 9/(9 + t).
    assert "10 % leave in the first month: 57 % within the first year; they differ" in text
    assert "43 after 1 year and 27 when the horizon ends" in text
    assert "half are gone after 9 months" in text


def test_those_who_never_leave_and_those_who_stay_long():
    assert "Nobody ever leaves." in told(with_segment(churn=0.0, spend=1.0))
    assert "more than half stay longer" in told(with_segment(churn=0.0001, spend=1.0))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_explained_within_a_page_s_width(path):
    plan = load(path)
    parts = explained(plan.baseline, plan.scenarios)
    titles = [part.title for part in parts]
    assert titles[0] == "Time and money"
    assert {f"Customers: {name}" for name in plan.baseline.segments} <= {
        title.rpartition(", ")[0] for title in titles
    }
    assert {f"Channel: {name}" for name in plan.baseline.channels} <= {*titles}
    text = page(parts, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b|[{}]|\b(?<!,)1 months\b|  $", text)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_program_is_told_with_its_name(path):
    plan = load(path)
    lines = next((p.lines for p in explained(plan.baseline) if p.title == "Programs"), ())
    assert [line.partition(":")[0].split(" ")[0] for line in lines] == [*plan.baseline.programs]


def test_expected_joiners_are_those_of_the_simulation():
    plan = PLAN | {
        "segments": {"home": PLAN["segments"]["home"] | {"price_sensitivity": 2.0}},
        "programs": {"tv": {"kind": "brand_campaign", "conversion_odds": 1.5, "first": 6}},
    }
    scenario = Scenario.model_validate(plan)
    result = clvsim.run(scenario, effort=clvsim.Effort(worlds=40))
    found = joining(scenario)["web"]
    acquired = result["customers_acquired_mean"].item()
    # Joiners of 40 worlds are Poisson: five standard errors.
    assert abs(acquired - found.total) < 5.0 * np.sqrt(found.total / 40)


def test_lives_by_season_and_tenure():
    segment = Scenario.model_validate(
        with_segment(
            churn=0.5, spend=1.0, hazard_by_tenure=[0.0, 1.0], hazard_season=[1.0, 1.0, 2.0]
        )
    ).segments["home"]
    still_there = surviving(segment)
    # Hazards 0, 1, 2, 1, …
    assert [still_there(t) for t in (1, 2, 3, 4)] == pytest.approx([1.0, 0.5, 0.125, 0.0625])
    assert half_life(still_there) == 2


def test_states_are_walked_as_the_chain_does():
    plan = with_segment(
        relationship="states",
        states=["in", "out"],
        transitions=[[0.8, 0.2], [0.0, 1.0]],
        state_values=[10.0, 0.0],
    )
    scenario = Scenario.model_validate(plan)
    still_there = surviving(scenario.segments["home"])
    assert [still_there(t) for t in (0, 1, 3)] == pytest.approx([1.0, 0.8, 0.512])
    # 10 (1 - 0.8^12) / 0.2 = 46.56
    assert "brings in 46.56 USD in the first year" in told(plan)


def test_an_offer_to_those_who_buy_now_and_then():
    plan = with_segment(relationship="bg/nbd", purchase_rate=0.5, churn=0.0, spend=40.0)
    segment = Scenario.model_validate(plan).segments["home"]
    # In the first period one purchase on joining and half a one besides: a tenth of 60.
    found = giving(Offer(discount=(0.1,)), segment, 12.0)
    assert found.let_off == pytest.approx(6.0)
    assert "buy 0.5 times a month (6 times a year)" in told(plan)


def test_variants_are_told_by_what_they_change():
    base = Scenario.model_validate(PLAN)
    other = Scenario.model_validate(PLAN | {"offer": "half", "money": {"discount_rate": 0.2}})
    text = told(PLAN, {"other": other, "same": base})
    assert "other: money.discount_rate = 0.2, offer = half." in text
    assert "same: changes nothing." in text


def test_numbers_as_people_say_them():
    assert [amount(x) for x in (15.0, 66.4, 1240.0, 2.88e6, 0.0012)] == [
        "15", "66.40", "1,240", "2.88 million", "0.0012",
    ]  # fmt: skip
    assert [percent(x) for x in (0.914, 0.035, 0.00023, 0.9995, 1.0, 0.0)] == [
        "91 %", "3.5 %", "0.023 %", "99.95 %", "100 %", "0 %",
    ]  # fmt: skip
    assert (counted(1.0, "month"), counted(6000.0, "prospect")) == ("1 month", "6,000 prospects")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert (times(0.85), times(3.0), times(1.0)) == ("15 % less", "3 times as much", "the same")
    assert (moved(1.35), moved(0.9)) == ("rise by 35 %", "fall by 10 %")
    assert plain(1.20) == "1.2"
    words = Words("EUR", "week")
    assert words.span(104) == "104 weeks (2 years)"
    assert Words("EUR", "year").each(3.0) == "3 EUR a year"
