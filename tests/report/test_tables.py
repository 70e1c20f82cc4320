"""Reports: they fit the page, add up, and say what the result says."""

import io
import itertools
import json
import math

import numpy as np
import pytest
from rich.console import Console

from clvsim import Effort, api
from clvsim.accounts import ACCOUNTS
from clvsim.report.comparing import comparison_report, verdict
from clvsim.report.document import document
from clvsim.report.remarks import remarks
from clvsim.report.single import scenario_report
from clvsim.report.statement import profit_and_loss, spans
from clvsim.report.tables import NO_PLAN, console_for, dates, grid
from clvsim.scenario.model import Scenario

BASE = {
    "name": "Plan [of] :smile:",
    "question": "What if?",
    "time": {"periods": 30, "start": "2026-01"},
    "money": {"discount_rate": 0.1, "residual": "expected", "fixed_costs": 50.0},
    "segments": {
        "home": {
            "churn": {"distribution": "beta", "a": 1.0, "b": 9.0},
            "spend": {"distribution": "gamma", "a": 4.0, "scale": 10.0},
            "price_sensitivity": 3.0,
            "cost_share": 0.4,
        },
        "office": {"churn": 0.02, "spend": 90.0, "cost_to_serve": 5.0},
    },
    "offers": {"half": {"discount": 0.5, "discount_periods": 3, "gift": 10.0}},
    "channels": {
        "search": {
            "spend": 300.0,
            "reach": {"kind": "linear", "cost_per_prospect": 10.0},
            "conversion": 0.1,
            "segments": {"home": 0.9, "office": 0.1},
        }
    },
    "installed_base": {"old": {"segment": "home", "customers": 30, "tenure": 40}},
    "programs": {
        "club": {"kind": "loyalty", "hazard": 0.8, "cost_per_member": 1.0},
        "idle": {"kind": "loyalty", "hazard": 0.8, "enabled": False},
    },
}


def scenario(**changes):
    return Scenario.model_validate({**BASE, **changes})


@pytest.fixture(scope="module")
def compared():
    scenarios = {
        "baseline": scenario(),
        "half [price]": scenario(offer="half"),
        "idle": scenario(programs={}),
    }
    return api.compare(scenarios, effort=Effort(worlds=6))


def printed(parts, width=100):
    console = Console(
        file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False, no_color=True
    )
    for part in parts:
        console.print(part)
    return console.file.getvalue()


# The page


@pytest.mark.parametrize("width", [80, 100])
def test_everything_fits_the_page(compared, width):
    for parts in (comparison_report(compared), scenario_report(compared, width)):
        text = printed(parts, width)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        assert "nan" not in text.lower().replace("finan", "")


def test_names_are_text_not_markup(compared):
    text = printed(comparison_report(compared))
    assert "half [price]" in text
    assert "Plan [of] :smile:" in text


def test_the_heading_says_over_what(compared):
    first = printed(comparison_report(compared)[:1])
    for words in ("What if?", "30 months from 2026-01", "6 worlds", "seed 1", "USD", "10 % a year"):
        assert words in first


def test_without_a_terminal_a_page_is_plain_and_100_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    console = console_for()
    assert console.width == 100
    assert not console.is_terminal
    monkeypatch.setenv("COLUMNS", "80")
    assert console_for().width == 80


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_cell_is_cut_on_a_narrow_page(width):
    heads = ("", *(f"heading {i}" for i in range(8)))
    rows = [
        [f"a_rather_long_name_{j}", *(f"{i},{j}00.0 ± 1.{i}" for i in range(8))] for j in (1, 2)
    ]
    text = printed([grid("Title", heads, rows)], width)
    assert max(map(len, text.splitlines())) <= width
    for words in (*heads, *rows[0][1:], *rows[1][1:]):
        assert words in text
    if width == 100:
        # As many columns in each of the two tables.
        assert [line.count("heading") for line in text.splitlines() if "heading" in line] == [4, 4]


def test_a_long_name_is_folded_and_no_number_cut():
    text = printed([grid("Title", ("", "a number"), [["x" * 70, "1,234,567.89 ± 12.34"]])], 60)
    assert "1,234,567.89 ± 12.34" in text
    assert text.count("x") == 70


# The comparison


def test_the_best_is_marked_once(compared):
    best = compared["scenario"].values[int(compared["npv_mean"].values.argmax())]
    marked = [line for line in printed(comparison_report(compared)).splitlines() if "★" in line]
    assert len(marked) == 4
    assert all(line.startswith(f"★ {best}") for line in marked)


