"""In which order a study's tasks are begun: the longest first, so that no process waits at the end.

Only the order depends on it, never a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from .bench import Bench, to_learn
from .cells import Cell
from .work import Wanted, Work

_EPOCHS = 20  # of a network that does not say
_TRAINING = 3  # passes that a training step costs: upward, and back to values and to weights

Task = tuple[list[Cell], int, list[Wanted]]


def longest_first(work: Work, tasks: Sequence[Task]) -> list[Task]:
    """Tasks by what they are likely to cost.

    Parameters
    ----------
    work : Work
    tasks : sequence of (cells, seed, wanted)
        Of one model each, or of a pair.

    Returns
    -------
    list of (cells, seed, wanted)
    """
    costs = [_cost(work, *task) for task in tasks]
    return [tasks[number] for number in np.argsort(np.negative(costs), kind="stable")]


def by_images(work: Work, tasks: Sequence[Task]) -> list[Task]:
    """Tasks in parts of one set of images each, for more workers than there are models.

    A model that learns stays in one task, so that it learns once.

    Parameters
    ----------
    work : Work
    tasks : sequence of (cells, seed, wanted)

    Returns
    -------
    list of (cells, seed, wanted)
    """
    parts: dict[Any, Task] = {}
    for cells, seed, wanted in tasks:
        for cell in cells:
            key = _part_of(work, cell.models, cell.images, cell.transformation)
            parts.setdefault((seed, key), ([], seed, []))[0].append(cell)
        for one in wanted:
            key = _part_of(work, one[:1], *one[1:])
            parts.setdefault((seed, key), ([], seed, []))[2].append(one)
    return list(parts.values())


def _part_of(work: Work, models: tuple[str, ...], images: str, change: str | None) -> Any:
    if any(work.study.models[name].learns_from for name in models):
        return models
    return models, images, change


def _cost(work: Work, cells: Sequence[Cell], seed: int, _: Sequence[Wanted]) -> float:
    """Of one model, multiply-accumulates; of a pair, pairs of layers that are compared."""
    # What cannot be built fails when it is run, and is told there.
    with suppress(Exception):
        if not cells:  # responses alone, which other tasks' measures collect
            return 0.0
        benches = [Bench(work, name, seed) for name in cells[0].models]
        if len(benches) > 1:
            one, other = benches
            sizes = [(len(one.layers(c.measure)), len(other.layers(c.measure))) for c in cells]
            return float(sum(first * second for first, second in sizes))
        bench, n_images = benches[0], 0
        for images, change in {(cell.images, cell.transformation) for cell in cells}:
            n_images += len(bench.images(images, change))
        shape = bench.image_shape(cells[0].images, cells[0].transformation)
        layers = bench.unfitted.geometry(shape, bench.unfitted.layer_names)
        each = sum(maps.n_multiply_adds or 0 for bands in layers.values() for maps in bands)
        if bench.table.learns_from is not None:
            n_epochs = bench.unfitted.get_params(deep=False).get("epochs", 1 / _TRAINING) or _EPOCHS
            taught = len(to_learn(bench.images(bench.table.learns_from)))
            n_images += int(_TRAINING * n_epochs * taught)
        return float(each * n_images)
    return 0.0
