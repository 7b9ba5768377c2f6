"""The maximum over windows on the GPU: see `windows.cu`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Array, namespace
from ..fields import Window
from .programs import geometry, program, ready


def max_pool(
    values: Array, window: Window, count: tuple[int, int]
) -> tuple[Array, Callable[[Array], Array]]:
    """The maximum over windows, and the way back to the place that has it first.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    window : Window
        With less padding than it is wide.
    count : (int, int)
        Windows down and across.

    Returns
    -------
    pooled : array of shape (n_images, n_features, *count)
    pullback : callable
    """
    xp, shape = namespace(values), values.shape
    pooled = xp.empty((*shape[:2], *count), xp.float32)
    winner = xp.empty(pooled.shape, xp.int32)
    kernels, n_maps = program(xp, "windows"), np.int64(shape[0] * shape[1])
    sides = geometry(window, shape[2:])
    kernels.run_for_each("max_pool", pooled.size, ready(values), pooled, winner, n_maps, *sides)

    def pullback(gradient: Array) -> Array:
        back = xp.empty(shape, xp.float32)
        arrays = (ready(gradient), winner, back)
        kernels.run_for_each("max_pool_back", back.size, *arrays, n_maps, *sides)
        return back

    return pooled, pullback