def test_scenarios_stand_in_their_order(compared):
    lines = printed(comparison_report(compared)).splitlines()
    starts = [line[2:].split("  ")[0] for line in lines if line[:2] in {"  ", "★ "}]
    names = [name for name in starts if name in {"baseline", "half [price]", "idle"}]
    assert names[:9] == ["baseline", "half [price]", "idle"] * 3


def test_every_estimate_of_a_comparison_has_its_error(compared):
    lines = printed(comparison_report(compared), 200).splitlines()
    own = [line.count("±") for line in lines if line[2:].startswith("half [price]")]
    # NPV and two chances; of the plan NPV, investment, ROMI, payback, trough and date; customers,
    # CLV and cost, at once and without a trough; gained and worth each, as nobody is lost.
    assert own == [3, 6, 3, 2]


def _with_npv(compared, *npv):
    """The comparison with other NPVs, ``(scenario, world)``."""
    npv = np.array(npv)
    dataset = compared.copy(deep=True)
    dataset["present_value"][:] = 0.0
    dataset["present_value"][..., 0] = npv
    return dataset.assign(npv=(("scenario", "world"), npv))


def test_a_settled_verdict(compared):
    worlds = np.linspace(-1.0, 1.0, 6)
    found = verdict(_with_npv(compared, 100 + worlds, 150 + 2 * worlds, 90 + worlds))
    assert (found.best, found.second, found.settled) == ("half [price]", "baseline", True)
    # Student's t with six worlds: 2.57 standard errors, not 1.96.
    assert found.text.startswith(
        "Settled: half [price] is worth most on average, by 50.00 ± 0.79 USD over baseline (95 %)"
    )
    assert found.text.endswith("in each of the 6 worlds none is better.")


def test_a_settled_verdict_says_how_often_another_is_better(compared):
    lead = np.array([9.0, 8.0, 9.0, 10.0, 9.0, -1.0])
    found = verdict(_with_npv(compared, np.full(6, 100.0), 100.0 + lead, np.full(6, 90.0)))
    assert found.settled
    assert found.others_better == pytest.approx(1.0 / 6.0)
    # The scenario's numbers are all certain.
    assert "by the luck of customers alone, in 17 % of worlds another" in found.text


def test_a_lead_over_the_second_does_not_settle_one_over_a_third_that_is_less_certain(compared):
    same, wild = np.full(6, 100.0), np.array([300.0, -100.0, 250.0, -50.0, 60.0, 130.0])
    found = verdict(_with_npv(compared, same + 1.0, same, wild))
    assert (found.best, found.second, found.settled) == ("baseline", "half [price]", False)
    assert "baseline leads idle by" in found.text


def test_an_open_verdict_says_how_many_worlds_would_tell(compared):
    noise = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    found = verdict(_with_npv(compared, 100 + noise, 100.5 - noise, np.zeros(6)))
    assert not found.settled
    # Student's t by the root of 77 worlds is what the lead of 0.5 is to a spread of 2.191.
    assert "about 77 worlds would tell" in found.text
    assert "--precision" in found.text


def test_a_tie_and_a_loss(compared):
    same = np.linspace(-5.0, -4.0, 6)
    found = verdict(_with_npv(compared, same, same, same - 1.0))
    assert found.text.startswith("No difference: baseline and half [price]")
    assert "loses money" in found.text


def test_who_pays_back_less_often_is_not_said_to_be_faster(compared):
    changed = compared.copy(deep=True)
    for name, values in (
        ("payback_period_mean", [20.0, 12.0, 20.0]),
        ("payback_probability_mean", [1.0, 0.4, 1.0]),
        ("payback_or_horizon_mean", [20.0, 19.2, 20.0]),
        ("payback_period_difference", [0.0, np.nan, 0.0]),
    ):
        changed[name][:] = values
    text = " ".join(printed(comparison_report(changed), 300).split())
    assert "half [price] pays back in 40 % of worlds, baseline in 100 %" in text
    assert "neither is said to be faster (with the horizon where it never does, 19.2" in text
    assert "is said to be faster" not in printed(comparison_report(compared), 300)


def test_scenarios_with_the_same_customers_need_no_table_of_marginal_ones():
    two = {"baseline": scenario(), "idle": scenario(programs={})}
    text = printed(comparison_report(api.compare(two, effort=Effort(worlds=3))))
    assert "All scenarios have the same customers" in text
    assert "Marginal" not in text


