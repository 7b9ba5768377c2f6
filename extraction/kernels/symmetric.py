"""S1 of HMAX by the symmetry of its filters: see `operations.symmetric`.

Loops run over slices of rows from 0: an index that could be negative, or rows of arrays whose
distance the compiler does not know, keep it from using vector registers.
"""

from __future__ import annotations

import numpy as np

from .compilation import kernel

COLUMNS = 256  # computed together: their sums of all filters stay in the cache
STEP = 4  # offsets along a row that are added at once: their weights stay in registers
MARGIN = 64  # the widest border around an image
SIGNED, HALF, ABSOLUTE = 0, 1, 2


@kernel("void(f4[:, ::1], f8[:, ::1], f8[:, ::1])")
def running_sums(image: np.ndarray, sums: np.ndarray, energies: np.ndarray) -> None:
    """Sums of values and of squares along each row, from its start."""
    for y in range(image.shape[0]):
        total, energy = 0.0, 0.0
        sums[y, 0] = energies[y, 0] = 0.0
        for x in range(image.shape[1]):
            value = float(image[y, x])
            total += value
            energy += value * value
            sums[y, x + 1], energies[y, x + 1] = total, energy


@kernel("void(f8[::1], f8[:, ::1], i8, i8, i8, f8)")
def add_windows(
    into: np.ndarray, sums: np.ndarray, row: int, start: int, size: int, sign: float
) -> None:
    """Add one row of the image to, or take it off, the sums over windows of this size."""
    n = into.size
    left, right = sums[row, start : start + n], sums[row, start + size : start + size + n]
    for x in range(n):
        into[x] += sign * (right[x] - left[x])


@kernel("void(f4[:, ::1], i8, i8, i8, i8, f4, f4[::1])")
def fold_rows(
    image: np.ndarray, centre: int, i: int, left: int, n: int, sign: float, both: np.ndarray
) -> None:
    """The rows i below and i above the centre, added or taken off."""
    below, above = image[centre + i, left : left + n], image[centre - i, left : left + n]
    for x in range(n):
        both[x] = below[x] + sign * above[x]


@kernel("void(f4[::1], i8, i8, i8, f4, f4[:, ::1])")
def fold_columns(
    row: np.ndarray, margin: int, j: int, n: int, sign: float, both: np.ndarray
) -> None:
    """The columns j, j + 1, ... to the right and to the left of each place, added or taken off."""
    for q in range(STEP):
        after = row[margin + j + q : margin + j + q + n]
        before, into = row[margin - j - q : margin - j - q + n], both[q]
        for x in range(n):
            into[x] = after[x] + sign * before[x]


@kernel(
    "f4[:, :, ::1](f4[:, ::1], i8, i8, i8, i8, f4[:, :, :, :, ::1], i8[:, ::1], b1[::1], "
    "f4[:, :, ::1])"
)
def matches_of_row(
    image: np.ndarray,
    margin: int,
    y: int,
    left: int,
    n: int,
    weights: np.ndarray,
    n_offsets: np.ndarray,
    is_inside: np.ndarray,
    mirrors: np.ndarray,
) -> np.ndarray:
    """Matches of all quadrants along `n` columns of one row, (group and size, 4, column)."""
    n_groups, n_sizes, n_rows = weights.shape[:3]
    # Arrays whose sides are known when this is compiled.
    rows = np.empty((2, COLUMNS + 2 * MARGIN), np.float32)
    folded = np.empty((2 * STEP, COLUMNS), np.float32)
    matches = np.zeros((n_groups * n_sizes, STEP, COLUMNS), np.float32)
    for g in range(n_groups):
        for i in range(n_rows):
            for v in range(2):
                sign = mirrors[g, v, 0]
                fold_rows(image, margin + y, i, left, n + 2 * margin, sign, rows[v])
            for j in range(0, n_offsets[:, i].max(), STEP):
                for v in range(2):
                    into = folded[STEP * v : STEP * v + STEP]
                    fold_columns(rows[v], margin, j, n, mirrors[g, v, 1], into)
                for k in range(n_sizes):
                    if n_offsets[k, i] <= j or not is_inside[k]:
                        continue
                    own, w = matches[g * n_sizes + k], weights[g, k, i]
                    a0, a1, a2, a3 = w[j, 0], w[j + 1, 0], w[j + 2, 0], w[j + 3, 0]
                    b0, b1, b2, b3 = w[j, 1], w[j + 1, 1], w[j + 2, 1], w[j + 3, 1]
                    c0, c1, c2, c3 = w[j, 2], w[j + 1, 2], w[j + 2, 2], w[j + 3, 2]
                    d0, d1, d2, d3 = w[j, 3], w[j + 1, 3], w[j + 2, 3], w[j + 3, 3]
                    for x in range(n):
                        p, q, r, s = folded[0, x], folded[1, x], folded[2, x], folded[3, x]
                        own[0, x] += (a0 * p + a1 * q) + (a2 * r + a3 * s)
                        own[1, x] += (b0 * p + b1 * q) + (b2 * r + b3 * s)
                        own[2, x] += (c0 * p + c1 * q) + (c2 * r + c3 * s)
                        p, q, r, s = folded[4, x], folded[5, x], folded[6, x], folded[7, x]
                        own[3, x] += (d0 * p + d1 * q) + (d2 * r + d3 * s)
    return matches


