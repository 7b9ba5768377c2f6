"""Looking through sliding windows, and spreading a gradient back over what they saw."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ..arrays import Array, namespace
from ..fields import Window

Pullback = Callable[[Array], Any]


def window_of(
    values: Array,
    filters: Array,
    name: str,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Window:
    """The window of filters, checked against the maps that they look at.

    Of shape (n_filters, n_features / groups, height, width).
    """
    if (
        values.ndim != 4
        or filters.ndim != 4
        or values.shape[1] != filters.shape[1] * groups
        or len(filters) % groups
    ):
        if groups == 1:
            features = "the features of `values`"
        else:
            features = (
                f"1 / {groups} of the features of `values` and a multiple of {groups} filters"
            )
        msg = (
            f"`{name}` must have the shape (count, n_features, height, width) with {features}, "
            f"got {filters.shape} for values of shape {values.shape}."
        )
        raise ValueError(msg)
    return Window(filters.shape[2:], stride, padding, dilation)


def padded(values: Array, window: Window, fill: float = 0.0) -> Array:
    """Maps with the window's padding around them."""
    if window.padding == ((0, 0), (0, 0)):
        return values
    (top, bottom), (left, right) = window.padding
    n_images, n_features, height, width = values.shape
    around = namespace(values).full(
        (n_images, n_features, height + top + bottom, width + left + right), fill, values.dtype
    )
    around[:, :, top : top + height, left : left + width] = values
    return around


def window_views(values: Array, window: Window, fill: float = 0.0) -> Array:
    """A view of shape (image, feature, y, x, window y, window x) of what each window sees."""
    window.count(*values.shape[2:])
    strides, steps = window.stride, window.dilation
    # Views, not copies: what windows see overlaps.
    views = namespace(values).lib.stride_tricks.sliding_window_view(
        padded(values, window, fill), window.extent, axis=(2, 3)
    )
    return views[:, :, :: strides[0], :: strides[1], :: steps[0], :: steps[1]]


def columns(views: Array) -> Array:
    """Windows as columns: (image, feature * window y * window x, y * x), copied."""
    n_images, n_features, height, width, rows, cols = views.shape
    return views.transpose(0, 1, 4, 5, 2, 3).reshape(
        n_images, n_features * rows * cols, height * width
    )


def part(values: Array, window: Window, row: int, column: int, count: tuple[int, int]) -> Array:
    """What element (row, column) of every window sees of padded maps.

    A view of shape (image, feature, y, x).
    """
    top, left = row * window.dilation[0], column * window.dilation[1]
    down, right = window.stride
    return values[
        :,
        :,
        top : top + down * (count[0] - 1) + 1 : down,
        left : left + right * (count[1] - 1) + 1 : right,
    ]


def spread(gradient: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The adjoint of `window_views`.

    Add every window's gradient, shaped as `window_views` returns it, onto maps of `shape`.
    """
    (top, bottom), (left, right) = window.padding
    n_images, n_features, height, width = shape
    back = namespace(gradient).zeros(
        (n_images, n_features, height + top + bottom, width + left + right), gradient.dtype
    )
    # A loop over the window's places, not the map's: each step adds a whole map.
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            part(back, window, row, column, gradient.shape[2:4])[...] += gradient[..., row, column]
    return back[:, :, top : top + height, left : left + width]


def windows_at(values: Array, window: Window, images: Array, rows: Array, columns: Array) -> Array:
    """What some windows at stride 1 see, (window, feature, window y, window x), copied."""
    views = window_views(values, window)
    return views[images, :, rows, columns]


def add_windows(
    parts: Array,
    images: Array,
    rows: Array,
    columns: Array,
    shape: tuple[int, ...],
    window: Window,
) -> Array:
    """The adjoint of `windows_at`: each part added onto maps of `shape`, where it was seen."""
    xp = namespace(parts)
    (top, bottom), (left, right) = window.padding
    n_images, n_features, height, width = shape
    sides = height + top + bottom, width + left + right
    features, down, across = (xp.arange(side) for side in parts.shape[1:])
    places = (rows[:, None, None] + down[:, None]) * sides[1] + columns[:, None, None] + across
    maps = images[:, None] * n_features + features
    index = maps[:, :, None, None] * (sides[0] * sides[1]) + places[:, None]
    back = sums_at(index, parts, (n_images, n_features, *sides))
    return back[:, :, top : top + height, left : left + width]


def sums_at(index: Array, parts: Array, shape: tuple[int, ...]) -> Array:
    """An array of this shape with the sum of all parts of each (flat) index.

    Taken in double precision, and on the processor always in the same order.
    """
    total = namespace(parts).bincount(index.ravel(), parts.ravel(), minlength=prod(shape))
    return total.reshape(shape).astype(parts.dtype)


def copied_border(values: Array, padding: Any) -> tuple[Array, Pullback]:
    """Maps with their outermost rows and columns repeated around them.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    padding : int, (int, int) or ((int, int), (int, int))
        How many rows and columns: on all sides, by axis, or ((top, bottom), (left, right)).

    Returns
    -------
    around : array of shape (n_images, n_features, height', width')
    pullback : callable
        Carries a gradient with the shape of `around` back to `values`.
    """
    xp, (height, width) = namespace(values), values.shape[2:]
    (top, bottom), (left, right) = Window(1, padding=padding).padding
    around = xp.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)), mode="edge")

    def pullback(gradient: Array) -> Array:
        # What the border copied goes back to the pixels that it was copied from.
        rows = gradient[:, :, top : top + height].copy()
        rows[:, :, 0] += gradient[:, :, :top].sum(axis=2)
        rows[:, :, -1] += gradient[:, :, top + height :].sum(axis=2)
        back = rows[..., left : left + width].copy()
        back[..., 0] += rows[..., :left].sum(axis=3)
        back[..., -1] += rows[..., left + width :].sum(axis=3)
        return back

    return around, pullback
