"""Logs in pieces and on shelves: what a log says does not depend on how it is cut."""

import errno
import random
import re
import tempfile

import numpy as np
import pytest

from clvsim.calibration import records as records_module
from clvsim.calibration import shelves as module
from clvsim.calibration.drops import RecordsError
from clvsim.calibration.purchase_log import LogColumns, read_log
from clvsim.calibration.purchase_split import split_log
from clvsim.calibration.records import open_records
from clvsim.calibration.shelves import ROW, Shelves
from clvsim.calibration.transactions import fit_transactions
from clvsim.errors import ClvsimError
from tests.calibration.losses import accepting

NAMED = LogColumns("who", "when", "paid")


def rows_of(customers, lines=None):
    rows = np.zeros(len(customers), dtype=ROW)
    rows["customer"] = customers
    rows["line"] = range(len(customers)) if lines is None else lines
    return rows


@pytest.fixture
def cut(monkeypatch):
    """Read files in small pieces, and hold few rows in memory."""

    def cut(piece, held, shelves=module.SHELVES):
        monkeypatch.setattr(records_module, "PIECE_ROWS", piece)
        monkeypatch.setattr("clvsim.calibration.tables.PIECE_ROWS", piece)
        monkeypatch.setattr(module, "HELD_ROWS", held)
        monkeypatch.setattr(module, "SHELVES", shelves)

    return cut


@pytest.fixture
def opened(monkeypatch):
    """Temporary files, in the order in which they were opened."""
    files = []
    open_one = tempfile.TemporaryFile

    def watched(*args, **kwargs):
        files.append(open_one(*args, **kwargs))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    return files


@pytest.fixture
def messy(tmp_path):
    """A log out of order, with equal rows far apart, several purchases a day and all faults."""
    rng = random.Random(5)  # noqa: S311 - a test's log
    rows = [
        f"c{rng.randrange(40) ** 2 % 41},2026-{rng.randrange(1, 7):02}-{rng.randrange(1, 29):02}"
        f"T{rng.randrange(24):02}:00,{rng.randrange(1, 3000) / 7:.3f}"
        for _ in range(900)
    ]
    bad = ["", "c1,2026-01-01", ",2026-01-01,3", "c2,soon,3", "new,2026-01-01,ten"]
    rows += [*bad, "c3,2026-01-01,-3", "c3,2026-01-01,0", '"c,""4",2026-01-01,1']
    rows += ['"c4",2026-01-05,"0"', "c4,2026-01-05,0"]
    rng.shuffle(rows)
    rows += rows[:5] + rows[300:303] + ["last,2026-02-02,0.1"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(("who,when,paid", *rows)) + "\n")
    return path


def everything(path, **options):
    """All that a log says, numbers to the bit."""
    with Shelves() as shelves:
        log, drops, notes = read_log(accepting(open_records(path)), NAMED, shelves, **options)
        split = split_log(log, "week", 4.0, drops)
    summary = split.summary
    columns = (summary.frequency, summary.recency, summary.age, summary.value)
    return (
        [column.tobytes() for column in (*columns, split.first, split.repeats)],
        (split.begin, split.cut, split.end, split.purchases, split.merged, split.later),
        # Reasons come as they are met, piece by piece.
        (split.names, sorted(drops.told()), sorted(drops.plain(), key=str), notes),
    )


# Shelves


def test_few_rows_stay_in_memory_in_their_order(opened):
    with Shelves() as shelves:
        shelves.put(rows_of([3, 1]))
        shelves.put(rows_of([2, 1], [7, 8]))
        (rows,) = shelves
    assert rows["customer"].tolist() == [3, 1, 2, 1]
    assert rows["line"].tolist() == [0, 1, 7, 8]
    assert not opened


def test_many_rows_go_to_a_file_and_come_back_by_customer(cut, opened):
    cut(100, held=10, shelves=4)
    customers = np.random.default_rng(1).integers(0, 9, 100)
    with Shelves() as shelves:
        for begin in range(0, 100, 7):
            shelves.put(rows_of(customers)[begin : begin + 7])
        found = list(shelves)
        again = list(shelves)
        next(iter(shelves))
        shelves.put(rows_of([0], [100]))
        more = list(shelves)
        assert len(opened) == 1
    assert opened[0].closed
    assert [part.tolist() for part in found] == [part.tolist() for part in again]
    assert [part["line"].tolist() for part in more] == [
        [*found[0]["line"].tolist(), 100],
        *(part["line"].tolist() for part in found[1:]),
    ]
    assert sorted(np.concatenate(found)["line"].tolist()) == list(range(100))
    for shelf, part in enumerate(found):
        assert set(part["customer"] % 4) == {shelf}
        assert (np.diff(part["line"]) > 0).all()
        assert (customers[part["line"]] == part["customer"]).all()


