"""The nearest window of several maps to each prototype, on the GPU: see `nearest.cu`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array, namespace
from ..fields import Window
from .programs import Program, ready

_PROTOTYPES, _PLACES, _ACROSS, _WORKERS = 64, 128, 16, 128  # as in the text


def search(
    bands: Sequence[Array], prototypes: Array, windows: Sequence[Window]
) -> tuple[Array, Array]:
    """The smallest distance of each prototype, and where it is.

    Parameters
    ----------
    bands : sequence of arrays of shape (n_images, n_features, height, width)
    prototypes : array of shape (n_prototypes, n_features, window_height, window_width)
    windows : sequence of Window
        On each band, at stride 1.

    Returns
    -------
    distances : array of shape (n_images, n_prototypes)
    where : integer array of shape (n_images, n_prototypes)
        Index of the winner among the windows of all bands; the first where several tie.
    """
    xp, n_images = namespace(prototypes), len(bands[0])
    n_prototypes, n_features, *sides = prototypes.shape
    # Around the mean of the prototypes, squared norms and with them rounding errors are smaller.
    mean = prototypes.mean()
    matrix = ready((prototypes - mean).reshape(n_prototypes, -1).T)
    maps, table, tiles = _laid_out(bands, windows, mean)
    elements = np.indices((n_features, *sides), np.int32).reshape(3, -1).T
    elements = xp.asarray(np.ascontiguousarray(elements))
    keys = ~xp.zeros((n_images, n_prototypes), xp.uint64)  # the largest there are
    distances = xp.empty((n_images, n_prototypes), xp.float32)
    where = xp.empty((n_images, n_prototypes), xp.int64)
    program, counts = Program(xp, "nearest"), (len(matrix), n_prototypes, n_features)
    program.run(
        "nearest",
        (len(tiles), -(-n_prototypes // _PROTOTYPES), n_images),
        (_ACROSS, _ACROSS),
        maps, table, tiles, matrix, (matrix * matrix).sum(axis=0), elements, *counts, keys,
    )  # fmt: skip
    program.run(
        "distances_of_winners",
        (n_prototypes, n_images),
        (_WORKERS,),
        maps, table, matrix, elements, *counts, keys, distances, where,
    )  # fmt: skip
    return distances, where


def _laid_out(
    bands: Sequence[Array], windows: Sequence[Window], mean: Array
) -> tuple[Array, Array, Array]:
    """Maps with their borders, less the mean, one after the other; their table; their tiles."""
    xp, rows, tiles, start, first = namespace(mean), [], [], 0, 0
    shapes = []
    for band, (values, window) in enumerate(zip(bands, windows, strict=True)):
        (top, bottom), (left, right) = window.padding
        n_images, n_features, height, width = values.shape
        shapes.append((n_images, n_features, height + top + bottom, width + left + right))
        down, across = window.count(height, width)
        rows.append((start, *shapes[-1][2:], across, first))
        tiles += [(band, place) for place in range(0, down * across, _PLACES)]
        start, first = start + int(np.prod(shapes[-1])), first + down * across
    rows.append((start, 0, 0, 0, first))
    maps = xp.empty(start, xp.float32)
    maps[...] = -mean
    for values, window, shape, row in zip(bands, windows, shapes, rows, strict=False):
        (top, _), (left, _) = window.padding
        height, width = values.shape[2:]
        around = maps[row[0] : row[0] + int(np.prod(shape))].reshape(shape)
        around[:, :, top : top + height, left : left + width] = values - mean
    return maps, xp.asarray(np.array(rows, np.int64)), xp.asarray(np.array(tiles, np.int32))
