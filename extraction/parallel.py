"""Work on several processor cores.

Batches side by side in order, or the parts of one operation side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Lock, local
from typing import TypeVar

from threadpoolctl import threadpool_limits

from .reused import reusing, start

Item = TypeVar("Item")
Answer = TypeVar("Answer")


# BLAS would start its own threads in each of ours, and they would wait for each other. A count,
# since contexts of several threads overlap.
class _OneBlasThread:
    """BLAS at one thread while anyone needs it so, whatever the order in which they come and go."""

    def __init__(self) -> None:
        self.lock, self.n_users = Lock(), 0
        self.limits: threadpool_limits | None = None

    def __enter__(self) -> None:
        with self.lock:
            if self.n_users == 0:
                self.limits = threadpool_limits(limits=1, user_api="blas")
            self.n_users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.n_users -= 1
            if self.n_users == 0 and self.limits is not None:
                self.limits.restore_original_limits()


one_blas_thread = _OneBlasThread()


def in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], n_threads: int
) -> Iterator[Answer]:
    """`map` over threads.

    No more than `n_threads` + 1 items are under way, and BLAS keeps to one thread meanwhile.

    >>> list(in_order(abs, [-3, 2, -1], n_threads=2))
    [3, 2, 1]
    """
    if n_threads == 1:
        with reusing():
            yield from map(function, items)
        return
    pool, waiting = ThreadPoolExecutor(n_threads, initializer=start), deque[Future[Answer]]()
    with one_blas_thread:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                # At most one result more than threads waits: memory does not grow with the images.
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


# Of each thread: a share that is itself shared out runs alone.
class _Team(local):
    """Who may help the operations of this thread; nobody, unless `workers` says so."""

    pool: ThreadPoolExecutor | None = None
    size: int = 1


_team = _Team()


@contextmanager
def workers(n_threads: int) -> Iterator[None]:
    """Let the operations called in this block split their work over several threads.

    BLAS keeps to one thread in each.

    Every operation deals its parts out in the same way each time, so that equal inputs give equal
    bits.
    """
    # Within a team there are no further workers to hand out.
    if _team.size > 1:
        yield
        return
    if n_threads == 1:
        with one_blas_thread:
            yield
        return
    started = ThreadPoolExecutor(n_threads - 1, initializer=start)
    with one_blas_thread, reusing(), started as pool:
        _team.pool, _team.size = pool, n_threads
        try:
            yield
        finally:
            _team.pool, _team.size = None, 1


def n_workers() -> int:
    """How many threads the operations of this thread may use."""
    return _team.size


def shares(n_items: int, at_least: int = 1) -> list[slice]:
    """Runs of `n_items` things for this thread's workers.

    As even as can be, none shorter than `at_least`.

    >>> shares(5)
    [slice(0, 5, None)]
    """
    n_runs = max(1, min(_team.size, n_items // at_least))
    edges = [n_items * i // n_runs for i in range(n_runs + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def each(function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """`map` over this thread's workers, one item each."""
    if _team.pool is None or len(items) < 2:
        return [function(item) for item in items]
    # The caller takes the first share itself instead of waiting.
    others = [_team.pool.submit(function, item) for item in items[1:]]
    return [function(items[0]), *(other.result() for other in others)]
