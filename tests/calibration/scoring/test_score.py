"""From files to scores: what is refused, what is left out, ranks, classes and errors."""

import math
import re

import numpy as np
import pytest

from clvsim.calibration.records import open_records
from clvsim.calibration.scoring import doubt
from clvsim.calibration.scoring.contract import Contract
from clvsim.calibration.scoring.customers import Columns, read_customers
from clvsim.calibration.scoring.fit_file import read_fit
from clvsim.calibration.scoring.group import Group, Terms
from clvsim.calibration.scoring.purchase import BgNbd
from clvsim.calibration.scoring.score import CLASSES, score
from clvsim.errors import ScenarioError
from clvsim.reference import BgBb
from tests.calibration.losses import accepting

BG = """\
[segments.shop]
relationship = "bg/nbd"
purchase_rate = { distribution = "gamma", a = 0.25, scale = 0.2 }
churn = { distribution = "beta", a = 0.8, b = 2.5 }
spend = { distribution = "invgamma", a = 3.7, scale = 96.0 }
spend_shape = 6.0

[segments.shop.fit]
model = "bg/nbd"
step = "week"
parameters = ["purchase_rate.a", "spend.scale"]
covariance = [[0.01, 0.0], [0.0, 0.04]]
"""
PARETO = """\
[time]
step = "month"
[segments.club]
relationship = "pareto/nbd"
purchase_rate = { distribution = "gamma", a = 0.5, scale = 0.1 }
death_rate = { distribution = "gamma", a = 0.6, scale = 0.09 }
spend = 20.0
"""
CONTRACTS = """\
[time]
step = "month"
[segments.month_to_month]
churn = { distribution = "beta", a = 0.4, b = 7.0 }
spend = { distribution = "gamma", a = 4.0, scale = 15.0 }
correlations = [{ between = ["churn", "spend"], value = -0.1 }]
[segments.one_year]
churn = 0.003
spend = 50.0
"""
SHOPPERS = """\
customer,frequency,recency,age,value
ann,2,30.4,38.9,22.4
bob,1,1.7,38.9,11.8
cid,0,0,38.9,
dot,20,38,39,80
"""

IMPOSSIBLE = """\
e1,1,50,39,10
e2,-1,0,39,10
e3,1.5,3,39,10
e4,x,3,39,10
e5,2,0,39,10
e6,0,5,39,10
e7,1,-2,39,10
e8,1,2,,10
e9,1,2,39,-5
e10,2,2,39,
,1,2,39,10
ann,1,2,39,10
e11,1,2
e12,inf,2,39,10
"""


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def read(folder, fit, people, *, columns=None, chosen=""):
    fitted = read_fit(written(folder, "fit.toml", fit))
    records = accepting(open_records(written(folder, "people.csv", people)))
    return fitted, *read_customers(
        records, columns or Columns(), fitted.segments, chosen, fitted.name
    )


def scored(folder, fit, people, terms=None, **options):
    fitted, customers, _ = read(folder, fit, people, **options)
    return score(customers, fitted, terms or Terms(fitted.step))


# The fit


def test_a_fit_says_what_a_period_is(tmp_path):
    assert read_fit(written(tmp_path, "a.toml", BG)).step == "week"
    assert read_fit(written(tmp_path, "b.toml", PARETO)).step == "month"
    assert read_fit(written(tmp_path, "c.toml", BG.replace('step = "week"\n', ""))).step == ""


