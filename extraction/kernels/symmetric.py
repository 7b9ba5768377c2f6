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
    strides: np.ndarray,
    starts: np.ndarray,
    height: int,
    width: int,
    out: np.ndarray,
) -> None:
    """Contrast-normalised responses of all filters, their maxima over sizes and square blocks.

    Parameters
    ----------
    image : array of shape (height + 2 margin, width + 2 margin or more)
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
    rectified : {0, 1, 2}
        Signed (with strides of 1 only), the positive part, the absolute value.
    silent : bool
        Whether places whose window reaches beyond the image are silent.
    band_of : array of shape (n_sizes,)
    strides, starts : arrays of shape (n_bands,)
        Side of the blocks of each band, and where its maxima (filter, y, x) start in `out`.
    height, width : int
        Of the image without its margin.
    out : array
    """
    n_groups, n_sizes, n_rows = weights.shape[:3]
    n_filters, n_bands = signs.shape[1], strides.size
    sums = np.empty((image.shape[0], image.shape[1] + 1))
    energies = np.empty((image.shape[0], image.shape[1] + 1))
    running_sums(image, sums, energies)
    box, energy = np.zeros((n_sizes, width)), np.zeros((n_sizes, width))
    strongest = np.zeros((n_bands, n_filters, width), np.float32)
    # Sides that are known when this is compiled.
    rows = np.zeros((2, COLUMNS + 2 * MARGIN), np.float32)
    folded = np.zeros((2 * STEP, COLUMNS), np.float32)
    matches = np.empty((n_groups * n_sizes, STEP, COLUMNS), np.float32)
    total, over = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)

    for k in range(n_sizes):
        half = halves[k]
        for row in range(margin - half, margin + half):
            add_windows(box[k], sums, row, margin - half, 2 * half + 1, 1.0)
            add_windows(energy[k], energies, row, margin - half, 2 * half + 1, 1.0)
    for y in range(height):
        centre = margin + y
        for k in range(n_sizes):
            half = halves[k]
            add_windows(box[k], sums, centre + half, margin - half, 2 * half + 1, 1.0)
            add_windows(energy[k], energies, centre + half, margin - half, 2 * half + 1, 1.0)
        for left in range(0, width, COLUMNS):
            n = min(COLUMNS, width - left)
            # Whole vectors: what lies to the right of the image is computed and not used.
            n_whole = (n + 31) // 32 * 32
            matches[:] = 0
            for g in range(n_groups):
                for i in range(n_rows):
                    reach = 0
                    for k in range(n_sizes):
                        reach = max(reach, n_offsets[k, i])
                    for v in range(2):
                        sign, n_seen = mirrors[g, v, 0], n_whole + 2 * margin
                        above = image[centre - i, left : left + n_seen]
                        below, both = image[centre + i, left : left + n_seen], rows[v]
                        for x in range(n_seen):
                            both[x] = below[x] + sign * above[x]
                    for j in range(0, reach, STEP):
                        for v in range(2):
                            sign = mirrors[g, v, 1]
                            for q in range(STEP):
                                before = rows[v, margin - j - q : margin - j - q + n_whole]
                                after = rows[v, margin + j + q : margin + j + q + n_whole]
                                both = folded[STEP * v + q]
                                for x in range(n_whole):
                                    both[x] = after[x] + sign * before[x]
                        for k in range(n_sizes):
                            outside = silent and (y <= halves[k] or y >= height - halves[k])
                            if n_offsets[k, i] <= j or outside:
                                continue
                            own, w = matches[g * n_sizes + k], weights[g, k, i]
                            a0, a1, a2, a3 = w[j, 0], w[j + 1, 0], w[j + 2, 0], w[j + 3, 0]
                            b0, b1, b2, b3 = w[j, 1], w[j + 1, 1], w[j + 2, 1], w[j + 3, 1]
                            c0, c1, c2, c3 = w[j, 2], w[j + 1, 2], w[j + 2, 2], w[j + 3, 2]
                            d0, d1, d2, d3 = w[j, 3], w[j + 1, 3], w[j + 2, 3], w[j + 3, 3]
                            for x in range(n_whole):
                                e0, e1, e2, e3 = (
                                    folded[0, x],
                                    folded[1, x],
                                    folded[2, x],
                                    folded[3, x],
                                )
                                own[0, x] += (a0 * e0 + a1 * e1) + (a2 * e2 + a3 * e3)
                                own[1, x] += (b0 * e0 + b1 * e1) + (b2 * e2 + b3 * e3)
                                own[2, x] += (c0 * e0 + c1 * e1) + (c2 * e2 + c3 * e3)
                                own[3, x] += (d0 * folded[4, x] + d1 * folded[5, x]) + (
                                    d2 * folded[6, x] + d3 * folded[7, x]
                                )
            for k in range(n_sizes):
                first, last = left, left + n
                if silent:
                    if y <= halves[k] or y >= height - halves[k]:
                        continue
                    first, last = max(first, halves[k] + 1), min(last, width - halves[k])
                n_inside = last - first
                if n_inside <= 0:
                    continue
                seen, mean = energy[k, first:last], box[k, first:last]
                norm, response = over[:n_inside], total[:n_inside]
                for x in range(n_inside):
                    norm[x] = 1 / np.sqrt(seen[x] if seen[x] > floor else 1.0)
                for f in range(n_filters):
                    offset = offsets[k, f]
                    for x in range(n_inside):
                        response[x] = offset * mean[x]
                    for p in range(4 * n_groups):
                        sign = signs[k, f, p]
                        if sign != 0:
                            part = matches[p // 4 * n_sizes + k, p % 4]
                            part = part[first - left : last - left]
                            for x in range(n_inside):
                                response[x] += sign * part[x]
                    into = strongest[band_of[k], f, first:last]
                    if rectified == 0:
                        for x in range(n_inside):
                            into[x] = response[x] * norm[x]
                    elif rectified == 1:
                        for x in range(n_inside):
                            into[x] = max(into[x], response[x] * norm[x])
                    else:
                        for x in range(n_inside):
                            into[x] = max(into[x], abs(response[x] * norm[x]))
        for k in range(n_sizes):
            half = halves[k]
            add_windows(box[k], sums, centre - half, margin - half, 2 * half + 1, -1.0)
            add_windows(energy[k], energies, centre - half, margin - half, 2 * half + 1, -1.0)
        for b in range(n_bands):
            stride = strides[b]
            if (y + 1) % stride and y + 1 < height:
                continue
            n_down, n_across = -(-height // stride), -(-width // stride)
            for f in range(n_filters):
                into = out[starts[b] + (f * n_down + y // stride) * n_across :]
                row = strongest[b, f]
                for block in range(n_across):
                    largest = row[block * stride]
                    for x in range(block * stride + 1, min(width, (block + 1) * stride)):
                        largest = max(largest, row[x])
                    into[block] = largest
                row[:] = 0
