"""Files that are written whole, or not at all."""

import os
import stat

import pytest

from clvsim.errors import ClvsimError, InputError
from clvsim.files import check_writable, recorded, whole


def test_targets(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.toml"):
        check_writable(tmp_path / "x.txt", ".toml")
    (tmp_path / "d.toml").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        check_writable(tmp_path / "d.toml", ".toml")
    with pytest.raises(InputError, match="cannot write"):
        check_writable(tmp_path / "none" / "x.toml", ".toml")
    check_writable(tmp_path / "x.toml", ".toml")
    check_writable(tmp_path / "x.txt")


def test_what_is_read_is_not_overwritten(tmp_path):
    path, link = tmp_path / "log.csv", tmp_path / "same.csv"
    path.write_text("id\n")
    link.symlink_to(path)
    for one in (path, link, tmp_path / "." / "log.csv"):
        with pytest.raises(InputError, match="it is what is read"):
            check_writable(one, ".csv", [tmp_path / "none.csv", path])
    check_writable(tmp_path / "other.csv", ".csv", [path])


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "x.toml"
    path.write_text("old")
    with whole(path) as temporary:
        temporary.write_text("new = 1\n")
        assert path.read_text() == "old"
    assert path.read_text() == "new = 1\n"

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(ClvsimError, match="No space left on device"), whole(path) as temporary:
        temporary.write_text("lost")
    assert path.read_text() == "new = 1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("old")

    def write():
        with whole(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "r.nc"
    link.symlink_to("disk/r.nc")
    for text in ("first", "second"):
        check_writable(link)
        with whole(link) as temporary:
            assert temporary.parent == tmp_path / "disk"
            temporary.write_text(text)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "r.nc").read_text() == text
    assert [one.name for one in (tmp_path / "disk").iterdir()] == ["r.nc"]


def test_modes_are_kept(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o640)
    mask = os.umask(0o027)
    try:
        for one in (old, new):
            with whole(one) as temporary:
                temporary.write_text("x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def what_cannot_be_replaced(folder):
    only_read = folder / "only-read"
    only_read.write_text("old")
    only_read.chmod(0o444)
    os.mkfifo(folder / "pipe")
    (folder / "round").symlink_to(folder / "round")
    yield only_read, "read-only"
    yield folder / "pipe", "not a regular file"
    yield folder / "round", "symbolic links"
    yield folder / ("n" * 256), "too long"


def test_what_cannot_be_replaced_is_refused_beforehand(tmp_path):
    for path, why in what_cannot_be_replaced(tmp_path):
        with pytest.raises(InputError, match=why):
            check_writable(path)
    # The longest name that there can be is none too long, whatever a temporary file is called.
    longest = tmp_path / ("n" * 255)
    check_writable(longest)
    with whole(longest) as temporary:
        temporary.write_text("x")
    assert longest.read_text() == "x"


def test_temporary_names_cannot_be_foreseen_and_are_there_first(tmp_path):
    names = set()
    for _ in range(5):
        with whole(tmp_path / "x") as temporary:
            assert temporary.exists()
            assert not temporary.is_symlink()
            names.add(temporary.name)
            temporary.write_text("x")
    assert len(names) == 5


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    left = tmp_path / ".clvsim-abc.part"
    left.write_text("half")
    with whole(tmp_path / "x") as living:
        living.write_text("x")
        with whole(tmp_path / "y") as other:
            other.write_text("y")
        assert living.exists()
    assert not left.exists()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["x", "y"]


def test_what_is_planted_under_a_temporary_name_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".clvsim-abc.part").symlink_to(victim)
    with whole(tmp_path / "x") as temporary:
        temporary.write_text("x")
    assert victim.read_text() == "precious"
    assert (tmp_path / "x").read_text() == "x"


def test_what_is_written_is_noted(tmp_path):
    with recorded() as outer, recorded() as inner:
        with whole(tmp_path / "x") as temporary:
            temporary.write_text("x")
        with pytest.raises(ClvsimError), whole(tmp_path / "none" / "y"):
            pass
    assert inner == [tmp_path / "x"]
    assert outer == []
