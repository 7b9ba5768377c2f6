"""Arrangements of complex cells: the S2 of the first HMAX, which learned nothing."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from .prototypes import Prototypes

ARRANGEMENTS = "arrangements"
_MOST_ORIENTATIONS = 8  # 4,096 arrangements


@lru_cache(maxsize=8)
def arrangements(n_orientations: int, apart: int = 2) -> Prototypes:
    """All arrangements of four complex cells at the corners of a square, each of one orientation.

    Parameters
    ----------
    n_orientations : int
        Up to 8.
    apart : int
        Distance of the corners, in units of C1. At 2, windows of C1 that overlap by half lie side
        by side.

    Returns
    -------
    Prototypes
        n_orientations^4 of size `apart` + 1: 1 where a cell should respond, NaN where none counts.

    Raises
    ------
    ValueError
        If there would be too many.

    References
    ----------
    Riesenhuber & Poggio, Nature Neuroscience 1999: 256 S2 features are all 2 x 2 arrangements of
    four orientations, tuned to a response of 1 of each cell.

    Examples
    --------
    >>> arrangements(4)
    Prototypes(256 of 3 x 3)
    """
    if not 1 <= n_orientations <= _MOST_ORIENTATIONS:
        msg = (
            f"`prototypes` '{ARRANGEMENTS}' are n^4 for n orientations: use at most "
            f"{_MOST_ORIENTATIONS} `orientations`, got {n_orientations}."
        )
        raise ValueError(msg)
    size = apart + 1
    patches = np.full((n_orientations**4, n_orientations, size, size), np.nan, np.float32)
    corners = [(0, 0), (0, apart), (apart, 0), (apart, apart)]
    for number, orientations in enumerate(product(range(n_orientations), repeat=4)):
        for (row, column), orientation in zip(corners, orientations, strict=True):
            patches[number, orientation, row, column] = 1
    return Prototypes({size: patches})
