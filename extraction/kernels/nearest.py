"""The best match anywhere, with most places excluded by a bound: see `operations.nearest`."""

from __future__ import annotations

import numpy as np
from numba import uint64

from .compilation import kernel

PLACES = 512  # compared together: their bounds stay in the cache
_SEVERAL = 8  # places from which on the most promising is looked for
_FAR = np.float32(1e30)  # a bound that no distance reaches
LOWERED = np.float32(1 - 1e-5)  # by more than the rounding error of a bound
RESIDUE = 1e-6  # the same, before the root of what the block means leave out is taken


@kernel("f4(f4[::1], i8, i8, f4[::1], i8, i8, i8)", reorders=True)
def squared_distance(
    rows: np.ndarray, at: int, step: int, prototypes: np.ndarray, first: int, n_rows: int, n: int
) -> np.float32:
    """Squared distance of one window to one prototype, both with their features last.

    Indices are unsigned: one that could be negative keeps a loop from using vector registers.
    """
    total = np.float32(0)
    here, there, length = uint64(at), uint64(first), uint64(n)
    for _ in range(n_rows):
        own = np.float32(0)
        for i in range(length):
            difference = rows[here + i] - prototypes[there + i]
            own += difference * difference
        total += own
        here += uint64(step)
        there += length
    return total


@kernel("f4[::1](f4[:, :, ::1])")
def as_rows(values: np.ndarray) -> np.ndarray:
    """Maps with their features last, so that a row of a window is one run of numbers."""
    n_features, height, width = values.shape
    rows = np.empty(values.size, np.float32)
    for y in range(height):
        for x in range(width):
            for f in range(n_features):
                rows[(y * width + x) * n_features + f] = values[f, y, x]
    return rows


@kernel("void(f4[:, :, ::1], f8, i8, i8, f8[:, :, ::1])")
def part_energies(
    values: np.ndarray, mean: float, height: int, width: int, energy: np.ndarray
) -> None:
    """Squared norms of each feature's windows around a mean."""
    n_features, n_rows, n_columns = values.shape
    for f in range(n_features):
        squares = np.zeros((n_rows + 1, n_columns + 1))
        for y in range(n_rows):
            square = 0.0
            for x in range(n_columns):
                square += (values[f, y, x] - mean) ** 2
                squares[y + 1, x + 1] = squares[y, x + 1] + square
        for y in range(energy.shape[1]):
            for x in range(energy.shape[2]):
                strip = squares[y + height, x + width] - squares[y, x + width]
                energy[f, y, x] = strip - (squares[y + height, x] - squares[y, x])


@kernel("void(f4[:, :, ::1], i8, i8, b1[:, ::1])")
def find_blank(values: np.ndarray, height: int, width: int, blank: np.ndarray) -> None:
    """Which windows hold zeros alone."""
    n_features, n_rows, n_columns = values.shape
    counts = np.zeros((n_rows + 1, n_columns + 1), np.int64)
    for y in range(n_rows):
        count = 0
        for x in range(n_columns):
            for f in range(n_features):
                count += values[f, y, x] != 0
            counts[y + 1, x + 1] = counts[y, x + 1] + count
    for y in range(blank.shape[0]):
        for x in range(blank.shape[1]):
            strip = counts[y + height, x + width] - counts[y, x + width]
            blank[y, x] = strip == counts[y + height, x] - counts[y, x]


@kernel("void(f4[:, :, ::1], f8, i8, i8, f4[:, :, ::1])")
def block_means(values: np.ndarray, mean: float, down: int, across: int, means: np.ndarray) -> None:
    """Sums over blocks around a mean, over the root of their size."""
    n_rows, n_columns = means.shape[1:]
    scale = np.float32(1 / np.sqrt(down * across))
    shift = np.float32(mean * np.sqrt(down * across))
    strip = np.empty(values.shape[2], np.float32)
    for f in range(values.shape[0]):
        for y in range(n_rows):
            strip[:] = values[f, y]
            for i in range(1, down):
                row = values[f, y + i]
                for x in range(strip.size):
                    strip[x] += row[x]
            into = means[f, y]
            into[:] = strip[:n_columns]
            for j in range(1, across):
                row = strip[j : j + n_columns]
                for x in range(n_columns):
                    into[x] += row[x]
            for x in range(n_columns):
                into[x] = into[x] * scale - shift


