"""Correlation of maps whose images lie innermost in memory: see `operations.images_last`.

The places of a row, and the images at each, are one run of memory: an element of a filter is then
one number times a run that starts a little further on. Several filters and elements are taken at
once, so that what is read is used several times; nothing is copied.

Arrays are flat and indices unsigned: see `winograd`.
"""

from __future__ import annotations

import numpy as np
from numba import uint64

from .compilation import kernel

FILTERS, ELEMENTS = 3, 4  # taken at once
_RUN = 1024  # numbers at a time: those of all that is taken at once stay in the fastest cache


@kernel("void(f4[::1], i8[::1], f4[:, ::1], i8, i8, i8, i8, i8, f4[::1])")
def correlate_rows(
    values: np.ndarray,
    starts: np.ndarray,
    bank: np.ndarray,
    n_rows: int,
    first: int,
    last: int,
    step: int,
    width: int,
    out: np.ndarray,
) -> None:
    """Some rows of matches.

    Parameters
    ----------
    values : flat array (feature, y, x, image)
        Zeros around the maps included.
    starts : array of int
        Where each element of a filter first looks.
    bank : array (filter, element)
        Filled up with zeros to multiples of `FILTERS` and `ELEMENTS`.
    n_rows : int
        Of the result; `first` to `last` of them are made.
    step : int
        Numbers from what one row of the result sees to what the next does.
    width : int
        Numbers of a row of the result.
    out : flat array (filter, y, x, image)
    """
    for row in range(first, last):
        for start in range(0, width, _RUN):
            n, seen = uint64(min(_RUN, width - start)), row * step + start
            for f in range(0, len(bank), FILTERS):
                x = uint64((f * n_rows + row) * width + start)
                y = uint64(((f + 1) * n_rows + row) * width + start)
                z = uint64(((f + 2) * n_rows + row) * width + start)
                for into in (x, y, z):
                    for i in range(n):
                        out[into + i] = 0
                for t in range(0, starts.size, ELEMENTS):
                    a, b = uint64(starts[t] + seen), uint64(starts[t + 1] + seen)
                    c, d = uint64(starts[t + 2] + seen), uint64(starts[t + 3] + seen)
                    xa, xb, xc, xd = bank[f, t], bank[f, t + 1], bank[f, t + 2], bank[f, t + 3]
                    ya, yb = bank[f + 1, t], bank[f + 1, t + 1]
                    yc, yd = bank[f + 1, t + 2], bank[f + 1, t + 3]
                    za, zb = bank[f + 2, t], bank[f + 2, t + 1]
                    zc, zd = bank[f + 2, t + 2], bank[f + 2, t + 3]
                    for i in range(n):
                        p, q, r, s = values[a + i], values[b + i], values[c + i], values[d + i]
                        # One after the other: each is a product and a sum in one instruction.
                        out[x + i] = (((out[x + i] + xa * p) + xb * q) + xc * r) + xd * s
                        out[y + i] = (((out[y + i] + ya * p) + yb * q) + yc * r) + yd * s
                        out[z + i] = (((out[z + i] + za * p) + zb * q) + zc * r) + zd * s


@kernel("void(f4[::1], f4[::1], i8[::1], i8, i8, i8, i8, i8, f8[:, ::1])", reorders=True)
def gradient_of_bank(
    values: np.ndarray,
    gradient: np.ndarray,
    starts: np.ndarray,
    n_rows: int,
    first: int,
    last: int,
    step: int,
    width: int,
    total: np.ndarray,
) -> None:
    """The adjoint of `correlate_rows` with respect to filters `first` to `last` of a bank."""
    for f in range(first, last, 2):
        g = min(f + 1, last - 1)
        for t in range(0, starts.size, ELEMENTS):
            for row in range(n_rows):
                for start in range(0, width, _RUN):
                    n, seen = uint64(min(_RUN, width - start)), row * step + start
                    a, b = uint64(starts[t] + seen), uint64(starts[t + 1] + seen)
                    c, d = uint64(starts[t + 2] + seen), uint64(starts[t + 3] + seen)
                    own = uint64((f * n_rows + row) * width + start)
                    beside = uint64((g * n_rows + row) * width + start)
                    # Sums of one run in single precision, of all runs in double.
                    fa = fb = fc = fd = ga = gb = gc = gd = np.float32(0)
                    for i in range(n):
                        p, q, r, s = values[a + i], values[b + i], values[c + i], values[d + i]
                        slope, other = gradient[own + i], gradient[beside + i]
                        fa += slope * p
                        fb += slope * q
                        fc += slope * r
                        fd += slope * s
                        ga += other * p
                        gb += other * q
                        gc += other * r
                        gd += other * s
                    total[f, t] += fa
                    total[f, t + 1] += fb
                    total[f, t + 2] += fc
                    total[f, t + 3] += fd
                    if g > f:
                        total[g, t] += ga
                        total[g, t + 1] += gb
                        total[g, t + 2] += gc
                        total[g, t + 3] += gd
