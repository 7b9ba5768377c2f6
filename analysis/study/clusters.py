"""The cells of a study on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hmax_cnn.extraction.cluster import spread

from .fingerprints import fingerprint, forget_code
from .measuring import Failure, run_cells
from .scheduling import Task
from .work import Work


def made_on(client: Any, work: Work, tasks: Sequence[Task]) -> Iterator[list[Failure]]:
    """Make the cells of tasks.

    Parameters
    ----------
    client : distributed.Client
    work : Work
    tasks : sequence of (cells, seed, wanted)

    Yields
    ------
    list of Failure
        Of each task, as it is done.

    Raises
    ------
    OSError
        If workers see another folder or other images, or the scheduler is lost.
    """
    theirs = replace(work, process=None, run=work.folder.begin_run())
    for (cells, _, _), failures in spread(client, _on_worker, tasks, theirs):
        missing = set(cells) - set(work.cells_done(cells)) - {one.cell for one in failures}
        if missing:
            msg = (
                f"A worker made {missing.pop()}, which is not in {work.root}: it sees another "
                "folder of that name. Give it the same files."
            )
            raise OSError(msg)
        yield failures


def _on_worker(task: Task, work: Work) -> list[Failure]:
    """On a worker that may have seen other states of the user's own modules."""
    forget_code()
    work.places.forget_modules()
    cells, _, wanted = task
    shown = {cell.images for cell in cells} | {images for _, images, _ in wanted}
    taught = {work.study.models[name].learns_from for cell in cells for name in cell.models}
    for name in (shown | taught) - {None}:
        _check_images(work, str(name))
    return run_cells(work, *task)


_compared: set[str] = set()  # digests of sets that this worker sees as the client does


def _check_images(work: Work, name: str) -> None:
    """Refuse to measure other pictures under the names of those that the client sees."""
    expected = work.fingerprints[name].whole
    if expected in _compared:
        return
    if fingerprint(work.images(name), name, progress=False).whole != expected:
        msg = f"A worker sees other images {name!r} than this process. Give it the same files."
        raise OSError(msg)
    _compared.add(expected)