def test_all_faults_of_a_fit_are_said_at_once(tmp_path):
    text = (
        "foo = 1\n"
        + BG.replace("purchase_rate", "purchase_rat").replace("a = 0.8", "a = -0.8")
        + '[segments.states]\nrelationship = "markov"\n'
        + CONTRACTS.split("\n", 2)[2]
        .replace("0.003", "1.3")
        .replace("spend = 50.0", "spend = 50.0\ncall_cost = 1.0")
        + PARETO.split("\n", 2)[2].replace("spend = 20.0", "spend = 20.0\nspend_shape = 2.0")
        + "[segments.club.fit]\nmodel = 'x'\n"
    )
    with pytest.raises(ScenarioError) as caught:
        read_fit(written(tmp_path, "fit.toml", text))
    told = str(caught.value)
    for part in (
        "unknown key 'foo'",
        "segments.shop.purchase_rat: unknown key 'purchase_rat'",
        "did you mean 'purchase_rate'?",
        "segments.shop.churn.a: must be a number above 0",
        "segments.states.relationship: customers with the relationship 'markov' cannot be scored",
        "allowed: contract, bg/nbd, pareto/nbd",
        "segments.one_year.churn: must be",
        "segments.one_year.call_cost: unknown key 'call_cost'",
        "segments.club: spend and spend_shape go together",
    ):
        assert part in told
    assert "fit.toml:4" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a = 3.7", "a = 0.9", "segments.shop.spend.a: must be a number above 1"),
        ("spend.scale", "spend.scales", "names 'spend.scales', which is no number of the segment"),
        ("spend.scale", "spend.scales", "did you mean 'spend.scale'"),
        ("a = 0.25", "alpha = 0.25", "did you mean 'a'"),
        ("[0.01, 0.0]", "[0.01, 0.5]", "must be symmetric"),
        ('"bg/nbd"\npur', "3\npur", "customers with the relationship 3 cannot be scored"),
        ("spend_shape = 6.0", "", "spend and spend_shape go together"),
        ("[segments.shop]", "[offers.x]\na = 1\n[segments.shop]", "unknown key 'offers'"),
        ('"beta", a = 0.8, b', '"gamma", a = 0.8, b', "must be"),
    ],
)
def test_a_wrong_fit_is_refused(tmp_path, old, new, told):
    with pytest.raises(ScenarioError, match=told.replace("[", r"\[")):
        read_fit(written(tmp_path, "fit.toml", BG.replace(old, new, 1)))


def test_a_churn_that_falls_with_tenure_makes_customers_worth_more(tmp_path):
    text = CONTRACTS.replace("spend = 50.0", "spend = 50.0\nhazard_by_tenure = [1.0, 0.5]")
    people = "customer,tenure\nann,0\nbob,5\n"
    falling = scored(tmp_path, text, people, chosen="one_year")
    constant = scored(tmp_path, CONTRACTS, people, chosen="one_year")
    assert (falling.value > constant.value).all()
    assert falling.value[1] > falling.value[0]
    assert constant.value[1] == pytest.approx(constant.value[0], rel=1e-12)


# The customers


def test_rows_that_cannot_be_are_counted_by_reason(tmp_path):
    good = "\n".join(f"g{number},1,2,39,10" for number in range(12))
    _, customers, drops = read(tmp_path, BG, f"{SHOPPERS}{good}\n{IMPOSSIBLE}")
    assert len(customers.names) == 16
    rows = {reason.text: count.rows for reason, count in drops.counts.items()}
    assert sum(rows.values()) == 14
    assert rows["recency above age"] == 1
    assert rows["frequencies that are no whole number of purchases"] == 4
    assert rows["recency 0 with repeat purchases, or above 0 without"] == 2
    assert rows["recencies that are no number from 0"] == 1
    assert rows["ages that are no number from 0"] == 1
    assert rows["no mean value from 0 for repeat purchases"] == 2
    assert rows["no customer"] == 1
    assert rows["a customer that has a row already"] == 1
    assert any("1 of 30 rows left out: recency above age" in line for line in drops.told())


def test_more_than_half_bad_is_refused_whatever_the_reasons(tmp_path):
    bad = "e1,1,50,39,10\ne2,1,50,39,10\ne3,1.5,3,39,10\ne4,x,3,39,10\ne5,1,2,39,-1\n"
    with pytest.raises(ScenarioError, match="5 of 9 rows cannot be used"):
        read(tmp_path, BG, SHOPPERS + bad)
    with pytest.raises(ScenarioError, match="has a header, but no customers"):
        read(tmp_path, BG, "customer,frequency,recency,age,value\n")


