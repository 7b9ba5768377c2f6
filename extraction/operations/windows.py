"""Looking through sliding windows, and spreading a gradient back over what they saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extraction.arrays import Array, namespace
from extraction.fields import Window

Pullback = Callable[[Array], Any]


def window_of(values: Array, filters: Array, name: str, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Window:
    """The window of filters of shape (n_filters, n_features, height, width), checked against the maps that they look at."""
    if values.ndim != 4 or filters.ndim != 4 or values.shape[1] != filters.shape[1]:
        msg = (
            f"`{name}` must have the shape (count, n_features, height, width) with the features of `values`, "
            f"got {filters.shape} for values of shape {values.shape}."
        )
        raise ValueError(msg)
    return Window(filters.shape[2:], stride, padding, dilation)


def padded(values: Array, window: Window, fill: float = 0.0) -> Array:
    """Maps with the window's padding around them."""
    if window.padding == ((0, 0), (0, 0)):
        return values
    return namespace(values).pad(values, ((0, 0), (0, 0), *window.padding), constant_values=fill)


def look(values: Array, window: Window, fill: float = 0.0) -> Array:
    """A view of shape (image, feature, y, x, window y, window x) of what each window sees."""
    window.count(*values.shape[2:])
    strides, steps = window.stride, window.dilation
    views = namespace(values).lib.stride_tricks.sliding_window_view(padded(values, window, fill), window.extent, axis=(2, 3))
    return views[:, :, :: strides[0], :: strides[1], :: steps[0], :: steps[1]]


def columns(views: Array) -> Array:
    """Windows as columns: (image, feature * window y * window x, y * x), copied."""
    n_images, n_features, height, width, rows, cols = views.shape
    return views.transpose(0, 1, 4, 5, 2, 3).reshape(n_images, n_features * rows * cols, height * width)


def part(values: Array, window: Window, row: int, column: int, count: tuple[int, int]) -> Array:
    """What element (row, column) of every window sees of padded maps: a view of shape (image, feature, y, x)."""
    top, left = row * window.dilation[0], column * window.dilation[1]
    down, right = window.stride
    return values[:, :, top : top + down * (count[0] - 1) + 1 : down, left : left + right * (count[1] - 1) + 1 : right]


def spread(gradient: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The adjoint of `look`: add every window's gradient, shaped as `look` returns it, onto maps of `shape`."""
    (top, bottom), (left, right) = window.padding
    n_images, n_features, height, width = shape
    back = namespace(gradient).zeros((n_images, n_features, height + top + bottom, width + left + right), gradient.dtype)
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            part(back, window, row, column, gradient.shape[2:4])[...] += gradient[..., row, column]
    return back[:, :, top : top + height, left : left + width]
