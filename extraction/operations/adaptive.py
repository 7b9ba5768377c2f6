"""Adaptive pooling.

As many places as asked for, whatever the size of the map; one place is global pooling.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..arrays import Array, namespace
from .windows import Pullback


def bins(n_places: int, side: int) -> list[tuple[int, int]]:
    """First unit of each bin and the one after its last.

    Bins differ in size by one and may overlap by one, as in PyTorch.

    >>> bins(2, 5)
    [(0, 3), (2, 5)]
    """
    return [
        (place * side // n_places, -(-(place + 1) * side // n_places)) for place in range(n_places)
    ]


def adaptive_average_pool(values: Array, grid: tuple[int, int]) -> tuple[Array, Pullback]:
    """The mean over the bins of a grid.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    grid : (int, int)
        Rows and columns of the result; (1, 1) is global pooling.

    Returns
    -------
    pooled : array of shape (n_images, n_features, *grid)
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.
    """
    xp = namespace(values)
    if tuple(grid) == values.shape[2:]:
        # Each bin is one place.
        return values, lambda gradient: gradient
    down, right = (
        xp.asarray(_means(n, side), values.dtype)
        for n, side in zip(grid, values.shape[2:], strict=True)
    )
    return down @ values @ right.T, lambda gradient: down.T @ gradient @ right


def _means(n_places: int, side: int) -> np.ndarray:
    """The matrix (place, unit) that averages over bins."""
    weights = np.zeros((n_places, side))
    for place, (first, last) in enumerate(bins(n_places, side)):
        # Bins overlap where the side is no multiple of their number, as PyTorch's do.
        weights[place, first:last] = 1 / (last - first)
    return weights


def adaptive_max_pool(values: Array, grid: tuple[int, int]) -> tuple[Array, Pullback]:
    """The maximum over the bins of a grid; the first winner of each bin takes all of the gradient.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    grid : (int, int)
        Bins along y and x.

    Returns
    -------
    pooled : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `pooled` back to `values`.
    """
    xp = namespace(values)
    pooled = xp.empty((*values.shape[:2], *grid), values.dtype)
    places = list(
        product(*(enumerate(bins(n, side)) for n, side in zip(grid, values.shape[2:], strict=True)))
    )
    for (y, (top, bottom)), (x, (left, right)) in places:
        pooled[..., y, x] = values[:, :, top:bottom, left:right].max(axis=(2, 3))

    def pullback(gradient: Array) -> Array:
        back = xp.zeros_like(values)
        for (y, (top, bottom)), (x, (left, right)) in places:
            flat = values[:, :, top:bottom, left:right].reshape(*values.shape[:2], -1)
            # Of places that tie the first wins, as PyTorch's do.
            wins = flat.argmax(axis=2)[..., None] == xp.arange(flat.shape[2])
            back[:, :, top:bottom, left:right] += (gradient[..., y, x, None] * wins).reshape(
                *values.shape[:2], bottom - top, right - left
            )
        return back

    return pooled, pullback
