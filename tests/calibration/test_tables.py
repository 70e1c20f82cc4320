"""Columns of numbers: a plain piece says what its texts say, and any other is left to them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvsim.calibration import records as records_module
from clvsim.calibration import tables as module
from clvsim.calibration.records import open_records
from clvsim.calibration.scoring.customers import Columns, read_customers
from clvsim.calibration.scoring.fit_file import read_fit
from clvsim.calibration.tables import tables
from clvsim.calibration.texts import numbers
from clvsim.errors import ClvsimError, InputError
from tests.calibration.losses import accepting
from tests.calibration.scoring.test_score import BG

HEADER = "who,x,y\n"


def read(path, *, is_exact=False, texts=("who",), columns=("x", "y"), separator=""):
    """All that a file says, and how many of its pieces were plain."""
    plain = module._plain
    counted = []

    def watched(*arguments):
        found = None if is_exact else plain(*arguments)
        counted.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_plain", watched)
        pieces = list(tables(open_records(path, separator=separator), texts, columns))
    said = {
        name: [place for piece in pieces for place in getattr(piece, name).tolist()]
        for name in ("lines", "empty", "ragged")
    }
    for name in texts:
        said[name] = [text for piece in pieces for text in piece.texts[name]]
    for name in columns:
        # To the bit, with nothing equal to nothing.
        found = [piece.numbers[name].view(np.int64).tolist() for piece in pieces]
        said[f"number of {name}"] = [number for part in found for number in part]
    for name in {*texts, *columns}:
        said[f"text of {name}"] = [
            piece.text(name, row) for piece in pieces for row in range(piece.lines.size)
        ]
    return said, sum(counted)


def written(folder, content):
    path = folder / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_plain_file_is_read_at_once(tmp_path):
    path = written(tmp_path, HEADER + "ann,1,2.5\n bob ,,1e3\nNA,inf,-7\n007,nan, 3 \n")
    said, plain = read(path)
    assert plain == 1
    assert said == read(path, is_exact=True)[0]
    assert said["who"] == ["ann", "bob", "NA", "007"]
    assert said["text of x"] == ["1", "", "inf", "nan"]
    assert said["lines"] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        ("ann,1,2\r\nbob,3,4\r\n", True),
        ("ann,1,2\nbob,3,4", True),
        ('"ann","1","2"\n"b b",3,""\n', True),
        ("ann,NA,2\nbob,null,None\n", True),
        ("Zoë,1,2\n東京,3,4\n", True),
        (",,\n,,\n", True),
        ('"Smith, Ann",1,2\n', False),
        ('"a ""b""",1,2\n', False),
        ('"",1,2\n"""",1,2\n', False),
        ('"two\nlines",1,2\nbob,3,4\n', False),
        ('5" disc,1,2\n', False),
        ('6"x"7,1,2\n', False),
        (' "ann",1,2\n', False),
        ("ann,1,2\n\nbob,3,4\n", False),
        ("ann,1\nbob,3,4,5\n", False),
        ("ann,1\nbob,3,4,5\ncid,5,6\n", False),
        ("ann,1,2\rbob,3,4\r", False),
        ("a\rb,1,2\n", False),
        ('"1,2",3\n', False),
        ('"a,b",1\n"c,d",2\n', False),
        ("ann,1_000,2\n", False),
        ("ann,١,2\n", False),
        ("ann,\xa01,2\n", False),
        ("ann,x,2\n", False),
        ("ann,1.5.2,2\n", False),
        ("ann,0x10,2\n", False),
        ("\ufeffann,1,2\n", False),
        ("", False),
        ("\n", False),
    ],
)
def test_what_is_plain_and_what_it_says(tmp_path, content, is_plain):
    path = written(tmp_path, HEADER + content)
    said, plain = read(path)
    assert plain == is_plain
    assert said == read(path, is_exact=True)[0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "~", "."])
