"""Memory for maps that is used again from batch to batch and from step to step.

New memory has to be cleared by the system page by page, which took a fifth to a third of a
network's time. Within `reusing`, what a thread no longer refers to is handed out again.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from threading import local

import numpy as np

_FEWEST = 2**14  # numbers: fewer come from memory that was never given back


def _references(buffers: list[np.ndarray], index: int) -> int:
    return sys.getrefcount(buffers[index])


# Of a buffer that nobody else holds: the list's, and those of the question, which versions of
# Python count differently.
_UNUSED = _references([np.empty(1, np.float32)], 0)


class _Buffers(local):
    """The buffers of each thread, from the smallest to the largest."""

    def __init__(self) -> None:
        self.n_users = 0
        self.buffers: list[np.ndarray] = []


_own = _Buffers()


def start() -> None:
    """Let this thread keep its memory, until it ends or `stop` is called as often."""
    _own.n_users += 1


def stop() -> None:
    """Give this thread's memory back, but for what is still referred to."""
    _own.n_users -= 1
    if not _own.n_users:
        _own.buffers.clear()


@contextmanager
def reusing() -> Iterator[None]:
    """Let this thread keep its memory within the block."""
    start()
    try:
        yield
    finally:
        stop()


def empty(shape: Sequence[int]) -> np.ndarray:
    """An array of float32 with anything in it, as `numpy.empty` gives it.

    Parameters
    ----------
    shape : sequence of int

    Returns
    -------
    array
        Of memory that this thread had before, where it keeps any.
    """
    size = prod(shape)
    if size < _FEWEST or not _own.n_users:
        return np.empty(shape, np.float32)
    buffers = _own.buffers
    for index in range(bisect_left(buffers, size, key=len), len(buffers)):
        # The smallest that will do. Every view of a buffer refers to the buffer itself.
        if _references(buffers, index) == _UNUSED:
            return buffers[index][:size].reshape(shape)
    new = np.empty(size, np.float32)
    insort(buffers, new, key=len)
    return new[:size].reshape(shape)


_ORDERS = ((0, 1, 2, 3), (0, 2, 3, 1), (1, 2, 3, 0))


def order_of(array: np.ndarray) -> tuple[int, ...]:
    """The order of the axes in memory, from the outermost to the innermost.

    Parameters
    ----------
    array : array with four axes

    Returns
    -------
    tuple of int
        That of the axes as they are, where it is none of those that maps are kept in: features
        innermost, or images.
    """
    for order in _ORDERS:
        if array.transpose(order).flags.c_contiguous:
            return order
    return _ORDERS[0]
