"""Extractions on the workers of a cluster, a future for each shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from hmax_cnn.extraction.cluster import cluster, spread

from ..study.building import Places
from ..study.fingerprints import forget_code
from .options import say
from .request import Request
from .stored import Elsewhere, Extraction


@contextmanager
def workers(scheduler: str | None, n_workers: int | None, *, quiet: bool) -> Iterator[Any]:
    """A client of the cluster that was asked for on the command line.

    Parameters
    ----------
    scheduler : str or None
    n_workers : int or None
        As in `cluster`.
    quiet : bool

    Yields
    ------
    distributed.Client or None
        None where no cluster was asked for.
    """
    if scheduler is None and n_workers is None:
        yield None
        return
    if scheduler is not None and n_workers is not None:
        msg = "--workers are those of this machine, --scheduler has its own: give one of the two."
        raise ValueError(msg)
    with cluster(scheduler, n_workers) as client:
        if not quiet:
            say(f"Progress of every piece: {client.dashboard_link}")
        yield client


def making_shards(client: Any, asked: Request, output: str) -> Elsewhere:
    """What makes the shards of a store on a cluster.

    Parameters
    ----------
    client : distributed.Client
    asked : Request
    output : str

    Returns
    -------
    callable
        Takes shards, each with what it is made of, and gives the number of each when it is made.
    """
    # Places in full: a worker may have been started in another folder.
    words = (asked.text(), output if "://" in output else str(Path(output).resolve()))

    def elsewhere(shards: Mapping[int, bytes]) -> Iterator[int]:
        for (shard, _), was_made in spread(client, _make, list(shards.items()), *words):
            if not was_made:
                msg = (
                    f"A worker sees other images or another model for shard {shard} than this "
                    "process. Give it the same files, versions and settings."
                )
                raise RuntimeError(msg)
            yield shard

    return elsewhere


def _make(piece: tuple[int, bytes], request: str, output: str) -> bool:
    shard, made_of = piece
    with suppress(OSError):
        if _extraction(request, output).make(shard, made_of):
            return True
    # Built for an earlier call, perhaps, before files changed or were removed.
    _extraction.cache_clear()
    return _extraction(request, output).make(shard, made_of)


# A worker builds the model once.
@lru_cache(maxsize=1)
def _extraction(request: str, output: str) -> Extraction:
    forget_code()  # a model of one's own may have been edited since
    Places().forget_modules()
    return Request.parsed(request).extraction(output, check=False, quiet=True)