def test_missing_columns_are_named_all_at_once_with_near_matches(tmp_path):
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, BG, "customer,frequencies,recency,T,value\na,1,2,3,4\n")
    told = str(caught.value)
    assert "--frequency: there is no column 'frequency'" in told
    assert "did you mean 'frequencies'?" in told
    assert "--age: there is no column 'age'" in told
    fitted, customers, _ = read(
        tmp_path, BG, "customer,frequencies,recency,T,value\na,1,2,3,4\n",
        columns=Columns(frequency="frequencies", age="T"),
    )  # fmt: skip
    assert customers.age.tolist() == [3.0]
    assert list(fitted.segments) == ["shop"]


def test_constant_values_need_no_column_of_values(tmp_path):
    people = "customer,frequency,recency,age\na,1,2,3\n"
    found = scored(tmp_path, PARETO, people, Terms("month", horizon=12.0))
    assert found.value[0] > 0.0


def test_segments_come_from_a_column_by_name_or_label(tmp_path):
    people = (
        "customer,tenure,segment\na,3,Month-to-month\nb,4,one_year\nc,5,One year\nd,6,Two year\n"
    )
    _, customers, drops = read(tmp_path, CONTRACTS, people)
    assert customers.segment.tolist() == [0, 1, 1]
    assert any("segments that the fit does not have" in line for line in drops.told())
    _, customers, _ = read(tmp_path, CONTRACTS, people, chosen="one_year")
    assert customers.segments == ("one_year",)
    assert len(customers.names) == 4


@pytest.mark.parametrize(
    ("fit", "chosen", "told"),
    [
        (CONTRACTS, "one_yer", "did you mean 'one_year'"),
        (CONTRACTS, "", "nothing says which customer is in which"),
        (CONTRACTS + BG, "", "nothing says"),
    ],
)
def test_it_must_be_clear_who_is_in_which_segment(tmp_path, fit, chosen, told):
    with pytest.raises(ScenarioError, match=told):
        read(tmp_path, fit, "customer,tenure\na,3\n", chosen=chosen)


def test_contracts_and_purchases_are_not_mixed(tmp_path):
    people = "customer,tenure,segment\na,3,one_year\n"
    with pytest.raises(ScenarioError, match="one kind at a time"):
        read(tmp_path, CONTRACTS + BG, people)


def test_those_who_have_left_are_no_bad_rows(tmp_path):
    people = "customer,tenure,left\na,3,Yes\nb,4,Yes\nc,5,No\nd,2,perhaps\n"
    columns = Columns(churned="left")
    _, customers, drops = read(tmp_path, CONTRACTS, people, columns=columns, chosen="one_year")
    assert customers.names == ["c"]
    assert any("2 of 4 rows left out: customers who have left" in line for line in drops.told())


# Scores


def test_scores_of_a_customer_hang_together(tmp_path):
    found = scored(tmp_path, BG, SHOPPERS, Terms("week", horizon=52.0, margin=0.4))
    assert np.all((found.alive >= 0.0) & (found.alive <= 1.0))
    assert found.alive[2] == 1.0
    assert np.all((found.low <= found.value) & (found.value <= found.high))
    assert np.argmax(found.value) == 3
    whole = scored(tmp_path, BG, SHOPPERS, Terms("week", horizon=52.0))
    np.testing.assert_allclose(found.value, 0.4 * whole.value)
    np.testing.assert_allclose(found.high, 0.4 * whole.high)
    np.testing.assert_array_equal(found.rank, whole.rank)


def test_order_of_the_customers_changes_nothing(tmp_path):
    head, *rows = SHOPPERS.splitlines()
    there = scored(tmp_path, BG, SHOPPERS)
    back = scored(tmp_path, BG, "\n".join([head, *rows[::-1]]) + "\n")
    np.testing.assert_array_equal(back.value[::-1], there.value)
    np.testing.assert_array_equal(back.high[::-1], there.high)
    np.testing.assert_array_equal(back.group[::-1], there.group)


