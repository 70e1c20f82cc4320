"""No row is dropped for what it says: each kind is read rightly, censored, or a fault."""

import numpy as np
import pytest

from clvsim.calibration.calendars import Periods, period_text
from clvsim.calibration.drops import RecordsError
from clvsim.calibration.lean import AMOUNTS, Sides
from clvsim.calibration.numerals import is_missing, number
from clvsim.calibration.opportunity_log import GiftColumns, read_gifts
from clvsim.calibration.panel import StateColumns, read_panel
from clvsim.calibration.purchase_log import LogColumns, read_log
from clvsim.calibration.purchase_split import split_log
from clvsim.calibration.records import open_records
from clvsim.calibration.retention import RetentionColumns, fit_retention_table, read_retention
from clvsim.calibration.shelves import Shelves
from clvsim.calibration.tenure import fit_tenure
from clvsim.calibration.tenure_file import TenureColumns, read_tenure
from clvsim.calibration.texts import Codes, flags
from tests.calibration.losses import accepting

TENURES = TenureColumns("tenure", "status")
LOG = LogColumns("id", "date", "paid")
PANEL = StateColumns("id", "period", "state", "paid")
GIFTS = GiftColumns("id", "period", "paid")


@pytest.fixture
def file(tmp_path):
    def write(head, *rows):
        path = tmp_path / "records.csv"
        path.write_text("\n".join((head, *rows)) + "\n")
        return open_records(path)

    return write


def faults_of(read, *arguments, **options):
    with pytest.raises(RecordsError) as caught:
        read(*arguments, **options)
    return [(fault.path, fault.message) for fault in caught.value.faults]


def split(records, **options):
    """A log's purchases, summarised by week, and what was left out."""
    with Shelves() as shelves:
        log, drops, _ = read_log(records, LOG, shelves, **options)
        return split_log(log, "week", 0.0, drops), drops


# Words for who has left


@pytest.mark.parametrize(
    ("stays", "leaves"),
    [
        ("Active", "Inactive"),
        ("existing", "lost"),
        ("current", "CANCELLED"),
        ("Existing Customer", "Attrited Customer"),
    ],
)
def test_words_for_both_outcomes_are_known(stays, leaves):
    assert flags([stays, leaves]).tolist() == [0.0, 1.0]


def test_a_word_for_one_outcome_only_is_a_fault(file):
    rows = [f"{1 + at % 9},{'No' if at % 3 else 'Wechsler'}" for at in range(60)]
    records = file("tenure,status", *rows)
    ((path, message),) = faults_of(read_tenure, records, TENURES)
    assert path == "--churned"
    assert message == "20 of 60 rows: neither yes nor no, the first 'Wechsler'"
    people, drops = read_tenure(accepting(records), TENURES)
    assert people.tenure.size == 40
    assert drops.told()[0].startswith("20 of 60 rows left out: neither yes nor no")


def test_empty_cells_in_place_of_one_outcome_are_a_fault(file):
    rows = [f"{1 + at % 9},{'Yes' if at % 3 else ''}" for at in range(30)]
    ((path, message),) = faults_of(read_tenure, file("tenure,status", *rows), TENURES)
    assert path == "--churned"
    assert message == "all who say it have left, and 10 of 30 rows say nothing: have those stayed?"


def test_empty_cells_that_lean_to_long_tenures_are_a_fault(file):
    rows = [f"{1 + at % 9},{('Yes', 'No')[at % 2]}" for at in range(60)]
    rows += [f"{30 + at},NULL" for at in range(12)]
    ((path, message),) = faults_of(read_tenure, file("tenure,status", *rows), TENURES)
    assert path == "--churned"
    assert message.startswith("12 of 72 rows: neither yes nor no, the first 'NULL'; they lean to")
    assert "long tenures (in 100 of 100 pairs of a row left out and a kept one)" in message
    # Those that are spread over all tenures are only told.
    rows = [f"{1 + at % 9},{('Yes', 'No', '')[at % 3]}" for at in range(60)]
    people, drops = read_tenure(file("tenure,status", *rows), TENURES)
    assert people.tenure.size == 40
    assert "20 of 60 rows left out" in drops.told()[0]


