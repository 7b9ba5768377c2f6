"""Work on the workers of a Dask cluster: plain futures, one for each piece."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar

from .arrays import n_cores

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_alone = Lock()
_LOST = 10  # workers that a piece may lose before it is given up: they are short of memory


def dask_module() -> Any:
    """Dask's distributed, which is an extra.

    Raises
    ------
    RuntimeError
        If it is not installed.
    """
    try:
        return import_module("distributed")
    except ImportError as error:
        msg = f"A cluster needs Dask ({error}). Install hmax-cnn with the extra `cluster`."
        raise RuntimeError(msg) from error


@contextmanager
def cluster(scheduler: str | None = None, n_workers: int | None = None) -> Iterator[Any]:
    """A client of a cluster that is there, or of one made on this machine meanwhile.

    Parameters
    ----------
    scheduler : str or None
        Address of one that is there, such as 'tcp://10.0.0.1:8786'.
    n_workers : int or None
        Processes on this machine, where there is no scheduler.

    Yields
    ------
    distributed.Client

    Raises
    ------
    RuntimeError
        If Dask is not installed.
    ValueError
        If that is no address.
    OSError
        If the scheduler does not answer.
    """
    distributed = dask_module()
    if scheduler is not None:
        if not re.fullmatch(r"\w+://\S+:\d+", scheduler):
            msg = f"`scheduler` must be an address such as tcp://10.0.0.1:8786, got {scheduler!r}."
            raise ValueError(msg)
        with distributed.Client(scheduler, timeout="10s", set_as_default=False) as client:
            yield client
        return
    # The cores are shared out: each worker computes with its own.
    each = {"OMP_NUM_THREADS": str(max(1, n_cores() // (n_workers or 1)))}
    patience = {"distributed.scheduler.allowed-failures": _LOST}
    with import_module("dask").config.set(patience):
        own = distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, env=each, silence_logs=logging.ERROR
        )
    with own, distributed.Client(own, set_as_default=False) as client:
        yield client


def spread(
    client: Any, function: Callable[..., Answer], items: Sequence[Item], *arguments: Any
) -> Iterator[tuple[Item, Answer]]:
    """Call a function for each item, somewhere, and give what comes back as it comes.

    A piece whose worker is lost is done by another.

    Parameters
    ----------
    client : distributed.Client
    function : callable
        Called with an item and the other arguments; importable on the workers.
    items : sequence
    *arguments
        The same for all.

    Yields
    ------
    item : object
    answer : object

    Raises
    ------
    OSError
        If the scheduler is lost.
    """
    distributed = import_module("distributed")
    futures = {
        client.submit(_called, function, item, *arguments, pure=False): item for item in items
    }
    try:
        for future in distributed.as_completed(futures, loop=client.loop):
            yield futures[future], future.result()
    except (distributed.client.FutureCancelledError, distributed.comm.CommClosedError) as error:
        msg = f"The scheduler was lost, or could not send the work to its workers ({error})."
        raise OSError(msg) from error
    except distributed.scheduler.KilledWorker as error:
        msg = f"Workers were killed again and again, perhaps for want of memory ({error})."
        raise OSError(msg) from error
    finally:
        client.cancel(list(futures))


def _called(function: Callable[..., Answer], item: Any, *arguments: Any) -> Answer:
    """On a worker: what it calls computes by itself.

    xarray would ask the scheduler for a lock on every file that it writes.
    """
    # One piece at a time in a process: warnings and imported modules are of all its threads.
    with _alone, import_module("dask").config.set(scheduler="synchronous"):
        return function(item, *arguments)
