"""Reading scenario files: what is merged, which line a key has, what is refused and how."""

import os
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvsim.errors import ScenarioError
from clvsim.scenario import toml
from clvsim.scenario.lines import line_index
from clvsim.scenario.overlay import overlay
from clvsim.scenario.toml import dotted, read, variants


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)

    def write_file(name, content):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
        return path

    return write_file


def refusal(path):
    """Return the one fault for which a file is refused."""
    with pytest.raises(ScenarioError) as caught:
        read(path)
    (fault,) = caught.value.faults
    return fault


# Lines


def test_every_way_to_write_a_key_has_its_line(write):
    write(
        "a.toml",
        """\
        horizon = 36
        money.rate = 0.1
        [segments.monthly]
        churn = { distribution = "beta", a = 1 }
        "long name".x = 1
        tenures = [
            0.5,  # first
            [1, 2],
            { odds = 3 },
        ]
        [[programs]]
        cost = 1
        [[programs]]
        cost = 2
        [programs.offer]
        depth = 3
        [segments."18 to 25"]
        'q' = 1
        """,
    )
    where = {
        ("horizon",): 1,
        ("money",): 2,
        ("money", "rate"): 2,
        ("segments",): 3,
        ("segments", "monthly"): 3,
        ("segments", "monthly", "churn"): 4,
        ("segments", "monthly", "churn", "a"): 4,
        ("segments", "monthly", "long name", "x"): 5,
        ("segments", "monthly", "tenures"): 6,
        ("segments", "monthly", "tenures", 0): 7,
        ("segments", "monthly", "tenures", 1): 8,
        ("segments", "monthly", "tenures", 1, 1): 8,
        ("segments", "monthly", "tenures", 2, "odds"): 9,
        ("programs", 0): 11,
        ("programs", 0, "cost"): 12,
        ("programs", 1): 13,
        ("programs", 1, "cost"): 14,
        ("programs", 1, "offer", "depth"): 16,
        ("segments", "18 to 25"): 17,
        ("segments", "18 to 25", "q"): 18,
    }
    document = read("a.toml")
    assert {path: document.where(path) for path in where} == {
        path: ("a.toml", line) for path, line in where.items()
    }


def test_a_key_that_is_not_there_has_the_line_of_its_nearest_parent(write):
    write("a.toml", "[segments.m]\nchurn = 1\nsteps = [1]\n")
    document = read("a.toml")
    assert document.where(("segments", "m", "spend")) == ("a.toml", 1)
    assert document.where(("segments", "m", "churn", "a", "b")) == ("a.toml", 2)
    assert document.where(("segments", "m", "steps", 5)) == ("a.toml", 3)
    assert document.where(("horizon",)) == ("a.toml", None)
    assert document.where(()) == ("a.toml", None)


def test_a_line_that_cannot_be_told_is_none(write, monkeypatch):
    write("a.toml", "x = 1\n")
    document = read("a.toml")
    monkeypatch.setattr(toml.lines, "line_index", lambda _: {})
    assert document.where(("x",)) == ("a.toml", None)


def test_windows_line_ends_and_the_mark_before_them_do_no_harm(write):
    write("a.toml", b"\xef\xbb\xbfa = 1\r\n\r\nb = 2\r\n")
    document = read("a.toml")
    assert document.data == {"a": 1, "b": 2}
    assert document.where(("b",)) == ("a.toml", 3)


def test_keys_with_a_shape_of_their_own(write):
    write("a.toml", 'a."b.c" = 1\n"\\u00e9" = 2\n"" = 3\n1.2 = 4\n')
    document = read("a.toml")
    for path, line in {("a", "b.c"): 1, ("é",): 2, ("",): 3, ("1", "2"): 4}.items():
        assert document.where(path) == ("a.toml", line)


KEYS = st.text("ab .\"'é-_", max_size=3)
TABLES = st.recursive(
    st.integers(0, 9),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=3),
)


def in_toml(value):
    if isinstance(value, dict):
        pairs = (
            f"{dotted((f' {key}',)).replace(' ', '', 1)} = {in_toml(v)}" for key, v in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    return f"[{', '.join(map(in_toml, value))}]" if isinstance(value, list) else str(value)


def paths_of(value, above=()):
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*above, key)
        yield from paths_of(inner, (*above, key))