def test_ranks_and_classes_follow_value(tmp_path):
    people = "customer,tenure,spend\n" + "".join(f"c{at},{at % 7},{10 + at}\n" for at in range(100))
    terms = Terms("month", best_share=0.1, contact_cost=1_500.0)
    found = scored(tmp_path, CONTRACTS, people, terms, chosen="one_year")
    order = np.argsort(found.value)
    assert np.all(np.diff(found.rank[order]) > 0.0)
    assert found.rank[order[0]] == 0.005
    assert found.rank[order[-1]] == 0.995
    assert np.sum(found.group == 0) == 10
    assert np.all(np.diff(found.group[order]) <= 0)
    assert np.all((found.value <= 1_500.0) == (found.group == CLASSES.index("never_profitable")))
    assert set(found.group.tolist()) == {0, 1, 2, 3}


def test_equal_customers_share_rank_and_class(tmp_path):
    people = "customer,tenure\n" + "".join(f"c{at},3\n" for at in range(10))
    found = scored(tmp_path, CONTRACTS, people, chosen="one_year")
    assert set(found.rank.tolist()) == {0.5}
    assert len(set(found.group.tolist())) == 1


def test_nobody_is_best_who_does_not_pay_for_being_contacted(tmp_path):
    found = scored(tmp_path, BG, SHOPPERS, Terms("week", contact_cost=1e9))
    assert set(found.group.tolist()) == {3}


def test_a_contract_is_worth_its_own_spend_or_the_mean(tmp_path):
    people = "customer,tenure,spend\na,3,10\nb,3,20\n"
    found = scored(tmp_path, CONTRACTS, people, chosen="month_to_month")
    assert found.value[1] == pytest.approx(2.0 * found.value[0])
    assert found.alive.tolist() == [1.0, 1.0]
    assert any("correlation of churn and spend is left out" in note for note in found.notes)
    other = scored(tmp_path, CONTRACTS, "customer,tenure\na,3\n", chosen="month_to_month")
    assert other.value[0] == pytest.approx(6.0 * found.value[0])
    assert any("taken to spend the mean, 60.00 a period" in note for note in other.notes)


def test_values_without_end_are_refused(tmp_path):
    with pytest.raises(ScenarioError, match="infinitely much"):
        scored(tmp_path, BG, SHOPPERS, Terms("week", rate=0.0))
    with pytest.raises(ScenarioError, match="infinitely much"):
        scored(tmp_path, BG, SHOPPERS, Terms("week", rate=0.0, margin=0.0))
    found = scored(tmp_path, BG, SHOPPERS, Terms("week"))
    assert np.isinf(found.purchases).all()
    assert any("expected purchases without a horizon are infinite" in x for x in found.notes)
    assert np.isfinite(found.value).all()


def test_a_year_is_discounted_by_the_annual_rate_in_any_step(tmp_path):
    late = "customer,tenure\na,0\n"
    fit = CONTRACTS.replace("0.003", "0.0")
    values = {
        step: scored(tmp_path, fit, late, Terms(step, rate=0.21), chosen="one_year").value[0]
        for step in ("month", "quarter", "year")
    }
    # Nobody leaves: 50 a period for ever, the first at once.
    for step, count in (("month", 12), ("quarter", 4), ("year", 1)):
        assert values[step] == pytest.approx(50.0 / (1.0 - 1.21 ** (-1.0 / count)))


def test_the_error_of_the_fit_follows_from_its_covariance(tmp_path):
    terms = Terms("week", horizon=52.0)
    found = scored(tmp_path, BG, SHOPPERS, terms)
    step = 1e-4
    slopes = []
    for old in ("a = 0.25", "scale = 96.0"):
        name, number = old.split(" = ")
        totals = [
            scored(
                tmp_path,
                BG.replace(old, f"{name} = {float(number) * math.exp(sign * step)!r}"),
                SHOPPERS,
                terms,
            ).value.sum()
            for sign in (1.0, -1.0)
        ]
        slopes.append((totals[0] - totals[1]) / (2.0 * step))
    expected = math.sqrt(0.01 * slopes[0] ** 2 + 0.04 * slopes[1] ** 2)
    assert found.doubt == pytest.approx(expected, rel=1e-3)
    assert found.error == pytest.approx(math.hypot(found.doubt, found.luck))
    assert math.isnan(scored(tmp_path, PARETO, SHOPPERS, Terms("month", horizon=9.0)).doubt)


