"""Correlation of maps of few features and many images, on the processor.

The arrays keep their shape (image, feature, y, x); in memory the images lie innermost. What windows
see is then copied in runs as long as a row of all images, and products lie as the next layer reads
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..fields import Window
from ..parallel import each, shares
from ..reused import empty

_FEWEST = 32  # images from which this order pays
_COLUMN_BYTES = 2**19  # of what windows see, at a time


def suits(values: Any, weights: Any, groups: int) -> bool:
    """Whether this is possible, and the faster way where there are few features."""
    if not (isinstance(values, np.ndarray) and values.dtype == weights.dtype == np.float32):
        return False
    return groups == 1 and len(values) >= _FEWEST


def images_last(values: np.ndarray) -> np.ndarray:
    """Maps as a contiguous array (feature, y, x, image), copied only where they lie otherwise."""
    return np.ascontiguousarray(values.transpose(1, 2, 3, 0))


def correlate_last(values: np.ndarray, weights: np.ndarray, window: Window) -> np.ndarray:
    """`correlate` without groups.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width), float32
    weights : array of shape (n_filters, n_features, window_height, window_width), float32
    window : Window

    Returns
    -------
    array of shape (n_images, n_filters, height', width')
        Images last in memory.
    """
    count, bank = window.count(*values.shape[2:]), weights.reshape(len(weights), -1)
    matches = empty((len(weights), *count, len(values)))
    views = _views(images_last(values), window, count)

    def match(rows: slice) -> None:
        for block, seen in _columns(views, rows):
            into = matches[:, block].reshape(len(bank), -1)
            into[:] = bank @ seen

    each(match, shares(count[0]))
    return matches.transpose(3, 0, 1, 2)


def weights_back(
    gradient: np.ndarray, values: np.ndarray, shape: tuple[int, ...], window: Window
) -> np.ndarray:
    """The gradient of `correlate_last` with respect to weights of this shape."""
    above, count = images_last(gradient), gradient.shape[2:]
    views = _views(images_last(values), window, count)

    def learn(rows: slice) -> np.ndarray:
        total = np.zeros((shape[0], int(np.prod(shape[1:]))), np.float32)
        for block, seen in _columns(views, rows):
            total += above[:, block].reshape(shape[0], -1) @ seen.T
        return total

    totals = each(learn, shares(count[0]))
    return sum(totals[1:], totals[0]).reshape(shape)


def values_back(
    gradient: np.ndarray, weights: np.ndarray, shape: tuple[int, ...], window: Window
) -> np.ndarray:
    """The gradient of `correlate_last` with respect to maps of this shape."""
    above = images_last(gradient).reshape(len(weights), -1)
    n_images, n_features, height, width = shape
    (top, bottom), (left, right) = window.padding
    n_rows, n_columns = gradient.shape[2:]
    around = empty((n_features, height + top + bottom, width + left + right, n_images))

    def carry(features: slice) -> None:
        around[features] = 0
        for feature in range(features.start, features.stop):
            bank = weights[:, feature].reshape(len(weights), -1)
            products = empty((bank.shape[1], above.shape[1]))
            np.matmul(bank.T, above, out=products)
            by_place = products.reshape(*window.size, n_rows, n_columns, n_images)
            for row in range(window.size[0]):
                for column in range(window.size[1]):
                    y, x = row * window.dilation[0], column * window.dilation[1]
                    around[
                        feature,
                        y : y + window.stride[0] * (n_rows - 1) + 1 : window.stride[0],
                        x : x + window.stride[1] * (n_columns - 1) + 1 : window.stride[1],
                    ] += by_place[row, column]

    each(carry, shares(n_features))
    back = around[:, top : top + height, left : left + width]
    return np.ascontiguousarray(back).transpose(3, 0, 1, 2)


def _views(last: np.ndarray, window: Window, count: tuple[int, ...]) -> np.ndarray:
    """A view (feature, window y, window x, y, x, image) of padded maps."""
    (top, bottom), (left, right) = window.padding
    n_features, height, width, n_images = last.shape
    around = last
    if window.padding != ((0, 0), (0, 0)):
        around = empty((n_features, height + top + bottom, width + left + right, n_images))
        around[:] = 0
        around[:, top : top + height, left : left + width] = last
    feature, row, column, image = around.strides
    return np.lib.stride_tricks.as_strided(
        around,
        (n_features, *window.size, *count, n_images),
        (
            feature,
            row * window.dilation[0],
            column * window.dilation[1],
            row * window.stride[0],
            column * window.stride[1],
            image,
        ),
        writeable=False,
    )


def _columns(views: np.ndarray, rows: slice) -> Iterator[tuple[slice, np.ndarray]]:
    """What windows see, (element, place and image), for some rows of places at a time."""
    n_elements = views.shape[0] * views.shape[1] * views.shape[2]
    row_bytes = 4 * n_elements * views.shape[4] * views.shape[5]
    step = max(1, _COLUMN_BYTES // row_bytes)
    for first in range(rows.start, rows.stop, step):
        block = slice(first, min(first + step, rows.stop))
        own = views[:, :, :, block]
        seen = empty(own.shape)
        np.copyto(seen, own)
        yield block, seen.reshape(n_elements, -1)
