"""Batch normalisation on the GPU: see `normalisation.cu`."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, namespace
from .programs import THREADS, program, ready

_MOST_PARTS = 64  # that a feature is dealt out in, so that a few features fill the GPU
_FEWEST = 4 * THREADS  # values of a part


def normalise(values: Array, scale: Array, shift: Array, epsilon: float) -> tuple[Array, Array]:
    """Batch normalisation.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    scale, shift : array of shape (n_features,)
    epsilon : float

    Returns
    -------
    normalised : array with the shape of `values`
    found : array of shape (3, n_features)
        Mean, mean square deviation, and one over the deviation.
    """
    xp, values, (grid, sizes) = namespace(values), ready(values), _dealt_out(values.shape)
    parts, squares = xp.empty((2, grid[1], grid[0], 2), xp.float32)
    normalised, found = xp.empty(values.shape, xp.float32), xp.empty((3, grid[1]), xp.float32)
    kernels = program(xp, "normalisation")
    kernels.run("sums_of_values", grid, (THREADS,), values, parts, *sizes)
    kernels.run("sums_of_squares", grid, (THREADS,), values, parts, squares, *sizes)
    kernels.run(
        "normalise", grid, (THREADS,), values, parts, squares, ready(scale), ready(shift),
        np.float32(epsilon), normalised, found, *sizes, grid[0],
    )  # fmt: skip
    return normalised, found


def gradients(
    gradient: Array, values: Array, scale: Array, found: Array
) -> tuple[Array, Array, Array]:
    """Gradients of values, scale and shift, from what `normalise` found."""
    xp, (grid, sizes) = namespace(values), _dealt_out(values.shape)
    gradient, values = ready(gradient), ready(values)
    parts = xp.empty((grid[1], grid[0], 2), xp.float32)
    back, to_both = xp.empty(values.shape, xp.float32), xp.empty((2, grid[1]), xp.float32)
    kernels = program(xp, "normalisation")
    kernels.run("sums_of_gradient", grid, (THREADS,), gradient, values, found, parts, *sizes)
    kernels.run(
        "batch_back", grid, (THREADS,), gradient, values, found, parts, ready(scale), back, to_both,
        *sizes, grid[0],
    )  # fmt: skip
    return back, to_both[0], to_both[1]


def running_statistics(before: Array, measured: Array, share: float, factor: float = 1) -> Array:
    """`share` of the way from what running statistics were to `factor` times what was measured."""
    xp = namespace(before)
    now = xp.empty(before.shape, xp.float32)
    program(xp, "normalisation").run_for_each(
        "running_statistics", now.size, ready(before), ready(measured), np.float32(share),
        np.float32(factor), now, now.size,
    )  # fmt: skip
    return now


def scale_and_shift(
    values: Array, scale: Array, shift: Array, *, rectifies: bool = False, in_place: bool = False
) -> Array:
    """Each feature times its scale, plus its shift, and rectified if asked for."""
    xp, n_features, values = namespace(values), values.shape[1], ready(values)
    moved = values if in_place else xp.empty(values.shape, xp.float32)
    program(xp, "normalisation").run_for_each(
        "scale_and_shift", moved.size, values, ready(scale), ready(shift), moved,
        np.int64(moved.size), n_features, values.shape[2] * values.shape[3], int(rectifies),
    )  # fmt: skip
    return moved


def _dealt_out(shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[np.generic | int, ...]]:
    """Parts of each feature and features; what kernels are told of the shape."""
    n_images, n_features, n_places = shape[0], shape[1], shape[2] * shape[3]
    n_parts = max(1, min(_MOST_PARTS, n_images * n_places // _FEWEST))
    return (n_parts, n_features), (np.uint32(n_images), n_features, n_places)
