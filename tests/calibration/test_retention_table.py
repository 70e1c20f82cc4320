"""Retention tables from files: cohorts stacked, holdout, and every fault of a table at once."""

import numpy as np
import pytest

from clvsim.calibration.drops import RecordsError
from clvsim.calibration.records import open_records
from clvsim.calibration.retention import (
    RetentionColumns,
    fit_retention_table,
    read_retention,
    stacked,
)

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
NAMED = RetentionColumns(segment="plan", cohort="joined")


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        path = tmp_path / "r.csv"
        path.write_text("\n".join(("plan,joined,period,survivors", *rows)) + "\n")
        return open_records(path)

    return write


def rows_of(counts, plan="a", joined="x"):
    return [f"{plan},{joined},{period},{count}" for period, count in enumerate(counts)]


def faults_of(records, columns=NAMED):
    with pytest.raises(RecordsError) as caught:
        read_retention(records, columns)
    return [(fault.line, fault.path, fault.message) for fault in caught.value.faults]


def test_holdout_of_regular_is_projected_from_the_start(table):
    outcome = fit_retention_table(table(*rows_of(REGULAR)), NAMED, "year", "sbg", 5)
    (segment,) = outcome.segments
    found = {one.fitted.model: one for one in segment.candidates}
    assert segment.chosen.parameters["alpha"] == pytest.approx(0.704077, abs=0.5e-6)
    projected = 1000 * np.array([0.220085, 0.204411, 0.191190, 0.179865, 0.170037])
    missed = np.abs(projected - REGULAR[8:]).sum() / sum(REGULAR[8:])
    assert found["sbg"].holdout_error == pytest.approx(missed, abs=1e-6)
    assert found["geometric"].holdout_error > 0.5
    assert segment.curve.held_out_from == 7


def test_cohorts_of_one_churn_are_one_table(table):
    whole = fit_retention_table(table(*rows_of(REGULAR[:8])), NAMED, "year", "sbg", 0)
    double = [2 * count for count in REGULAR[:8]]
    rows = [*rows_of(double, joined="x"), *rows_of(REGULAR[:8], joined="y")]
    both = fit_retention_table(table(*rows), NAMED, "year", "sbg", 0)
    one, other = whole.segments[0].chosen, both.segments[0].chosen
    assert list(other.parameters.values()) == pytest.approx(list(one.parameters.values()))
    assert other.log_likelihood == pytest.approx(3.0 * one.log_likelihood)
    assert other.covariance == pytest.approx(one.covariance / 3.0)


def test_a_triangle_of_cohorts_is_held_out_by_calendar():
    life = stacked([np.array([100.0, 80, 70]), np.array([50.0, 45])])
    assert life.leavers.tolist() == [25.0, 10.0]
    assert life.stayers.tolist() == [125.0, 70.0]


def test_a_cohort_within_the_holdout_is_told(table):
    rows = [*rows_of(REGULAR[:8]), *rows_of([90, 60], joined="late")]
    outcome = fit_retention_table(table(*rows), NAMED, "year", "sbg", 2)
    notes = outcome.segments[0].notes
    assert any(note.startswith("1 of 2 cohorts are held out as a whole") for note in notes)


def test_the_holdout_must_leave_something_of_every_segment(table):
    rows = [*rows_of(REGULAR[:8]), *rows_of([90, 60], plan="b")]
    with pytest.raises(RecordsError) as caught:
        fit_retention_table(table(*rows), NAMED, "year", "sbg", 7)
    messages = [fault.message for fault in caught.value.faults]
    assert messages == [
        "a holdout of 7 leaves nothing of the 7 periods of 'a' to fit",
        "a holdout of 7 leaves nothing of the 1 periods of 'b' to fit",
    ]


def test_all_faults_of_a_table_at_once(table):
    rows = [
        *rows_of([100, 90, 95]),
        *rows_of([0, 0], plan="b"),
        *rows_of([1, 0.8], plan="c"),
        *rows_of([10, 9], plan="d")[1:],
        "e,x,0,10",
        *rows_of([10, 9], plan="f"),
        "f,x,1,8",
    ]
    found = faults_of(table(*rows))
    assert found == [
        (4, "--survivors", "95 survivors of 'a' / 'x' after 90 the period before"),
        (7, "--survivors", "survivors of 'c' / 'x' look like shares of a cohort (1 at the start)"),
        (9, "--period", "period 0 of 'd' / 'x' missing"),
        (13, "--cohort", "period 1 of 'f' / 'x' has 8 survivors here and 9 in line 12"),
    ]


def test_a_row_that_cannot_be_read_is_a_gap_and_an_equal_one_is_left_out(table):
    good = rows_of([100, 90, 80, 75])
    found = faults_of(table(*good[:2], "a,x,2,eighty", good[3]))
    # What was left out is told with what is missing for it.
    left_out = "1 of 4 rows: survivors that are no number of customers, the first 'eighty'"
    assert found == [
        (4, "--survivors", left_out),
        (5, "--period", "period 2 of 'a' / 'x' missing"),
    ]
    _, drops = read_retention(table(*good, good[2]), NAMED)
    assert drops.told() == [
        "1 of 5 rows left out: equal to an earlier row of the same cohort and period; line 6"
    ]


def test_cohorts_that_no_column_tells_apart(table):
    rows = [*rows_of([100, 90]), *rows_of([80, 70], joined="y")]
    found = faults_of(table(*rows), RetentionColumns())
    assert [path for _, path, _ in found] == ["--cohort", "--cohort"]


@pytest.mark.parametrize("model", ["sbg", "geometric", "bdw", "best"])
def test_the_model_of_the_block_can_be_chosen(table, model):
    outcome = fit_retention_table(table(*rows_of(REGULAR[:8])), NAMED, "year", model, 0)
    (segment,) = outcome.segments
    assert segment.chosen.model == {"best": "sbg"}.get(model, model)
    if model == "bdw":
        # (1-θ)^(t^c): the multipliers add up to t^c.
        shape = np.cumsum(segment.values["hazard_by_tenure"])
        c = segment.chosen.parameters["c"]
        assert shape == pytest.approx(np.arange(1.0, shape.size + 1) ** c)


def test_many_faults_of_one_cause_are_one(tmp_path):
    path = tmp_path / "plans.csv"
    rows = [f"{plan},{period},{100 - period}" for plan in "ab" for period in range(9)]
    rows = [row if row[0] == "a" else row.replace(",9", ",8") for row in rows]
    path.write_text("plan,period,survivors\n" + "\n".join(rows) + "\n")
    with pytest.raises(RecordsError) as caught:
        read_retention(open_records(path), RetentionColumns())
    (fault,) = caught.value.faults
    assert "so have 7 further rows" in fault.message
    assert fault.allowed.endswith("(plan)")
