"""Extractions on the workers of a cluster, a future for each shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from hmax_cnn.extraction.cluster import cluster, spread

from .options import say
from .request import Request
from .stored import Extraction


@contextmanager
def spreading(
    asked: Request, output: str, scheduler: str | None, n_workers: int | None, *, quiet: bool
) -> Iterator[Callable[[list[int]], Iterator[int]]]:
    """What makes the shards of a store on a cluster.

    Parameters
    ----------
    asked : Request
    output : str
    scheduler : str or None
    n_workers : int or None
        As in `cluster`.
    quiet : bool

    Yields
    ------
    callable
        Takes numbers of shards and gives each when it is made.
    """
    with cluster(scheduler, n_workers) as client:
        if not quiet:
            say(f"Progress of every piece: {client.dashboard_link}")
        yield lambda shards: (shard for shard, _ in spread(client, _make, shards, asked, output))


def _make(shard: int, asked: Request, output: str) -> None:
    _extraction(asked, output).make(shard)


# A worker builds the model once.
@lru_cache(maxsize=1)
def _extraction(asked: Request, output: str) -> Extraction:
    return asked.extraction(output, quiet=True)