@given(st.lists(TABLES, max_size=4))
def test_every_path_of_every_document_has_its_line(values):
    text = "\n".join(f"k{number} = {in_toml(value)}" for number, value in enumerate(values))
    expected = {
        path: number + 1
        for number, value in enumerate(values)
        for path in [(f"k{number}",), *paths_of(value, (f"k{number}",))]
    }
    assert line_index(text) == expected


def test_a_path_is_written_as_in_toml():
    assert dotted(("segments", "18 to 25", "tenures", 2, 'a"b')) == (
        'segments."18 to 25".tenures[2]."a\\"b"'
    )
    assert dotted(()) == ""
    assert dotted(("a\x1b",)) == '"a\\x1b"'


# Overlays


def test_tables_merge_and_all_else_replaces():
    base = {"a": {"x": 1, "y": {"z": 1}}, "l": [1, 2], "s": 1}
    change = {"a": {"y": {"w": 2}}, "l": [3], "s": {"t": 1}}
    assert overlay(base, change) == {
        "a": {"x": 1, "y": {"z": 1, "w": 2}},
        "l": [3],
        "s": {"t": 1},
    }


@pytest.mark.parametrize("key", ["distribution", "survivors", "value"])
def test_a_distribution_replaces_the_whole_of_what_stood_there(key):
    base = {"churn": {"distribution": "beta", "a": 1, "b": 2}}
    assert overlay(base, {"churn": {key: "gamma", "k": 1}}) == {"churn": {key: "gamma", "k": 1}}
    assert overlay(base, {"churn": {"a": 3}}) == {"churn": {"distribution": "beta", "a": 3, "b": 2}}


def test_a_segment_may_be_called_value():
    base = {"segments": {"basic": {"churn": 1}, "value": {"churn": 2}}}
    change = {"segments": {"value": {"spend": 3}}}
    assert overlay(base, change) == {
        "segments": {"basic": {"churn": 1}, "value": {"churn": 2, "spend": 3}}
    }


def test_an_overlay_leaves_both_sides_alone_and_shares_nothing():
    base, change = {"a": {"l": [[1]]}}, {"b": {"l": [{"x": 1}]}}
    merged = overlay(base, change)
    merged["a"]["l"][0].append(2)
    merged["b"]["l"][0]["x"] = 2
    assert base == {"a": {"l": [[1]]}}
    assert change == {"b": {"l": [{"x": 1}]}}


@given(st.dictionaries(KEYS, TABLES, max_size=4))
def test_laying_a_table_over_itself_or_nothing_changes_nothing(table):
    assert overlay(table, table) == table
    assert overlay(table, {}) == table
    assert overlay({}, table) == table


# Extends


def test_a_file_extends_another(write):
    write("base/plan.toml", "horizon = 12\n[segments.m]\nchurn = 0.1\nspend = 20\n")
    write("a.toml", 'extends = "base/plan.toml"\n[segments.m]\nchurn = 0.2\n')
    document = read("a.toml")
    assert document.data == {"horizon": 12, "segments": {"m": {"churn": 0.2, "spend": 20}}}
    assert document.where(("segments", "m", "churn")) == ("a.toml", 3)
    assert document.where(("segments", "m", "spend")) == ("base/plan.toml", 4)
    assert document.where(("segments", "m", "other")) == ("a.toml", 2)
    assert document.where(("horizon",)) == ("base/plan.toml", 1)


def test_extends_is_relative_to_the_file_that_says_it(write):
    write("one/a.toml", 'extends = "two/b.toml"\nx = 1\n')
    write("one/two/b.toml", 'extends = "c.toml"\ny = 2\n')
    write("one/two/c.toml", "x = 3\nz = 3\n")
    assert read("one/a.toml").data == {"x": 1, "y": 2, "z": 3}


def test_what_a_distribution_replaced_is_not_blamed(write):
    write("base.toml", 'churn = { distribution = "beta", a = 1 }\n')
    write("a.toml", 'extends = "base.toml"\n\nchurn = { distribution = "gamma" }\n')
    assert read("a.toml").where(("churn", "a")) == ("a.toml", 3)


def test_a_missing_extended_file_is_a_fault_of_the_line_that_names_it(write):
    write("baseline.toml", "x = 1\n")
    write("a.toml", 'x = 1\nextends = "basline.toml"\n')
    fault = refusal("a.toml")
    assert (fault.file, fault.line, fault.path) == ("a.toml", 2, "extends")
    assert "'basline.toml' does not exist" in fault.message
    assert fault.hint == "baseline.toml"


