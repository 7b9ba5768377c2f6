"""A plan of a study before it runs: cells, images, time and memory, from trials of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import pandas as pd
from joblib.externals.loky import get_reusable_executor

from hmax_cnn.extraction.plain_text import duration
from hmax_cnn.extraction.progress import progress_bar

from .building import Places
from .cells import Cell, cells_of
from .fingerprints import Fingerprint
from .reading import read_study
from .running import groups_of
from .schema import Study
from .stores import find_stored
from .trials import COLLECTING, Trial, carried_on, memory, sets_of, sizes_of, tried
from .work import Work

_FIGURE = 1.3  # seconds of a figure in three formats
_REST = 1.5  # what a measure takes that few images are too few for, in what the answers took
_START = 8.0  # of starting, checking, starting processes, and of everything but cells and figures


@dataclass(frozen=True)
class Plan:
    """What a study will take.

    Attributes
    ----------
    rows : pandas.DataFrame
        One per model (or pair) and set of images: model, images, transformation, n_images, cells,
        seconds (learning counts in the first), memory_mib (of a process with this model).
    n_cells, n_images : int
        Cells in all, and images that models will look at.
    seconds : float
        On so many processes.
    memory_mib : float
        In all processes at once.
    jobs : int
    """

    rows: pd.DataFrame
    n_cells: int
    n_images: int
    seconds: float
    memory_mib: float
    jobs: int


def plan(path: Path, jobs: int | None = None, progress: bool | None = None) -> Plan:
    """What a study will take, carried on from its cells made of a few images.

    Nothing is kept.

    Parameters
    ----------
    path : Path
    jobs : int or None
        Processes; one per core where None.
    progress : bool or None

    Returns
    -------
    Plan
        Time and memory are estimates: every model learns from, and every measure is taken of, two
        small numbers of images, on so many processes. What needs all images, such as tuning
        curves, is estimated from what it took to answer.

    Raises
    ------
    StudyError
        If the file is wrong.
    """
    study = read_study(path)
    jobs = jobs or joblib.cpu_count()
    # Nothing is kept and nothing looked up: a set of images is known by its name.
    known = {name: Fingerprint(name, frozenset({name}), frozenset({name})) for name in study.images}
    work = Work(study, Places(path.resolve().parent), Path(), known)
    work.stored.update(find_stored(work, progress))
    cells = [cell for cell in cells_of(study) if cell.seed == study.seeds[0]]
    singles, pairs = groups_of(cells)
    alone = [
        [*group, *(Cell(COLLECTING, (name,), images, change, seed) for _, images, change in wanted)]
        for (name, seed), (group, wanted) in singles.items()
    ]
    with TemporaryDirectory() as root:
        estimates = [_estimates(work, Path(root), some, jobs, progress) for some in (alone, pairs)]
    n_seeds, rounds = len(study.seeds), 0.0
    for some in estimates:
        rounds += _until_the_last([one.seconds for one in some for _ in range(n_seeds)], jobs)
    n_figures = len(study.figures)
    seconds = rounds + _START + _FIGURE * ceil(n_figures / max(1, min(jobs, n_figures)))
    table = pd.DataFrame([row for some in estimates for one in some for row in one.rows(n_seeds)])
    private, shared = memory()
    most = sorted((one.private for some in estimates for one in some), reverse=True)[:jobs]
    if jobs == 1:
        own = max(private, *most)
    else:
        own = private + sum(most)
        # So that the next run in this process imports what may have been edited.
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
    n_images = int(table["n_images"].sum()) * n_seeds
    return Plan(
        table,
        len(cells) * n_seeds,
        n_images,
        seconds,
        own + shared,
        jobs,
    )


@dataclass(frozen=True)
class _Estimate:
    """What the cells of one model or pair will take, with one seed."""

    work: Work
    cells: Sequence[Cell]
    each: dict[Cell, float]
    learning: float
    private: float

    @property
    def seconds(self) -> float:
        return self.learning + sum(self.each.values())

    def rows(self, n_seeds: int) -> list[dict[str, Any]]:
        """A row for each set of images; learning counts in the first."""
        found, learning = [], self.learning
        for images, change in dict.fromkeys(
            (cell.images, cell.transformation) for cell in self.cells
        ):
            here = [c for c in self.cells if (c.images, c.transformation) == (images, change)]
            seconds = learning + sum(self.each[cell] for cell in here)
            learning = 0.0
            found.append(
                {
                    "model": "~".join(self.cells[0].models),
                    "images": images,
                    "transformation": change or "",
                    # Pairs take what their models have answered.
                    "n_images": len(self.work.images(images, change))
                    if len(self.cells[0].models) == 1
                    else 0,
                    "cells": sum(cell.measure != COLLECTING for cell in here),
                    "seconds": round(seconds * n_seeds, 1),
                    "memory_mib": ceil(self.private),
                }
            )
        return found


def _estimates(
    work: Work, root: Path, tasks: Sequence[list[Cell]], jobs: int, progress: bool | None
) -> list[_Estimate]:
    """Every task tried with one or two numbers of images, on so many processes."""
    asked = [
        (number, trial)
        for number, cells in enumerate(tasks)
        for trial in range(_n_trials(work, cells))
    ]
    pool = joblib.Parallel(min(jobs, max(1, len(asked))), batch_size=1, return_as="generator")
    found = pool(
        joblib.delayed(tried)(work, root, _first_of_each(tasks[number]), 1 - trial)
        for number, trial in asked
    )
    trials: list[list[Trial]] = [[] for _ in tasks]
    with progress_bar(asked, name="Trials", unit="trial", progress=progress) as bar:
        for (number, _), trial in zip(bar, found, strict=True):
            trials[number].append(trial)
    return [_estimate(work, *pair) for pair in zip(tasks, trials, strict=True)]


def _kind(cell: Cell) -> tuple[str, str]:
    return cell.measure, cell.images


def _first_of_each(cells: Sequence[Cell]) -> list[Cell]:
    """One of those cells that differ by their transformation alone: they take alike, by image."""
    return list({_kind(cell): cell for cell in reversed(cells)}.values())


def _n_trials(work: Work, cells: Sequence[Cell]) -> int:
    """One where all sets are small enough to be taken whole."""
    sets = [work.images(name) for name in sets_of(work, cells)]
    return 1 if all(len(sizes_of(images)) == 1 for images in sets) else 2


def _estimate(work: Work, cells: Sequence[Cell], trials: Sequence[Trial]) -> _Estimate:
    """What all images will take, from what some took."""
    counts = {name: len(work.images(name)) for name in sets_of(work, cells)}
    each = {}
    for cell in _first_of_each(cells):
        made = [trial for trial in trials if cell not in trial.failed]
        # What few images are too few for has failed after the model had answered: the larger trial
        # alone, since two short times differ by chance.
        taken = made or trials[:1]
        points = {trial.n_images[cell.images]: trial.seconds[cell] for trial in taken}
        each[cell] = carried_on(points, counts[cell.images]) * (1 if made else _REST)
    of_kind = {_kind(cell): cell for cell in each}
    for cell in cells:
        first = of_kind[_kind(cell)]
        n_first, n_own = (len(work.images(c.images, c.transformation)) for c in (first, cell))
        each[cell] = each[first] * n_own / n_first
    taught = work.study.models[cells[0].models[0]].learns_from
    learning = 0.0
    if taught is not None and len(cells[0].models) == 1:
        points = {trial.n_images[taught]: trial.learning for trial in trials}
        learning = carried_on(points, counts[taught])
    return _Estimate(work, cells, each, learning, _private(trials, sum(counts.values())))


def _private(trials: Sequence[Trial], n_images: int) -> float:
    """Memory of a process with all images, in a straight line that does not fall."""
    (most, last), *others = sorted(
        ((sum(trial.n_images.values()), trial.private) for trial in trials), reverse=True
    )
    for fewer, first in others:
        return last + max(0.0, last - first) / (most - fewer) * max(0, n_images - most)
    return last


def _until_the_last(seconds: Sequence[float], jobs: int) -> float:
    """How long tasks take on so many processes, the longest begun first."""
    ends = [0.0] * jobs
    for one in sorted(seconds, reverse=True):
        heapreplace(ends, ends[0] + one)
    return max(ends)


def in_words(found: Plan, study: Study) -> str:
    """The plan in a few lines."""
    return (
        f"{found.n_cells} cells, {found.n_images} images to answer, {len(study.figures)} "
        f"figures; about {duration(found.seconds)} and "
        f"{found.memory_mib / 1024:.1f} GiB on {found.jobs} "
        f"process{'es' if found.jobs > 1 else ''}."
    )
