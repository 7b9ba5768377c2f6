"""Whose array is this? NumPy on the processor, CuPy on the GPU, and the way between them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from types import ModuleType
from typing import Any

import numpy as np
import scipy.fft

from .choices import check_choice

Array = Any  # numpy.ndarray or cupy.ndarray; the two share no base class
DEVICES = ("cpu", "cuda", "auto")
_INSTALL = (
    "Install it with the extra `gpu` (CUDA 12) or `gpu13` (CUDA 13), such as `pip install "
    "'.[gpu]'`, or use device='cpu'."
)


def on_gpu(array: Array) -> bool:
    """Whether an array lives on the GPU."""
    # Without importing CuPy, which takes a second and need not be there.
    return type(array).__module__.partition(".")[0] == "cupy"


def namespace(array: Array) -> ModuleType:
    """The module, `numpy` or `cupy`, whose functions work on this array.

    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    if on_gpu(array):
        return sys.modules["cupy"]
    return np


def device_namespace(device: str) -> ModuleType:
    """The module that makes arrays on a device.

    Parameters
    ----------
    device : {'cpu', 'cuda', 'auto'}
        'auto' is the GPU where CuPy and a GPU are there, and the processor where not.

    Raises
    ------
    ValueError
        If there is no such device.
    RuntimeError
        If 'cuda' is asked for and CuPy or the GPU is missing.
    """
    check_choice("device", device, DEVICES)
    if device == "cpu":
        return np
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        if device == "auto":
            return np
        msg = f"`device` is 'cuda', but CuPy cannot be imported ({error}). {_INSTALL}"
        raise RuntimeError(msg) from error
    try:
        n_gpus = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        n_gpus, reason = 0, str(error)
    else:
        reason = "no device is visible"
    if n_gpus > 0:
        return cupy
    if device == "auto":
        return np
    msg = (
        f"`device` is 'cuda', but CuPy finds no GPU ({reason}). Check the driver with "
        "`nvidia-smi`, or use device='cpu'."
    )
    raise RuntimeError(msg)


def to_host(array: Array) -> np.ndarray:
    """The same values as a NumPy array.

    From a GPU through page-locked memory, at the full speed of the bus, and without keeping other
    streams waiting.
    """
    if not on_gpu(array):
        return np.asarray(array)
    locked = importlib.import_module("cupyx").empty_pinned(array.shape, array.dtype)
    array.get(out=locked)
    return np.array(locked)


class _Streams(local):
    """The streams of a thread, by GPU.

    CuPy keeps freed memory by stream: with a new stream for every batch, memory would grow from
    batch to batch.
    """

    def __init__(self) -> None:
        self.by_gpu: dict[int, Any] = {}


_streams = _Streams()


@contextmanager
def own_stream(xp: ModuleType) -> Iterator[Any]:
    """The stream of this thread for what it does on a GPU; nothing on the processor.

    What one thread copies then overlaps with what another computes. CuPy sends arrays through
    page-locked memory by itself.
    """
    if xp is np:
        yield None
        return
    gpu = xp.cuda.runtime.getDevice()
    if gpu not in _streams.by_gpu:
        _streams.by_gpu[gpu] = xp.cuda.Stream()
    with _streams.by_gpu[gpu] as stream:
        yield stream


def settle(xp: ModuleType) -> None:
    """Wait until what this thread sent to a GPU is there, for other threads to use."""
    if xp is not np:
        xp.cuda.get_current_stream().synchronize()


def give_back(xp: ModuleType) -> None:
    """Give memory that no array uses any more back to the GPU, for other programs.

    Page-locked memory is kept: it is no larger than what two batches send, and locking it anew
    takes as long as a batch.
    """
    if xp is not np:
        xp.get_default_memory_pool().free_all_blocks()


def fourier(xp: ModuleType) -> ModuleType:
    """The module with `fft2` and `ifft2` of a device."""
    if xp is np:
        return scipy.fft
    return importlib.import_module("cupyx.scipy.fft")


def step_bytes(xp: ModuleType) -> int:
    """How much one step of an operation should touch.

    What stays in the cache here, what fills the GPU there.
    """
    if xp is np:
        # About the second-level cache of one core; a GPU wants few large steps instead.
        return 2 * 2**20
    return 128 * 2**20


def n_cores() -> int:
    """Processor cores that this process may use.

    OMP_NUM_THREADS sets a lower number, as for other numerical libraries.
    """
    # The cores that this process may use: fewer than the machine's in a container or a job.
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit():
        return max(1, min(available, int(asked)))
    return available


def tiles(
    n_images: int, n_rows: int, bytes_per_row: int, budget: int
) -> Iterator[tuple[slice, slice]]:
    """Cut a batch into (images, rows) so that a tile needs about `budget` bytes.

    Whole images where they fit, else rows of one image.

    >>> list(tiles(3, 4, bytes_per_row=10, budget=80))
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 3, None), slice(0, 4, None))]
    """
    rows = max(1, min(n_rows, budget // max(1, bytes_per_row)))
    # Several whole images where they fit into the budget, else rows of one.
    if rows == n_rows:
        images = max(1, budget // max(1, bytes_per_row * n_rows))
    else:
        images = 1
    for first in range(0, n_images, images):
        for top in range(0, n_rows, rows):
            yield slice(first, min(first + images, n_images)), slice(top, min(top + rows, n_rows))
