"""How kernels are compiled that only other kernels call."""

from numba import njit

#: Without the wrappers that Python would call them by: unpacking a ``Model`` of twenty arrays costs
#: more to compile than most of these functions themselves.
inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
