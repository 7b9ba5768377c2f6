"""Correlation of maps of few features and many images, on the processor.

The arrays keep their shape (image, feature, y, x); in memory the images lie innermost. At a stride
of 1 along x compiled kernels read whole rows of all images where they lie. Otherwise what windows
see is copied in such runs, and products lie as the next layer reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ..compiled import for_kernel, kernels
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
    if _is_compiled(window):
        return _Rows(values, window).match(bank).transpose(3, 0, 1, 2)
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
    if _is_compiled(window):
        return _Rows(values, window).learn(above).reshape(shape)
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
    look_back = window.turned()
    if look_back is not None and _is_compiled(look_back):
        turned = weights[..., ::-1, ::-1].transpose(1, 0, 2, 3)
        return correlate_last(gradient, turned, look_back)
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


def _is_compiled(window: Window) -> bool:
    """Whether kernels can read what windows see in runs."""
    return window.stride[1] == 1 and kernels("images_last") is not None


class _Rows:
    """Padded maps as kernels read them, and where each element of a window first looks."""

    def __init__(self, values: np.ndarray, window: Window) -> None:
        self.compiled, self.count = kernels("images_last"), window.count(*values.shape[2:])
        around = _padded(images_last(values), window)
        (n_features, _, width, n_images), self.around = around.shape, for_kernel(around).reshape(-1)
        self.n_elements = n_features * window.size[0] * window.size[1]
        self.starts = _starts(window, around.shape, self.compiled.ELEMENTS)
        self.step, self.run = window.stride[0] * width * n_images, self.count[1] * n_images

    def match(self, weights: np.ndarray) -> np.ndarray:
        """Matches (filter, y, x, image) of weights (filter, element)."""
        n_rows, n_filters = self.count[0], _filled_up(len(weights), self.compiled.FILTERS)
        bank = np.zeros((n_filters, self.starts.size), np.float32)
        bank[: len(weights), : self.n_elements] = weights
        matches = empty((n_filters, *self.count, self.run // self.count[1]))

        def match(rows: slice) -> None:
            self.compiled.correlate_rows(
                self.around, self.starts, bank, n_rows, rows.start, rows.stop, self.step, self.run,
                matches.reshape(-1),
            )  # fmt: skip

        each(match, shares(n_rows))
        return matches[: len(weights)]

    def learn(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient of weights (filter, element) from one of matches."""
        n_filters, n_rows = gradient.shape[:2]
        total, above = np.zeros((n_filters, self.starts.size)), for_kernel(gradient).reshape(-1)

        def learn(filters: slice) -> None:
            self.compiled.gradient_of_bank(
                self.around, above, self.starts, n_rows, filters.start, filters.stop, self.step,
                self.run, total,
            )  # fmt: skip

        each(learn, shares(n_filters, 2))
        return total[:, : self.n_elements].astype(np.float32)


@lru_cache(maxsize=64)
def _starts(window: Window, shape: tuple[int, ...], together: int) -> np.ndarray:
    """Where each element of the first window lies in padded maps (feature, y, x, image), flat."""
    (n_features, height, width, n_images), (down, across) = shape, window.dilation
    features, rows, columns = np.ogrid[:n_features, : window.size[0], : window.size[1]]
    elements = ((features * height + rows * down) * width + columns * across) * n_images
    # Those that fill up have no weight.
    starts = np.zeros(_filled_up(elements.size, together), np.int64)
    starts[: elements.size] = elements.reshape(-1)
    return starts


def _filled_up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def _padded(last: np.ndarray, window: Window) -> np.ndarray:
    """Maps (feature, y, x, image) with the window's zeros around them."""
    if window.padding == ((0, 0), (0, 0)):
        return last
    (top, bottom), (left, right) = window.padding
    n_features, height, width, n_images = last.shape
    around = empty((n_features, height + top + bottom, width + left + right, n_images))
    around[:, :top], around[:, top + height :] = 0, 0
    rows = around[:, top : top + height]
    rows[:, :, :left], rows[:, :, left + width :] = 0, 0
    rows[:, :, left : left + width] = last
    return around


def _views(last: np.ndarray, window: Window, count: tuple[int, ...]) -> np.ndarray:
    """A view (feature, window y, window x, y, x, image) of padded maps."""
    around = _padded(last, window)
    n_features, n_images = len(around), around.shape[3]
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
