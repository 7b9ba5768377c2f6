"""Rehearsal: every figure of a study tried on results of the right shape, before anything runs.

Numbers are random; images, layers, units, labels and transformations are the study's own, so that
a figure that cannot be drawn is known before hours of work, not after them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor, Pixels
from hmax_cnn.extraction.progress import silence

from ..contract import MeasureContract
from ..responses import choose_units, labelled
from ..results import Resampling
from .bench import Bench, Work
from .cells import Cell, cells_of
from .contract import called, load_measure
from .measuring import as_dataset
from .outputs import drawn, is_chosen
from .wording import Made

_UNITS = 8
_FEW = Resampling(3)
_N_PICTURES = 80  # of the images that stand in where a measure looks at them itself


def unrehearsed(work: Work) -> Iterator[tuple[str, Exception]]:
    """The figures that cannot be drawn, and why.

    A figure of a measure that cannot be taken of random numbers is not tried.

    Parameters
    ----------
    work : Work

    Yields
    ------
    (str, Exception)
        Names of figures.
    """
    cells = [cell for cell in cells_of(work.study) if cell.seed == work.study.seeds[0]]
    results: dict[Cell, xr.Dataset | None] = {}
    for name, table in work.study.figures.items():
        mine = [cell for cell in cells if is_chosen(cell, table)]
        made = []
        for cell in mine:
            # Models differ in their layers alone: what one of them gives stands for all.
            key = replace(cell, models=cell.models[:1] * len(cell.models))
            first = next((one for one in results if _alike(one, key)), key)
            if first not in results:
                results[first] = _rehearsed(work, first)
            result = results[first]
            if result is not None:
                made.append(Made(cell, _of_layers(result, work, cell)))
        if not mine or len(made) < len(mine):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn(work.study, name, made)
        except Exception as error:  # any figure of anyone
            yield name, error


def _alike(one: Cell, other: Cell) -> bool:
    """Whether two cells differ in the model only."""
    return replace(one, models=()) == replace(other, models=())


def _rehearsed(work: Work, cell: Cell) -> xr.Dataset | None:
    """What a measure gives of random numbers; None where it cannot be taken of them."""
    function, contract = load_measure(work.study.measures[cell.measure].measure)
    with suppress(Exception), silence(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if contract.takes_responses:
            found = _random_responses(Bench(work, cell.models[0], cell.seed), cell)
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
    """What a measure gives, labelled as a study labels it."""
    study, table = work.study, work.study.measures[cell.measure]
    known = {
        "resampling": _FEW,
        "progress": False,
        "random_state": 0,
        "refit": False,
        "pixels_per_degree": study.pixels_per_degree,
        "layers": None,
        "units": None,
        **given,
    }
    # Fast stand-ins for what is slow: they change no shape.
    quick = {"readout": "nearest", "n_permutations": 5}
    known_to_it = signature(function).parameters
    parameters = work.places.parameters(table.parameters) | {
        name: value for name, value in quick.items() if name in known_to_it
    }
    found = as_dataset(
        called(function, first, {name: known[name] for name in contract.given}, parameters)
    )
    design = {"design": " ".join(contract.design)} if contract.design else {}
    return found.assign_attrs(design)


def _random_responses(bench: Bench, cell: Cell) -> xr.DataArray:
    """Random responses of a few units of a layer to all images of a cell."""
    model, images = bench.unfitted, bench.images(cell.images, cell.transformation)
    shape = tuple(int(n) for n in images[0].shape[:2])
    asked = bench.work.study.measures[cell.measure].units
    units: Any = "centre" if asked == "centre" else _UNITS
    chosen = choose_units(model, shape, bench.layers(cell.measure)[:1], units)
    n_units = sum(map(len, chosen.values()))
    values = 0.1 + np.random.default_rng(0).random((len(images), n_units), np.float32)
    return labelled(values, images, model, model.geometry(shape, tuple(chosen)), chosen)


def _of_stand_in(work: Work, cell: Cell, function: Any, contract: MeasureContract) -> xr.Dataset:
    """What a measure of models gives of pixels of a few random images."""
    noise = np.random.default_rng(0).integers(0, 256, (_N_PICTURES, 32, 32)).astype(np.uint8)
    classes = np.arange(_N_PICTURES) % 2
    images = Dataset(noise, [f"{number:02d}" for number in range(_N_PICTURES)], classes.astype(str))
    model: FeatureExtractor = Pixels(grid=(4, 4)).fit(noise)
    given = {"images": images, "image_shape": (32, 32), "layers": list(model.layer_names)}
    return _taken(work, cell, function, contract, [model], given)


def _of_layers(found: xr.Dataset, work: Work, cell: Cell) -> xr.Dataset:
    """The result of one layer, for each layer of a cell's models."""
    dims = ("layer_a", "layer_b") if len(cell.models) > 1 else ("layer",)
    for dim, model in zip(dims, cell.models, strict=True):
        layers = list(Bench(work, model, cell.seed).layers(cell.measure))
        n_layers, n_rows = len(layers), found.sizes.get("row", 0)
        if dim in found.dims:
            found = found.isel({dim: np.zeros(n_layers, int)}).assign_coords({dim: layers})
        elif dim in found and found[dim].dims == ("row",):
            found = found.isel(row=np.tile(np.arange(n_rows), n_layers))
            found = found.assign({dim: ("row", np.repeat(layers, n_rows).astype(object))})
    return found
