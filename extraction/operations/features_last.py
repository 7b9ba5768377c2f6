"""Correlation of maps whose features lie last in memory, on the processor.

The arrays keep their shape (image, feature, y, x); only their order in memory is another. A filter
of 1 x 1 is then one product of matrices without any copy, what a window sees is copied in long
runs, and kernels run along the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import tiles
from ..compiled import for_kernel, kernels
from ..fields import Window
from ..parallel import each, n_workers, shares
from ..reused import empty
from .winograd import FEWEST_TILES, count_tiles, transforms

_FEWEST = 16  # filters from which this order pays
_RUN = 9  # numbers that are copied in one run, at least
_COLUMN_BYTES = 2**20  # of what windows see, at a time: half of a second-level cache
_PLAIN_BYTES = 2**22  # the same, where nothing is copied
_TILES = 128  # in one product, of up to 256 features; more features need more tiles
_SIDE = 4  # of a tile of results


def suits(values: Any, weights: Any, groups: int) -> bool:
    """Whether this is possible, and the faster way."""
    if not (isinstance(values, np.ndarray) and values.dtype == weights.dtype == np.float32):
        return False
    many = len(weights) >= _FEWEST and weights.shape[1] * weights.shape[3] >= _RUN
    wide = weights.shape[1] >= _FEWEST or weights.shape[1] == 3
    return groups == 1 and len(values) > 0 and many and wide and kernels("winograd") is not None


def features_last(values: np.ndarray) -> np.ndarray:
    """Maps as a contiguous array (image, y, x, feature), copied only where they lie otherwise."""
    return for_kernel(values.transpose(0, 2, 3, 1))


def lie_last(values: Any) -> bool:
    """Whether maps are such as kernels take them: features last, and enough of them."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 4:
        return False
    last = values.transpose(0, 2, 3, 1)
    return last.shape[3] >= _FEWEST and last.flags.c_contiguous and last.flags.writeable


def as_maps(values: np.ndarray) -> np.ndarray:
    """The other way, as a view."""
    return values.transpose(0, 3, 1, 2)


@dataclass(frozen=True)
class Finish:
    """What is done to matches while they are in the cache: a scale, a shift, a rectifier.

    Attributes
    ----------
    scale, shift : array of shape (n_filters,), float32
    rectifies : bool
    """

    scale: np.ndarray
    shift: np.ndarray
    rectifies: bool

    def block(self, matches: np.ndarray) -> None:
        """Finish some places in place, (..., filter), contiguous."""
        flat, n_rows = matches.reshape(-1), matches.size // len(self.scale)
        kernels("rows").finish(flat, self.scale, self.shift, self.rectifies, 0, n_rows)


def correlate_last(
    values: np.ndarray, weights: np.ndarray, window: Window, finish: Finish | None = None
) -> np.ndarray:
    """`correlate` without groups.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width), float32
    weights : array of shape (n_filters, n_features, window_height, window_width), float32
    window : Window
    finish : Finish or None

    Returns
    -------
    array of shape (n_images, n_filters, height', width')
        Features last in memory.
    """
    last, count = features_last(values), window.count(*values.shape[2:])
    matches = empty((len(last), *count, len(weights)))
    if is_tiled(window, values.shape):
        bank, tiling = _bank(weights), _Tiling(window, last, count, len(weights))
        each(lambda run: tiling.match(run, bank, matches, finish), shares(len(tiling.blocks)))
        return as_maps(matches)
    bank = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)

    columns = _Columns(last, window, count)

    def match(run: slice) -> None:
        for block in columns.blocks[run]:
            seen = columns.of(block)
            into = matches[block].reshape(len(seen), -1)
            np.matmul(seen, bank.T, out=into)
            if finish is not None:
                finish.block(into)

    each(match, shares(len(columns.blocks)))
    return as_maps(matches)


def _bank(weights: np.ndarray) -> np.ndarray:
    """Filters in Winograd's domain, (36, filter, feature)."""
    bank = empty((36, *weights.shape[:2]))
    to_domain, per_filter = transforms("<f4")[1], weights.shape[1]
    flat, nines = bank.reshape(36, -1), weights.reshape(-1, 9)

    def transform(filters: slice) -> None:
        own = slice(filters.start * per_filter, filters.stop * per_filter)
        np.matmul(to_domain, nines[own].T, out=flat[:, own])

    each(transform, shares(len(weights)))
    return bank


