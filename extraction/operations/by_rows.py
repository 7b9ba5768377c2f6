"""Normalisation and pooling of maps whose features lie last in memory, by compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import kernels
from ..fields import Window
from ..parallel import each, shares
from ..reused import empty
from .features_last import as_maps, features_last, lie_last
from .windows import Pullback

_BYTE = 256  # places of a window that the winner's number can tell apart
_PARTS = 16  # sums of rows: always as many, so that the number of workers changes no bit


def suits(values: Any) -> bool:
    """Whether kernels can take these maps as they lie."""
    return lie_last(values) and len(values) > 0 and kernels("rows") is not None


def scale_and_shift(values: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Each feature times its scale, plus its shift, in one pass."""
    last = features_last(values)
    moved, n_rows = empty(last.shape), last.size // last.shape[3]

    def move(rows: slice) -> None:
        kernels("rows").scale_and_shift(
            last.reshape(-1), scale, shift, rows.start, rows.stop, moved.reshape(-1)
        )

    each(move, shares(n_rows))
    return as_maps(moved)


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square deviation of each feature, float32."""
    last = features_last(values)
    n_features, n_rows = last.shape[3], last.size // last.shape[3]
    # Around a value of the map first: sums of what is far from zero lose digits.
    near = last.reshape(-1, n_features)[0].copy()
    mean = near + _sums("sums", n_rows, (last.reshape(-1), near))[0] / n_rows
    mean = mean.astype(np.float32)
    off, squares = _sums("sums", n_rows, (last.reshape(-1), mean)) / n_rows
    return mean, (squares - off * off).astype(np.float32)


def totals(values: np.ndarray) -> np.ndarray:
    """The sum of each feature, float32."""
    last = features_last(values)
    centre = np.zeros(last.shape[3], np.float32)
    found = _sums("sums", last.size // last.shape[3], (last.reshape(-1), centre))
    return found[0].astype(np.float32)


def batch_back(
    gradient: np.ndarray, values: np.ndarray, scale: np.ndarray, mean: np.ndarray, over: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of values, scale and shift of batch normalisation.

    The mean and the variance depend on every value: Ioffe & Szegedy, ICML 2015, section 3.
    """
    last, above = features_last(values), features_last(gradient)
    back, n_rows = empty(last.shape), last.size // last.shape[3]
    arrays = (above.reshape(-1), last.reshape(-1), mean)
    plain, weighted = _sums("sums_of_gradient", n_rows, arrays)
    to_scale = (over * weighted).astype(np.float32)
    slope = (over * to_scale / n_rows).astype(np.float32)
    shift, factor = (plain / n_rows).astype(np.float32), (scale * over).astype(np.float32)

    def carry(rows: slice) -> None:
        kernels("rows").batch_back(
            *arrays, slope, shift, factor, rows.start, rows.stop, back.reshape(-1)
        )

    each(carry, shares(n_rows))
    return as_maps(back), to_scale, plain.astype(np.float32)


def _sums(name: str, n_rows: int, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Two sums for each feature, (2, n_features), in double precision."""
    totals = np.zeros((_PARTS, 2, arrays[-1].size))
    sums = getattr(kernels("rows"), name)

    def add(parts: slice) -> None:
        for part in range(parts.start, parts.stop):
            first, last = n_rows * part // _PARTS, n_rows * (part + 1) // _PARTS
            sums(*arrays, first, last, *totals[part])

    each(add, shares(_PARTS))
    return totals.sum(axis=0)


def max_pool(
    values: Any, window: Window, count: tuple[int, int]
) -> tuple[np.ndarray, Pullback] | None:
    """The maximum over windows and the way back, or None where no kernel can take the maps."""
    if window.size[0] * window.size[1] > _BYTE:
        return None
    if suits(values):
        pool = _MaxPool(values, window, count)
        return pool.pooled, pool.back
    if getattr(values, "ndim", 0) != 4 or not suits(_exchanged(values)):
        return None
    # Images innermost: to the kernel an image is a feature, and a feature an image.
    pool = _MaxPool(_exchanged(values), window, count)

    def pullback(gradient: np.ndarray) -> np.ndarray:
        return _exchanged(pool.back(_exchanged(gradient)))

    return _exchanged(pool.pooled), pullback


def _exchanged(values: np.ndarray) -> np.ndarray:
    return values.transpose(1, 0, 2, 3)


class _MaxPool:
    """The maximum over windows, and the way back to the place that has it first."""

    def __init__(self, values: np.ndarray, window: Window, count: tuple[int, int]) -> None:
        last = features_last(values)
        (top, _), (left, _) = window.padding
        self.shape, n_features = last.shape, last.shape[3]
        self.geometry = (
            *last.shape[1:], *count, *window.size, *window.stride, *window.dilation, top, left,
        )  # fmt: skip
        pooled = empty((len(last), *count, n_features))
        self.winner = np.empty(pooled.shape, np.uint8)

        self.compiled = kernels("rows")

        def pool(images: slice) -> None:
            for image in range(images.start, images.stop):
                self.compiled.max_pool(
                    last.reshape(-1), image, self.geometry, pooled.reshape(-1),
                    self.winner.reshape(-1),
                )  # fmt: skip

        each(pool, shares(len(last)))
        self.pooled = as_maps(pooled)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """A gradient of the pooled maps, carried to the maps."""
        above, back = features_last(gradient), empty(self.shape)

        def carry(images: slice) -> None:
            for image in range(images.start, images.stop):
                self.compiled.max_pool_back(
                    above.reshape(-1), self.winner.reshape(-1), image, self.geometry,
                    back.reshape(-1),
                )  # fmt: skip

        each(carry, shares(len(back)))
        return as_maps(back)