@pytest.mark.parametrize("worlds", [1, 2])
def test_few_worlds(worlds):
    two = {"baseline": scenario(), "half": scenario(offer="half")}
    result = api.compare(two, effort=Effort(worlds=worlds))
    assert "nan" not in printed(comparison_report(result))
    assert "nan" not in printed(scenario_report(result, 100))


def test_nobody_joins():
    alone = scenario(channels={}, offers={}, programs={})
    text = printed(scenario_report(api.run({"baseline": alone}, effort=Effort(worlds=2)), 100))
    assert "old *" in text
    assert "By segment" not in text


# The plan and the business


def test_the_plan_stands_before_the_business(compared):
    for parts in (comparison_report(compared), scenario_report(compared, 100)):
        text = printed(parts)
        assert 0 < text.index("The plan") < text.index("The business")
    assert list(document(compared)["measures"]["baseline"])[:2] == ["plan_npv", "plan_investment"]


def test_a_scenario_without_a_plan_says_so():
    bare = {
        name: scenario(channels={}, programs={}, money={"fixed_costs": costs})
        for name, costs in (("lean", 50.0), ("dear", 90.0))
    }
    result = api.compare(bare, effort=Effort(worlds=3))
    for parts in (comparison_report(result), scenario_report(result, 100)):
        text = printed(parts)
        assert NO_PLAN in text
        assert "The plan" not in text
        assert "The business" in text
    # Beside one that has a plan, there is nothing to say of it.
    mixed = api.compare({"lean": bare["lean"], "full": scenario()}, effort=Effort(worlds=3))
    text = printed(comparison_report(mixed)).partition("The plan")[2]
    row = next(line for line in text.splitlines() if line[2:].startswith("lean"))
    assert set(row[6:].split()) == {"–"}


def test_the_share_beyond_the_horizon_stands_beside_the_npv(compared):
    text = printed(comparison_report(compared))
    assert "beyond" in text.partition("The plan")[0]
    shares = compared["residual_share_mean"].values
    assert f"{100.0 * shares[0]:.0f}" in text.partition("The plan")[0]
    none = api.compare(
        {"a": scenario(money={}), "b": scenario(money={}, offer="half")}, effort=Effort(worlds=2)
    )
    assert "Nothing beyond the horizon is counted." in printed(comparison_report(none))


def test_remarks_tell_what_lies_beyond_the_horizon(compared):
    half = scenario(time={"periods": 2}, money={"residual": "expected"})
    result = api.run({"baseline": half}, effort=Effort(worlds=3))
    said, luck = remarks(result)
    assert luck.startswith("No number is uncertain")
    assert said.startswith("Most of the NPV lies beyond the horizon (")
    assert f"({int(100.0 * float(result['residual_share_mean'][0]))}" in said
    assert "Note: Most of the NPV" in printed(scenario_report(result, 100))
    assert document(result)["remarks"] == [said, luck]
    # 50 a month for ever after 30 months, at 10 % a year.
    left_out = 50.0 * sum(1.1 ** -((month + 0.5) / 12.0) for month in range(30, 6000))
    said = remarks(compared)[1]
    assert f"{left_out:,.0f}"[:3] in said
    assert "fixed_costs_beyond = true" in said
    assert "Note: Customers are valued" in " ".join(printed(comparison_report(compared)).split())


def test_where_there_is_nothing_to_remark_nothing_is_said():
    money = {"residual": "expected", "fixed_costs": 0.5, "fixed_costs_beyond": True}
    both = {
        "counted": scenario(money=money, time={"periods": 240}),
        "ends": scenario(
            money={"residual": "expected", "fixed_costs": [0.5]}, time={"periods": 240}
        ),
        "none": scenario(money={"fixed_costs": 50.0}, time={"periods": 240}),
    }
    result = api.compare(both, effort=Effort(worlds=2))
    (luck,) = remarks(result)
    assert luck.startswith("No number is uncertain")
    assert printed(comparison_report(result)).count("Note: ") == 1


# The statement


