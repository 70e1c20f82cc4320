"""A bad cache of kernels is none: compiled anew, with one line that says so."""

import numba
import numpy as np
import pytest

from clvsim.kernels import cache

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="nothing is compiled, so nothing is kept"
)


def double(x):
    return 2.0 * x


@pytest.fixture(autouse=True)
def _apart(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache._Told, "once", False)


def compiled(stamp="s"):
    loop = numba.njit(double)
    cache.keep(loop, stamp)
    assert loop(np.float64(2.0)) == 4.0
    return loop


def files(folder, ending):
    found = list(folder.rglob(f"*{ending}"))
    assert len(found) == 1
    return found[0]


def test_a_good_cache_is_used_without_a_word(tmp_path, capsys):
    assert not compiled().stats.cache_hits
    assert sum(compiled().stats.cache_hits.values()) == 1
    assert not compiled("other").stats.cache_hits
    assert capsys.readouterr().err == ""
    assert files(tmp_path, ".nbi")


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "harm", [lambda _: b"", lambda one: one.read_bytes()[:100], flipped, lambda _: b"x" * 5000]
)
def test_a_damaged_cache_is_a_miss_and_is_mended(tmp_path, capsys, ending, harm):
    compiled()
    path = files(tmp_path, ending)
    path.write_bytes(harm(path))
    assert not compiled().stats.cache_hits
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("clvsim: kernels are compiled anew")
    assert str(tmp_path) in said
    assert sum(compiled().stats.cache_hits.values()) == 1
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_no_fault(tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache._Files, "_write", fail)
    compiled()
    compiled()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device" in said
    assert "NUMBA_CACHE_DIR" in said
    assert not list(tmp_path.rglob("*.nb?"))


def test_no_place_for_a_cache_is_no_fault(capsys, monkeypatch):
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    compiled()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "there is no folder to keep them in" in said