@pytest.mark.parametrize("loop", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_circle_of_files_is_a_fault_of_the_line_that_closes_it(write, loop):
    for name, following in zip(loop, loop[1:] + loop[:1], strict=True):
        write(f"{name}.toml", f'extends = "{following}.toml"\n')
    fault = refusal("a.toml")
    assert (fault.file, fault.line) == (f"{loop[-1]}.toml", 1)
    assert "'a.toml' extends itself" in fault.message


@pytest.mark.parametrize("value", ["3", "['b.toml']", "''", "' '", '"a\\u0000b"'])
def test_extends_names_a_file(write, value):
    write("a.toml", f"x = 1\nextends = {value}\n")
    fault = refusal("a.toml")
    assert (fault.line, fault.path) == (2, "extends")
    assert fault.message == "must be the path of a file"


def test_a_fault_in_the_extended_file_stands_in_that_file(write):
    write("base.toml", "x = 1\ny = \n")
    write("a.toml", 'extends = "base.toml"\n')
    fault = refusal("a.toml")
    assert (fault.file, fault.line) == ("base.toml", 2)


# Variants


def test_variants_are_laid_over_the_baseline_in_file_order(write):
    write(
        "a.toml",
        """\
        [segments.m]
        churn = { distribution = "beta", a = 1 }
        spend = 20
        [variants.zeal.segments.m]
        churn = { distribution = "gamma" }
        [variants.calm]
        programs.save.cost = 3
        [variants.same]
        """,
    )
    found = variants(read("a.toml"))
    assert list(found) == ["baseline", "zeal", "calm", "same"]
    base = {"segments": {"m": {"churn": {"distribution": "beta", "a": 1}, "spend": 20}}}
    assert found["baseline"].data == found["same"].data == base
    assert found["zeal"].data == {
        "segments": {"m": {"churn": {"distribution": "gamma"}, "spend": 20}}
    }
    assert found["calm"].data == base | {"programs": {"save": {"cost": 3}}}

    zeal = found["zeal"]
    assert zeal.where(("segments", "m", "churn", "distribution")) == ("a.toml", 5)
    assert zeal.where(("segments", "m", "churn", "a")) == ("a.toml", 5)
    assert zeal.where(("segments", "m", "spend")) == ("a.toml", 3)
    assert zeal.where(("horizon",)) == ("a.toml", 4)
    assert found["baseline"].where(("segments", "m", "churn", "a")) == ("a.toml", 2)
    assert found["calm"].where(("programs", "save", "cost")) == ("a.toml", 7)


def test_a_fault_in_a_variant_carries_its_name(write):
    write("a.toml", "x = 1\n[variants.deep]\ny.z = 2\n")
    deep = variants(read("a.toml"))["deep"]
    assert str(deep.fault(("y", "z"), "wrong")) == "a.toml:3: variants.deep.y.z: wrong"
    assert str(deep.fault(("x",), "wrong")) == "a.toml:1: x: wrong"


def test_variants_come_from_every_extended_file(write):
    write("base.toml", "x = 1\n[variants.deep]\nx = 2\ny = 2\n[variants.old]\nx = 3\n")
    write("a.toml", 'extends = "base.toml"\nx = 5\n[variants.deep]\ny = 4\n')
    found = variants(read("a.toml"))
    assert {name: document.data for name, document in found.items()} == {
        "baseline": {"x": 5},
        "deep": {"x": 2, "y": 4},
        "old": {"x": 3},
    }
    assert found["deep"].where(("x",)) == ("base.toml", 3)
    assert found["deep"].where(("y",)) == ("a.toml", 4)
    assert found["baseline"].where(("x",)) == ("a.toml", 2)


def test_all_faults_of_variants_are_told_at_once(write):
    write(
        "a.toml",
        """\
        [variants]
        wrong = 3
        [variants.baseline]
        x = 1
        [variants.nested.variants.more]
        x = 1
        """,
    )
    with pytest.raises(ScenarioError) as caught:
        variants(read("a.toml"))
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (2, "variants.wrong"),
        (3, "variants.baseline"),
        (5, "variants.nested.variants"),
    ]


def test_variants_are_tables(write):
    write("a.toml", "x = 1\nvariants = [1]\n")
    with pytest.raises(ScenarioError, match=r"a\.toml:2: variants: must be a table of variants"):
        variants(read("a.toml"))


def test_a_scenario_without_variants_is_its_baseline(write):
    write("a.toml", "x = 1\n")
    assert {name: found.data for name, found in variants(read("a.toml")).items()} == {
        "baseline": {"x": 1}
    }