def weights_back(
    gradient: np.ndarray, values: np.ndarray, shape: tuple[int, ...], window: Window
) -> np.ndarray:
    """The gradient of `correlate_last` with respect to weights of this shape."""
    last, above = features_last(values), features_last(gradient)
    count = gradient.shape[2:]
    if is_tiled(window, values.shape):
        tiling = _Tiling(window, last, count, shape[0])
        totals = each(lambda run: tiling.learn(run, above), shares(len(tiling.blocks)))
        summed = sum(totals[1:], totals[0]).reshape(36, -1)
        back = (transforms("<f4")[1].T @ summed).reshape(3, 3, shape[0], shape[1])
        return np.ascontiguousarray(back.transpose(2, 3, 0, 1))

    columns = _Columns(last, window, count)

    def learn(run: slice) -> np.ndarray:
        total = np.zeros((shape[0], int(np.prod(shape[1:]))), np.float32)
        for block in columns.blocks[run]:
            seen = columns.of(block)
            total += above[block].reshape(len(seen), -1).T @ seen
        return total

    totals = each(learn, shares(len(columns.blocks)))
    summed = sum(totals[1:], totals[0]).reshape(shape[0], *shape[2:], shape[1])
    return np.ascontiguousarray(summed.transpose(0, 3, 1, 2))


def values_back(
    gradient: np.ndarray, weights: np.ndarray, shape: tuple[int, ...], window: Window
) -> np.ndarray:
    """The gradient of `correlate_last` with respect to maps of this shape."""
    look_back = window.turned()
    if look_back is not None:
        # A correlation with the filters turned by half a turn, features and filters exchanged.
        turned = weights[..., ::-1, ::-1].transpose(1, 0, 2, 3)
        return correlate_last(gradient, turned, look_back)
    above = features_last(gradient)
    n_images, n_features, height, width = shape
    (top, bottom), (left, right) = window.padding
    back = empty((n_images, height, width, n_features))
    bank = np.ascontiguousarray(weights.transpose(0, 2, 3, 1)).reshape(len(weights), -1)
    (down, across), (step_y, step_x) = window.stride, window.dilation
    n_rows, n_columns = gradient.shape[2:]

    def carry(images: slice) -> None:
        for image in range(images.start, images.stop):
            products = empty((n_rows * n_columns, bank.shape[1]))
            np.matmul(above[image].reshape(n_rows * n_columns, -1), bank, out=products)
            by_window = products.reshape(n_rows, n_columns, *window.size, n_features)
            whole = empty((height + top + bottom, width + left + right, n_features))
            whole[:] = 0
            for row in range(window.size[0]):
                for column in range(window.size[1]):
                    y, x = row * step_y, column * step_x
                    whole[
                        y : y + down * (n_rows - 1) + 1 : down,
                        x : x + across * (n_columns - 1) + 1 : across,
                    ] += by_window[:, :, row, column]
            back[image] = whole[top : top + height, left : left + width]

    each(carry, shares(n_images))
    return as_maps(back)


class _Columns:
    """What windows see, block by block of (images, rows): (place, element).

    Elements are (window y, window x, feature).
    """

    def __init__(self, last: np.ndarray, window: Window, count: tuple[int, ...]) -> None:
        self.n_elements = window.size[0] * window.size[1] * last.shape[3]
        self.is_plain = window == Window(1)
        if self.is_plain:
            self.views, budget = last, _PLAIN_BYTES
        else:
            self.views, budget = _window_views(last, window, count), _COLUMN_BYTES
        row_bytes = 4 * self.n_elements * count[1]
        self.blocks = list(tiles(len(last), count[0], row_bytes, budget))

    def of(self, block: tuple[slice, slice]) -> np.ndarray:
        """The columns of a block, copied unless each window is one place."""
        own = self.views[block]
        if not self.is_plain:
            seen = empty(own.shape)
            np.copyto(seen, own)
            own = seen
        return own.reshape(-1, self.n_elements)