@kernel(
    "void(f4[:, :, ::1], i8, i8, i8, f4[:, ::1], f4[::1], f8[::1], f8[::1], f8, i8, i8, f4[:, ::1])"
)
def strongest_of_row(
    matches: np.ndarray,
    size: int,
    n_sizes: int,
    shift: int,
    signs: np.ndarray,
    offsets: np.ndarray,
    box: np.ndarray,
    energy: np.ndarray,
    floor: float,
    rectified: int,
    first: int,
    strongest: np.ndarray,
) -> None:
    """Filters put together from quadrants, over the norm, and the maximum with what is there."""
    n = box.size
    norm, response = np.empty(n, np.float32), np.empty(n, np.float32)
    for x in range(n):
        norm[x] = 1 / np.sqrt(energy[x] if energy[x] > floor else 1.0)
    for f in range(signs.shape[0]):
        offset = offsets[f]
        for x in range(n):
            response[x] = offset * box[x]
        for p in range(signs.shape[1]):
            sign = signs[f, p]
            if sign == 0:
                continue
            part = matches[p // 4 * n_sizes + size, p % 4, shift : shift + n]
            for x in range(n):
                response[x] += sign * part[x]
        into = strongest[f, first : first + n]
        if rectified == SIGNED:
            for x in range(n):
                into[x] = response[x] * norm[x]
        elif rectified == HALF:
            for x in range(n):
                into[x] = max(into[x], response[x] * norm[x])
        else:
            for x in range(n):
                into[x] = max(into[x], abs(response[x] * norm[x]))


@kernel("void(f4[:, ::1], i8, i8, i8, i8, f4[::1])")
def store_blocks(
    strongest: np.ndarray, y: int, height: int, side: int, start: int, out: np.ndarray
) -> None:
    """The maxima of a row of blocks, where this row of the image is the last of it."""
    if (y + 1) % side and y + 1 < height:
        return
    n_features, width = strongest.shape
    n_down, n_across = -(-height // side), -(-width // side)
    for f in range(n_features):
        row, first = strongest[f], start + (f * n_down + y // side) * n_across
        for block in range(n_across):
            largest = row[block * side]
            for x in range(block * side + 1, min(width, (block + 1) * side)):
                largest = max(largest, row[x])
            out[first + block] = largest
    strongest[:] = 0


@kernel(
    "void(f4[:, ::1], f8, i8, f4[:, :, :, :, ::1], i8[:, ::1], i8[::1], f4[:, :, ::1], "
    "f4[:, :, ::1], f4[:, ::1], i8, b1, i8[::1], i8[::1], i8[::1], i8, i8, f4[::1])"
)
def respond(
    image: np.ndarray,
    floor: float,
    margin: int,
    weights: np.ndarray,
    n_offsets: np.ndarray,
    halves: np.ndarray,
    mirrors: np.ndarray,
    signs: np.ndarray,
    offsets: np.ndarray,
    rectified: int,
    silent: bool,
    band_of: np.ndarray,
    sides: np.ndarray,
    starts: np.ndarray,
    height: int,
    width: int,
    out: np.ndarray,
) -> None:
    """Contrast-normalised responses of all filters, their maxima over sizes and square blocks.

    Parameters
    ----------
    image : array of shape (height + 2 margin, width + 2 margin + 32)
    floor : float
        Energies up to this count as 1.
    margin : int
    weights : array of shape (n_groups, n_sizes, n_rows, n_columns, 4)
        Of the quadrants: three share a symmetry, the fourth may have another.
    n_offsets : array of shape (n_sizes, n_rows)
        How far a row of the quadrants reaches.
    halves : array of shape (n_sizes,)
        Half of each size, rounded down.
    mirrors : array of shape (n_groups, 2, 2)
        1 or -1: whether the mirrored pixel, along y and along x, is added or taken off; for the
        first three of a group, and the fourth.
    signs : array of shape (n_sizes, n_filters, 4 n_groups)
        How filters are put together from quadrants.
    offsets : array of shape (n_sizes, n_filters)
        What each filter is outside its disc.
    rectified : int
        SIGNED (with blocks of 1 only), HALF or ABSOLUTE.
    silent : bool
        Whether places whose window reaches beyond the image are silent.
    band_of : array of shape (n_sizes,)
    sides, starts : arrays of shape (n_bands,)
        Side of the blocks of each band, and where its maxima (filter, y, x) start in `out`.
    height, width : int
        Of the image without its margin.
    out : array
    """
    n_sizes = halves.size
    sums = np.empty((image.shape[0], image.shape[1] + 1))
    energies = np.empty((image.shape[0], image.shape[1] + 1))
    running_sums(image, sums, energies)
    box, energy = np.zeros((n_sizes, width)), np.zeros((n_sizes, width))
    strongest = np.zeros((sides.size, signs.shape[1], width), np.float32)
    is_inside = np.ones(n_sizes, np.bool_)
    for k in range(n_sizes):
        for row in range(margin - halves[k], margin + halves[k]):
            add_windows(box[k], sums, row, margin - halves[k], 2 * halves[k] + 1, 1.0)
            add_windows(energy[k], energies, row, margin - halves[k], 2 * halves[k] + 1, 1.0)
    for y in range(height):
        for k in range(n_sizes):
            half, last = halves[k], margin + y + halves[k]
            add_windows(box[k], sums, last, margin - half, 2 * half + 1, 1.0)
            add_windows(energy[k], energies, last, margin - half, 2 * half + 1, 1.0)
            is_inside[k] = not silent or half < y < height - half
        for left in range(0, width, COLUMNS):
            n = min(COLUMNS, width - left)
            # Whole vectors: what lies to the right of the image is computed and not used.
            matches = matches_of_row(
                image, margin, y, left, (n + 31) // 32 * 32, weights, n_offsets, is_inside, mirrors
            )
            for k in range(n_sizes):
                first, end = left, left + n
                if silent:
                    first, end = max(first, halves[k] + 1), min(end, width - halves[k])
                if is_inside[k] and first < end:
                    strongest_of_row(
                        matches, k, n_sizes, first - left, signs[k], offsets[k],
                        box[k, first:end], energy[k, first:end], floor, rectified,
                        first, strongest[band_of[k]],
                    )  # fmt: skip
        for k in range(n_sizes):
            half, first_row = halves[k], margin + y - halves[k]
            add_windows(box[k], sums, first_row, margin - half, 2 * half + 1, -1.0)
            add_windows(energy[k], energies, first_row, margin - half, 2 * half + 1, -1.0)
        for b in range(sides.size):
            store_blocks(strongest[b], y, height, sides[b], starts[b], out)