@pytest.mark.parametrize("kind", ["purchases", "contracts"])
def test_intervals_hold_the_error_of_the_fit(tmp_path, kind):
    fit, people, terms, chosen = BG, SHOPPERS, Terms("week", horizon=52.0), ""
    if kind == "contracts":
        fit = CONTRACTS.replace("0.003", "0.05") + (
            '\n[segments.one_year.fit]\nmodel = "geometric"\nparameters = ["churn"]\n'
            "covariance = [[0.04]]\n"
        )
        people, terms, chosen = "customer,tenure\na,3\nb,0\n", Terms("month"), "one_year"
    without = re.split(r"\n\[segments\.\w+\.fit\]", fit)[0]
    alone, found, wider = (
        scored(tmp_path, one, people, terms, chosen=chosen)
        for one in (without, fit, fit.replace("0.04]]", "0.64]]"))
    )
    some = alone.high > 0.0
    assert (wider.high[some] > found.high[some]).all()
    assert np.median(wider.high[some] / alone.high[some]) > 1.04
    np.testing.assert_array_equal(found.value, alone.value)
    # The luck is that under the fit, whatever else it might have been.
    assert found.luck == alone.luck


def test_a_fit_that_tells_nothing_leaves_luck_alone(tmp_path):
    terms = Terms("week", horizon=52.0)
    found = scored(tmp_path, BG.replace("0.04]]", "1e9]]"), SHOPPERS, terms)
    alone = scored(tmp_path, BG.split("\n[segments.shop.fit]", maxsplit=1)[0], SHOPPERS, terms)
    assert "an error so wide" in found.notes[-1]
    np.testing.assert_array_equal(found.high, alone.high)


def test_the_luck_of_contracts_is_that_of_their_lives(tmp_path):
    people = "customer,tenure,spend\na,3,10\n"
    terms = Terms("month", rate=0.0, horizon=2.0)
    fit = CONTRACTS.replace("0.003", "0.5")
    found = scored(tmp_path, fit, people, terms, chosen="one_year")
    # Half leave at once, a quarter pay once, a quarter twice.
    assert found.value[0] == pytest.approx(7.5)
    assert found.luck == pytest.approx(10.0 * math.sqrt(0.6875))
    assert (found.low[0], found.high[0]) == (0.0, 20.0)


def test_the_error_of_a_correlation_that_nothing_depends_on_is_no_error(tmp_path):
    """A block of the tenure command has one; a contract is judged by its tenure alone."""
    head = '[segments.month_to_month.fit]\nmodel = "sbg"\n'
    plain = f'{head}parameters = ["churn.a"]\ncovariance = [[0.01]]\n'
    whole = (
        f'{head}parameters = ["churn.a", "correlations.0.value"]\n'
        "covariance = [[0.01, 0.0], [0.0, 9.0]]\n"
    )
    people = "customer,tenure\na,3\nb,9\n"
    doubts = [
        scored(tmp_path, CONTRACTS + fit, people, chosen="month_to_month") for fit in (plain, whole)
    ]
    assert doubts[0].doubt > 0.0
    assert doubts[1].doubt == doubts[0].doubt
    # However wide it is, it moves no interval either, and takes no other error out of it.
    assert not any("luck alone" in note for note in doubts[1].notes)
    np.testing.assert_array_equal(doubts[1].high, doubts[0].high)