def test_what_is_given_away_is_found_in_the_statement(compared):
    one = _one(compared)
    lines = {line.label: line for line in profit_and_loss(one, spans(dates(one), 4))}
    cash = one["cash"].sum("period").mean("world")
    given = [account.name for account in ACCOUNTS if account.given]
    assert lines["of it given away"].total == pytest.approx(float(cash.sel(account=given).sum()))
    bought = lines["acquisition"].total + lines["retention"].total
    let_off = [name for name in given if name not in {"gifts", "equipment"}]
    whole = bought + float(cash.sel(account=let_off).sum())
    assert lines["marketing investment"].total == pytest.approx(whole)
    assert whole < bought
    text = printed(scenario_report(compared.sel(scenario=["half [price]"]), 100))
    assert "of the lines above, what is spent and what is given away" in " ".join(text.split())
    # Where nothing is given away, acquisition and retention say it all.
    plain = scenario(offers={})
    result = api.run({"baseline": plain}, effort=Effort(worlds=2)).isel(scenario=0)
    labels = {line.label for line in profit_and_loss(result, spans(dates(result), 4))}
    assert labels.isdisjoint({"marketing investment", "of it given away"})


def test_the_way_from_cash_to_npv_names_the_costs_beyond():
    money = {"residual": "expected", "fixed_costs": 50.0, "fixed_costs_beyond": True}
    result = api.run({"baseline": scenario(money=money)}, effort=Effort(worlds=2))
    text = printed(scenario_report(result, 100))
    assert "+ residual value " in text
    assert "+ fixed costs beyond -" in text
    assert "Beyond the horizon: " in text


def _one(compared):
    return compared.sel(scenario="half [price]")


def test_the_statement_adds_up(compared):
    one = _one(compared)
    cut = spans(dates(one), 4)
    lines = {line.label: line for line in profit_and_loss(one, cut)}
    for line in lines.values():
        if line.kind != "balance":
            assert line.amounts.sum() == pytest.approx(line.total)
    margin = lines["revenue"].amounts + sum(
        lines[name].amounts for name in ("cost of sales", "cost to serve")
    )
    assert lines["service margin"].amounts == pytest.approx(margin)
    subtotals = ("service margin", "acquisition", "retention", "overhead")
    net = sum(lines[name].amounts for name in subtotals)
    assert lines["net cash"].amounts == pytest.approx(net)
    assert lines["cumulated"].amounts == pytest.approx(np.cumsum(net))
    cash = one["cash"].sum(["account", "period"])
    assert lines["net cash"].total == pytest.approx(float(cash.mean()))
    assert lines["net cash"].error == pytest.approx(float(cash.std(ddof=1)) / math.sqrt(6))
    assert "termination fees" not in lines


def months(count, year=2026, month=1):
    start = 12 * year + month - 1
    return [f"{i // 12}-{i % 12 + 1:02d}" for i in range(start, start + count)]


@pytest.mark.parametrize(
    ("periods", "most", "labels"),
    [
        (months(3), 3, ["2026-01", "2026-02", "2026-03"]),
        (months(12), 8, ["2026 Q1", "2026 Q2", "2026 Q3", "2026 Q4"]),
        (months(36), 8, ["2026", "2027", "2028"]),
        (months(30), 8, ["2026", "2027", "to 2028-06"]),
        (months(24, 2026, 4), 3, ["from 2026-04", "from 2027-04"]),
        (months(60), 3, ["2026–2027", "2028–2029", "to 2030-12"]),
        (["2026", "2027"], 2, ["2026", "2027"]),
        (months(1), 5, ["2026-01"]),
    ],
)
def test_spans(periods, most, labels):
    cut = spans(periods, most)
    assert [span.label for span in cut] == labels
    assert cut[0].first == 0
    assert cut[-1].end == len(periods)
    assert all(a.end == b.first for a, b in itertools.pairwise(cut))


def test_spans_of_weeks_are_years_of_52_or_53():
    start = np.datetime64("2026-01-01")
    weeks = [str(start + 7 * i) for i in range(157)]
    cut = spans(weeks, 4)
    assert {span.end - span.first for span in cut[:3]} <= {52, 53}


def test_only_programs_that_run_are_listed(compared):
    text = printed(scenario_report(compared.sel(scenario=["baseline"]), 100))
    assert "club" in text
    assert "idle" not in text.partition("Programs")[2]


def test_a_fit_is_told():
    table = {"survivors": [1000, 631, 468, 382, 326, 289]}
    home = {**BASE["segments"]["home"], "churn": table}
    fitted = scenario(segments={**BASE["segments"], "home": home})
    result = api.run({"baseline": fitted}, effort=Effort(worlds=2))
    note = json.loads(result.attrs["retention_fits"])["baseline: home"]
    text = " ".join(printed(scenario_report(result, 100)).split())
    assert f"home: {note}" in text