def test_missing_tenures_of_leavers_alone_are_a_fault(file):
    rows = [f"{1 + at % 9},{('Yes', 'No', 'No')[at % 3]}" for at in range(60)]
    records = file("tenure,status", *rows, *["n/a,Yes"] * 10)
    ((path, message),) = faults_of(read_tenure, records, TENURES)
    assert path == "--tenure"
    assert "they lean to customers who left" in message


# Tenures


def test_the_longest_lives_are_censored_not_dropped(file):
    rows = [f"{at},{('Yes', 'No')[at % 2]}" for at in range(1, 20)]
    people, drops = read_tenure(
        file("tenure,status", *rows, "4096,Yes", "5000,No", "9000,Yes"), TENURES
    )
    assert people.tenure[-3:].tolist() == [4096, 4096, 4096]
    assert people.has_left[-3:].tolist() == [True, False, False]
    (line,) = drops.told()
    assert line.startswith("2 of 22 rows noted and kept: tenures above 4,096, counted as still")
    assert line.endswith("(--tenure), the first '5000'; lines 22, 23")


def test_leavers_at_0_say_that_tenures_count_completed_periods(file):
    rng = np.random.default_rng(1)
    theta = rng.beta(0.7, 4.0, 800)
    completed = np.floor(np.log(rng.random(800)) / np.log1p(-theta))
    watched = rng.integers(1, 25, 800)
    # Who leaves in the period after so many completed ones had to be watched until then.
    left = completed < watched
    tenure = np.where(left, completed, watched).astype(int)
    rows = [f"{one},{'Yes' if gone else 'No'}" for one, gone in zip(tenure, left, strict=True)]
    people, _ = read_tenure(file("tenure,status", *rows), TENURES)
    assert people.is_completed
    assert people.tenure.tolist() == (tenure + left).tolist()
    outcome = fit_tenure(file("tenure,status", *rows), TENURES, "month", "sbg")
    assert any(note.startswith("tenures count completed periods") for note in outcome.notes)
    found = outcome.segments[0].chosen.parameters
    mean = found["alpha"] / (found["alpha"] + found["beta"])
    # A month late for all, it would be a fifth less.
    assert mean == pytest.approx(0.7 / 4.7, rel=0.12)


def test_few_leavers_at_0_are_a_fault(file):
    rows = [f"{1 + at % 3},{('Yes', 'No')[at % 2]}" for at in range(60)]
    records = file("tenure,status", *rows, "0,Yes", "0,No")
    ((path, message),) = faults_of(read_tenure, records, TENURES)
    assert path == "--tenure"
    assert message.startswith("1 of 62 rows: customers who left at tenure 0, too few for tenures")
    people, drops = read_tenure(accepting(records), TENURES)
    assert people.tenure.size == 61
    assert any("1 of 62 rows left out: customers who left at" in line for line in drops.told())


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,629.77", 1629.77), ("1,234,567", 1234567.0), ("12,345", 12345.0), ("1'629.5", 1629.5),
        ("1 629.5", 1629.5), ("1\u00a0629", 1629.0), ("1\u202f629", 1629.0), ("-1,629.5", -1629.5),
        ("(12.50)", -12.5), ("12.50-", -12.5), ("\u221212.5", -12.5), ("(1,629.77)", -1629.77),
        ("29.33", 29.33), ("1e3", 1000.0),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    ["29,85", "1,62", "1.629,77", "0,629", "1,6290", "12,34,567", "1,234'567", "$12", "1_000",
     "(-3)", "--3", "()", "-", "1.2.3", "x", ""],
)  # fmt: skip
def test_what_is_no_number_for_certain_is_none(text):
    assert np.isnan(number(text))


def test_thousands_apart_are_read_in_a_log(file):
    rows = [f'a,2026-01-{day:02},"{1000 + 100 * day:,}.50"' for day in range(1, 9)]
    found, drops = split(file("id,date,paid", *rows, "a,2026-01-20,95.30"))
    assert found.summary.frequency.tolist() == [8.0]
    amounts = [1000.5 + 100 * day for day in range(2, 9)]
    assert found.summary.value[0] == pytest.approx((sum(amounts) + 95.3) / 8)
    assert not drops.counts


