"""Contrast-normalised maxima of filters, by their symmetry, on the GPU: see `symmetric.cu`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays import Array, namespace, settle
from .programs import program, ready

LARGEST = 51  # of a filter: what a block of threads sees has to fit into its 48 KB
RESPONSES = ("signed", "half", "absolute")
_TILE, _ROWS = 32, 4  # as in the text


def block_maxima(
    values: Array,
    quadrants: Any,
    response: str,
    bands: Sequence[int],
    sides: Sequence[int],
    starts: np.ndarray,
    per_image: int,
    *,
    silent: bool,
) -> Array:
    """`operations.symmetric.block_maxima`, its bands beside each other.

    Parameters
    ----------
    values : array of shape (n_images, 1, height, width)
    quadrants : operations.symmetric.Quadrants
        Kept on the GPU for the next batch.
    response, bands, silent
        As there.
    sides : sequence of int
        Of the blocks of each band.
    starts : integer array
        Where the maxima of each band start among the `per_image` of an image.
    per_image : int

    Returns
    -------
    array of shape (n_images, per_image)
    """
    xp, (n_images, _, height, width) = namespace(values), values.shape
    values, found = ready(values), xp.zeros((n_images, per_image), xp.float32)
    if n_images == 0:
        return found
    floors = (1e-6 * xp.abs(values).max(axis=(1, 2, 3))) ** 2
    weights, n_down, halves, mirrors, signs, offsets = _on_device(
        quadrants, xp, xp.cuda.runtime.getDevice()
    )
    n_bands, (n_groups, n_sizes, n_columns, n_rows, _) = len(sides), weights.shape
    kernels = program(
        xp,
        "symmetric",
        HALF=int(quadrants.halves.max()),
        GROUPS=n_groups,
        FILTERS=signs.shape[1],
        RESPONSE=RESPONSES.index(response),
    )
    n_tiles = -(-height // _TILE) * -(-width // _TILE)
    kernels.run(
        "block_maxima",
        (n_tiles, n_bands, n_images),
        (_TILE, _TILE // _ROWS),
        values, ready(floors), height, width, weights, n_sizes, n_rows, n_columns, n_down, halves,
        mirrors, signs, offsets,
        xp.asarray(np.searchsorted(bands, np.arange(n_bands + 1)), xp.int32),
        xp.asarray(sides, xp.int32), xp.asarray(starts, xp.int64),
        np.int64(per_image), int(silent), found,
    )  # fmt: skip
    return found


# Made anew, they would cost every batch more than the kernel takes. Two threads, each with a stream
# of its own, may use them: they are there before this returns.
@lru_cache(maxsize=8)
def _on_device(quadrants: Any, xp: ModuleType, device: int) -> tuple[Array, ...]:
    # Going down a column of a quadrant, the kernel reads one weight after the other.
    weights = np.ascontiguousarray(quadrants.weights.transpose(0, 1, 3, 2, 4))
    used = (weights != 0).any(axis=(0, 4))
    n_down = np.where(used.any(axis=2), used.shape[2] - used[..., ::-1].argmax(axis=2), 0)
    parts = (
        weights,
        n_down.astype(np.int32),
        quadrants.halves.astype(np.int32),
        quadrants.mirrors,
        quadrants.signs,
        quadrants.offsets,
    )
    arrays = tuple(xp.asarray(np.ascontiguousarray(part)) for part in parts)
    settle(xp)
    return arrays
