"""Kernels that Numba compiles for the processor, where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import parent_process
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from filelock import FileLock

from .progress import LOG

SWITCH = "HMAX_CNN_KERNELS"
_OFF = ("0", "no", "off", "false")
_loading = RLock()


def kernels(name: str) -> Any:
    """A module of compiled kernels, or None where its operations run in NumPy instead.

    Numba comes with the extra `fast`. Without it everything works, up to three times slower, and a
    warning of the logger `hmax_cnn` says so once. `HMAX_CNN_KERNELS=off` in the environment turns
    the kernels off.

    Compiled code is kept on disk, in the folder that `NUMBA_CACHE_DIR` names or the user's own for
    caches, apart for each version and each type of processor. Where neither can be written to,
    every process compiles for itself, which takes some seconds.

    Parameters
    ----------
    name : str
        Of a module in `extraction.kernels`.

    Returns
    -------
    module or None
    """
    if not wanted():
        return None
    # One thread at a time: Numba's own cache is not safe between those that compile.
    with _loading:
        return _loaded(name)


def for_kernel(array: np.ndarray) -> np.ndarray:
    """The array as kernels take it: contiguous and, even where only read, writable.

    Parameters
    ----------
    array : array of float32

    Returns
    -------
    array
        The same where it is so, else a copy.
    """
    return np.require(array, np.float32, ["C", "W"])


def wanted() -> bool:
    """Whether kernels are to be used where Numba is installed.

    Returns
    -------
    bool
    """
    return os.environ.get(SWITCH, "").lower() not in _OFF


def versions() -> dict[str, str]:
    """What compiles the kernels that are in use, by name; nothing where none are.

    Returns
    -------
    dict from str to str
    """
    numba = _numba() if wanted() else None
    return {} if numba is None else {"numba": numba.__version__}


@cache
def _loaded(name: str) -> Any:
    numba = _numba()
    if numba is None:
        return None
    # Kernels call SciPy's BLAS, which must be there before its threads are limited.
    import_module("scipy.linalg.cython_blas")
    with _kept_on_disk(numba):
        return import_module(f".kernels.{name}", __package__)


@cache
def _numba() -> Any:
    """Numba, or None with a line that says why and what it costs."""
    if find_spec("numba") is None:
        reason = "Numba is not installed"
        remedy = "`pip install numba platformdirs`, or install hmax-cnn with the extra `fast`"
    else:
        try:
            return import_module("numba")
        except Exception as error:
            # A file of the user's own folder may hide a module that Numba imports: any error.
            reason = f"Numba cannot be imported ({type(error).__name__}: {error})"
            remedy = f"see to that module, or hide this line with {SWITCH}=off"
    # The processes of a study would each say it again.
    if parent_process() is None:
        LOG.warning(
            "%s: HMAX and networks run up to three times slower. To mend it: %s.", reason, remedy
        )
    return None


@contextmanager
def _kept_on_disk(numba: Any) -> Iterator[None]:
    """Let Numba keep what it compiles in a folder that is ours alone.

    Numba's index of a cache may be torn when processes write it at once, or mixed up where
    processors of several types share a folder: hence the lock, and a folder for each type.
    """
    before = numba.config.CACHE_DIR
    folder = _folder(before)
    alone: AbstractContextManager[Any] = nullcontext()
    if folder is not None:
        alone = FileLock(folder / "lock")
    with alone:
        numba.config.CACHE_DIR = str(folder or "")
        try:
            yield
        finally:
            numba.config.CACHE_DIR = before


def _folder(chosen: str) -> Path | None:
    """Where compiled code is kept, or None where nothing can be written."""
    from llvmlite import binding

    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    name = f"{version('hmax-cnn')}-{sha256(processor.encode()).hexdigest()[:12]}"
    try:
        if chosen:
            folder = Path(chosen) / "hmax-cnn" / name
        else:
            folder = import_module("platformdirs").user_cache_path("hmax-cnn") / name
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ImportError):
        return None
    return folder if os.access(folder, os.W_OK) else None
