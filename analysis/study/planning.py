"""A plan of a study before it runs: cells, images, time and memory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from hmax_cnn.extraction import FeatureExtractor

from ..contract import MeasureContract
from .bench import Bench, Work, to_learn
from .building import Places
from .cells import Cell, cells_of
from .contract import load_measure
from .fingerprints import Fingerprint
from .reading import read_study
from .schema import Study

_PROBED = 3  # images that a model is timed on
_TAUGHT = 40  # images that a copy of it learns from
_EPOCHS = 20  # of a network that does not say
_LEAST = 0.15  # seconds of any cell: reading, writing, intervals
_READOUT = 1.8e-3  # seconds of a linear SVM and its choice of C, per image and layer
_FIGURE, _START = 1.3, 4.0  # seconds of a figure in three formats, and of starting processes
_PYTHON = 250  # MiB of a process before it does anything
# Of the time of the responses: an upper bound, the slowest in docs/benchmarks.md takes 0.33.
_MEASURES = 0.4
_GRADIENT = 2.0  # what one unit's image gradient costs, in answers


@dataclass(frozen=True)
class Plan:
    """What a study will take.

    Attributes
    ----------
    rows : pandas.DataFrame
        One per model and set of images: model, images, transformation, n_images, ms_per_image,
        cells, seconds, memory_mib.
    n_cells, n_images : int
        Cells in all, and images that models will look at.
    seconds : float
        On so many processes.
    memory_mib : float
        In all processes at once: the largest of the rows for each.
    jobs : int
    """

    rows: pd.DataFrame
    n_cells: int
    n_images: int
    seconds: float
    memory_mib: float
    jobs: int


def plan(path: Path, jobs: int | None = None) -> Plan:
    """What a study will take, estimated from the responses of each model to a few images.

    Nothing is written.

    Parameters
    ----------
    path : Path
    jobs : int or None
        Processes; one per core where None.

    Returns
    -------
    Plan
        Time is an estimate: every model learns from a few images for an epoch and is shown a few,
        and that is scaled; measures of responses count as a share of the responses, readouts by
        image and layer, gradients by unit and image. A measure of your own that asks for the model
        itself counts as nothing.

    Raises
    ------
    StudyError
        If the file is wrong.
    """
    study = read_study(path)
    jobs = jobs or joblib.cpu_count()
    # Nothing is kept and nothing looked up: fingerprints of images are not needed.
    unknown = dict.fromkeys(study.images, Fingerprint("", frozenset(), frozenset()))
    work = Work(study, Places(path.resolve().parent), Path(), unknown)
    cells = cells_of(study)
    rows = []
    for name in study.models:
        mine = [cell for cell in cells if name in cell.models and cell.seed == study.seeds[0]]
        if mine:
            # With the threads that the run will use: more would get into each other's way.
            with threadpool_limits(1, "blas"):
                rows += _rows_of_model(work, name, mine)
    table = pd.DataFrame(rows)
    n_seeds = len(study.seeds)
    by_model = table.groupby("model")["seconds"].sum() * n_seeds
    # The cells of one fitted model run in one process: no study is faster than its slowest model.
    seconds = max(by_model.sum() / jobs, by_model.max() / n_seeds)
    seconds += _FIGURE * len(study.figures) + (_START if jobs > 1 else 0)
    memory = table["memory_mib"].nlargest(min(jobs, len(table))).sum()
    table["seconds"] = (table["seconds"] * n_seeds).round(1)
    n_images = int(table["n_images"].sum()) * n_seeds
    return Plan(table, len(cells), n_images, float(seconds), float(memory), jobs)


def _rows_of_model(work: Work, name: str, cells: list[Cell]) -> list[dict[str, Any]]:
    """A row for each set of images that a model is shown; its learning counts in the first."""
    bench = Bench(work, name, cells[0].seed)
    probe = _probe(bench)
    # In place of the fitted model: its layers are as large as when it has learned.
    bench.__dict__["model"] = probe.model
    rows = []
    for images, change in dict.fromkeys((cell.images, cell.transformation) for cell in cells):
        here = [cell for cell in cells if (cell.images, cell.transformation) == (images, change)]
        rows.append(_row(bench, probe, images, change, here))
    if any(_asks_to_learn(work.study, cell) for cell in cells):
        rows[0]["seconds"] += probe.learning
    return rows


@dataclass(frozen=True)
class _Probe:
    """A model that can answer, and the seconds that its learning will take."""

    model: FeatureExtractor
    learning: float


def _asks_to_learn(study: Study, cell: Cell) -> bool:
    """Whether a cell needs the fitted model, beside those that a readout fits in its folds."""
    _, contract = load_measure(study.measures[cell.measure].measure)
    return contract.takes_responses or contract.takes == "model"


def _probe(bench: Bench) -> _Probe:
    """The model, or a copy fitted on a few images for one epoch, and what that took.

    Scaled to all images and epochs.
    """
    if bench.table.learns_from is None:
        return _Probe(bench.unfitted, 0.0)
    images = to_learn(bench.images(bench.table.learns_from))
    labels = None if images.labels is None else np.asarray(images.labels)
    few = np.arange(min(_TAUGHT, len(images))) if labels is None else _of_all_classes(labels)
    parameters = bench.unfitted.get_params(deep=False)
    has_epochs = "epochs" in parameters
    if has_epochs:
        # One epoch and four: their difference is what epochs take, without what comes before.
        copies = [clone(bench.unfitted).set_params(epochs=count) for count in (1, 4)]
    else:
        copies = [clone(bench.unfitted)]
    took = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few images
        for copy in copies:
            started = perf_counter()
            copy.fit(images.subset(few), None if labels is None else labels[few])
            took.append(perf_counter() - started)
    more = len(images) / len(few)
    if has_epochs:
        n_epochs = parameters["epochs"] or _EPOCHS
        each = max(0.0, took[1] - took[0]) / 3
        return _Probe(copies[0], took[0] + each * max(0.0, n_epochs * more - 1))
    # Without epochs half of it is taken for what does not grow with the images.
    return _Probe(copies[0], took[0] + took[0] / 2 * max(0.0, more - 1))


def _of_all_classes(labels: np.ndarray) -> np.ndarray:
    """A few images, as many of each class as of any other."""
    order = np.argsort(pd.Series(labels).groupby(labels).cumcount().to_numpy(), kind="stable")
    return np.sort(order[: max(_TAUGHT, len(np.unique(labels)))])


def _seconds_per_image(bench: Bench, probe: _Probe, images: Any) -> float:
    """Of answering in all layers that are measured."""
    layers = bench.unfitted.wanted_layers(bench.table.layers or bench.unfitted.layer_names)
    some = np.stack([np.asarray(images[index]) for index in range(min(_PROBED, len(images)))])
    # The first call pays for what is made once: filters, plans of transforms, threads.
    probe.model.activations(some[:1], layers)
    started = perf_counter()
    probe.model.activations(some, layers)
    return (perf_counter() - started) / len(some)


def _row(
    bench: Bench, probe: _Probe, images: str, change: str | None, cells: list[Cell]
) -> dict[str, Any]:
    pictures = bench.images(images, change)
    each, count = _seconds_per_image(bench, probe, pictures), len(pictures)
    study = bench.work.study
    seconds, n_sharing = _LEAST * len(cells), 0
    for cell in cells:
        _, contract = load_measure(study.measures[cell.measure].measure)
        if contract.takes_responses:
            n_sharing += 1
        else:
            seconds += _on_its_own(bench, probe, cell, contract, each, count)
    n_units = 0
    if n_sharing:
        # Responses are collected once; each measure of them costs a share of that.
        seconds += count * each * (1 + _MEASURES * n_sharing)
        n_units = sum(map(len, bench.union(images, change)[0].values()))
    shape = bench.image_shape(images, change)
    largest = max(
        sum(int(np.prod(maps.shape)) for maps in bands)
        for bands in bench.unfitted.geometry(shape, bench.unfitted.layer_names).values()
    )
    # float32: responses, a copy while they are resampled, and one in a file's buffer; and about
    # four of the largest layer while it is computed.
    memory = 4 * (3 * count * n_units + 4 * largest) / 2**20 + _PYTHON
    return {
        "model": bench.name,
        "images": images,
        "transformation": change or "",
        "n_images": count,
        "ms_per_image": round(1000 * each, 2),
        "cells": len(cells),
        "seconds": seconds,
        "memory_mib": ceil(memory),
    }


def _on_its_own(
    bench: Bench,
    probe: _Probe,
    cell: Cell,
    contract: MeasureContract,
    each: float,
    count: int,
) -> float:
    """Seconds of a measure of the model itself, by the cost that its contract tells."""
    table = bench.work.study.measures[cell.measure]
    parameters = dict(table.parameters)
    if isinstance(table.units, int):
        parameters.setdefault("units", table.units)
    cost = contract.cost(parameters, count)
    n_layers = len(bench.layers(cell.measure))
    seconds = cost.gradients * n_layers * _GRADIENT * each
    if cost.fits:
        seconds += cost.fits * n_layers * count * _READOUT
        if bench.table.learns_from == cell.images:
            seconds += cost.fits * (probe.learning + count * each)
        else:
            seconds += count * each
    return seconds


def in_words(found: Plan, study: Study) -> str:
    """The plan in a few lines."""
    return (
        f"{found.n_cells} cells, {found.n_images} images to answer, {len(study.figures)} "
        f"figures; about {_time(found.seconds)} and "
        f"{found.memory_mib / 1024:.1f} GiB on {found.jobs} "
        f"process{'es' if found.jobs > 1 else ''}."
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