@kernel("void(f4[:, :, ::1], f8[:, :, ::1], i8, i8, i8, i8, f4[:, :, ::1])")
def left_out(
    means: np.ndarray,
    energy: np.ndarray,
    blocks_down: int,
    blocks_across: int,
    down: int,
    across: int,
    residues: np.ndarray,
) -> None:
    """Norms of what the block means of each feature's windows leave out."""
    n_columns = residues.shape[2]
    for f in range(residues.shape[0]):
        for y in range(residues.shape[1]):
            into, own = residues[f, y], energy[f, y]
            into[:] = 0
            for i in range(blocks_down):
                for j in range(blocks_across):
                    row = means[f, y + i * down, j * across : j * across + n_columns]
                    for x in range(n_columns):
                        into[x] += row[x] * row[x]
            for x in range(n_columns):
                into[x] = np.sqrt(max(own[x] - into[x], 0.0) + RESIDUE * own[x])


@kernel("i8(f4[:, :, ::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, f4[:, ::1])")
def copy_rows(
    maps: np.ndarray,
    n_down: int,
    n_across: int,
    down: int,
    across: int,
    top: int,
    n_rows: int,
    left: int,
    n_columns: int,
    n: int,
    columns: np.ndarray,
) -> int:
    """What some rows of places see of maps at regular steps, into rows from `n` on; the next."""
    for f in range(maps.shape[0]):
        for i in range(n_down):
            for j in range(n_across):
                start = left + j * across
                for y in range(n_rows):
                    source = maps[f, top + y + i * down, start : start + n_columns]
                    columns[n, y * n_columns : (y + 1) * n_columns] = source
                n += 1
    return n


@kernel("void(f8[:, :, ::1], b1[:, ::1], i8, i8, i8, i8, i8, i8, i8, i8, b1[::1], i8, f4[:, ::1])")
def fill_norms(
    energy: np.ndarray,
    blank: np.ndarray,
    parts_down: int,
    parts_across: int,
    down: int,
    across: int,
    top: int,
    n_rows: int,
    left: int,
    n_columns: int,
    seen_blank: np.ndarray,
    n: int,
    columns: np.ndarray,
) -> None:
    """The last two rows of columns, squared norm and 1; places that are not there are far away.

    So are windows of zeros after the first of an image: they can only tie.
    """
    for y in range(n_rows):
        norm, zeros = columns[n, y * n_columns : (y + 1) * n_columns], blank[top + y]
        norm[:] = 0
        for f in range(energy.shape[0]):
            for i in range(parts_down):
                for j in range(parts_across):
                    start = left + j * across
                    own = energy[f, top + y + i * down, start : start + n_columns]
                    for x in range(n_columns):
                        norm[x] += own[x]
        for x in range(n_columns):
            norm[x] *= LOWERED
            if zeros[left + x]:
                if seen_blank[0]:
                    norm[x] = _FAR
                seen_blank[0] = True
    columns[:n, n_rows * n_columns :] = 0
    columns[n, n_rows * n_columns :] = _FAR
    columns[n + 1] = 1


@kernel(
    "i8(f4[::1], i8, i8, i8, i8, i8, i8, f4[::1], i8, i8, f4[::1], i8, i8, i8, f4[::1], i8[::1])"
)
def compare_possible(
    bounds: np.ndarray,
    n_places: int,
    top: int,
    left: int,
    n_columns: int,
    first: int,
    n_across: int,
    rows: np.ndarray,
    step: int,
    n_features: int,
    prototypes: np.ndarray,
    prototype: int,
    height: int,
    width: int,
    smallest: np.ndarray,
    where: np.ndarray,
) -> int:
    """Compare one prototype with those places whose bound is no larger than the best so far.

    Of places that tie the one with the lowest index wins. Returns how many were compared.
    """
    enough, n_possible, n_compared = smallest[prototype], 0, 0
    for i in range(bounds.size):
        n_possible += bounds[i] <= enough
    if n_possible == 0:
        return 0
    # The most promising place first: most others then need not be looked at.
    best = 0
    if n_possible > _SEVERAL:
        for i in range(1, n_places):
            if bounds[i] < bounds[best]:
                best = i
    length = width * n_features
    for turn in range(n_places + 1):
        i = best if turn == 0 else turn - 1
        if bounds[i] > enough:
            continue
        y, x = top + i // n_columns, left + i % n_columns
        at, own = y * step + x * n_features, prototype * height * length
        found = squared_distance(rows, at, step, prototypes, own, height, length)
        n_compared += 1
        place = first + y * n_across + x
        if found < enough or (found == enough and place < where[prototype]):
            enough = smallest[prototype] = found
            where[prototype] = place
    return n_compared


