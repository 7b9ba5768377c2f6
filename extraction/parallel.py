"""Work on several processor cores: batches side by side, answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_order(function: Callable[[Item], Answer], items: Iterable[Item], n_threads: int) -> Iterator[Answer]:
    """`map` over threads. No more than `n_threads` + 1 items are under way, and BLAS keeps to one thread meanwhile.

    >>> list(in_order(abs, [-3, 2, -1], n_threads=2))
    [3, 2, 1]
    """
    if n_threads == 1:
        yield from map(function, items)
        return
    pool, waiting = ThreadPoolExecutor(n_threads), deque[Future[Answer]]()
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