# Refusals


def test_a_missing_file(write):
    write("retention.toml", "x = 1\n")
    fault = refusal("retentoin.toml")
    assert str(fault) == (
        "retentoin.toml: the file 'retentoin.toml' does not exist\n  did you mean 'retention.toml'?"
    )
    assert "does not exist" in refusal("no/such/folder/a.toml").message


def test_a_folder(write):
    write("plans/a.toml", "x = 1\n")
    assert "'plans' is a folder" in refusal("plans").message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_does_not_hang(write):
    write("a.toml", "x = 1\n")
    os.mkfifo("pipe.toml")
    assert "not a regular file" in refusal("pipe.toml").message


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file(write, content):
    assert refusal(write("a.toml", content)).message == "the file is empty"


def test_a_file_that_is_not_utf8(write):
    fault = refusal(write("a.toml", b"x = 1\nname = '\xe9t\xe9'\n"))
    assert fault.line == 2
    assert fault.message == "not UTF-8: byte 0xe9 at offset 14"


def test_a_file_with_zero_bytes(write):
    fault = refusal(write("a.toml", "x = 1\n".encode("utf-16-le")))
    assert fault.line == 1
    assert "zero byte at offset 1" in fault.message


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("x = 1\ny = \n", 2, "not TOML: invalid value (column 5)"),
        ("x = 1\ny = 'abc", 2, "(end of the file)"),
        ("x = 1\nchurn 0.1\n", 2, "the sign = is missing"),
        ("x = 1\nchurn\n", 2, "not TOML: expected '=' after a key"),
        ("x = " + "9" * 5000, None, "4300 digits"),
        ("x = " + "[" * 5000, None, "nested too deeply"),
        (".".join("k" * 2000) + " = 1", None, "nested too deeply"),
        ("x = " + "[" * 40 + "]" * 40, None, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml(write, content, line, message):
    fault = refusal(write("a.toml", content))
    assert fault.line == line
    assert message in fault.message


@pytest.mark.parametrize(
    ("content", "line", "path", "message"),
    [
        (
            "[programs.save]\nx = 1\n[programs.save]\n",
            3,
            "programs.save",
            "two programs of the same name: 'save' is already on line 1",
        ),
        (
            "[segments]\nm = {}\n'm' = {}\n",
            3,
            "segments.m",
            "two segments of the same name: 'm' is already on line 2",
        ),
        (
            "horizon = 1\nhorizon = 2\n",
            2,
            "horizon",
            "the same key is written twice: 'horizon' is already on line 1",
        ),
        (
            "[segments.m]\nchurn = { a = 1, a = 2 }\n",
            2,
            "segments.m.churn.a",
            "the same key is written twice: 'a' is already on line 2",
        ),
        ("a = 1\n[a]\n", 2, "a", "the same key is written twice: 'a' is already on line 1"),
        ("a.b = 1\na = 2", 2, "", "the same key is written twice (Cannot overwrite a value)"),
    ],
)
def test_a_name_that_is_declared_twice(write, content, line, path, message):
    fault = refusal(write("a.toml", content))
    assert (fault.line, fault.path, fault.message) == (line, path, message)


def test_a_huge_file_is_refused_without_being_read(write, monkeypatch):
    path = write("a.toml", "x = 1\n")
    os.truncate(path, 100_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    fault = refusal(path)
    assert "too large for a scenario: 100.0 MB" in fault.message
    assert fault.allowed == "a file of at most 4 MB"


def test_a_file_that_may_not_be_read(write, monkeypatch):
    path = write("a.toml", "x = 1\n")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert refusal(path).message == "cannot read 'a.toml': permission denied"


def test_a_name_that_no_system_accepts(write):
    write("a.toml", "x = 1\n")
    assert "cannot read" in refusal("a" * 5000).message
    assert "cannot read" in refusal("a\0b").message
    assert "cannot read" in refusal("a.toml/b").message


@given(st.binary(max_size=200) | st.text("a=[]{}.\"'\n1# ", max_size=60).map(str.encode))
def test_no_file_ever_gives_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("junk") / "a.toml"
    path.write_bytes(content)
    document, error = attempt(read, path)
    if error:
        assert len(error.faults) == 1
        assert len(str(error).splitlines()) <= 3
    else:
        assert document.data
        found, error = attempt(variants, document)
        assert error or "baseline" in found


def attempt(action, argument):
    try:
        return action(argument), None
    except ScenarioError as error:
        return None, error