def test_thousands_apart_without_quotation_marks_are_a_fault(file):
    rows = [f"a,2026-01-{day:02},{100 * day}.50" for day in range(1, 9)]
    ((path, message),) = faults_of(
        split, file("id,date,paid", *rows, "a,2026-01-20,1,629.50", "a,2026-01-21,1,700.00")
    )
    assert path == ""
    assert message == "2 of 10 rows: lines with more or fewer fields than there are columns"


def test_points_that_part_thousands_are_a_fault(file):
    rows = [f"a,2026-01-{day:02},{100 + day}" for day in range(1, 9)]
    thousands = [f"b,2026-01-{day:02},1.{111 + day}" for day in range(1, 9)]
    for read in (split, lambda one: read_gifts(one, LogGifts, step="month")):
        ((path, message),) = faults_of(read, file("id,date,paid", *rows, *thousands))
        assert path == "--amount"
        assert message.startswith("8 amounts have three digits after a point, others none")
        # With a point in all rows they are decimals.
        decimals = [f"{row}.000" for row in rows]
        read(file("id,date,paid", *decimals, *thousands, "a,2026-02-28,3.5"))


LogGifts = GiftColumns("id", "date", "paid")


def test_an_amount_that_cannot_be_read_is_a_fault_and_a_missing_one_is_told(file):
    rows = [f"a,2026-01-{day:02},{10 + day}" for day in range(1, 20)]
    ((path, message),) = faults_of(split, file("id,date,paid", *rows, "b,2026-01-05,$1629"))
    assert path == "--amount"
    assert message == "1 of 20 rows: amounts that are no number, the first '$1629'"
    found, drops = split(file("id,date,paid", *rows, "a,2026-01-25,NULL"))
    assert found.purchases == 19
    assert drops.told()[0].startswith("1 of 20 rows left out: amounts that are no number")


def test_missing_customers_who_spend_more_are_a_fault_told_in_money(file):
    rows = [f"c{day % 4},2026-01-{day:02},{10 + day % 3}" for day in range(1, 28)]
    guests = [f"n/a,2026-01-{day:02},{500 + day}" for day in range(1, 8)]
    records = file("id,date,paid", *rows, *guests)
    ((path, message),) = faults_of(split, records)
    assert path == "--customer"
    assert message.startswith("7 of 34 rows: no customer, the first 'n/a'; they lean to larger")
    _, drops = split(accepting(records))
    assert drops.told()[0].endswith("; lines 29, 30, 31, …; 3,528.00 in money, 92 % of all")


def test_missing_amounts_of_late_dates_are_a_fault(file):
    rows = [f"c{day % 4},2026-01-{day:02},{10 + day % 3}" for day in range(1, 28)]
    ((path, message),) = faults_of(
        split, file("id,date,paid", *rows, *[f"c1,2026-03-{day:02}," for day in range(1, 9)])
    )
    assert path == "--amount"
    assert "they lean to later dates" in message


def test_a_lean_by_hand():
    sides = Sides()
    sides.kept.update({0.0: 30, 1.0: 10})
    sides.lost.update({1.0: 10})
    # Above 30 of 40, and alike with 10.
    assert sides.share_above() == pytest.approx((30 + 0.5 * 10) / 40)
    assert sides.words(AMOUNTS).startswith("to larger amounts (in 88 of 100 pairs")
    sides.lost.update({0.0: 30})
    assert sides.words(AMOUNTS) == ""
    few = Sides()
    few.kept.update({0.0: 1000})
    few.lost.update({1.0: 4})
    assert few.words(AMOUNTS) == ""


# Words for nothing


@pytest.mark.parametrize("text", ["NA", "N/A", "#N/A", "NULL", "None", "nan", "NaT", "", "n/a"])
def test_words_for_nothing_are_nobody(text):
    assert is_missing(text)
    codes = Codes()
    assert codes.encode(["ann", text, "", "bob"]).tolist() == [0, 1, 1, 2]
    assert codes.labels == ["ann", "", "bob"]


