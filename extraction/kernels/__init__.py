"""Loops for Numba. `compiled.kernels` imports them: nothing here is needed without Numba."""

__all__ = ["nearest", "rows", "symmetric", "winograd"]