def test_a_fit_at_the_edge_of_what_is_allowed_has_no_error(tmp_path):
    fit = CONTRACTS.replace("0.003", "1.0") + (
        '[segments.one_year.fit]\nmodel = "geometric"\nparameters = ["churn"]\n'
        "covariance = [[0.01]]\n"
    )
    found = scored(tmp_path, fit, "customer,tenure\na,3\n", chosen="one_year")
    assert found.value[0] == 0.0
    assert math.isnan(found.doubt)


def test_the_error_of_many_is_judged_by_some(tmp_path):
    fit = CONTRACTS + (
        '[segments.one_year.fit]\nmodel = "geometric"\nparameters = ["churn"]\n'
        "covariance = [[0.01]]\n"
    )
    people = "customer,tenure\n" + "".join(f"c{at},3\n" for at in range(4_001))
    one = scored(tmp_path, fit, "customer,tenure\na,3\n", chosen="one_year")
    many = scored(tmp_path, fit, people, chosen="one_year")
    assert many.doubt == pytest.approx(4_001 * one.doubt)
    assert many.luck == pytest.approx(math.sqrt(4_001) * one.luck)


DONORS = """\
[segments.donors]
relationship = "bg/bb"
purchase_probability = { distribution = "beta", a = 1.204, b = 0.75 }
churn = { distribution = "beta", a = 0.657, b = 2.783 }
spend = { distribution = "invgamma", a = 3.7, scale = 96.0 }
spend_shape = 6.0
[segments.donors.fit]
model = "bg/bb"
step = "year"
parameters = ["purchase_probability.a", "churn.b"]
covariance = [[0.003, 0.0], [0.0, 0.013]]
"""
GIVERS = """\
customer,frequency,recency,age,value
ann,6,6,6,30
bob,2,4,6,30
cid,0,0,6,
dot,1,1,1,30
"""


def test_donors_are_scored_as_the_paper_says(tmp_path):
    terms = Terms("year", horizon=5.0, rate=0.1)
    found = scored(tmp_path, DONORS, GIVERS, terms)
    x, last, n = np.array([[6, 6, 6], [2, 4, 6], [0, 0, 6], [1, 1, 1]], dtype=np.float64).T
    model = BgBb(1.204, 0.75, 0.657, 2.783)
    assert found.alive == pytest.approx(model.alive(x, last, n), rel=1e-12)
    assert found.purchases == pytest.approx(model.conditional_purchases(5.0, x, last, n), rel=1e-10)
    each = [model.conditional_purchases(float(k), x, last, n) for k in range(6)]
    discounted = sum(np.diff(each, axis=0)[k] * 1.1 ** -(k + 1.0) for k in range(5))
    worth = np.array([96.0 + 6.0 * x * 30.0 * (x > 0)]).ravel() / (6.0 * x + 3.7 - 1.0)
    assert found.value == pytest.approx(discounted * worth, rel=1e-10)
    assert (found.low <= found.value).all()
    # Who is lost with more than 95 % has both bounds at 0.
    assert (found.value < found.high).tolist() == [True, True, False, True]
    assert found.doubt > 0.0
    endless = scored(tmp_path, DONORS, GIVERS, Terms("year", rate=0.1))
    assert endless.value == pytest.approx(
        model.discounted_purchases(0.1, x, last, n) * worth, rel=1e-8
    )


def test_what_are_no_opportunities_is_said_at_once(tmp_path):
    people = "customer,frequency,recency,age,value\na,1,1.5,6,3\nb,3,2,6,3\nc,1,1,1.5,3\n"
    with pytest.raises(ScenarioError) as caught:
        scored(tmp_path, DONORS, people)
    told = str(caught.value)
    assert len(caught.value.faults) == 3
    for who, what in (
        ("a", "a recency that is no whole"),
        ("b", "more purchases"),
        ("c", "an age"),
    ):
        assert f"the first '{who}'" in told
        assert what in told
    # It is the customers that are wrong, not the fit.
    assert {fault.file for fault in caught.value.faults} == {str(tmp_path / "people.csv")}
    assert "1 customer of segments.donors" in told
    with pytest.raises(ScenarioError, match=r"^--horizon: opportunities come by the period"):
        scored(tmp_path, DONORS, GIVERS, Terms("year", horizon=2.5))