@kernel(
    "i8(f4[:, :, ::1], f8, f4[::1], f4[:, ::1], i8, i8, i8, i8, i8, i8, i8, b1[::1], f4[::1], "
    "i8[::1])"
)
def search(
    values: np.ndarray,
    mean: float,
    prototypes: np.ndarray,
    left_side: np.ndarray,
    height: int,
    width: int,
    down: int,
    across: int,
    parts_down: int,
    parts_across: int,
    first: int,
    seen_blank: np.ndarray,
    smallest: np.ndarray,
    where: np.ndarray,
) -> int:
    """Compare one map of one image with all prototypes, as far as bounds do not exclude a place.

    Parameters
    ----------
    values : array of shape (n_features, map height, map width)
    mean : float
        That bounds are taken around.
    prototypes : array of shape (n_prototypes * height * width * n_features,)
        Features last.
    left_side : array of shape (n_prototypes, n_blocks + n_parts + 2)
        Bounds are its product with columns: block means, norms of what they leave out of each
        part, squared norm, 1.
    height, width : int
        Of a prototype.
    down, across : int
        Of a block.
    parts_down, parts_across : int
        So many parts a side, of each feature.
    first : int
        Index of the first place of this map.
    seen_blank : array of shape (1,)
        Whether a window of zeros has been seen in this image.
    smallest, where : arrays of shape (n_prototypes,)
        Squared distances so far, and the index of their places; brought up to date.

    Returns
    -------
    int
        How many windows were compared with a prototype.
    """
    n_features, map_height, map_width = values.shape
    n_down, n_across = map_height - height + 1, map_width - width + 1
    part_height, part_width = height // parts_down, width // parts_across
    part_shape = (n_features, map_height - part_height + 1, map_width - part_width + 1)
    energy, residues = np.empty(part_shape), np.empty(part_shape, np.float32)
    means = np.empty((n_features, map_height - down + 1, map_width - across + 1), np.float32)
    blank = np.empty((n_down, n_across), np.bool_)
    part_energies(values, mean, part_height, part_width, energy)
    block_means(values, mean, down, across, means)
    left_out(means, energy, part_height // down, part_width // across, down, across, residues)
    find_blank(values, height, width, blank)
    rows = as_rows(values)
    columns = np.empty((left_side.shape[1], PLACES), np.float32)
    bounds = np.empty((left_side.shape[0], PLACES), np.float32)
    n_compared = 0
    n_together = max(1, PLACES // n_across)
    for top in range(0, n_down, n_together):
        n_rows = min(n_together, n_down - top)
        for left in range(0, n_across, PLACES):
            n_columns = min(PLACES, n_across - left)
            n = copy_rows(
                means, height // down, width // across, down, across,
                top, n_rows, left, n_columns, 0, columns,
            )  # fmt: skip
            n = copy_rows(
                residues, parts_down, parts_across, part_height, part_width,
                top, n_rows, left, n_columns, n, columns,
            )  # fmt: skip
            fill_norms(
                energy, blank, parts_down, parts_across, part_height, part_width,
                top, n_rows, left, n_columns, seen_blank, n, columns,
            )  # fmt: skip
            np.dot(left_side, columns, bounds)
            for p in range(left_side.shape[0]):
                n_compared += compare_possible(
                    bounds[p], n_rows * n_columns, top, left, n_columns, first, n_across, rows,
                    map_width * n_features, n_features, prototypes, p, height, width, smallest,
                    where,
                )  # fmt: skip
    return n_compared
