"""Correlation: how well each place of a map matches each filter."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays import Array, namespace, step_bytes, tiles
from ..cuda import correlation as on_cuda
from ..cuda.programs import suits as suits_cuda
from ..fields import Window
from ..parallel import each, n_workers, shares
from . import features_last, images_last
from .small_maps import are_small, correlate_small, values_of_small, weights_of_small
from .windows import Pullback, padded, spread, window_of, window_views
from .winograd import correlate_3x3, gradient_3x3, many_tiles, suits

_FEWEST_COLUMNS = 768  # fewer make matrix products slow


def correlate(
    values: Array,
    weights: Array,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    to_values: bool = True,
) -> tuple[Array, Pullback]:
    """Dot products of filters with the windows of a map.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    weights : array of shape (n_filters, n_features / groups, window_height, window_width)
        On the same device as `values`.
    stride, dilation : int or (int, int)
        Along y and x.
    padding : int, (int, int) or ((int, int), (int, int))
        Zeros around the map: on all sides, by axis, or ((top, bottom), (left, right)).
    groups : int
        Features and filters are dealt into so many groups that do not see each other; divides both.
    to_values : bool
        False where nobody asks for the gradient of `values`: the pullback then gives None in its
        place.

    Returns
    -------
    matches : array of shape (n_images, n_filters, height', width')
    pullback : callable
        Carries a gradient with the shape of `matches` back to `(values, weights)`.

    Raises
    ------
    ValueError
        If the features differ, or the window does not fit.

    Examples
    --------
    >>> matches, _ = correlate(np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 2, 2)), stride=2)
    >>> matches[0, 0]
    array([[10., 18.],
           [42., 50.]])
    """
    window = window_of(values, weights, "weights", stride, padding, dilation, groups)
    if suits_cuda(values, weights):
        return _by_cuda(values, weights, window, groups, to_values=to_values)
    # Three routes: Winograd's tiles, one product for maps of few places, columns. Each is taken
    # where it was measured to be the fastest on 2 cores.
    alone = namespace(values) is np and groups == 1
    small = alone and are_small(len(values), window, *values.shape[2:])
    if goes_features_last(values, weights, window, groups):
        return _reordered(features_last, values, weights, window, to_values=to_values)
    if not small and images_last.suits(values, weights, groups):
        return _reordered(images_last, values, weights, window, to_values=to_values)
    tiled = alone and suits(window, values.shape, len(weights))
    if tiled:
        matches = correlate_3x3(values, weights, window.padding)
    elif small:
        matches = correlate_small(values, weights, window)
    else:
        matches = _by_columns(values, weights, window, groups)

    def pullback(gradient: Array) -> tuple[Array | None, Array]:
        back = None
        if to_values:
            back = _back_to_values(gradient, weights, values.shape, window, groups)
        if tiled and many_tiles(gradient.shape):
            return back, gradient_3x3(values, gradient, window.padding)
        if small:
            return back, weights_of_small(gradient, values, window).reshape(weights.shape)
        return back, _back_to_weights(gradient, values, weights, window, groups)

    return matches, pullback


def goes_features_last(values: Array, weights: Array, window: Window, groups: int = 1) -> bool:
    """Whether maps with features last are the quickest way."""
    # Filters of 1 x 1 are used as they are; others on small maps would have to be copied.
    plain = window.size == (1, 1) or not are_small(len(values), window, *values.shape[2:])
    plain = plain or features_last.is_tiled(window, values.shape)
    return plain and features_last.suits(values, weights, groups)


def _reordered(
    order: ModuleType, values: np.ndarray, weights: np.ndarray, window: Window, *, to_values: bool
) -> tuple[np.ndarray, Pullback]:
    """`correlate` on the processor, of maps in another order in memory."""
    matches = order.correlate_last(values, weights, window)

    def pullback(gradient: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        back = None
        if to_values:
            back = order.values_back(gradient, weights, values.shape, window)
        return back, order.weights_back(gradient, values, weights.shape, window)

    return matches, pullback


def _by_cuda(
    values: Array, weights: Array, window: Window, groups: int, *, to_values: bool
) -> tuple[Array, Pullback]:
    """`correlate` by kernels for the GPU."""

    def pullback(gradient: Array) -> tuple[Array | None, Array]:
        back = None
        if to_values:
            back = on_cuda.values_back(gradient, weights, values.shape, window, groups)
        return back, on_cuda.weights_back(gradient, values, weights.shape, window, groups)

    return on_cuda.correlate(values, weights, window, groups), pullback


def _by_columns(values: Array, weights: Array, window: Window, groups: int) -> Array:
    """`correlate` as products of the filters with what the windows see."""
    xp, seen = namespace(values), _Windows(values, window, groups)
    banks = weights.reshape(groups, len(weights) // groups, -1)
    matches = xp.empty((len(values), len(weights), *seen.count), xp.result_type(values, weights))

    def match(share: slice) -> None:
        for block in seen.blocks[share]:
            for group, columns in enumerate(seen.columns(block)):
                seen.put(banks[group], columns, _of_group(matches, group, groups)[block])

    each(match, shares(len(seen.blocks)))
    return matches


def _back_to_weights(
    gradient: Array, values: Array, weights: Array, window: Window, groups: int
) -> Array:
    """The gradient of `correlate` with respect to its filters."""
    xp, seen = namespace(gradient), _Windows(values, window, groups)
    shape = (groups, len(weights) // groups, weights[0].size)

    def learn(share: slice) -> Array:
        # A sum of its own for each worker, added at the end: workers never write to the same place.
        total = xp.zeros(shape, gradient.dtype)
        for block in seen.blocks[share]:
            for group, columns in enumerate(seen.columns(block)):
                of_group = _of_group(gradient, group, groups)[block]
                total[group] += _by_feature(of_group, seen.width) @ columns.T
        return total

    totals = each(learn, shares(len(seen.blocks)))
    return sum(totals[1:], totals[0]).reshape(weights.shape)


class _Windows:
    """What the windows on a map see, block by block as columns.

    Small enough to stay in the cache, wide enough for fast products.

    A block is an index (images, features, rows) of the result. On narrow maps the columns run on
    over the ends of rows, so that they are copied in long runs: `width` places a row, of which the
    last ones see nothing in particular and are left out of the result.
    """

    def __init__(self, values: Array, window: Window, groups: int) -> None:
        xp, self.groups = namespace(values), groups
        self.count = height, width = window.count(*values.shape[2:])
        place_bytes = values.shape[1] * window.size[0] * window.size[1] * values.itemsize
        # As many places as the cache holds, but a share for each worker, and whole rows.
        in_cache = max(_FEWEST_COLUMNS, step_bytes(xp) // 4 // max(1, place_bytes))
        fair = -(-len(values) * height * width // n_workers())
        places = min(in_cache, max(width, fair))
        if _runs_on(window, values.shape) and xp is np and height * width <= places:
            self.views = _row_runs(values, window, height)
            self.width = values.shape[3] + sum(window.padding[1])
        else:
            self.views, self.width = window_views(values, window), width
        everything = slice(None)
        self.blocks = [
            (images, everything, rows) for images, rows in tiles(len(values), height, width, places)
        ]

    def columns(self, block: tuple[slice, slice, slice]) -> Iterator[Array]:
        """Of each group of features: (feature * window y * window x, image * y * x)."""
        images, _, rows = block
        for features in features_by_group(self.views.shape[1], self.groups):
            # One copy, in the order in which the product reads it.
            views = self.views[images, features, rows].transpose(1, 4, 5, 0, 2, 3)
            yield views.reshape(views.shape[0] * views.shape[1] * views.shape[2], -1)

    def put(self, bank: Array, columns: Array, into: Array) -> None:
        """Products of filters with columns, into maps of shape (image, filter, y, x)."""
        n_images, n_filters, height, width = into.shape
        if n_images == 1 and into.flags.c_contiguous and self.width == width:
            # Products lie in memory as the maps do: no copy.
            namespace(into).matmul(bank, columns, out=into.reshape(n_filters, height * width))
            return
        products = (bank @ columns).reshape(n_filters, n_images, height, self.width)
        into[...] = products[..., :width].transpose(1, 0, 2, 3)


def _runs_on(window: Window, shape: tuple[int, ...]) -> bool:
    """Whether copying whole runs pays.

    On narrow maps, of whose places not too many are left out.
    """
    width = window.count(*shape[2:])[1]
    around = shape[3] + sum(window.padding[1])
    return (
        (window.stride, window.dilation) == ((1, 1), (1, 1))
        and window.size != (1, 1)
        and width <= 32
        and around <= 1.5 * width
    )


def _row_runs(values: Array, window: Window, n_rows: int) -> Array:
    """As `window_views` returns it, but each row of windows as wide as the padded map.

    Its end runs on into the next row, or into zeros.
    """
    (top, bottom), (left, right) = window.padding
    around = padded(values, Window(1, padding=((top, bottom + 1), (left, right))))
    image, feature, row, place = around.strides
    width = around.shape[3]
    return np.lib.stride_tricks.as_strided(
        around,
        (*around.shape[:2], n_rows, width, *window.size),
        (image, feature, row, place, row, place),
        writeable=False,
    )


def features_by_group(n_features: int, groups: int) -> list[slice]:
    """The features of each group."""
    size = n_features // groups
    return [slice(group * size, (group + 1) * size) for group in range(groups)]


def _of_group(maps: Array, group: int, groups: int) -> Array:
    return maps[:, features_by_group(maps.shape[1], groups)[group]]


def _by_feature(maps: Array, width: int) -> Array:
    """(image, feature, y, x) as (feature, image * y * x), rows filled up with zeros to a width."""
    n_images, n_features, height, own = maps.shape
    if width == own:
        return maps.transpose(1, 0, 2, 3).reshape(n_features, -1)
    # The places behind each row's end get no gradient.
    filled = namespace(maps).zeros((n_features, n_images, height, width), maps.dtype)
    filled[..., :own] = maps.transpose(1, 0, 2, 3)
    return filled.reshape(n_features, -1)


def _back_to_values(
    gradient: Array, weights: Array, shape: tuple[int, ...], window: Window, groups: int
) -> Array:
    """The gradient of `correlate` with respect to the maps.

    At stride 1 it is a correlation of the padded gradient with the filters turned by half a turn,
    features and filters exchanged; else every window's gradient is added where it looked.
    """
    if namespace(gradient) is np and groups == 1 and are_small(shape[0], window, *shape[2:]):
        return values_of_small(gradient, weights, shape, window)
    grouped = weights.reshape(groups, len(weights) // groups, *weights.shape[1:])
    look_back = window.turned()
    # Where windows lie at few of the map's places, products at those are fewer.
    few = gradient.shape[2] * gradient.shape[3] < 0.8 * shape[2] * shape[3]
    if look_back is not None and not few:
        turned = grouped[..., ::-1, ::-1].transpose(0, 2, 1, 3, 4)
        turned = turned.reshape(shape[1], len(weights) // groups, *window.size)
        back, _ = correlate(
            gradient,
            turned,
            padding=look_back.padding,
            dilation=window.dilation,
            groups=groups,
        )
        return back
    return _spread_products(gradient, grouped, shape, window)


def _spread_products(
    gradient: Array, grouped: Array, shape: tuple[int, ...], window: Window
) -> Array:
    """The gradient of each window, filters times gradient, added where the window looked."""
    xp, (groups, n_each) = namespace(gradient), grouped.shape[:2]
    back = xp.empty(shape, gradient.dtype)
    banks = grouped.reshape(groups, n_each, -1)
    runs_on = xp is np and _runs_on(window, shape)
    width = shape[3] + sum(window.padding[1]) if runs_on else gradient.shape[3]

    def carry(images: slice) -> None:
        of_images = gradient[images]
        n_images, _, height, _ = of_images.shape
        for group, features in enumerate(features_by_group(shape[1], groups)):
            products = banks[group].T @ _by_feature(_of_group(of_images, group, groups), width)
            by_window = products.reshape(-1, *window.size, n_images, height, width)
            into = (n_images, by_window.shape[0], *shape[2:])
            if runs_on:
                back[images, features] = _spread_runs(by_window, into, window)
            else:
                back[images, features] = spread(by_window.transpose(3, 0, 4, 5, 1, 2), into, window)

    each(carry, shares(len(gradient)))
    return back


def _spread_runs(gradient: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The adjoint of `_row_runs`, of a gradient (feature, window y, window x, image, y, x)."""
    (top, bottom), (left, _) = window.padding
    n_images, n_features, height, width = shape
    n_rows, across = gradient.shape[4:]
    back = np.zeros((n_features, n_images, (height + top + bottom + 1) * across), gradient.dtype)
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            start = row * across + column
            run = gradient[:, row, column].reshape(n_features, n_images, -1)
            back[..., start : start + n_rows * across] += run
    maps = back.reshape(n_features, n_images, -1, across)
    return maps[:, :, top : top + height, left : left + width].transpose(1, 0, 2, 3)
