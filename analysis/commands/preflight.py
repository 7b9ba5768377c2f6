"""What an extraction will take, from a few of its images."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from hmax_cnn.data import Dataset
from hmax_cnn.extraction.plain_text import duration
from hmax_cnn.extraction.store import Layout

from .rows import Rows

_FIRST, _MOST = 8, 64  # images tried
_LONGEST = 2.0  # seconds that they may take
# Shards in memory at once: one that is made, one that is written, and its copies on the way.
_HELD = 4


@dataclass(frozen=True)
class Preflight:
    """What an extraction will take.

    Attributes
    ----------
    n_images : int
        Of the part.
    n_bytes : int
        Of all numbers, on disk.
    seconds, memory : float
        Seconds, and peak memory of this process in bytes.
    """

    n_images: int
    n_bytes: int
    seconds: float
    memory: float

    def text(self) -> str:
        """In a line."""
        return (
            f"{self.n_images} images take about {duration(self.seconds)} and "
            f"{self.memory / 2**20:.0f} MiB of memory, less where shards are there already; "
            f"{as_size(self.n_bytes)} on disk in all."
        )


def preflight(rows: Rows, dataset: Dataset, layout: Layout, n_images: int) -> Preflight:
    """Try a few images, from all over the set.

    Parameters
    ----------
    rows : Rows
    dataset : Dataset
    layout : Layout
    n_images : int
        Of the part.

    Returns
    -------
    Preflight
    """
    model = rows.model
    quiet = model.progress
    model.set_params(progress=False)
    try:
        n_tried, seconds = _FIRST, _timed(rows, dataset, _FIRST)  # the first compiles, and reads
        while n_tried < min(_MOST, len(dataset)) and seconds < _LONGEST:
            n_tried *= 2
            seconds = _timed(rows, dataset, n_tried)
    finally:
        model.set_params(progress=quiet)
    n_tried = min(n_tried, len(dataset))
    shard = layout.per_shard * layout.shape[1] * np.dtype(layout.dtype).itemsize
    peak = _peak()
    return Preflight(
        n_images, layout.n_bytes, seconds / n_tried * n_images, float(peak + _HELD * shard)
    )


def _peak() -> int:
    """Bytes of memory that this process has taken at most; 0 where nobody knows."""
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def _timed(rows: Rows, dataset: Dataset, n_images: int) -> float:
    some = np.unique(np.linspace(0, len(dataset) - 1, n_images).astype(int))
    start = perf_counter()
    rows(dataset.subset(some))
    return perf_counter() - start


def as_size(n_bytes: int) -> str:
    """As text, such as '1.5 GiB'.

    Parameters
    ----------
    n_bytes : int

    Returns
    -------
    str
    """
    if n_bytes < 2**30:
        return f"{n_bytes / 2**20:.1f} MiB"
    return f"{n_bytes / 2**30:.1f} GiB"
