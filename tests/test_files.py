"""Files that are written whole, or not at all."""

import pytest

from clvsim.errors import ClvsimError, InputError
from clvsim.files import check_writable, whole


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
