"""Rehearsal: our figures of our measures, tried on results of the right shape, before a study runs.

Numbers are random; images, units, labels and transformations are the study's own, so that a figure
that takes another table is known before hours of work, not after them. What a user's own measure
or figure does with numbers cannot be known, and is not tried.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from inspect import getfile, signature, unwrap
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.data.transformed import Transformed
from hmax_cnn.extraction import Pixels
from hmax_cnn.extraction.progress import silence

from ..contract import MeasureContract
from ..naming import is_ours
from ..responses import choose_units, labelled
from ..results import Resampling
from .bench import Bench
from .cells import Cell, cells_of
from .contract import called, load_figure, load_measure
from .measuring import as_dataset
from .study_figures import drawn, is_chosen
from .wording import Made
from .work import Work

_UNITS = 8
_FEW = Resampling(3)
_EACH_CLASS = 4  # pictures that are enough to know a table's shape
_N_PICTURES = 80  # of the images that stand in where a measure looks at them itself


def unrehearsed(work: Work) -> Iterator[tuple[str, Exception]]:
    """The figures of ours that cannot be drawn of their measures, and why.

    Parameters
    ----------
    work : Work

    Yields
    ------
    (str, Exception)
        Names of figures.
    """
    cells, results = cells_of(work.study), dict[Cell, xr.Dataset | None]()
    for name, table in work.study.figures.items():
        paths = [work.study.measures[measure].measure for measure in table.measures]
        asked = [load_measure(path)[0] for path in paths] + [load_figure(table.figure)[0]]
        if not all(is_ours(Path(getfile(unwrap(function)))) for function in asked):
            continue
        mine = [cell for cell in cells if is_chosen(cell, table)]
        for cell in map(_shape_of, mine):
            if cell not in results:
                # Models and seeds differ in their numbers alone: what one gives stands for all.
                alike = (done for one, done in results.items() if _kind_of(one) == _kind_of(cell))
                results[cell] = next(alike, None) or _rehearsed(work, cell)
        found = [(cell, results[_shape_of(cell)]) for cell in mine]
        made = [Made(cell, result) for cell, result in found if result is not None]
        if not mine or len(made) < len(mine):
            continue
        # Layers are those of one model: which of them are drawn is no matter of tables.
        every = table.model_copy(update={"layers": None})
        study = work.study.model_copy(update={"figures": {name: every}})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn(study, name, made)
        except Exception as error:  # whatever it is, it would come at the end as well
            yield name, error


def _shape_of(cell: Cell) -> Cell:
    return replace(cell, seed=0)


def _kind_of(cell: Cell) -> Cell:
    """A cell without its models: what it is of, whichever they are."""
    return replace(cell, models=("",) * len(cell.models))


def _rehearsed(work: Work, cell: Cell) -> xr.Dataset | None:
    """What a measure gives of random numbers; None where it cannot be taken of them."""
    with suppress(Exception), silence(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function, contract = load_measure(work.study.measures[cell.measure].measure)
        if contract.takes_responses:
            found = _random_responses(Bench(work, cell.models[0], work.study.seeds[0]), cell)
            return _taken(work, cell, function, contract, [found] * len(cell.models), {})
        return _of_stand_in(work, cell, function, contract)
    return None


def _taken(
    work: Work,
    cell: Cell,
    function: Any,
    contract: MeasureContract,
    first: Sequence[Any],
    given: Mapping[str, Any],
) -> xr.Dataset:
    """What a measure gives, with what a study says of its columns."""
    table = work.study.measures[cell.measure]
    known: dict[str, Any] = {
        "resampling": _FEW,
        "progress": False,
        "random_state": 0,
        "refit": False,
        "features": None,
        **given,
    }
    if work.study.pixels_per_degree is not None:
        known["pixels_per_degree"] = work.study.pixels_per_degree
    # Fast stand-ins for what is slow: they change no shape.
    quick = {"readout": "nearest", "n_permutations": 5}
    takes = signature(function).parameters
    parameters = work.places.parameters(table.parameters) | {
        name: value for name, value in quick.items() if name in takes
    }
    filled = {name: known[name] for name in contract.given if name in known}
    found = as_dataset(called(function, first, filled, parameters))
    design = {"design": " ".join(contract.design)} if contract.design else {}
    return found.assign_attrs(design)


def _random_responses(bench: Bench, cell: Cell) -> xr.DataArray:
    """Random responses of a few units of a layer to images of a cell, some of each class."""
    model, images = bench.unfitted, _some(bench.images(cell.images, cell.transformation))
    shape = tuple(int(n) for n in images[0].shape[:2])
    asked = bench.work.study.measures[cell.measure].units
    units: Any = "centre" if asked == "centre" else _UNITS
    chosen = choose_units(model, shape, bench.layers(cell.measure)[:1], units)
    n_units = sum(map(len, chosen.values()))
    values = 0.1 + np.random.default_rng(0).random((len(images), n_units), np.float32)
    return labelled(values, images, model, model.geometry(shape, tuple(chosen)), chosen)


def _some(images: Any) -> Any:
    """A few pictures of each class; all stimuli, since their parameters are a grid."""
    if not isinstance(images, Dataset | Transformed) or images.labels is None:
        return images
    classes = np.asarray(images.labels).astype(str)
    chosen = [np.flatnonzero(classes == label)[:_EACH_CLASS] for label in np.unique(classes)]
    return images.subset(np.sort(np.concatenate(chosen)))


def _of_stand_in(work: Work, cell: Cell, function: Any, contract: MeasureContract) -> xr.Dataset:
    """What a measure of models gives of pixels of a few random images."""
    noise = np.random.default_rng(0).integers(0, 256, (_N_PICTURES, 32, 32)).astype(np.uint8)
    classes = np.arange(_N_PICTURES) % 2
    names = [f"{number:02d}" for number in range(_N_PICTURES)]
    images = Dataset(noise, names, classes.astype(str))
    model = Pixels(grid=(4, 4)).fit(noise)
    given = {"images": images, "image_shape": (32, 32), "layers": list(model.layer_names)}
    return _taken(work, cell, function, contract, [model], given)