def test_separators(tmp_path, separator):
    rows = [("who", "x", "y"), ("ann", "1", "2"), ("bob", "3", "4")]
    path = written(tmp_path, "".join(separator.join(row) + "\n" for row in rows))
    said, plain = read(path, separator=separator)
    assert plain == (separator in ",;\t|")
    assert said == read(path, is_exact=True, separator=separator)[0]
    assert said["text of y"] == ["2", "4"]


def test_a_mark_of_the_encoding_and_a_header_in_quotation_marks(tmp_path):
    path = written(tmp_path, '\ufeff"w\nho","x",y\nann,1,2\n')
    said, plain = read(path, texts=("w\nho",))
    assert plain == 1
    assert said["lines"] == [3]
    assert said == read(path, is_exact=True, texts=("w\nho",))[0]


def test_a_file_with_a_zero_byte_far_from_its_start_is_not_plain_there(tmp_path):
    path = written(tmp_path, HEADER + "ann,1,2\n" * 10_000 + "b\x00b,1,2\n")
    said, plain = read(path)
    assert plain == 0
    assert said == read(path, is_exact=True)[0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('"ann"x,1,2,', r"x\.csv: up to line 10002: .* quotation mark"),
        ('"ann" ,1,2,', r"x\.csv: up to line 10002: .* quotation mark"),
        (f"ann,1,2,{'z' * 140_000}", r"x\.csv: up to line 10002: .* limit"),
        (b"ann,1,2,\xff", r"x\.csv:10002: is not UTF-8"),
        (b"\xff,1,2,", r"x\.csv:10002: is not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_however_plain_the_rest(tmp_path, row, told):
    row = row if isinstance(row, bytes) else row.encode()
    path = written(tmp_path, b"who,x,y,z\n" + b"bob,3,4,5\n" * 10_000 + row + b"\n")
    with pytest.raises(InputError, match=told):
        read(path)


def test_one_column_may_be_text_and_number(tmp_path):
    path = written(tmp_path, HEADER + "7,1,2\n8,3,4\n")
    said, plain = read(path, columns=("who", "x"))
    assert plain == 1
    assert said == read(path, is_exact=True, columns=("who", "x"))[0]
    assert said["who"] == ["7", "8"]


def test_one_column_alone_is_never_plain(tmp_path):
    path = written(tmp_path, "who\n1\n\n2\n")
    said, plain = read(path, texts=(), columns=("who",))
    assert (plain, said["empty"], said["lines"]) == (0, [3], [2, 4])


def test_pieces_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(records_module, "PIECE_ROWS", 3)
    rows = [f"c{at},{at},{at / 8}\n" for at in range(20)]
    rows[4] = '"two\nlines",4,0.5\n'
    rows[11] = "\n"
    rows[17] = "c17,x,1\n"
    path = written(tmp_path, HEADER + "".join(rows))
    said, plain = read(path)
    assert plain == 4
    assert said == read(path, is_exact=True)[0]
    assert said["empty"] == [14]
    assert said["lines"][-1] == 22


def test_numbers_of_any_length_are_read_to_the_last_digit(tmp_path):
    random = np.random.default_rng(3)
    values = [*random.random(2_000), *10.0 ** random.uniform(-320, 308, 2_000)]
    texts = [*(repr(float(value)) for value in values), "123456789012345678", "+.5", "1.", "1E5"]
    # Some versions of pandas leave these to their texts.
    far = [*texts, "9" * 40, "0." + "1" * 60, "1e400", "-1e-400"]
    for rows, is_plain in ((texts, True), (far, None)):
        path = written(tmp_path, HEADER + "".join(f"a,{text},1\n" for text in rows))
        said, plain = read(path, columns=("x",))
        assert is_plain is None or plain == is_plain
        assert said["number of x"] == numbers(rows).view(np.int64).tolist()


def test_no_text_is_a_number_to_pandas_alone():
    # All texts of up to three signs: each alone, so that none hides behind another.
    signs = "07.eE+-_nafi xd"
    for length in (1, 2, 3):
        for sign in itertools.product(signs, repeat=length):
            text = "".join(sign)
            wanted = module._Wanted(2, {}, {"x": 0})
            frame = module._frame(f"{text},1\n".encode(), ",", wanted)
            if frame is not None:
                found = module.possible(frame[0].to_numpy())
                assert np.array_equal(found, numbers([text]), equal_nan=True), text


FIELDS = st.one_of(
    st.integers(-10, 10**20).map(str),
    st.floats().map(repr),
    st.sampled_from(["", " ", "NA", "x", "1 ", '"1"', '""', '"a,b"', '"a\nb"', '"', "a\rb", "é"]),
    st.text(st.sampled_from('01.,e-+" \t\n\r\x00\x0b\x1c\x85\u2028_aé'), max_size=5),
)
ROWS = st.lists(FIELDS, min_size=1, max_size=4).map(",".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(ROWS, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_whatever_stands_there_is_read_as_its_texts(tmp_path_factory, rows, end, is_ended):
    path = written(
        tmp_path_factory.mktemp("any"), HEADER + end.join(rows) + (end if is_ended else "")
    )
    found = []
    for is_exact in (False, True):
        try:
            found.append(read(path, is_exact=is_exact, separator="comma")[0])
        except InputError as error:
            found.append(str(error))
    assert found[0] == found[1]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_left_out_does_not_hang_on_how_it_is_read(tmp_path, monkeypatch, ending):
    random = np.random.default_rng(11)
    size = 400
    frequency = np.maximum(random.integers(-1, 40, size) % 5 - random.integers(0, 2, size), -1)
    recency = np.where(random.random(size) < 0.9, np.where(frequency > 0, 3.0, 0.0), 50.0)
    names = [f"c{at}" for at in random.integers(0, 1_500, size)]
    values = [f"{value:.2f}" if value > 12 else "" for value in random.gamma(6, 6, size)]
    columns = [names, frequency.tolist(), recency.tolist(), [39.25] * size, values]
    rows = [",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)]
    path = written(tmp_path, "customer,frequency,recency,age,value\n" + "".join(rows))
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        from pyarrow import csv, parquet

        table = csv.read_csv(path)
        path = tmp_path / "x.parquet"
        parquet.write_table(table, path)
    (tmp_path / "fit.toml").write_text(BG)
    fit = read_fit(tmp_path / "fit.toml")
    monkeypatch.setattr(records_module, "PIECE_ROWS", 64)
    monkeypatch.setattr(module, "PIECE_ROWS", 64)

    def said():
        try:
            people, drops = read_customers(
                accepting(open_records(path)), Columns(), fit.segments, "", "fit"
            )
        except ClvsimError as error:
            return str(error)
        found = [column.tolist() for column in (people.frequency, people.recency, people.value)]
        return people.names, found, drops.plain(), drops.told()

    fast = said()
    assert len(fast[2]) >= 4
    assert fast[0] == list(dict.fromkeys(fast[0]))
    monkeypatch.setattr(module, "_plain", lambda *_: None)
    monkeypatch.setattr(module, "as_numbers", lambda column: numbers(module.as_texts(column)))
    assert said() == fast


def test_parquet_numbers_are_what_their_texts_say(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "double": pa.array([0.1, None, np.inf, np.nan]),
        "float": pa.array([0.1, 1 / 3, None, 3.0], pa.float32()),
        "whole": pa.array([1, None, 2**53 + 1, -3]),
        "natural": pa.array([2**64 - 1, 0, None, 5], pa.uint64()),
        "text": pa.array(["1", "x", None, " 2.5 "]),
        "code": pa.array(["1", "x", None, "1"]).dictionary_encode(),
        "truth": pa.array([True, False, None, True]),
        "day": pa.array([0, 1, None, 3], pa.date32()),
    }
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table(columns), path)
    (table,) = tables(open_records(path), ["text"], list(columns))
    (piece,) = open_records(path).pieces(list(columns))
    for name in columns:
        found = numbers([text or "nan" for text in piece.columns[name]])
        assert np.array_equal(table.numbers[name], found, equal_nan=True), name
        assert [table.text(name, row) for row in range(4)] == piece.columns[name], name
    assert table.texts["text"] == ["1", "x", "", "2.5"]
