"""Random numbers that depend on what they are for, a seed and a number, and on nothing else."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def generator(purpose: str, random_state: int, *numbers: int) -> np.random.Generator:
    """A generator for one thing, such as image 3 of some noise.

    Independent of those for other purposes, seeds and numbers.

    Raises
    ------
    ValueError
        If the seed is no whole number of at least 0.

    Examples
    --------
    >>> bool(generator("noise", 0, 3).random() == generator("noise", 0, 3).random())
    True
    """
    check_seed(random_state)
    # Of the purpose too: equal seeds for two purposes give unrelated numbers.
    return np.random.default_rng([crc32(purpose.encode()), int(random_state), *map(int, numbers)])


def check_seed(random_state: int) -> None:
    """Refuse what is no seed."""
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        msg = f"`random_state` must be a whole number of at least 0, got {random_state!r}."
        raise ValueError(msg)
