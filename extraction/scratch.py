"""Memory that operations write to and forget, used again from call to call.

New memory has to be cleared by the system page by page, which took up to a quarter of a network's
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import local

import numpy as np


class _Kept(local):
    """What each thread has kept, by use."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}


_kept = _Kept()


def scratch(use: str, shape: Sequence[int]) -> np.ndarray:
    """An array of float32 with anything in it, this thread's own until it asks for this use again.

    Parameters
    ----------
    use : str
        What it holds. No two that are needed at once may share a use.
    shape : sequence of int

    Returns
    -------
    array of this shape
    """
    size = int(np.prod(shape))
    if use not in _kept.arrays or _kept.arrays[use].size < size:
        _kept.arrays[use] = np.empty(size, np.float32)
    return _kept.arrays[use][:size].reshape(shape)


def forget() -> None:
    """Give this thread's memory back."""
    _kept.arrays.clear()