@pytest.mark.parametrize("text", ["Nancy", "0", "nullable", "unknown", "NA1"])
def test_names_like_words_for_nothing_are_names(text):
    assert not is_missing(text)


def test_words_for_nothing_are_no_customer_segment_cohort_or_state(file):
    rows = [f"c{at % 5},{at // 5},{('new', 'old')[at % 2]},3" for at in range(40)]
    panel, drops = read_panel(
        file("id,period,state,paid", *rows, "NULL,3,new,3", "c1,9,None,3"), PANEL, "month"
    )
    assert panel.states == ("new", "old")
    assert np.unique(panel.customer).size == 5
    assert [line.split(":", 1)[0] for line in drops.told()] == ["1 of 42 rows left out"] * 2
    columns = TenureColumns("tenure", "status", "plan")
    rows = [f"{1 + at % 9},{('Yes', 'No')[at % 2]},basic" for at in range(30)]
    people, _ = read_tenure(file("tenure,status,plan", *rows, "3,No,#N/A"), columns)
    assert [label for label in people.labels if label] == ["basic"]
    rows = [f"A,{period},{100 - 9 * period}" for period in range(4)]
    named = RetentionColumns(cohort="cohort")
    found, _ = read_retention(file("cohort,period,survivors", *rows, "NA,0,50"), named)
    assert list(found.cohorts["customers"]) == ["A"]


def test_purchases_of_nobody_are_no_customer_of_their_own(file):
    rows = [f"c{day % 4},2026-01-{day:02},{10 + day % 3}" for day in range(1, 28)]
    found, _ = split(file("id,date,paid", *rows, "NULL,2026-01-09,11", "None,2026-01-17,10"))
    assert found.names == ["c1", "c2", "c3", "c0"]


# Periods of the calendar


@pytest.mark.parametrize(
    ("step", "before", "after", "written"),
    [
        ("month", "202312", "202401", "2024-01"), ("month", "2023-12", "202401", "2024-01"),
        ("week", "202352", "202401", "2024-W01"), ("week", "2023-W52", "2024-W01", "2024-W01"),
        ("quarter", "20234", "20241", "2024-Q1"), ("quarter", "2023-Q4", "2024Q1", "2024-Q1"),
        ("quarter", "202312", "202401", "2024-Q1"), ("month", "202312.0", "202401.0", "2024-01"),
        ("year", "20231231", "20240101", "2024"), ("month", "20231231", "20240101", "2024-01"),
        ("month", "2023-12-31", "2024-01-01", "2024-01"), ("year", "2023", "2024", "2024"),
    ],
)  # fmt: skip
def test_keys_of_the_calendar_follow_one_another(step, before, after, written):
    periods = Periods(step)
    first, second = periods.read([before, after]).tolist()
    assert second - first == 1.0
    assert period_text(int(second), periods.calendar) == written
    assert period_text(7, "") == "7"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("month", "202313"), ("month", "202352"), ("month", "20234"), ("week", "20234"),
        ("week", "2023-12"), ("week", "202354"), ("quarter", "2023-W52"), ("month", "20231301"),
    ],
)  # fmt: skip
def test_keys_of_another_step_are_none(step, text):
    assert np.isnan(Periods(step).read([text])).all()


def test_plain_numbers_stay_plain():
    assert Periods("week").read(["0", "17", "-3", "1,234", "150"]).tolist() == [
        0,
        17,
        -3,
        1234,
        150,
    ]


def test_a_panel_by_keys_has_no_gap_at_the_end_of_a_year(file):
    keys = ["202311", "202312", "202401", "202402"]
    rows = [f"c{who},{key},{('new', 'old')[who % 2]},3" for who in range(6) for key in keys]
    panel, _ = read_panel(file("id,period,state,paid", *rows), PANEL, "month")
    assert panel.gaps == 0
    assert int(panel.is_followed.sum()) == 18
    assert period_text(int(panel.period.max()), panel.calendar) == "2024-02"


