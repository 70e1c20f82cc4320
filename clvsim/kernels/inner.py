"""How kernels are compiled: without reference counts, and kept on disk."""

import hashlib
from pathlib import Path
from typing import Any

import numba

from clvsim.kernels.cache import keep

# Not all of numba's options are in its types.
_njit: Any = numba.njit
# Numba counts a reference, atomically, to every array that a call passes or a view is made of: a
# walk under four programs took 5.7 µs a customer with it, 0.5 without. Kernels allocate nothing and
# all their arrays are their caller's, so that they do without numba's runtime (``_nrt``); and
# division is NumPy's, so that no check that could raise stands in a loop.
#
#: Called once a block or a cell, by kernels only: without the wrappers for Python, which cost more
#: to compile than most of these functions themselves.
inner: Any = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, error_model="numpy")
#: Called customer by customer: LLVM puts it into the caller's body, because a call copies the 150
#: numbers that a ``Model`` is made of. (Numba's own ``inline="always"`` does the same for the speed
#: of the loop, and takes 6 s longer to compile.)
inlined: Any = _njit(
    forceinline=True,
    no_cpython_wrapper=True,
    no_cfunc_wrapper=True,
    _nrt=False,
    error_model="numpy",
)
#: The same for functions of few numbers, which Python may call too.
scalar: Any = _njit(forceinline=True, _nrt=False, error_model="numpy")
#: Loops that Python may call too.
kernel: Any = _njit(_nrt=False, error_model="numpy")


def cached(function: Any) -> Any:
    """Compile a kernel that runs without the global interpreter lock, and keep it on disk.

    Numba takes a kernel from the disk as long as the kernel's own file is unchanged, whatever
    happened to the files of what it calls: here the stamp is that of the whole room.
    """
    loop = _njit(nogil=True, _nrt=False, error_model="numpy")(function)
    if hasattr(loop, "py_func"):
        room = sorted(Path(__file__).parent.glob("*.py"))
        keep(loop, hashlib.blake2s(b"".join(file.read_bytes() for file in room)).hexdigest())
    return loop
