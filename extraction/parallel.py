"""Work on several processor cores: batches side by side, answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Answer = TypeVar("Answer")


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


_one_blas_thread = _OneBlasThread()


def in_order(function: Callable[[Item], Answer], items: Iterable[Item], n_threads: int) -> Iterator[Answer]:
    """`map` over threads. No more than `n_threads` + 1 items are under way, and BLAS keeps to one thread meanwhile.

    >>> list(in_order(abs, [-3, 2, -1], n_threads=2))
    [3, 2, 1]
    """
    if n_threads == 1:
        yield from map(function, items)
        return
    pool, waiting = ThreadPoolExecutor(n_threads), deque[Future[Answer]]()
    with _one_blas_thread:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