def _laws(tmp_path, covariance, rate):
    """Shapes of leaving of the laws that donors might have."""
    text = DONORS.replace("a = 0.657, b", "a = 1.1, b").replace('"churn.b"', '"churn.a"')
    fit, people, _ = read(tmp_path, text.replace("0.013", covariance), GIVERS)
    own = np.arange(len(people.names))
    laws = doubt.laws(Group(fit, "donors", people, own, Terms("year", rate=rate)))
    return np.array([law.churn.a for law in laws])


def test_laws_are_spread_as_the_covariance_says(tmp_path):
    shapes = np.log(_laws(tmp_path, "0.04", 0.1) / 1.1)
    assert len(shapes) == 64
    assert shapes.mean() == pytest.approx(0.0, abs=0.01)
    assert shapes.std() == pytest.approx(0.2, rel=0.05)
    # Endless and undiscounted, those who leave with Beta(a <= 1, b) are worth infinitely much.
    assert _laws(tmp_path, "0.04", 0.0).min() > 1.0


LOYAL = """\
[segments.loyal]
relationship = "bg/nbd"
purchase_rate = { distribution = "gamma", a = 36.9, scale = 0.002445 }
churn = { distribution = "beta", a = 1e-6, b = 0.0048 }
spend = 65.0
"""


def test_shapes_near_0_leave_values_their_digits(tmp_path):
    people = "customer,frequency,recency,age,value\na,1,20,46,65\nb,15,150,163,65\n"
    terms = Terms("week", horizon=520.0, rate=0.1)
    found = scored(tmp_path, LOYAL, people, terms)
    # By mpmath's hypergeometric function.
    assert found.value == pytest.approx([1814.07, 1979.88], abs=0.01)


def test_what_cannot_be_computed_is_not_told_as_infinite(tmp_path, monkeypatch):
    ahead = BgNbd.ahead

    def broken(self, history, outlook):
        found = ahead(self, history, outlook)
        return tuple(np.where(history.age > 40.0, np.nan, one) for one in found)

    monkeypatch.setattr(BgNbd, "ahead", broken)
    people = "customer,frequency,recency,age\na,1,20,46\nb,2,10,30\n"
    with pytest.raises(ScenarioError) as caught:
        scored(tmp_path, LOYAL, people, Terms("week", horizon=52.0))
    (fault,) = caught.value.faults
    assert fault.message.startswith("the value of 1 customer, the first 'a', cannot be computed")
    assert "infinite" not in fault.message


FEW = """\
[segments.few]
churn = { distribution = "beta", a = 1.5, b = 15.0 }
spend = 10.0
[segments.few.fit]
model = "sbg"
step = "month"
parameters = ["churn.a", "churn.b"]
draws = [%s]
"""


def test_draws_of_a_fit_are_its_error(tmp_path):
    shapes = np.exp(np.random.default_rng(3).normal([0.4, 2.7], 0.3, (100, 2)))
    text = FEW % ", ".join(f"[{a:.6f}, {b:.6f}]" for a, b in shapes)
    terms = Terms("month", horizon=24.0)
    found = scored(tmp_path, text, "customer,tenure\nann,0\nbob,7\n", terms)
    each = [
        sum(Contract(a, b).payments(np.array([0.0, 7.0]), terms.outlook)[1]) for a, b in shapes[:64]
    ]
    assert found.doubt == pytest.approx(10.0 * np.std(each, ddof=1), rel=1e-4)
    assert not any("luck alone" in note for note in found.notes)


def test_the_longest_tenures_are_scored_and_told(tmp_path):
    people = "customer,tenure\nann,4096\nbob,9000\n"
    _, customers, drops = read(tmp_path, CONTRACTS, people, chosen="one_year")
    assert customers.tenure.tolist() == [4096.0, 4096.0]
    assert "noted and kept: tenures above 4,096, scored as 4,096 periods" in drops.told()[0]
