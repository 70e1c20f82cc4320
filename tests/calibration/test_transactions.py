"""Logs of purchases: CDNOW, merging, holdout, and rows that cannot be used."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clvsim.calibration.drops import RecordsError
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.purchase_log import LogColumns, read_log
from clvsim.calibration.purchase_split import split_log
from clvsim.calibration.records import open_records
from clvsim.calibration.shelves import Shelves
from clvsim.calibration.texts import day_text
from clvsim.calibration.transactions import (
    _block_values,
    expected_repeats,
    fit_transactions,
)
from tests.calibration.losses import accepting
from tests.statistics import assert_mean

DATA = Path(__file__).parents[2] / "scenarios" / "data"
NAMED = LogColumns("who", "when", "paid")
CDNOW = ("master", "customer", "date", "cds", "dollars")


def bg_nbd(r, alpha, a, b):
    return Fitted("bg/nbd", {"r": r, "alpha": alpha, "a": a, "b": b}, np.eye(4), 0.0, 1.0)


def pareto_nbd(r, alpha, s, beta):
    return Fitted("pareto/nbd", {"r": r, "alpha": alpha, "s": s, "beta": beta}, np.eye(4), 0.0, 1.0)


@pytest.fixture
def log(tmp_path):
    def write(*rows, head="who,when,paid"):
        path = tmp_path / "log.csv"
        path.write_text("\n".join((head, *rows)) + "\n")
        return open_records(path)

    return write


@pytest.fixture
def shelves():
    with Shelves() as shelves:
        yield shelves


def purchases(log):
    """Of a log that stands on one shelf."""
    (found,) = log.purchases()
    return found


GOOD = [
    f"{who},2026-01-{day:02},{10 + day}"
    for who in "abcdefghij"
    for day in range(1, 29, 3 + ord(who) % 5)
]


# Expected purchases


def test_published_expectations():
    found = expected_repeats(bg_nbd(0.243, 4.414, 0.793, 2.426), np.array([39.0, 52.0]))
    assert found == pytest.approx([1.196723, 1.446051], abs=0.5e-6)
    found = expected_repeats(pareto_nbd(0.553, 10.58, 0.606, 11.656), np.array([52.0]))
    assert found == pytest.approx([1.472160], abs=0.5e-6)


@pytest.mark.parametrize("near", [1.0 - 1e-3, 1.0, 1.0 + 1e-3])
def test_expectations_pass_smoothly_through_1(near):
    times = np.array([-3.0, 0.0, 5.0, 80.0])
    for model in (bg_nbd, pareto_nbd):
        parameters = [0.5, 5.0, near, 3.0]
        found = expected_repeats(model(*parameters), times)
        sides = [
            expected_repeats(model(0.5, 5.0, side, 3.0), times) for side in (1.0 - 2e-3, 1.0 + 2e-3)
        ]
        assert found[:2].tolist() == [0.0, 0.0]
        # The parameter itself moves the expectation by about its own change.
        assert found == pytest.approx(0.5 * (sides[0] + sides[1]), rel=2e-3)


def test_expectations_where_customers_hardly_differ():
    # All buy once a week and leave with probability p: (1 - exp(-p t))/p repeats.
    times = np.array([0.0, 10.0, 52.0, 500.0])
    for p, size in ((0.1, 1e6), (0.1, 1e5), (0.5, 1e6)):
        found = expected_repeats(bg_nbd(size, size, p * size, (1.0 - p) * size), times)
        np.testing.assert_allclose(found, -np.expm1(-p * times) / p, rtol=30.0 / size)


def test_expectation_of_the_pareto_nbd_agrees_with_draws():
    rng, count = np.random.default_rng(1), 200_000
    rate, death = rng.gamma(0.8, 1 / 6.0, count), rng.gamma(1.0, 1 / 9.0, count)
    alive = np.minimum(rng.exponential(1.0 / death), 26.0)
    expected = expected_repeats(pareto_nbd(0.8, 6.0, 1.0, 9.0), np.array([26.0]))[0]
    assert_mean(rng.poisson(rate * alive), None, expected, fault=1.1 * expected)


# CDNOW


@pytest.fixture(scope="module")
def cdnow():
    records = open_records(DATA / "cdnow-sample.txt", CDNOW)
    columns = LogColumns("customer", "date", "dollars")
    return fit_transactions(records, columns, holdout=39.0)


def test_cdnow_gives_the_published_parameters(cdnow):
    (segment,) = cdnow.segments
    found = {one.fitted.model: one.fitted for one in segment.candidates}
    bg = found["bg/nbd"]
    assert list(bg.parameters.values()) == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)
    assert bg.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    pareto = found["pareto/nbd"]
    assert list(pareto.parameters.values())[:3] == pytest.approx([0.553, 10.578, 0.606], abs=2e-3)
    assert pareto.log_likelihood == pytest.approx(-9595.0, abs=0.05)
    gamma = segment.spend[0]
    assert list(gamma.parameters.values()) == pytest.approx([6.25, 3.74, 15.44], abs=0.01)
    assert gamma.sample_size == 946
    assert segment.customers == 2357


def test_cdnow_block_is_made_of_the_parameters(cdnow):
    (segment,) = cdnow.segments
    r, alpha, a, b = segment.chosen.parameters.values()
    p, q, gamma = segment.spend[0].parameters.values()
    assert segment.values == {
        "relationship": "bg/nbd",
        "purchase_rate": {"distribution": "gamma", "a": r, "scale": 1.0 / alpha},
        "churn": {"distribution": "beta", "a": a, "b": b},
        "spend": {"distribution": "invgamma", "a": q, "scale": p * gamma},
        "spend_shape": p,
    }


def test_cdnow_holdout_is_told(cdnow):
    facts = cdnow.segments[0].facts
    assert facts["holdout_observed"] == 1882
    # Of these customers, given what each had bought; of as many new ones it would be 1,667.
    assert facts["holdout_bg/nbd"] == pytest.approx(1653.4087, abs=1e-3)
    errors = [one.holdout_error for one in cdnow.segments[0].candidates]
    assert errors == pytest.approx([1653.4087 / 1882 - 1, 1665.513 / 1882 - 1], abs=1e-6)
    curve = cdnow.segments[0].curve
    assert curve.held_out_from == 39.0
    assert curve.observed[-1] == facts["repeat_purchases"] + facts["holdout_observed"]
    text = " ".join((*cdnow.notes, *cdnow.drops.told()))
    assert "1997-01-01 to 1997-09-30, held out until 1998-06-30" in text
    assert "1,411 of 2,357 customers bought on one day only" in text
    assert "223 rows merged: a further purchase of a customer on a day" in text
    assert "8 of 6,919 rows noted and kept: amounts of 0" in text
    assert "21 of 6,919 rows noted and kept: equal to an earlier row" in text


# Reading and splitting


def test_purchases_of_a_day_are_one(log, shelves):
    rows = ["a,2026-01-05,10", "b,2026-01-01,1", "a,2026-01-05T18:00,5", "a,2026-01-01,2"]
    found = purchases(read_log(log(*rows), NAMED, shelves)[0])
    assert found.customer.tolist() == [0, 0, 1]
    assert [day_text(day) for day in found.day] == ["2026-01-01", "2026-01-05", "2026-01-01"]
    assert found.amount.tolist() == [2.0, 15.0, 1.0]
    assert found.merged == 1


def test_summary_by_hand(log, shelves):
    found, drops, _ = read_log(
        log(
            "a,2026-01-01,10", "a,2026-01-15,20", "a,2026-01-22,40", "a,2026-02-05,8",
            "b,2026-01-08,7", "c,2026-02-01,5",
        ),
        NAMED,
        shelves,
    )  # fmt: skip
    split = split_log(found, "week", 1.0, drops)
    assert day_text(split.cut) == "2026-01-29"
    assert split.summary.frequency.tolist() == [2.0, 0.0]
    assert split.summary.recency.tolist() == [3.0, 0.0]
    assert split.summary.age.tolist() == [4.0, 3.0]
    assert split.summary.value[0] == 30.0
    assert math.isnan(split.summary.value[1])
    assert split.later == 1
    assert split.names == ["a", "b"]
    assert (split.purchases, split.held_out) == (6, 1)
    days = split.begin + np.flatnonzero(split.repeats)
    assert [day_text(day) for day in days] == ["2026-01-15", "2026-01-22", "2026-02-05"]
    assert split.repeats.sum() == 3


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,soon,10", "dates that cannot be read (--date), the first 'soon'"),
        ("a,31.01.2026,10", "dates that cannot be read"),
        ("a,2026-02-30,10", "dates that cannot be read"),
        ("a,2026-01-05,ten", "amounts that are no number (--amount), the first 'ten'"),
        ("a,2026-01-05,", "amounts that are no number (--amount), the first is empty"),
        (",2026-01-05,3", "no customer (--customer), the first is empty"),
        ("a,2026-01-05", "lines with more or fewer fields"),
    ],
)
def test_a_bad_row_is_left_out_and_told(log, shelves, row, words):
    found, drops, _ = read_log(accepting(log(*GOOD, row)), NAMED, shelves)
    assert purchases(found).day.size == len(GOOD)
    (line,) = drops.told()
    assert line.startswith(f"1 of {len(GOOD) + 1} rows left out: ")
    assert words in line
    assert f"; line {len(GOOD) + 2}" in line


def test_mostly_bad_is_refused_with_all_faults(log, shelves):
    rows = ["a,31.01.2026,3"] * 5 + ["b,2026-01-01,3"] * 4
    with pytest.raises(RecordsError) as caught, Shelves() as others:
        read_log(log(*rows), NAMED, others)
    (fault,) = caught.value.faults
    assert fault.message == "5 of 9 rows: dates that cannot be read, the first '31.01.2026'"
    assert "--date-format" in fault.allowed
    found = read_log(accepting(log(*rows)), NAMED, shelves, pattern="%d.%m.%Y")[0]
    assert purchases(found).day.size == 1


@pytest.mark.parametrize(("drop", "amount", "done"), [(False, 33.0, "noted"), (True, 11.0, "left")])
def test_equal_rows_are_kept_or_dropped_but_always_told(log, shelves, drop, amount, done):
    rows = [*GOOD, GOOD[0], GOOD[0]]
    found, drops, _ = read_log(log(*rows), NAMED, shelves, drop_duplicates=drop)
    assert purchases(found).amount[0] == amount
    split_log(found, "week", 0.0, drops)
    (line,) = drops.told()
    assert line.startswith(f"2 of {len(rows)} rows {done}")
    assert "equal to an earlier row" in line
    assert line.endswith(f"; lines {len(GOOD) + 2}, {len(GOOD) + 3}")


@pytest.mark.parametrize(
    ("date", "formats"),
    [
        ("31.12.2024", "%d.%m.%Y"),
        ("31.12.2024 09:30", "%d.%m.%Y %H:%M"),
        ("12/31/2024", "%m/%d/%Y"),
        ("01/02/2024", "%d/%m/%Y or %m/%d/%Y"),
        ("31-Dec-2024", "%d-%b-%Y"),
    ],
)
def test_dates_written_otherwise_get_a_hint_of_their_format(log, date, formats):
    with pytest.raises(RecordsError) as caught, Shelves() as others:
        read_log(log(f"a,{date},3", f"b,{date},3"), NAMED, others)
    (fault,) = caught.value.faults
    assert fault.hint == f"--date-format {formats}"
    with Shelves() as others:
        found, _, _ = read_log(
            log(f"a,{date},3"), NAMED, others, pattern=formats.split(" or ", maxsplit=1)[0]
        )
        assert day_text(found.end).startswith("2024-")


def test_texts_that_are_no_date_at_all_get_no_hint(log):
    with pytest.raises(RecordsError) as caught, Shelves() as others:
        read_log(log("a,soon,3", "b,later,3"), NAMED, others)
    assert caught.value.faults[0].hint == ""


def test_mixed_time_zones_are_refused_and_several_told(log, shelves):
    with (
        pytest.raises(RecordsError, match="mixed time zones: 1 date with one") as caught,
        Shelves() as others,
    ):
        read_log(log(*GOOD, "a,2026-01-05T10:00Z,3"), NAMED, others)
    (fault,) = caught.value.faults
    assert fault.line == len(GOOD) + 2
    assert f"('2026-01-05T10:00Z', line {len(GOOD) + 2}) and {len(GOOD)} dates" in fault.message
    assert "line 2)" in fault.message
    zoned = ["a,2026-01-05T10:00+01:00,3", "b,2026-07-05T10:00+02:00,3"]
    _, _, notes = read_log(log(*zoned), NAMED, shelves)
    (note,) = notes
    assert note.startswith("dates in several time zones: UTC+01:00 (1), UTC+02:00 (1); each counts")


def test_an_end_drops_what_is_later_and_a_long_holdout_is_refused(log, shelves):
    with Shelves() as others:
        end = read_log(log("a,2026-01-20,1"), NAMED, others)[0].end
    found, drops, _ = read_log(log(*GOOD), NAMED, shelves, end=end)
    assert found.end == end
    assert "purchases after --end" in drops.told()[0]
    with pytest.raises(RecordsError, match="a holdout of 9 weeks is longer than the log") as caught:
        split_log(found, "week", 9.0, drops)
    assert caught.value.faults[0].allowed == "0 to 2"


def test_nobody_comes_back(log):
    with pytest.raises(RecordsError, match="nobody bought on a second day"):
        fit_transactions(log("a,2026-01-01,1", "b,2026-01-05,1", "b,2026-01-05,2"), NAMED)


def test_a_log_with_a_header_only(log, shelves):
    with pytest.raises(RecordsError, match="has a header, but no usable rows"):
        read_log(log(), NAMED, shelves)


def test_one_model_can_be_chosen_for_the_block(log):
    outcome = fit_transactions(log(*GOOD), NAMED, model="pareto/nbd")
    values = outcome.segments[0].values
    assert values["relationship"] == "pareto/nbd"
    assert set(values) == {"relationship", "purchase_rate", "death_rate", "spend", "spend_shape"}


@pytest.mark.parametrize("model", [bg_nbd, pareto_nbd])
def test_links_say_how_the_block_moves_with_each_parameter(model):
    """The covariance of the block's numbers rests on these powers."""
    chosen = model(0.5, 5.0, 0.7, 3.0)
    value = Fitted("gamma-gamma", {"p": 6.0, "q": 4.0, "gamma": 15.0}, np.eye(3), 0.0, 1.0)
    before, links = _block_values(chosen, value)

    def at(block, path):
        for key in path.split("."):
            block = block[key]
        return block

    for fitted in (chosen, value):
        for name in fitted.parameters:
            moved = replace(
                fitted, parameters={**fitted.parameters, name: 1.1 * fitted.parameters[name]}
            )
            after, _ = _block_values(*((moved, value) if fitted is chosen else (chosen, moved)))
            for path, link in links.items():
                power = link.powers.get(name, 0.0) if link.fitted is fitted else 0.0
                change = math.log(at(after, path) / at(before, path))
                assert change == pytest.approx(power * math.log(1.1), abs=1e-12), (name, path)


def test_one_day_and_a_far_date_are_told(log):
    with pytest.raises(RecordsError, match="all purchases are of one day, 2026-01-01"):
        fit_transactions(log("a,2026-01-01,1", "b,2026-01-01,1"), NAMED)
    with pytest.raises(RecordsError, match="a holdout of inf weeks is longer"):
        fit_transactions(log(*GOOD), NAMED, holdout=float("inf"))
    found = fit_transactions(log(*GOOD, "z,1900-01-01,5"), NAMED)
    assert any("no purchase between 1900-01-01 and 2026-01-0" in note for note in found.notes)
    assert any("fitted on 1900-01-01 to 2026" in note for note in found.notes)
    assert not any("is a date wrong" in note for note in fit_transactions(log(*GOOD), NAMED).notes)


def test_what_was_left_out_is_told_with_what_is_missing(log):
    rows = ["a,2026-01-01,1", "b,2026-01-05,1", "b,5.2.2026,2"]
    with pytest.raises(RecordsError) as caught:
        fit_transactions(accepting(log(*rows)), NAMED)
    messages = [fault.message for fault in caught.value.faults]
    assert "nobody bought on a second day" in messages[0]
    assert "1 of 3 rows: dates that cannot be read, the first '5.2.2026'" in messages[1]
