"""The nearest window of several maps to each prototype, on the GPU: see `nearest.cu`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array, namespace
from ..fields import Window
from .programs import program, ready

_PROTOTYPES, _PLACES, _ACROSS, _WORKERS = 128, 128, 16, 128  # as in the text


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
    maps, table, tiles, steps = _laid_out(bands, windows, mean, (n_features, *sides))
    keys = ~xp.zeros((n_images, n_prototypes), xp.uint64)  # the largest there are
    distances = xp.empty((n_images, n_prototypes), xp.float32)
    where = xp.empty((n_images, n_prototypes), xp.int64)
    kernels, counts = program(xp, "nearest"), (len(matrix), n_prototypes, n_features)
    kernels.run(
        "nearest",
        (len(tiles), -(-n_prototypes // _PROTOTYPES), n_images),
        (_ACROSS, _ACROSS),
        maps, table, tiles, matrix, (matrix * matrix).sum(axis=0), steps, *counts, keys,
    )  # fmt: skip
    kernels.run(
        "distances_of_winners",
        (n_prototypes, n_images),
        (_WORKERS,),
        maps, table, matrix, steps, *counts, keys, distances, where,
    )  # fmt: skip
    return distances, where


def _laid_out(
    bands: Sequence[Array], windows: Sequence[Window], mean: Array, window_shape: tuple[int, ...]
) -> tuple[Array, Array, Array, Array]:
    """What the kernels are told of the maps.

    The maps with their borders, less the mean, one after the other; their table; their tiles; the
    steps from the corner of a window to each of its elements.
    """
    xp, rows, tiles, steps, start, first = namespace(mean), [], [], [], 0, 0
    feature, y, x = np.indices(window_shape, np.int32).reshape(3, -1)
    shapes = []
    for band, (values, window) in enumerate(zip(bands, windows, strict=True)):
        (top, bottom), (left, right) = window.padding
        n_images, n_features, height, width = values.shape
        shapes.append((n_images, n_features, height + top + bottom, width + left + right))
        down, across = window.count(height, width)
        rows.append((start, *shapes[-1][2:], across, first))
        tiles += [(band, place) for place in range(0, down * across, _PLACES)]
        steps.append((feature * shapes[-1][2] + y) * shapes[-1][3] + x)
        start, first = start + int(np.prod(shapes[-1])), first + down * across
    rows.append((start, 0, 0, 0, first))
    maps = xp.empty(start, xp.float32)
    maps[...] = -mean
    for values, window, shape, row in zip(bands, windows, shapes, rows, strict=False):
        (top, _), (left, _) = window.padding
        height, width = values.shape[2:]
        around = maps[row[0] : row[0] + int(np.prod(shape))].reshape(shape)
        around[:, :, top : top + height, left : left + width] = values - mean
    on_host = (np.array(rows, np.int64), np.array(tiles, np.int32), np.array(steps, np.int32))
    return (maps, *map(xp.asarray, on_host))
