"""Batches through a model: how large they are, on which threads they run, and in which order."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Array, device_namespace, give_back, n_cores, own_stream, to_host
from .images import Images, InputWarning, to_retina
from .maps import Maps
from .parallel import in_order, one_blas_thread, workers
from .progress import progress_bar

if TYPE_CHECKING:
    from .layered import LayerBands, LayeredModel

# Images in a batch: on the processor more of any size only leave the cache, unless they are small.
LARGEST_BATCH = {"cpu": 4, "cuda": 256}
_GPU_BATCHES = 2  # at once: one is sent or read back while the other is computed
_CACHED_BATCH = 4 * 2**20  # bytes: as many small images as stay in the cache
# Of batches of one size: on a GPU at most so many images, and so many bytes.
_EVEN_ON_GPU, _EVEN_BYTES, _VECTOR = 64, 2**29, 16
_even = ContextVar("even batches", default=False)


@contextmanager
def even_batches() -> Iterator[None]:
    """Let no number depend on how many images there are, on threads, or on memory.

    BLAS takes other ways through products of other sizes, and their last bits differ. In this block
    batches of a model are of one size, the last ones filled up with copies, and BLAS and training
    keep to one thread.
    """
    before = _even.set(True)
    try:
        with one_blas_thread:
            yield
    finally:
        _even.reset(before)


def are_even() -> bool:
    """Whether this runs in a block of `even_batches`.

    Returns
    -------
    bool
    """
    return _even.get()


def walked(model: LayeredModel, retina: Maps, wanted: Collection[str]) -> LayerBands:
    """Run images upward until the highest layer that is wanted.

    Parameters
    ----------
    model : LayeredModel
    retina : Maps
    wanted : collection of str

    Returns
    -------
    dict from layer to list of Maps
    """
    found: LayerBands = {}
    for name, bands, _ in model.walk(retina, wanted):
        if name in wanted:
            found[name] = list(bands)
        if len(found) == len(wanted):
            break
    return found


def stream(
    model: LayeredModel, source: Images, wanted: Sequence[str]
) -> Generator[tuple[int, LayerBands], None, None]:
    """Batches through the model, in order.

    Parameters
    ----------
    model : LayeredModel
    source : Images
    wanted : sequence of str

    Yields
    ------
    first : int
        Index of the first image of the batch.
    layers : dict from layer to list of Maps
        Their values on the host.
    """
    xp = device_namespace(model.device)
    on_processor = xp is np
    n_threads = threads_for(model, source) if on_processor else min(_GPU_BATCHES, len(source))
    # A single image has the threads to itself, as far as operations share out their work.
    n_within = (model.n_threads or n_cores()) if on_processor and n_threads == 1 else 1
    even = are_even()
    sizes = _BatchSizes(model, source, wanted, n_threads)
    if even:
        n_within = 1
        largest = sizes.even_bytes(source[0].shape)
        n_threads = max(1, min(n_threads, model.batch_memory * 2**20 // largest))

    def respond(batch: tuple[int, Array]) -> tuple[int, int, LayerBands]:
        first, values = batch
        n_images = len(values)
        if even:
            values = _filled_up(values, sizes.even_for(values.shape[1:]))
        with own_stream(xp):
            layers = walked(model, Maps(to_retina(values, xp, model.n_channels)), wanted)
            on_host = {
                name: [replace(maps, values=to_host(maps.values)[:n_images]) for maps in bands]
                for name, bands in layers.items()
            }
        return first, n_images, on_host

    pieces = _checked(model, source.batches(sizes.even_for if even else sizes.size_for))
    name, progress = type(model).__name__, model.progress
    # Threads over batches, not within: NumPy releases the lock in what takes time, and each batch
    # stays in the cache of its core.
    bar = progress_bar(total=len(source), name=name, unit="image", progress=progress)
    with bar, workers(n_within):
        try:
            for first, n_done, layers in in_order(respond, pieces, n_threads):
                bar.update(n_done)
                yield first, layers
        finally:
            give_back(xp)


def _filled_up(values: Array, size: int) -> Array:
    """A batch of so many images, the last of them repeated."""
    n_missing = size - len(values)
    return np.concatenate([values, *[values[-1:]] * n_missing]) if n_missing else values


class _BatchSizes:
    """How many images of a shape make a batch; worked out once for each shape."""

    def __init__(
        self, model: LayeredModel, source: Images, wanted: Sequence[str], n_threads: int
    ) -> None:
        self.model, self.wanted, self.n_threads = model, wanted, n_threads
        self.fair = -(-len(source) // n_threads)  # so that every thread has some
        self.on_processor = device_namespace(model.device) is np
        self.known: dict[tuple[int, ...], int] = {}

    def size_for(self, shape: tuple[int, ...]) -> int:
        if shape not in self.known:
            kept, working = self._bytes(shape)
            limit = LARGEST_BATCH["cuda"]
            if self.on_processor:
                limit = self._in_cache(shape, working)
            affordable = self.model.batch_memory * 2**20 // self.n_threads // (kept + working)
            self.known[shape] = max(1, min(limit, self.fair, affordable))
        return self.known[shape]

    def even_for(self, shape: tuple[int, ...]) -> int:
        """By the model and the shape alone; in whole vectors of the processor where it can be."""
        if shape not in self.known:
            kept, working = self._bytes(shape)
            limit = max(1, min(_EVEN_ON_GPU, _EVEN_BYTES // (kept + working)))
            if self.on_processor:
                limit = self._in_cache(shape, working)
            self.known[shape] = limit - limit % _VECTOR if limit >= _VECTOR else limit
        return self.known[shape]

    def even_bytes(self, shape: tuple[int, ...]) -> int:
        return self.even_for(shape) * sum(self._bytes(shape))

    def _in_cache(self, shape: tuple[int, ...], working: int) -> int:
        """So many images as stay in the cache, and a few at least."""
        # What the image itself takes counts: a linear classifier works in 32 bytes.
        seen = 4 * self.model.n_channels * int(shape[0]) * int(shape[1])
        return max(LARGEST_BATCH["cpu"], _CACHED_BATCH // max(working, seen))

    def _bytes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """What an image takes: of the layers that are kept, and of what lies below them."""
        layers = self.model.geometry(shape, self.wanted)
        bands = [maps for layer in layers.values() for maps in layer]
        kept = 4 * sum(int(np.prod(maps.shape)) for maps in bands)  # float32
        check_affordable(self.model, shape, kept)
        return kept, self.model.working_bytes(*shape[:2])


# An image may take eight times the default of `batch_memory`, and no more unless that is raised.
_MOST_MEMORY = 2048


def check_affordable(model: LayeredModel, shape: Sequence[int], kept: int = 0) -> None:
    """Refuse an image that alone would take more memory than anyone expects.

    Parameters
    ----------
    model : LayeredModel
    shape : (int, int)
        Of the image.
    kept : int
        Bytes of the layers that are kept.

    Raises
    ------
    ValueError
        With what it would take.
    """
    n_bytes = kept + model.working_bytes(int(shape[0]), int(shape[1]))
    needed, most = n_bytes / 2**20, max(_MOST_MEMORY, model.batch_memory)
    if needed > most:
        sides = " x ".join(map(str, shape[:2]))
        msg = (
            f"An image of {sides} pixels takes about {needed / 1024:.1f} GiB in "
            f"{type(model).__name__}, more than {most / 1024:.1f} GiB. Resize it, or go on all the "
            f"same with batch_memory={int(needed) + 1}."
        )
        raise ValueError(msg)


def threads_for(model: LayeredModel, source: Images) -> int:
    """Cores to use: no more than there are images, or than large images leave memory for.

    Parameters
    ----------
    model : LayeredModel
    source : Images

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the model's `n_threads` is below 1.
    """
    if model.n_threads is not None and model.n_threads < 1:
        msg = f"`n_threads` must be at least 1, or None for all cores, got {model.n_threads}."
        raise ValueError(msg)
    height, width = source[0].shape[:2]
    affordable = model.batch_memory * 2**20 // max(1, model.working_bytes(height, width))
    return max(1, min(model.n_threads or n_cores(), len(source), affordable))


def _checked(
    model: LayeredModel, pieces: Iterator[tuple[int, Array]]
) -> Iterator[tuple[int, Array]]:
    """The batches, with a warning if the first is clearly not in the range the model expects."""
    expected, moments = model.expected_range(), model.expected_moments()
    for first, batch in pieces:
        if first == 0 and expected is not None:
            _warn_of_range(batch, expected, type(model).__name__)
        elif first == 0 and moments is not None:
            _warn_of_scale(batch, moments, type(model).__name__)
        yield first, batch


# A dim photograph is a tenth as bright as others, not a hundredth.
_OTHER_SCALE = 16


def _warn_of_scale(batch: Array, moments: tuple[float, float], model: str) -> None:
    """Warn of pixel values of another scale than those that the model learned with."""
    mean, deviation = moments
    highest, usual = float(abs(batch).max()), abs(mean) + deviation
    if not highest or not usual or usual / _OTHER_SCALE <= highest <= usual * _OTHER_SCALE:
        return
    msg = (
        f"{model} learned from pixel values of mean {mean:.4g} and deviation {deviation:.4g}, but "
        f"`images` reach {highest:.4g} at most. Scale them as the images that it learned from."
    )
    warnings.warn(msg, InputWarning, stacklevel=2)


def _warn_of_range(batch: Array, expected: tuple[float, float], model: str) -> None:
    lowest, highest = float(batch.min()), float(batch.max())
    low, high = expected
    if not np.isfinite(high - low):
        return
    # A dip of up to 2 % below the range, in images that reach at least a tenth of its top, is
    # ringing of a resampling filter and no other scale.
    below = lowest < low - 0.02 * (high - low) or (lowest < low and highest < 0.1 * high)
    if below:
        reason = (
            "Negative values look like z-scores or a removed mean; the offset changes the responses"
        )
    elif high > 2 and low < highest <= 1:
        reason = "They look like 0..1; multiply by 255"
    elif highest > 2 * high:
        reason = f"Divide by {highest / high:.3g}, or hand in uint8 images"
    else:
        return
    msg = (
        f"{model} expects pixel values from {low:g} to {high:g}, but `images` run from "
        f"{lowest:.4g} to {highest:.4g}. {reason}."
    )
    warnings.warn(msg, InputWarning, stacklevel=2)
