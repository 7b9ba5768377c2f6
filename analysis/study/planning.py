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
_MEASURES = (
    0.4  # of the answers' own time, as measured in docs/benchmarks.md for measures of responses
)
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
    work = Work(
        study,
        Places(path.resolve().parent),
        Path(),
        dict.fromkeys(study.images, Fingerprint("", frozenset(), frozenset())),
    )
    cells = cells_of(study)
    rows = []
    for name in study.models:
        bench = Bench(work, name, study.seeds[0])
        mine = [cell for cell in cells if name in cell.models and cell.seed == study.seeds[0]]
        if not mine:
            continue
        probe = _probe(bench)
        bench.__dict__["model"] = (
            probe.model
        )  # its layers are as large as those of the model when it has learned
        if any(_asks_to_learn(study, cell) for cell in mine):
            learning = probe.learning
        else:
            learning = 0.0
        for images, change in dict.fromkeys((cell.images, cell.transformation) for cell in mine):
            here = [cell for cell in mine if (cell.images, cell.transformation) == (images, change)]
            rows.append(_row(bench, probe, images, change, here) | {"learning": learning})
            learning = 0.0
    table = pd.DataFrame(rows)
    table["seconds"] += table.pop("learning")
    n_seeds = len(study.seeds)
    by_model = table.groupby("model")["seconds"].sum() * n_seeds
    seconds = max(
        by_model.sum() / jobs, by_model.max() / n_seeds
    )  # what shares a fitted model runs in one process
    seconds += _FIGURE * len(study.figures) + (_START if jobs > 1 else 0)
    memory = table["memory_mib"].nlargest(min(jobs, len(table))).sum()
    table["seconds"] = (table["seconds"] * n_seeds).round(1)
    return Plan(
        table,
        len(cells),
        int(table["n_images"].sum()) * n_seeds,
        float(seconds),
        float(memory),
        jobs,
    )


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
    if images.labels is None:
        labels = None
    else:
        labels = np.asarray(images.labels)
    if labels is None:
        few = np.arange(min(_TAUGHT, len(images)))
    else:
        few = _of_all_classes(labels)
    has_epochs = bench.unfitted.get_params(deep=False).get("epochs", "none") != "none"
    if has_epochs:
        n_epochs = bench.unfitted.get_params(deep=False)["epochs"] or _EPOCHS
    else:
        n_epochs = 1
    copies = [
        clone(bench.unfitted).set_params(**({"epochs": count} if has_epochs else {}))
        for count in (1, 4)[: 1 + has_epochs]
    ]
    took = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few images
        for copy in copies:
            started = perf_counter()
            copy.fit(images.subset(few), None if labels is None else labels[few])
            took.append(perf_counter() - started)
    more = len(images) / len(few)
    # without epochs, half of it is taken for what does not grow
    if has_epochs:
        each = max(0.0, took[-1] - took[0]) / 3
    else:
        each = took[0] / 2
    return _Probe(copies[0], took[0] + each * max(0.0, n_epochs * more - 1))


def _of_all_classes(labels: np.ndarray) -> np.ndarray:
    """A few images, as many of each class as of any other."""
    order = np.argsort(pd.Series(labels).groupby(labels).cumcount().to_numpy(), kind="stable")
    return np.sort(order[: max(_TAUGHT, len(np.unique(labels)))])


def _seconds_per_image(bench: Bench, probe: _Probe, images: Any) -> float:
    """Of answering in all layers that are measured."""
    layers = bench.unfitted.wanted_layers(bench.table.layers or bench.unfitted.layer_names)
    some = np.stack([np.asarray(images[index]) for index in range(min(_PROBED, len(images)))])
    probe.model.activations(some[:1], layers)
    started = perf_counter()
    probe.model.activations(some, layers)
    return (perf_counter() - started) / len(some)


def _row(
    bench: Bench, probe: _Probe, images: str, change: str | None, cells: list[Cell]
) -> dict[str, Any]:
    pictures = bench.images(images, change)
    each, count = _seconds_per_image(bench, probe, pictures), len(pictures)
    contracts = {
        cell: load_measure(bench.work.study.measures[cell.measure].measure)[1] for cell in cells
    }
    shares = [cell for cell, contract in contracts.items() if contract.takes_responses]
    seconds = _LEAST * len(cells)
    if shares:
        # Responses are collected once; each measure of them costs a share of that.
        seconds += count * each * (1 + _MEASURES * len(shares))
    for cell, contract in contracts.items():
        if not contract.takes_responses:
            seconds += _on_its_own(bench, probe, cell, contract, each, count)
    shape = tuple(int(n) for n in pictures[0].shape[:2])
    if shares:
        n_units = sum(map(len, bench.union(images, change)[0].values()))
    else:
        n_units = 0
    largest = max(
        sum(int(np.prod(maps.shape)) for maps in bands)
        for bands in bench.unfitted.geometry(shape, bench.unfitted.layer_names).values()
    )
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


def described(found: Plan, study: Study) -> str:
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
