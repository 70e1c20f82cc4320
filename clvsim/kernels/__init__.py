"""Numba kernels: plain numbers and arrays in, plain numbers and arrays out."""