def test_no_shelves_no_rows():
    with Shelves() as shelves:
        assert not list(shelves)


# The same log, cut


@pytest.mark.parametrize("drop_duplicates", [False, True])
@pytest.mark.parametrize(
    ("piece", "held", "shelves"), [(16, 1, 256), (30, 50, 3), (100, 50, 256), (64, 10_000, 256)]
)
def test_what_a_log_says_does_not_depend_on_the_cut(
    messy, cut, opened, piece, held, shelves, drop_duplicates
):
    whole = everything(messy, drop_duplicates=drop_duplicates)
    assert not opened
    cut(piece, held, shelves)
    assert everything(messy, drop_duplicates=drop_duplicates) == whole
    assert len(opened) == (held < 900)
    _, _, (names, told, _, _) = whole
    assert names != sorted(names)
    assert len(told) >= 7


def test_equal_rows_and_days_in_different_pieces(tmp_path, cut, opened):
    path = tmp_path / "log.csv"
    rows = ["a,2026-01-01,1", "a,2026-01-09,2", *(f"b{i},2026-01-05,3" for i in range(50))]
    rows += ["a,2026-01-09,4", '"a",2026-01-09,2', "b7,2026-01-05,3", '"a","2026-01-09",2']
    path.write_text("\n".join(("who,when,paid", *rows)) + "\n")
    cut(5, held=5)
    for drop_duplicates, value in ((False, 10.0), (True, 6.0)):
        with Shelves() as shelves:
            log, drops, _ = read_log(
                open_records(path), NAMED, shelves, drop_duplicates=drop_duplicates
            )
            split = split_log(log, "week", 0.0, drops)
        assert split.names[:2] == ["a", "b0"]
        assert split.summary.frequency.tolist() == [1.0] + [0.0] * 50
        assert split.summary.value[0] == value
        assert split.merged == (1 if drop_duplicates else 4)
        (line,) = drops.told()
        assert line.startswith("3 of 56 rows")
        assert line.endswith("lines 55, 56, 57")
    assert len(opened) == 2


def test_a_separator_in_a_text_is_no_end_of_it(tmp_path, cut):
    """Rows that read the same without quotation marks are not equal."""
    path = tmp_path / "log.csv"
    text = 'who,x,y,when,paid\na,"b,c",d,2026-01-01,1\na,b,"c,d",2026-01-01,1\na,,,2026-01-09,1\n'
    path.write_text(text)
    cut(1, held=1)
    with Shelves() as shelves:
        log, drops, _ = read_log(open_records(path), NAMED, shelves)
        split = split_log(log, "week", 0.0, drops)
    assert (split.purchases, split.merged) == (2, 1)
    assert not drops.told()


def test_parquet_gives_what_csv_gives(messy, cut, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    lines = [line.split(",") for line in messy.read_text().splitlines() if '"' not in line]
    rows = [line for line in lines[1:] if len(line) == 3]
    path = tmp_path / "plain.csv"
    path.write_text("\n".join(["who,when,paid", *map(",".join, rows)]) + "\n")
    other = tmp_path / "plain.parquet"
    columns = dict(zip(("who", "when", "paid"), map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), other)
    cut(50, held=100)
    arrays, counts, (names, told, _, _) = everything(path)
    others = everything(other)
    assert others[:2] == (arrays, counts)
    assert others[2][0] == names
    placeless = [re.sub("; (line|row)s? [^;]*", "", line) for line in others[2][1]]
    assert placeless == [re.sub("; (line|row)s? [^;]*", "", line) for line in told]


# What is left behind


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_after_an_error(messy, cut, opened, monkeypatch, tmp_path, error):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    cut(50, held=100)

    def fail(*_):
        raise error

    monkeypatch.setattr("clvsim.calibration.purchase_log._merged", fail)
    with pytest.raises(error):
        fit_transactions(accepting(open_records(messy)), NAMED)
    assert [file.closed for file in opened] == [True]
    assert not list(folder.iterdir())


def test_nothing_is_left_after_a_refusal(messy, cut, opened):
    cut(50, held=100)
    with pytest.raises(RecordsError, match="longer than the log"):
        fit_transactions(accepting(open_records(messy)), NAMED, holdout=900.0)
    assert [file.closed for file in opened] == [True]


def test_a_full_disk_is_named(messy, cut, monkeypatch):
    cut(50, held=100)

    def fail(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(ClvsimError, match=r"aside: No space left on device: .* TMPDIR"):
        fit_transactions(accepting(open_records(messy)), NAMED)