def _window_views(last: np.ndarray, window: Window, count: tuple[int, ...]) -> np.ndarray:
    """A view (image, y, x, window y, window x and feature) of padded maps."""
    (top, bottom), (left, right) = window.padding
    n_images, height, width, n_features = last.shape
    around = last
    if window.padding != ((0, 0), (0, 0)):
        shape = (n_images, height + top + bottom, width + left + right, n_features)
        around = empty(shape)
        around[:] = 0
        around[:, top : top + height, left : left + width] = last
    image, row, column, feature = around.strides
    strides = (image, row * window.stride[0], column * window.stride[1])
    down = row * window.dilation[0]
    if window.dilation[1] == 1:
        # The features of neighbouring places are one run.
        shape = (n_images, *count, window.size[0], window.size[1] * n_features)
        steps: tuple[int, ...] = (*strides, down, feature)
    else:
        shape = (n_images, *count, *window.size, n_features)
        steps = (*strides, down, column * window.dilation[1], feature)
    return np.lib.stride_tricks.as_strided(around, shape, steps, writeable=False)


def is_tiled(window: Window, shape: tuple[int, ...]) -> bool:
    """Whether Winograd's tiles need clearly fewer products, on maps of this shape."""
    plain = (window.size, window.stride, window.dilation) == ((3, 3), (1, 1), (1, 1))
    if not plain or max(max(sides) for sides in window.padding) > 2:
        return False
    n_rows, n_columns = window.count(*shape[2:])
    n_all = count_tiles(window, shape)
    return n_all >= FEWEST_TILES and 9 * shape[0] * n_rows * n_columns > 1.5 * 36 * n_all


class _Tiling:
    """Maps cut into tiles, and what takes them through Winograd's domain."""

    def __init__(
        self, window: Window, last: np.ndarray, count: tuple[int, ...], n_filters: int
    ) -> None:
        self.compiled, self.last = kernels("winograd"), last
        (self.top, _), (self.left, _) = window.padding
        n_images, self.height, self.width, self.n_features = last.shape
        self.count = count
        self.n_down, self.n_across = -(-count[0] // _SIDE), -(-count[1] // _SIDE)
        # The first tile, and how many, of each product.
        together = _TILES if max(self.n_features, n_filters) < 256 else 2 * _TILES
        n_tiles = n_images * self.n_down * self.n_across
        # Few tiles are dealt out evenly, so that every worker has some.
        together = min(together, -(-n_tiles // n_workers()))
        firsts = range(0, n_tiles, together)
        self.blocks = [(first, min(together, n_tiles - first)) for first in firsts]

    def tiles_of(self, first: int, n_tiles: int) -> np.ndarray:
        """Values in Winograd's domain, (36, tile, feature)."""
        found = empty((36, n_tiles, self.n_features))
        self.compiled.tiles_of_values(
            self.last.reshape(-1),
            self.height,
            self.width,
            self.n_features,
            first,
            n_tiles,
            self.n_down,
            self.n_across,
            self.top,
            self.left,
            found.reshape(-1),
        )
        return found

    def match(self, run: slice, bank: np.ndarray, into: np.ndarray, finish: Finish | None) -> None:
        """Products of some blocks with a bank (36, filter, feature), put into maps."""
        n_filters = bank.shape[1]
        if finish is None:
            ones, zeros = np.ones(n_filters, np.float32), np.zeros(n_filters, np.float32)
            finish = Finish(ones, zeros, rectifies=False)
        for first, n_tiles in self.blocks[run]:
            products = empty((36, n_tiles, n_filters))
            np.matmul(self.tiles_of(first, n_tiles), bank.transpose(0, 2, 1), out=products)
            self.compiled.place_tiles(
                products.reshape(-1),
                first,
                n_tiles,
                self.n_down,
                self.n_across,
                *self.count,
                n_filters,
                finish.scale,
                finish.shift,
                finish.rectifies,
                into.reshape(-1),
            )

    def learn(self, run: slice, above: np.ndarray) -> np.ndarray:
        """The gradient of a bank, (36, filter, feature), from some blocks."""
        n_filters = above.shape[3]
        total = np.zeros((36, n_filters, self.n_features), np.float32)
        for first, n_tiles in self.blocks[run]:
            spread = empty((36, n_tiles, n_filters))
            self.compiled.spread_tiles(
                above.reshape(-1),
                *self.count,
                n_filters,
                first,
                n_tiles,
                self.n_down,
                self.n_across,
                spread.reshape(-1),
            )
            total += spread.transpose(0, 2, 1) @ self.tiles_of(first, n_tiles)
        return total
