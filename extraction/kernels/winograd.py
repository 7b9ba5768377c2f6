"""Winograd's transforms of tiles, features last: see `operations.winograd`.

F(4 x 4, 3 x 3) of Lavin & Gray, CVPR 2016, section 4.3. A tile is copied into a small array whose
sides are known when this is compiled, transformed there down its columns and along its rows, many
features at once, and copied out.

Arrays are handed over flat. Indices are unsigned, since one that could be negative keeps a loop
from using vector registers.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from .compilation import kernel

FEATURES = 64  # transformed together: the tile stays in the fastest cache
# A plain 2 times a number in single precision would be computed in double precision.
TWO, FOUR, FIVE, EIGHT = np.float32(2), np.float32(4), np.float32(5), np.float32(8)


@kernel("void(f4[::1], i8, i8, i8, i8, i8, i8, i8, i8, f4[:, ::1])")
def copy_tile(
    maps: np.ndarray,
    height: int,
    width: int,
    n_features: int,
    image: int,
    top: int,
    left: int,
    start: int,
    side: int,
    tile: np.ndarray,
) -> None:
    """Some features of a square of one image's map, with zeros where it reaches beyond."""
    n = min(FEATURES, n_features - start)
    for i in range(side):
        for j in range(side):
            y, x, place = top + i, left + j, i * side + j
            if 0 <= y < height and 0 <= x < width:
                first = uint64(((image * height + y) * width + x) * n_features + start)
                for f in range(uint64(n)):
                    tile[place, f] = maps[first + f]
            else:
                for f in range(uint64(n)):
                    tile[place, f] = 0


