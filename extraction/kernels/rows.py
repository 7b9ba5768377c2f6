"""What is done to maps feature by feature, features last: a map is rows, one for each place.

Arrays are flat and indices unsigned: see `winograd`.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from .compilation import kernel

_ROWS = 64  # added up in single precision before the sum is carried over in double precision


@kernel("void(f4[::1], f4[::1], f4[::1], i8, i8, f4[::1])")
def scale_and_shift(
    values: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """Each feature times its scale, plus its shift, of some rows."""
    n = uint64(scale.size)
    for row in range(uint64(first), uint64(last)):
        for i in range(n):
            out[row * n + i] = values[row * n + i] * scale[i] + shift[i]


@kernel("void(f4[::1], f4[::1], f4[::1], b1, i8, i8)")
def finish(
    values: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    rectifies: bool,
    first: int,
    last: int,
) -> None:
    """`scale_and_shift` in place, and what is below zero silenced where asked for."""
    n = uint64(scale.size)
    floor = np.float32(0 if rectifies else -np.inf)
    for row in range(uint64(first), uint64(last)):
        for i in range(n):
            moved = values[row * n + i] * scale[i] + shift[i]
            # What is not a number stays so.
            values[row * n + i] = floor if moved < floor else moved


@kernel("void(f4[::1], f4[::1], f4[::1])")
def rectifier_back(gradient: np.ndarray, active: np.ndarray, out: np.ndarray) -> None:
    """The gradient where a rectifier's result is above zero, and zero elsewhere."""
    for i in range(uint64(out.size)):
        out[i] = gradient[i] if active[i] > 0 else np.float32(0)


@kernel("void(f4[::1], f4[::1], i8, i8, f8[::1], f8[::1])")
def sums(
    values: np.ndarray,
    centre: np.ndarray,
    first: int,
    last: int,
    deviations: np.ndarray,
    squares: np.ndarray,
) -> None:
    """Sums of deviations from a centre, and of their squares, for each feature of some rows."""
    n = uint64(centre.size)
    own, own_squares = np.empty(centre.size, np.float32), np.empty(centre.size, np.float32)
    for start in range(first, last, _ROWS):
        own[:] = 0
        own_squares[:] = 0
        for row in range(uint64(start), uint64(min(start + _ROWS, last))):
            for i in range(n):
                deviation = values[row * n + i] - centre[i]
                own[i] += deviation
                own_squares[i] += deviation * deviation
        for i in range(n):
            deviations[i] += own[i]
            squares[i] += own_squares[i]


@kernel("void(f4[::1], f4[::1], f4[::1], i8, i8, f8[::1], f8[::1])")
def sums_of_gradient(
    gradient: np.ndarray,
    values: np.ndarray,
    centre: np.ndarray,
    first: int,
    last: int,
    plain: np.ndarray,
    weighted: np.ndarray,
) -> None:
    """Sums of a gradient, and of it times deviations from a centre, for each feature."""
    n = uint64(centre.size)
    own, own_weighted = np.empty(centre.size, np.float32), np.empty(centre.size, np.float32)
    for start in range(first, last, _ROWS):
        own[:] = 0
        own_weighted[:] = 0
        for row in range(uint64(start), uint64(min(start + _ROWS, last))):
            for i in range(n):
                slope = gradient[row * n + i]
                own[i] += slope
                own_weighted[i] += slope * (values[row * n + i] - centre[i])
        for i in range(n):
            plain[i] += own[i]
            weighted[i] += own_weighted[i]


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8, i8, f4[::1])")
def batch_back(
    gradient: np.ndarray,
    values: np.ndarray,
    centre: np.ndarray,
    slope: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    first: int,
    last: int,
    out: np.ndarray,
) -> None:
    """(gradient - slope (value - centre) - shift) scale, of some rows."""
    n = uint64(centre.size)
    for row in range(uint64(first), uint64(last)):
        for i in range(n):
            at = row * n + i
            left = gradient[at] - slope[i] * (values[at] - centre[i]) - shift[i]
            out[at] = left * scale[i]


# Of pooling windows: height, width, features; rows, columns of the result; size, stride and step of
# the window down and across; padding at the top and left.
_GEOMETRY = "UniTuple(i8, 13)"


@kernel(f"i8({_GEOMETRY}, i8, i8, i8, i8, i8)")
def place_seen(geometry: tuple[int, ...], image: int, row: int, column: int, i: int, j: int) -> int:
    """Where element (i, j) of a window lies in flat maps, or -1 beyond the border."""
    height, width, n, _, _, _, _, down, across, step_down, step_across, top, left = geometry
    y, x = row * down + i * step_down - top, column * across + j * step_across - left
    if y < 0 or y >= height or x < 0 or x >= width:
        return -1
    return ((image * height + y) * width + x) * n


@kernel(f"void(f4[::1], i8, {_GEOMETRY}, f4[::1], u1[::1])")
def max_pool(
    values: np.ndarray, image: int, geometry: tuple[int, ...], out: np.ndarray, winner: np.ndarray
) -> None:
    """The maximum over each window of one image, and which of its places has it first."""
    n, n_rows, n_columns, size_down, size_across = geometry[2:7]
    for row in range(n_rows):
        for column in range(n_columns):
            into = uint64(((image * n_rows + row) * n_columns + column) * n)
            for f in range(uint64(n)):
                out[into + f] = -np.inf
                winner[into + f] = 0
            for place in range(size_down * size_across):
                i, j = place // size_across, place % size_across
                seen = place_seen(geometry, image, row, column, i, j)
                if seen < 0:
                    continue
                here, number = uint64(seen), np.uint8(place)
                for f in range(uint64(n)):
                    value = values[here + f]
                    # What is not a number wins, as everywhere else.
                    larger = value > out[into + f] or value != value
                    out[into + f] = value if larger else out[into + f]
                    winner[into + f] = number if larger else winner[into + f]


@kernel(f"void(f4[::1], u1[::1], i8, {_GEOMETRY}, f4[::1])")
def max_pool_back(
    gradient: np.ndarray,
    winner: np.ndarray,
    image: int,
    geometry: tuple[int, ...],
    out: np.ndarray,
) -> None:
    """Each maximum's gradient added at the place that has it, for one image."""
    n, n_rows, n_columns, size_down, size_across = geometry[2:7]
    size = geometry[0] * geometry[1] * n
    for i in range(uint64(image * size), uint64((image + 1) * size)):
        out[i] = 0
    for row in range(n_rows):
        for column in range(n_columns):
            source = uint64(((image * n_rows + row) * n_columns + column) * n)
            for place in range(size_down * size_across):
                i, j = place // size_across, place % size_across
                seen = place_seen(geometry, image, row, column, i, j)
                if seen < 0:
                    continue
                here, number = uint64(seen), np.uint8(place)
                for f in range(uint64(n)):
                    won = winner[source + f] == number
                    out[here + f] += gradient[source + f] if won else np.float32(0)
