"""Work on the workers of a Dask cluster: plain futures, one for each piece."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar

from .arrays import device_namespace, n_cores

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_alone = Lock()
_LOST = 3  # times that a piece is given up by the scheduler: its workers are short of memory


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
    own = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        env=each,
        dashboard_address=":0",  # any port: another cluster may have the usual one
        silence_logs=logging.ERROR,
    )
    with own, distributed.Client(own, set_as_default=False) as client:
        gpus = visible_gpus()
        if len(gpus) > 1:
            client.register_plugin(_own_gpu(gpus), name="own GPU")
        yield client


def visible_gpus() -> list[str]:
    """What this process may use, as CUDA_VISIBLE_DEVICES names them; none without CuPy."""
    try:
        n_gpus = device_namespace("cuda").cuda.runtime.getDeviceCount()
    except RuntimeError:
        return []
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or list(map(str, range(n_gpus))))[:n_gpus]


def _own_gpu(gpus: Sequence[str]) -> Any:
    """What gives each worker one of the GPUs, before it computes; also one that was restarted."""

    class OwnGPU(import_module("distributed").WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus[int(worker.name) % len(gpus)]

    return OwnGPU()


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

    def submitted(number: int) -> Any:
        return client.submit(_called, function, items[number], *arguments, pure=False)

    numbers = {submitted(number): number for number in range(len(items))}
    lost = [0] * len(items)
    try:
        finished = distributed.as_completed(numbers, loop=client.loop)
        for future in finished:
            number = numbers[future]
            try:
                answer = future.result()
            except distributed.scheduler.KilledWorker:
                # A scheduler gives a piece up after 3 lost workers, unless it is told otherwise.
                lost[number] += 1
                if lost[number] > _LOST:
                    raise
                again = submitted(number)
                numbers[again] = number
                finished.add(again)
                continue
            yield items[number], answer
    except (distributed.client.FutureCancelledError, distributed.comm.CommClosedError) as error:
        msg = f"The scheduler was lost, or could not send the work to its workers ({error})."
        raise OSError(msg) from error
    except distributed.scheduler.KilledWorker as error:
        msg = f"Workers were killed again and again, perhaps for want of memory ({error})."
        raise OSError(msg) from error
    finally:
        client.cancel(list(numbers))


def _called(function: Callable[..., Answer], item: Any, *arguments: Any) -> Answer:
    """On a worker: what it calls computes by itself.

    xarray would ask the scheduler for a lock on every file that it writes.
    """
    # One piece at a time in a process: warnings and imported modules are of all its threads.
    with _alone, import_module("dask").config.set(scheduler="synchronous"):
        return function(item, *arguments)