@kernel("void(f4[::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, f4[::1])")
def tiles_of_values(
    values: np.ndarray,
    height: int,
    width: int,
    n_features: int,
    first: int,
    n_tiles: int,
    n_down: int,
    n_across: int,
    top: int,
    left: int,
    out: np.ndarray,
) -> None:
    """Tiles of 6 x 6 values that overlap by 2, into (36, tile, feature); zeros around the map."""
    tile = np.empty((36, FEATURES), np.float32)
    down = np.empty((36, FEATURES), np.float32)
    for t in range(n_tiles):
        image, place = (first + t) // (n_down * n_across), (first + t) % (n_down * n_across)
        y, x = 4 * (place // n_across) - top, 4 * (place % n_across) - left
        for start in range(0, n_features, FEATURES):
            n = uint64(min(FEATURES, n_features - start))
            copy_tile(values, height, width, n_features, image, y, x, start, 6, tile)
            for j in range(6):
                for i in range(n):
                    b, c, d = tile[6 + j, i], tile[12 + j, i], tile[18 + j, i]
                    e = tile[24 + j, i]
                    down[j, i] = FOUR * tile[j, i] - FIVE * c + e
                    down[6 + j, i] = (d + e) - FOUR * (b + c)
                    down[12 + j, i] = (e - d) + FOUR * (b - c)
                    down[18 + j, i] = (e - c) + TWO * (d - b)
                    down[24 + j, i] = (e - c) - TWO * (d - b)
                    down[30 + j, i] = FOUR * b - FIVE * d + tile[30 + j, i]
            for r in range(0, 36, 6):
                for i in range(n):
                    b, c, d, e = down[r + 1, i], down[r + 2, i], down[r + 3, i], down[r + 4, i]
                    tile[r, i] = FOUR * down[r, i] - FIVE * c + e
                    tile[r + 1, i] = (d + e) - FOUR * (b + c)
                    tile[r + 2, i] = (e - d) + FOUR * (b - c)
                    tile[r + 3, i] = (e - c) + TWO * (d - b)
                    tile[r + 4, i] = (e - c) - TWO * (d - b)
                    tile[r + 5, i] = FOUR * b - FIVE * d + down[r + 5, i]
            for r in range(36):
                into = uint64((r * n_tiles + t) * n_features + start)
                for i in range(n):
                    out[into + i] = tile[r, i]


@kernel("void(f4[::1], i8, i8, i8, i8, i8, i8, i8, f4[::1], f4[::1], b1, f4[::1])")
def place_tiles(
    products: np.ndarray,
    first: int,
    n_tiles: int,
    n_down: int,
    n_across: int,
    height: int,
    width: int,
    n_filters: int,
    scale: np.ndarray,
    shift: np.ndarray,
    rectifies: bool,
    out: np.ndarray,
) -> None:
    """Products (36, tile, filter) as tiles of 4 x 4 results, scaled, shifted and put into maps."""
    floor = np.float32(0 if rectifies else -np.inf)
    tile = np.empty((36, FEATURES), np.float32)
    down = np.empty((24, FEATURES), np.float32)
    for t in range(n_tiles):
        image, place = (first + t) // (n_down * n_across), (first + t) % (n_down * n_across)
        top, left = 4 * (place // n_across), 4 * (place % n_across)
        for start in range(0, n_filters, FEATURES):
            n = uint64(min(FEATURES, n_filters - start))
            for r in range(36):
                source = uint64((r * n_tiles + t) * n_filters + start)
                for i in range(n):
                    tile[r, i] = products[source + i]
            for j in range(6):
                for i in range(n):
                    p, q = tile[6 + j, i] + tile[12 + j, i], tile[6 + j, i] - tile[12 + j, i]
                    r, s = tile[18 + j, i] + tile[24 + j, i], tile[18 + j, i] - tile[24 + j, i]
                    down[j, i] = tile[j, i] + p + r
                    down[6 + j, i] = q + TWO * s
                    down[12 + j, i] = p + FOUR * r
                    down[18 + j, i] = q + EIGHT * s + tile[30 + j, i]
            for k in range(4):
                for i in range(n):
                    b, c = down[6 * k + 1, i], down[6 * k + 2, i]
                    d, e = down[6 * k + 3, i], down[6 * k + 4, i]
                    tile[4 * k, i] = down[6 * k, i] + (b + c) + (d + e)
                    tile[4 * k + 1, i] = (b - c) + TWO * (d - e)
                    tile[4 * k + 2, i] = (b + c) + FOUR * (d + e)
                    tile[4 * k + 3, i] = (b - c) + EIGHT * (d - e) + down[6 * k + 5, i]
            for k in range(16):
                y, x = top + k // 4, left + k % 4
                if y < height and x < width:
                    into = uint64(((image * height + y) * width + x) * n_filters + start)
                    own = uint64(start)
                    for i in range(n):
                        moved = tile[k, i] * scale[own + i] + shift[own + i]
                        out[into + i] = floor if moved < floor else moved


@kernel("void(f4[::1], i8, i8, i8, i8, i8, i8, i8, f4[::1])")
def spread_tiles(
    gradient: np.ndarray,
    height: int,
    width: int,
    n_filters: int,
    first: int,
    n_tiles: int,
    n_down: int,
    n_across: int,
    out: np.ndarray,
) -> None:
    """The adjoint of `place_tiles`: tiles of 4 x 4 gradients into (36, tile, filter)."""
    tile = np.empty((36, FEATURES), np.float32)
    down = np.empty((24, FEATURES), np.float32)
    for t in range(n_tiles):
        image, place = (first + t) // (n_down * n_across), (first + t) % (n_down * n_across)
        top, left = 4 * (place // n_across), 4 * (place % n_across)
        for start in range(0, n_filters, FEATURES):
            n = uint64(min(FEATURES, n_filters - start))
            copy_tile(gradient, height, width, n_filters, image, top, left, start, 4, tile)
            for j in range(4):
                for i in range(n):
                    a, b, c, d = tile[j, i], tile[4 + j, i], tile[8 + j, i], tile[12 + j, i]
                    down[j, i] = a
                    down[4 + j, i] = (a + c) + (b + d)
                    down[8 + j, i] = (a + c) - (b + d)
                    down[12 + j, i] = (a + FOUR * c) + (TWO * b + EIGHT * d)
                    down[16 + j, i] = (a + FOUR * c) - (TWO * b + EIGHT * d)
                    down[20 + j, i] = d
            for k in range(6):
                for i in range(n):
                    a, b = down[4 * k, i], down[4 * k + 1, i]
                    c, d = down[4 * k + 2, i], down[4 * k + 3, i]
                    tile[6 * k, i] = a
                    tile[6 * k + 1, i] = (a + c) + (b + d)
                    tile[6 * k + 2, i] = (a + c) - (b + d)
                    tile[6 * k + 3, i] = (a + FOUR * c) + (TWO * b + EIGHT * d)
                    tile[6 * k + 4, i] = (a + FOUR * c) - (TWO * b + EIGHT * d)
                    tile[6 * k + 5, i] = d
            for k in range(36):
                into = uint64((k * n_tiles + t) * n_filters + start)
                for i in range(n):
                    out[into + i] = tile[k, i]
