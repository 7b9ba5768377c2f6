"""Correlation on maps so small that the places of all images are few.

Images lie innermost in memory, workers share filters and features.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..fields import Window
from ..parallel import each, shares

_MOST_PLACES = 640  # of all images together: of more, blocks of images are the quicker way
_LEAST = 32  # filters or features for each worker


def are_small(n_images: int, window: Window, height: int, width: int) -> bool:
    """Whether maps of this size are few and small enough."""
    rows, columns = window.count(height, width)
    return 0 < n_images * rows * columns <= _MOST_PLACES


def correlate_small(values: np.ndarray, weights: np.ndarray, window: Window) -> np.ndarray:
    """`correlate` without groups, on the processor: (n_images, n_filters, height', width')."""
    seen, bank = _columns(values, window), weights.reshape(len(weights), -1)
    places = window.count(*values.shape[2:])
    matches = np.empty((len(values), len(weights), *places), np.result_type(values, weights))

    def match(filters: slice) -> None:
        matches[:, filters] = (
            (bank[filters] @ seen).reshape(-1, *places, len(values)).transpose(3, 0, 1, 2)
        )

    each(match, shares(len(weights), _LEAST))
    return matches


def weights_of_small(gradient: np.ndarray, values: np.ndarray, window: Window) -> np.ndarray:
    """The gradient of `correlate_small` with respect to its filters.

    (n_filters, n_features * window y * window x).
    """
    seen = _columns(values, window)
    rows = _innermost(gradient).reshape(gradient.shape[1], -1)
    total = np.empty((len(rows), len(seen)), gradient.dtype)
    each(
        lambda filters: np.matmul(rows[filters], seen.T, out=total[filters]),
        shares(len(rows), _LEAST),
    )
    return total


def values_of_small(
    gradient: np.ndarray, weights: np.ndarray, shape: tuple[int, ...], window: Window
) -> np.ndarray:
    """The gradient of `correlate_small` with respect to maps of `shape`.

    Every window's share added where it looked.
    """
    n_images, _, height, width = shape
    (top, bottom), (left, right) = window.padding
    rows = _innermost(gradient).reshape(gradient.shape[1], -1)
    bank = weights.reshape(len(weights), -1)
    n_taps = window.size[0] * window.size[1]
    back = np.empty(shape, gradient.dtype)

    def carry(features: slice) -> None:
        products = bank[:, features.start * n_taps : features.stop * n_taps].T @ rows
        by_tap = products.reshape(-1, *window.size, *gradient.shape[2:], n_images)
        around = np.zeros(
            (len(by_tap), height + top + bottom, width + left + right, n_images), gradient.dtype
        )
        for row in range(window.size[0]):
            for column in range(window.size[1]):
                y, x = row * window.dilation[0], column * window.dilation[1]
                (down, across), (n_rows, n_columns) = window.stride, gradient.shape[2:]
                around[
                    :,
                    y : y + down * (n_rows - 1) + 1 : down,
                    x : x + across * (n_columns - 1) + 1 : across,
                ] += by_tap[:, row, column]
        back[:, features] = around[:, top : top + height, left : left + width].transpose(3, 0, 1, 2)

    each(carry, shares(shape[1], _LEAST))
    return back


def _innermost(maps: np.ndarray) -> np.ndarray:
    """(image, feature, y, x) as (feature, y, x, image), copied."""
    return np.ascontiguousarray(maps.transpose(1, 2, 3, 0))


def _columns(values: np.ndarray, window: Window) -> np.ndarray:
    """What windows see: (feature * window y * window x, y * x * image)."""
    (top, bottom), (left, right) = window.padding
    n_images, n_features, height, width = values.shape
    around = np.zeros(
        (n_features, height + top + bottom, width + left + right, n_images), values.dtype
    )
    around[:, top : top + height, left : left + width] = values.transpose(1, 2, 3, 0)
    views = sliding_window_view(around, window.extent, axis=(1, 2))
    (down, across), (step_y, step_x) = window.stride, window.dilation
    chosen = views[:, ::down, ::across, :, ::step_y, ::step_x].transpose(0, 4, 5, 1, 2, 3)
    return chosen.reshape(n_features * window.size[0] * window.size[1], -1)
