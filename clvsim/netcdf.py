"""NetCDF files of others: looked at before they are loaded, and never a traceback.

A file may say that its data stand elsewhere (external links, external storage, virtual data sets):
another file of the machine would then be read as if it were a part of this one. And it may declare
more than it holds, up to more than the memory. Both are found before any of the data is read.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clvsim.errors import ClvsimError

if TYPE_CHECKING:
    import xarray as xr

#: Bytes that a file may declare for each one of its own: deflate makes at most 1,032 of one.
_MOST_RATIO = 1_100
#: Bytes that it may declare whatever its size.
_ALWAYS = 1_000_000
#: Texts of one variable, and signs of all of them.
_MOST_TEXTS, _MOST_TEXT = 20_000, 16_000_000
#: What the NetCDF library writes into a dimension without values, which is never loaded.
_BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"


class NetcdfError(ClvsimError):
    """What is wrong with a NetCDF file; its name is still to be said."""


def read(path: Path, groups: tuple[str | None, ...] = (None,)) -> "list[xr.Dataset]":
    """Groups of a NetCDF file, wholly in memory.

    Parameters
    ----------
    path : Path
    groups : tuple of str or None
        By name; None: what stands at the root.

    Raises
    ------
    FileNotFoundError
    NetcdfError
        If it is no regular file, is damaged, names other files, or declares more than it can hold.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        message = f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        raise NetcdfError(message) from None
    if not stat.S_ISREG(kind):
        message = "is not a regular file"
        raise NetcdfError(message)
    try:
        _inspect(path, groups)
        return [_loaded(path, group) for group in groups]
    except NetcdfError:
        raise
    except Exception as error:  # noqa: BLE001 - what a damaged file raises is anybody's guess
        message = f"is damaged, or no NetCDF ({type(error).__name__}: {_brief(error)})"
        raise NetcdfError(message) from None


def _loaded(path: Path, group: str | None) -> "xr.Dataset":
    import xarray as xr

    with xr.open_dataset(path, group=group, engine="h5netcdf", decode_times=False) as opened:
        dataset = opened.load()
    for variable in dataset.variables.values():
        variable.encoding = {}
    dataset.encoding = {}
    return dataset


def _inspect(path: Path, groups: tuple[str | None, ...]) -> None:
    """Refuse what is not in the file, and in the groups that are loaded, what is too much.

    Raises
    ------
    NetcdfError
    """
    import h5py  # type: ignore[import-untyped]  # it ships no types

    size, declared = path.stat().st_size, 0
    with h5py.File(path, "r") as file:
        for folder, name, item in _items(h5py, file):
            if item.is_virtual or item.external:
                message = f"{name!r} stands in another file, and that is not read"
                raise NetcdfError(message)
            is_bare = bytes(item.attrs.get("NAME", b"")).startswith(_BARE_DIMENSION)
            if is_bare or folder not in {f"/{group or ''}" for group in groups}:
                continue
            declared += item.size * item.dtype.itemsize
            if declared > _ALWAYS + _MOST_RATIO * size:
                message = (
                    f"declares {declared / 1e9:,.3g} GB and has {size:,} bytes: it is damaged, or "
                    "made to fill the memory"
                )
                raise NetcdfError(message)
            if item.dtype.hasobject:
                _check_texts(name, item)


def _items(h5py: Any, file: Any) -> Iterator[tuple[str, str, Any]]:
    """All data sets of a file, with their groups and names.

    Raises
    ------
    NetcdfError
        For a link that is none of the file's own.
    """
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in seen:
            continue
        seen.add(place)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                message = f"{name!r} leads elsewhere, perhaps to another file, and that is not read"
                raise NetcdfError(message)
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                yield group.name, name, item


def _check_texts(name: str, item: Any) -> None:
    """Refuse texts that are too long all together: many places may hold the same long one."""
    total = 0
    for count, place in enumerate(np.ndindex(item.shape)):
        total += len(item[place])
        if count > _MOST_TEXTS or total > _MOST_TEXT:
            message = f"{name!r} has more text than can be loaded"
            raise NetcdfError(message)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