def test_numbers_beside_keys_are_a_fault(file):
    rows = [f"c{at},{at},1" for at in range(1, 9)]
    found = faults_of(read_gifts, file("id,period,paid", *rows, "c1,202402,1"), GIFTS, step="month")
    assert found[0] == (
        "--period",
        "periods are written in different ways (8 by number, 1 by month), so nobody can count them",
    )


# Returns


def test_returns_are_taken_off_their_day(file):
    rows = [
        "a,2026-01-01,10", "a,2026-01-05,20", "a,2026-01-05,-20", "a,2026-01-09,30",
        "a,2026-01-09,-12", "a,2026-01-20,-5", "b,2026-01-03,0", "b,2026-01-07,4",
        "b,2026-01-15,0.3", "b,2026-01-15,-0.1", "b,2026-01-15,-0.2",
    ]  # fmt: skip
    found, drops = split(file("id,date,paid", *rows))
    # The 5th and the 20th of a, and the 15th of b, are no purchases any more.
    assert found.summary.frequency.tolist() == [1.0, 1.0]
    assert found.summary.value.tolist() == [18.0, 4.0]
    assert (found.purchases, found.cancelled, found.returned) == (4, 3, 5.0)
    told = drops.told()[0]
    assert told.startswith("5 of 11 rows noted and kept: amounts below 0 (returns), taken off")
    assert told.endswith("37.30 in money, 37 % of all")


def test_a_log_of_returns_alone_is_refused(file):
    with pytest.raises(RecordsError, match="has returns, but no purchases"):
        split(file("id,date,paid", "a,2026-01-01,1", "a,2026-01-01,-1", "a,2026-01-02,2",
                   "a,2026-01-02,-3"))  # fmt: skip


def test_returns_are_taken_off_their_period(file):
    rows = ["a,2001,10", "a,2003,30", "a,2003,-30", "a,2004,8", "a,2004,-2", "b,2002,5",
            "b,2005,-5"]  # fmt: skip
    found, _ = read_gifts(file("id,period,paid", *rows), GIFTS, step="year")
    assert found.frequency.tolist() == [1.0, 0.0]
    assert found.value[0] == 6.0
    assert (found.cancelled, found.returned) == (2, 5.0)


# Retention tables


def test_the_newest_cohort_says_nothing_and_is_left_out(file):
    rows = ["A,0,1000", "A,1,869", "A,2,743", "B,0,1000", "B,1,869", "C,0,500", "D,0,0", "D,1,0"]
    named = RetentionColumns(cohort="cohort")
    outcome = fit_retention_table(file("cohort,period,survivors", *rows), named, "month", "sbg", 0)
    assert outcome.notes[0].startswith("2 cohorts left out ('C', 'D')")
    assert outcome.segments[0].facts["cohorts"] == 2.0
    found = faults_of(read_retention, file("cohort,period,survivors", *rows[5:]), named)
    assert found[0][1].startswith("no cohort has a customer and a period after its start")


def test_percentages_are_no_customers(file):
    curve = ["0,100", "1,86.9", "2,74.3"]
    ((path, message),) = faults_of(
        read_retention, file("period,survivors", *curve), RetentionColumns()
    )
    assert path == "--survivors"
    assert message == "survivors look like percentages of a cohort (100 at the start, then 86.9)"
    rounded = [f"{cohort},{row}" for cohort in "AB" for row in ("0,100", "1,87", "2,74")]
    ((_, message),) = faults_of(
        read_retention, file("c,period,survivors", *rounded), RetentionColumns(cohort="c")
    )
    assert message == "survivors look like percentages: all 2 cohorts have 100 at the start"
    outcome = fit_retention_table(
        file("period,survivors", "0,100", "1,87", "2,74"), RetentionColumns(), "year", "sbg", 0
    )
    assert "if these are percentages" in outcome.notes[0]


def test_survivors_with_thousands_apart_are_read(file):
    found, _ = read_retention(
        file("period,survivors", '0,"1,000"', "1,869", "2,743", "3,NA"), RetentionColumns()
    )
    assert found.cohorts["customers"][""].tolist() == [1000.0, 869.0, 743.0]
