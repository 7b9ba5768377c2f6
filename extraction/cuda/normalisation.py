"""Batch normalisation on the GPU: see `normalisation.cu`."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, namespace
from .programs import THREADS, Program, ready

_MOST_PARTS = 64  # that the values of a feature are summed in, so that a few features fill the GPU
_FEWEST = 4 * THREADS  # values of a part


def scale_and_shift(values: Array, scale: Array, shift: Array) -> Array:
    """Each feature times its scale, plus its shift."""
    xp, n_features = namespace(values), values.shape[1]
    moved = xp.empty(values.shape, xp.float32)
    Program(xp, "normalisation").run_for_each(
        "scale_and_shift", moved.size, ready(values), ready(scale), ready(shift), moved,
        np.int64(moved.size), n_features, values.shape[2] * values.shape[3],
    )  # fmt: skip
    return moved


def moments(values: Array) -> tuple[Array, Array]:
    """Mean and mean square deviation of each feature."""
    n_values = values.size / values.shape[1]
    # Around a value of the map first: sums of what is far from zero lose digits.
    near = ready(values[0, :, 0, 0])
    mean = near + _sums("sums_of_values", ready(values), near)[:, 0] / n_values
    off, squares = (_sums("sums_of_values", ready(values), ready(mean)) / n_values).T
    return ready(mean), ready(squares - off * off)


def batch_back(
    gradient: Array, values: Array, scale: Array, mean: Array, over: Array
) -> tuple[Array, Array, Array]:
    """Gradients of values, scale and shift; `over` is one over the deviation of each feature."""
    xp, n_features, n_values = namespace(values), values.shape[1], values.size / values.shape[1]
    gradient, values = ready(gradient), ready(values)
    to_shift, weighted = _sums("sums_of_gradient", gradient, values, mean).T
    to_scale, back = over * weighted, xp.empty(values.shape, xp.float32)
    by_feature = (mean, over * to_scale / n_values, to_shift / n_values, scale * over)
    Program(xp, "normalisation").run_for_each(
        "batch_back", back.size, gradient, values, *map(ready, by_feature), back,
        np.int64(back.size), n_features, values.shape[2] * values.shape[3],
    )  # fmt: skip
    return back, ready(to_scale), ready(to_shift)


def _sums(kernel: str, values: Array, *others: Array) -> Array:
    """Two sums for each feature, (n_features, 2)."""
    xp, (n_images, n_features, height, width) = namespace(values), values.shape
    n_parts = max(1, min(_MOST_PARTS, n_images * height * width // _FEWEST))
    parts = xp.empty((n_features, n_parts, 2), xp.float32)
    Program(xp, "normalisation").run(
        kernel, (n_parts, n_features), (THREADS,), values, *others, parts, n_images, n_features,
        height * width,
    )  # fmt: skip
    return parts.sum(axis=1)
