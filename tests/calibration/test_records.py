"""Opening files: separators, encodings, headers, Parquet, and what is no file of records."""

import importlib.util

import numpy as np
import pytest

from clvsim.calibration import records as module
from clvsim.calibration.calendars import Periods
from clvsim.calibration.drops import repeated
from clvsim.calibration.records import open_records
from clvsim.calibration.texts import NO_DAY, Days, day_text, flags, numbers
from clvsim.errors import InputError


def read(records, *columns):
    pieces = list(records.pieces(columns or records.header))
    return {
        name: [text for piece in pieces for text in piece.columns[name]]
        for name in pieces[0].columns
    }


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,x y\n2,z w\n", ","),
        ("a;b\n1,5;x\n2,5;y\n", ";"),
        ("a\tb\n1\tx y\n2\tz, w\n", "\t"),
        ("a|b\n1|x\n2|y\n", "|"),
        (" a  b\n 1  x\n 2  y\n", " "),
    ],
)
def test_the_separator_is_found_out(tmp_path, text, separator):
    path = tmp_path / "x.txt"
    path.write_text(text)
    records = open_records(path)
    assert (records.separator, records.header) == (separator, ("a", "b"))
    assert len(read(records)["b"]) == 2


def test_quotes_bom_and_line_ends(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes('\ufeffname,"pa,id"\r\n"a ""b""\nc",1\r\nd, 2 \r\n'.encode())
    records = open_records(path)
    assert records.header == ("name", "pa,id")
    assert read(records) == {"name": ['a "b"\nc', "d"], "pa,id": ["1", "2"]}
    assert next(iter(records.pieces(["name"]))).lines.tolist() == [2, 4]


def test_names_for_a_file_without_header(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(" 1 2  3\n 4 5  6\n")
    records = open_records(path, ("a", "b", "c"))
    assert read(records, "c") == {"c": ["3", "6"]}
    assert next(iter(records.pieces(["c"]))).lines.tolist() == [1, 2]
    with pytest.raises(InputError, match="--columns names 2 columns"):
        open_records(path, ("a", "b"))


def test_a_long_file_comes_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE_ROWS", 7)
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "".join(f"{i},x\n" for i in range(20)))
    pieces = list(open_records(path).pieces(["a"]))
    assert [piece.lines.size for piece in pieces] == [7, 7, 6]
    assert np.concatenate([piece.lines for piece in pieces]).tolist() == list(range(2, 22))


def test_whole_rows_are_told_apart_by_all_columns(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,x\n1,y\n1,x\n2,x\n1,x\n")
    (piece,) = open_records(path).pieces(["a"])
    assert repeated(piece.marks).tolist() == [False, False, True, False, True]


def test_parquet_reads_as_csv_does(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    table = pa.table({
        "who": pa.array(["a", None]).dictionary_encode(),
        "when": pa.array([0, 86_400_000_000], pa.timestamp("us")),
        "paid": [29.85, 3.0],
        "left": [True, False],
    })  # fmt: skip
    parquet.write_table(table, path)
    records = open_records(path)
    found = read(records)
    assert found["who"] == ["a", ""]
    assert numbers(found["paid"]).tolist() == [29.85, 3.0]
    assert flags(found["left"]).tolist() == [1.0, 0.0]
    assert Days().read(found["when"]).tolist() == [0, 1]
    assert records.unit == "row"


def test_parquet_needs_pyarrow_and_be_parquet(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    path.write_text("a,b\n1,2\n")
    if importlib.util.find_spec("pyarrow"):
        with pytest.raises(InputError, match="is not a Parquet file"):
            open_records(path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install -e '.\[parquet\]'"):
        open_records(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n  \n", "is empty"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16"),
        (b"PK\x03\x04\x00\x00", "is not text"),
        ("a,b\n1,München\n".encode("latin-1"), r"x.csv:2: is not UTF-8 text \(byte 0xfc at"),
        (b"a,b\n" + b"1,2\n" * 20_000 + b"1,\xff\n", r"x.csv:20002: is not UTF-8"),
    ],
)
def test_what_is_no_text(tmp_path, content, words):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        list(open_records(path).pieces(["a"]))


@pytest.mark.parametrize("row", ['1,"open', '1,"closed" too soon', '1,"back\\"slash"'])
def test_quotation_marks_that_would_swallow_the_rest(tmp_path, row):
    path = tmp_path / "x.csv"
    path.write_text(f"a,b\n1,2\n{row}\n3,4\n5,6\n")
    with pytest.raises(
        InputError, match=r"x\.csv: up to line [345]: .* is a quotation mark not closed"
    ):
        list(open_records(path).pieces(["a"]))


def test_folders_and_missing_files(tmp_path):
    (tmp_path / "telco.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="is a folder"):
        open_records(tmp_path)
    with pytest.raises(InputError, match=r"no such file; did you mean '.*telco.csv'"):
        open_records(tmp_path / "telko.csv")
    with pytest.raises(InputError, match="no such file"):
        open_records(tmp_path / "none" / "x.csv")


def test_separators_by_word_or_character(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a~b\n1~2\n")
    assert open_records(path, separator="~").header == ("a", "b")
    assert open_records(path, separator="tab").header == ("a~b",)
    with pytest.raises(InputError, match="did you mean 'semicolon'"):
        open_records(path, separator="semicolons")


# Texts


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1970-01-02", "1970-01-02"),
        ("19970131", "1997-01-31"),
        ("1997/01/31", "1997-01-31"),
        ("1997-01-31 23:59:59", "1997-01-31"),
        ("1997-01-31T23:59:59.5Z", "1997-01-31"),
        ("1997-01-31T23:59:59-08:00", "1997-01-31"),
        ("1997/01/31 23:59+01:00", "1997-01-31"),
        ("2000-02-29", "2000-02-29"),
    ],
)
def test_days(text, day):
    assert day_text(Days().read([text])[0]) == day


@pytest.mark.parametrize(
    "text", ["", "soon", "31.01.1997", "01/31/1997", "1997-02-30", "19971301", "1997-01", "850101"]
)
def test_no_days(text):
    assert Days().read([text])[0] == NO_DAY


@pytest.mark.parametrize("time", ["T25:00", "x10:00", " noon", "T10:00\n", "T10:00 CET"])
def test_a_day_with_something_that_is_no_time(time):
    days = Days()
    assert days.read(["1997-01-31", f"1997-01-31{time}"]).tolist() == [9_892, NO_DAY]
    assert days.zones == {"": (1, "1997-01-31")}


def test_times_of_day_recur_with_their_zones():
    texts = [f"1997-01-{day} 10:00{zone}" for zone in ("", "+01:00") for day in (30, 31)]
    days = Days()
    assert days.read(texts).tolist() == [9_891, 9_892] * 2
    assert days.zones == {"": (2, texts[0]), "UTC+01:00": (2, texts[2])}


def test_days_by_a_pattern():
    assert day_text(Days("%d.%m.%Y").read(["31.01.1997"])[0]) == "1997-01-31"
    assert Days("%d.%m.%Y").read(["1997-01-31"])[0] == NO_DAY


def test_numbers_and_periods():
    found = numbers(["1", " 2.5", "x", "", "nan", "inf", "1e3"])
    assert np.array_equal(found, [1, 2.5, np.nan, np.nan, np.nan, np.nan, 1000], equal_nan=True)
    months = Periods("month").read(["3", "2026-01", "2025-12", "2026-13", "2.5", "x", "7.0"])
    assert months[1] - months[2] == 1.0
    assert np.isnan(months[[3, 4, 5]]).all()
    assert (months[0], months[6]) == (3.0, 7.0)


def test_rows_inside_a_text_are_a_stray_quotation_mark(tmp_path):
    rows = [f"{at},2026-01-{at:02},5" for at in range(1, 20)]
    rows[3], rows[11] = f'"{rows[3]}', rows[11].replace(",", '",', 1)
    path = tmp_path / "log.csv"
    path.write_text("id,date,paid\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"log\.csv:5: 7 rows stand inside one text"):
        list(open_records(path).pieces(["id"]))
    # An address of some lines is none.
    path.write_text('id,where,paid\n1,"A, B\nC\nD, E\nF",5\n2,x,6\n')
    (piece,) = open_records(path).pieces(["where"])
    assert piece.columns["where"] == ["A, B\nC\nD, E\nF", "x"]
