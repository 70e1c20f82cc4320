"""Opportunities taken or missed: the published donors, logs by hand, holdout, what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from clvsim.calibration.block import block
from clvsim.calibration.calendars import Periods
from clvsim.calibration.drops import RecordsError
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.opportunities import (
    _cells,
    expected_repeats,
    fit_histories,
    fit_opportunities,
    frequency_chances,
)
from clvsim.calibration.opportunity_log import (
    GiftColumns,
    HistoryColumns,
    read_gifts,
    read_histories,
)
from clvsim.calibration.purchases import fit_bg_bb
from clvsim.calibration.records import open_records
from clvsim.reference import BgBb
from clvsim.scenario.load import load
from clvsim.verification.donations import donors
from tests.calibration.losses import accepting
from tests.statistics import FALSE_ALARM_RATE

DATA = Path(__file__).parents[2] / "scenarios" / "data"
PUBLISHED = (1.204, 0.750, 0.657, 2.783)
NAMES = ("alpha", "beta", "gamma", "delta")
NAMED = GiftColumns("who", "year", "gift")


def bg_bb(*parameters):
    return Fitted("bg/bb", dict(zip(NAMES, parameters, strict=True)), np.eye(4), 0.0, 1.0)


@pytest.fixture
def log(tmp_path):
    def write(*rows, head="who,year,gift"):
        path = tmp_path / "log.csv"
        path.write_text("\n".join((head, *rows)) + "\n")
        return open_records(path)

    return write


GOOD = [
    f"{who},{2000 + year},{10 + who % 7}"
    for who in range(120)
    for year in range(12)
    if year == who % 3 or (who * 31 + year * 17) % (3 + who % 5) == 0
]


# The published donors


@pytest.fixture(scope="module")
def published():
    records = open_records(DATA / "donations.csv")
    return fit_histories(records, HistoryColumns("x", "t_x", "n", "donors"))


def test_donors_give_the_published_estimates(published):
    (segment,) = published.segments
    assert segment.customers == 11_104
    assert list(segment.chosen.parameters.values()) == pytest.approx(PUBLISHED, abs=5e-4)
    assert segment.chosen.log_likelihood == pytest.approx(-33_225.6, abs=0.05)


def test_the_table_of_donors_is_the_one_that_is_verified():
    own, drops = read_histories(
        open_records(DATA / "donations.csv"), HistoryColumns("x", "t_x", "n", "donors")
    )
    frequency, recency = donors()
    assert not drops.told()
    count = own.count.astype(np.int64)
    assert np.repeat(own.frequency, count).tolist() == frequency.tolist()
    assert np.repeat(own.recency, count).tolist() == recency.tolist()


def test_goodness_of_fit_is_pearson_s_over_all_histories(published):
    (candidate,) = published.segments[0].candidates
    own, _ = read_histories(
        open_records(DATA / "donations.csv"), HistoryColumns("x", "t_x", "n", "donors")
    )
    model = BgBb(**candidate.fitted.parameters)
    pairs = zip(own.frequency.tolist(), own.recency.tolist(), strict=True)
    orders = [math.comb(int(last) - 1, int(x) - 1) if x else 1 for x, last in pairs]
    expected = 11_104 * model.likelihood(own.frequency, own.recency, 6.0) * orders
    assert expected.min() > 5.0
    assert candidate.chi_squared == pytest.approx(
        np.sum((own.count - expected) ** 2 / expected), rel=1e-9
    )
    assert candidate.freedom == 22 - 1 - 4
    assert candidate.p_value == pytest.approx(
        scipy.stats.chi2.sf(candidate.chi_squared, candidate.freedom), rel=1e-9
    )


def test_the_block_loads_and_is_drawn_anew(published, tmp_path):
    path = tmp_path / "scenario.toml"
    rest = "[time]\nstep = 'year'\nperiods = 6\n"
    rest += "[cohorts.all]\nsegment = 'donations'\ncustomers = 9\n"
    path.write_text(block(published) + rest, "utf-8")
    segment = load(path).baseline.segments["donations"]
    assert segment.relationship == "bg/bb"
    assert segment.fit.parameters == (
        "purchase_probability.a", "purchase_probability.b", "churn.a", "churn.b",
    )  # fmt: skip
    fitted = published.segments[0].chosen
    assert np.array(segment.fit.covariance) == pytest.approx(fitted.covariance, rel=1e-12)


# Probabilities and expectations


def test_probabilities_of_histories_add_up():
    frequency, chance = _cells(bg_bb(*PUBLISHED), 7)
    assert chance.sum() == pytest.approx(1.0, rel=1e-12)
    by_count = np.bincount(frequency.astype(int), chance)
    table = frequency_chances(bg_bb(*PUBLISHED), 9)
    assert table[7, :8] == pytest.approx(by_count, rel=1e-10)
    assert table.sum(axis=1) == pytest.approx(1.0, rel=1e-12)
    assert table[0, 0] == 1.0


def test_expectations_are_those_of_the_paper():
    times = np.array([-2.0, 0.0, 1.0, 6.0, 40.0])
    for parameters in (PUBLISHED, (2.0, 1.0, 1.0, 3.0)):
        expected = BgBb(*parameters).expected_purchases(np.maximum(times, 0.0))
        found = expected_repeats(bg_bb(*parameters), times)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


# Logs


def test_histories_by_hand(log):
    records = log(
        "a,2001,10", "a,2003,20", "a,2003,5", "a,2004,30", "a,2006,1",
        "b,2002,7", "c,2005,5", "c,2006,5", "d,2006,2",
    )  # fmt: skip
    own, _ = read_gifts(records, NAMED, step="year", holdout=1)
    assert own.names == ["a", "b", "c"]
    assert own.frequency.tolist() == [2.0, 0.0, 0.0]
    assert own.recency.tolist() == [3.0, 0.0, 0.0]
    assert own.age.tolist() == [4.0, 3.0, 0.0]
    assert own.value[0] == 27.5
    assert own.repeats.tolist() == [2003, 2004, 2006, 2006]
    assert (own.begin, own.cut, own.end, own.merged, own.later) == (2001, 2005, 2006, 1, 1)


def test_an_end_gives_customers_the_periods_in_which_nobody_bought(log):
    own, drops = read_gifts(log("a,2001,1", "a,2002,1", "b,2009,1"), NAMED, step="year", end="2007")
    assert own.age.tolist() == [6.0]
    assert "purchases after --end" in drops.told()[0]


@pytest.mark.parametrize(
    ("text", "step", "period"),
    [
        ("1996", "year", 1996), ("1996-05-03", "year", 1996), ("1996-05", "year", 1996),
        ("1996/12/31", "year", 1996), ("1996-05", "quarter", 4 * 1996 + 1),
        ("2026-03-14", "month", 12 * 2026 + 2), ("17", "week", 17), ("-3", "month", -3),
        ("1970-01-01", "week", 0), ("1970-01-04", "week", 0), ("1970-01-05", "week", 1),
    ],
)  # fmt: skip
def test_periods_of_the_calendar(text, step, period):
    assert Periods(step).read([text]).tolist() == [period]


@pytest.mark.parametrize(
    ("text", "step"),
    [("soon", "year"), ("", "year"), ("1996-05", "week"), ("1996-02-30", "year"), ("1.5", "year")],
)
def test_what_is_no_period(text, step):
    assert np.isnan(Periods(step).read([text])).all()


def test_a_holdout_is_compared_with_what_is_expected(log):
    outcome = fit_opportunities(log(*GOOD), NAMED, holdout=4)
    (segment,) = outcome.segments
    (candidate,) = segment.candidates
    expected, observed = segment.facts["holdout_bg/bb"], segment.facts["holdout_observed"]
    joined = [
        min(int(row.split(",")[1]) for row in GOOD if row.startswith(f"{who},"))
        for who in range(120)
    ]
    model = BgBb(**candidate.fitted.parameters)
    later = model.expected_purchases(2011.0 - np.array(joined))
    sooner = model.expected_purchases(2007.0 - np.array(joined))
    assert expected == pytest.approx(float((later - sooner).sum()), rel=1e-6)
    assert candidate.holdout_error == pytest.approx((expected - observed) / observed)
    assert segment.curve.held_out_from == 7.0
    assert segment.curve.observed[-1] == segment.facts["repeat_purchases"] + observed
    assert segment.values["spend"]["distribution"] == "invgamma"
    assert "years at the end that were held out: 4" in outcome.notes
    assert outcome.customers().startswith("customer,frequency,recency,age,value\n0,")


def test_without_amounts_nothing_is_spent(log):
    outcome = fit_opportunities(log(*GOOD), GiftColumns("who", "year"))
    assert outcome.segments[0].values["spend"] == 0.0
    assert "spend" in outcome.segments[0].comments


def test_estimates_lie_where_they_should_over_drawn_donors():
    rng = np.random.default_rng(5)
    true, size, years = np.array([1.2, 0.75, 0.66, 2.8]), 20_000, 10
    buys, leaves = rng.beta(*true[:2], size), rng.beta(*true[2:], size)
    last = rng.geometric(leaves) - 1
    given = (rng.random((size, years)) < buys[:, None]) & (np.arange(years) < last[:, None])
    recency = np.where(given.any(axis=1), years - np.argmax(given[:, ::-1], axis=1), 0)
    found = fit_bg_bb(given.sum(axis=1), recency, years)
    error = np.log(list(found.parameters.values())) - np.log(true)
    # Squared Mahalanobis distance: chi-squared on 4 degrees of freedom.
    distance = float(error @ np.linalg.solve(found.covariance, error))
    assert distance < scipy.stats.chi2.isf(FALSE_ALARM_RATE, 4)


# What is refused


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",2003,1", "no customer (--customer)"),
        ("a,soon,1", "periods that cannot be read by this --step (--period), the first 'soon'"),
        ("a,2003,much", "amounts that are no number (--amount), the first 'much'"),
    ],
)
def test_a_bad_row_is_left_out_and_told(log, row, words):
    own, drops = read_gifts(accepting(log(*GOOD, row)), NAMED, step="year")
    assert len(own.names) == 120
    assert words in drops.told()[0]


def test_bad_histories_are_left_out_and_told(log):
    rows = ["2,3,6,5", "0,0,6,4", "1,1,6,3", "6,6,6,2", "1,2,6,0"]
    bad = ["x,1,6,1", "1,x,6,1", "1,1,1.5,1", "0,2,6,1", "3,2,6,1", "1,7,6,1", "1,1,6,-2"]
    own, drops = read_histories(
        accepting(log(*rows, *rows, *rows, *bad, head="x,t,n,many")),
        HistoryColumns("x", "t", "n", "many"),
    )
    assert own.count.sum() == 3 * 14
    assert [line.split(" ", 1)[0] for line in drops.told()] == ["1", "1", "1", "1", "2", "1"]


def test_what_is_no_log(log):
    with pytest.raises(RecordsError, match="nobody bought at an opportunity"):
        fit_opportunities(log("a,2001,1", "b,2004,1", "b,2004,1"), NAMED)
    with pytest.raises(RecordsError, match="the log spans 7,000 years"):
        read_gifts(log("a,2001,1", "b,9001,1", "c,20261012,1"), NAMED, step="year")
    with pytest.raises(RecordsError, match="a holdout of 3 leaves no opportunity") as caught:
        read_gifts(log("a,2001,1", "a,2004,1"), NAMED, step="year", holdout=3)
    assert caught.value.faults[0].allowed == "0 to 2"
    with pytest.raises(RecordsError) as caught:
        read_gifts(log("a,2001,1"), GiftColumns("whom", "yaer"), step="year", end="soon")
    assert len(caught.value.faults) == 3
    with pytest.raises(RecordsError, match="has a header, but no usable rows"):
        read_gifts(log(), NAMED, step="year")


def test_equal_rows_zeros_and_far_periods_are_told(log):
    again = [*GOOD, GOOD[0], GOOD[1], "zero,2003,0"]
    own, drops = read_gifts(log(*again), NAMED, step="year")
    told = " ".join(drops.told())
    assert "2 of " in told
    assert "equal to an earlier row in every column; purchases of a period" in told
    assert "rows noted and kept: amounts of 0" in told
    less, drops = read_gifts(log(*again), NAMED, step="year", drop_duplicates=True)
    assert (
        "left out: equal to an earlier row in every column (--drop-duplicates)" in drops.told()[1]
    )
    assert (own.merged, less.merged) == (2, 0)
    notes = fit_opportunities(log(*GOOD, "far,2200,5"), NAMED).notes
    assert any("is a period wrong?" in note for note in notes)
    with pytest.raises(RecordsError, match="all purchases fall in one year"):
        fit_opportunities(log("a,2001,1", "b,2001,2"), NAMED)
