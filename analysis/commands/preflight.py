"""What an extraction will take, from a few of its images."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hmax_cnn.data import Dataset
from hmax_cnn.extraction.memory_left import memory_left, resident
from hmax_cnn.extraction.plain_text import duration
from hmax_cnn.extraction.store import Layout
from hmax_cnn.extraction.store.places import Place
from hmax_cnn.extraction.store.store import digest_of

from .rows import Rows

_FIRST, _MOST = 8, 64  # images tried
_LONGEST = 2.0  # seconds that they may take
# Shards in memory at once: one that is written with two copies on the way, and part of the next;
# 3.3 and 3.4 were measured.
_HELD = 3.5
# Of a shard's files that are held in memory, so that digest and decoding read them once; 256
# pictures of ImageNet fit.
READ_BYTES = 2**25
_TRIED_BYTES = 2**25  # that are written to see how fast that is


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


def preflight(
    rows: Rows, dataset: Dataset, layout: Layout, place: Place, n_images: int
) -> Preflight:
    """Try a few images, from all over the set, and how fast their features are written.

    Parameters
    ----------
    rows : Rows
    dataset : Dataset
    layout : Layout
    place : Place
        Where they go to.
    n_images : int
        Of the part.

    Returns
    -------
    Preflight
    """
    model = rows.model
    quiet = model.progress
    model.set_params(progress=False)
    most = min(_MOST, len(dataset), layout.per_shard)  # no more are made at once
    try:
        n_tried, (seconds, found) = _FIRST, _timed(rows, dataset, _FIRST)  # it compiles, and reads
        while n_tried < most and seconds < _LONGEST:
            n_tried = min(2 * n_tried, most)
            seconds, found = _timed(rows, dataset, n_tried)
    finally:
        model.set_params(progress=quiet)
    peak = _peak() - found.nbytes + _HELD * layout.per_shard * row_bytes(layout)
    peak += 2 * min(READ_BYTES, layout.per_shard * _file_bytes(dataset))  # and of the next shard
    for _ in layout.objects():  # the run makes them, too; names of millions of units are large
        pass
    peak = max(peak, float(_peak()))
    computing = seconds / len(found) * n_images
    n_bytes = n_images * layout.n_bytes // layout.shape[0]
    encoding, writing = _written(found, layout, place)
    fixed = _since_start()  # imports, looking at pictures, learning, and these trials
    # Written while the next ones are computed.
    seconds = fixed + computing + encoding * n_bytes + max(0.0, writing * n_bytes - computing)
    return Preflight(n_images, layout.n_bytes, seconds, peak)


def _file_bytes(dataset: Dataset) -> int:
    """Mean size of a file, from a sample; 0 where there are none."""
    items = dataset.subset(_spread(dataset, _MOST)).source
    sizes = [item.stat().st_size for item in items if isinstance(item, Path)]
    return sum(sizes) // max(1, len(sizes))


def row_bytes(layout: Layout) -> int:
    """Bytes of the numbers of an image."""
    return layout.shape[1] * np.dtype(layout.dtype).itemsize


def check_memory(found: Preflight, layout: Layout) -> None:
    """Refuse what memory cannot hold, before hours of work.

    Parameters
    ----------
    found : Preflight
    layout : Layout

    Raises
    ------
    MemoryError
        If more is needed than is left; the text says what would fit.
    """
    left, more = memory_left(), found.memory - resident()
    if left is None or more <= left:
        return
    row = row_bytes(layout)
    ways = ["--reduce", "fewer layers", "a smaller --resize", "less --set batch_memory"]
    fitting = int((left - more) // (_HELD * row)) + layout.per_shard
    if fitting >= 1:
        ways.insert(0, f"--shard-images {fitting}")
    msg = (
        f"{as_size(round(more))} of memory more are needed, and {as_size(left)} are left. What "
        f"takes less: {', '.join(ways)}."
    )
    raise MemoryError(msg)


def _written(rows: np.ndarray, layout: Layout, place: Place) -> tuple[float, float]:
    """Seconds for each byte: to encode it with its checksums, and to write it, where known."""
    rows = rows[: layout.per_shard]
    start = time.perf_counter()
    content = layout.encoded(rows.astype(layout.dtype, copy=False))
    digest_of(content)
    encoded = time.perf_counter()
    was_written = place.try_to_write(content[:_TRIED_BYTES])
    n_written = min(len(content), _TRIED_BYTES)
    writing = (time.perf_counter() - encoded) / n_written if was_written else 0.0
    return (encoded - start) / len(content), writing


def _since_start() -> float:
    """Seconds that this process has been there; of processor time where nobody knows."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError):
        return time.process_time()


def _peak() -> int:
    """Bytes of memory that this process has taken at most; 0 where nobody knows."""
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def _timed(rows: Rows, dataset: Dataset, n_images: int) -> tuple[float, np.ndarray]:
    some = dataset.subset(_spread(dataset, n_images))
    start = time.perf_counter()
    found = rows(some)
    return time.perf_counter() - start, found


def _spread(dataset: Dataset, count: int) -> np.ndarray:
    """Numbers of images from all over a set."""
    return np.unique(np.linspace(0, len(dataset) - 1, count).astype(int))


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
