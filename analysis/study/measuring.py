"""Measuring: every cell of a study made, written when it is done, and told where it failed."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.extraction.batches import even_batches
from hmax_cnn.extraction.progress import silence

from ..contract import MeasureContract
from ..naming import is_ours
from ..results import Resampling
from .bench import Bench
from .cells import Cell
from .contract import called, load_measure
from .folder import KEY, write_result
from .work import Wanted, Work
from .workers import end_with_parent


@dataclass(frozen=True)
class Failure:
    """A cell that could not be made, and why."""

    cell: Cell
    text: str


def run_cells(
    work: Work, cells: Sequence[Cell], seed: int, collect: Sequence[Wanted] = ()
) -> list[Failure]:
    """Make the cells of one model (or of pairs) with one seed, each written when done.

    Those that fail are returned, the others are made.

    `collect` are responses that pairs want later.
    """
    end_with_parent(work.process)
    work.places.modules()
    benches: dict[str, Bench] = {}
    failures: list[Failure] = []
    for cell in cells:
        if not work.folder.is_of(work.run):  # the command ended, or began anew
            return failures
        if work.is_done(cell):  # by a worker that was lost before it had done all of these
            continue
        started = perf_counter()
        try:
            with _noted() as said, silence(), even_batches():
                for name in cell.models:
                    benches.setdefault(name, Bench(work, name, seed))
                result = measured(work, cell, [benches[name] for name in cell.models])
                if work.folder.is_of(work.run):
                    write_result(result, work.path(cell))
        except Exception as error:  # any measure of anyone: the other cells shall not be lost
            failures.append(Failure(cell, told(error)))
        else:
            work.folder.note(
                cell=str(cell), seconds=round(perf_counter() - started, 3), warnings=said
            )
    for name, images, change in collect:
        with (
            suppress(Exception),
            _noted(),
            silence(),
            even_batches(),
        ):  # what fails here, fails again and is told with its cell
            benches.setdefault(name, Bench(work, name, seed)).collected(images, change)
    return failures


@contextmanager
def _noted() -> Iterator[list[str]]:
    """Warnings, as texts."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        # Python shows a warning once for each place: here it belongs to every cell.
        warnings.simplefilter("always")
        yield said
    said += sorted(
        {
            f"{warning.category.__name__}: {warning.message}"
            for warning in caught
            if not issubclass(warning.category, DeprecationWarning)
        }
    )


def told(error: Exception) -> str:
    """An error in one line, with its place where that is in a module of the user's own.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    # The last line of the user's own code is what helps to mend it.
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if "site-packages" not in frame.filename]
    place = ""
    if inner and not is_ours(Path(inner[-1].filename)):
        place = f" ({Path(inner[-1].filename).name}, line {inner[-1].lineno})"
    return f"{type(error).__name__}: {error}{place}"


def measured(work: Work, cell: Cell, benches: list[Bench]) -> xr.Dataset:
    """The result of a cell: its measure, called by its contract."""
    table = work.study.measures[cell.measure]
    function, contract = load_measure(table.measure)
    bench = benches[0]
    values = _filled_in(work, cell, bench, contract)
    if contract.takes == "pair":
        first = [benches[0].responses(cell), benches[-1].responses(cell)]
    elif contract.takes == "responses":
        first = [bench.responses(cell)]
    elif values.get("refit"):
        first = [bench.unfitted]  # what is fitted anew in folds need not be fitted before
    else:
        first = [bench.model]
    found = called(function, first, values, work.places.parameters(table.parameters))
    found = _from_image_upward(as_dataset(found), bench.layers(cell.measure))
    return _labelled(found, work, cell, bench, contract)


def _from_image_upward(found: xr.Dataset, layers: Sequence[str]) -> xr.Dataset:
    """A result with its layers in the model's order: `groupby` sorts them by the alphabet."""
    for dim in ("layer", "row"):
        if dim in found.dims and "layer" in found and found["layer"].dims == (dim,):
            rank = {layer: number for number, layer in enumerate(layers)}
            places = [rank.get(str(name), len(rank)) for name in found["layer"].values]
            return found.isel({dim: np.argsort(places, kind="stable")})
    return found


def _filled_in(work: Work, cell: Cell, bench: Bench, contract: MeasureContract) -> dict[str, Any]:
    """What the contract lets the study fill in."""
    study, table = work.study, work.study.measures[cell.measure]
    resampling = Resampling(study.resamples, level=study.level, random_state=cell.seed)
    known = {
        "resampling": lambda: resampling,
        "progress": lambda: False,
        "random_state": lambda: cell.seed,
        "layers": lambda: bench.layers(cell.measure),
        "refit": lambda: work.has_learned(cell.models[0], cell.images),
        "features": lambda: bench.stored_features(cell),
        "pixels_per_degree": lambda: study.pixels_per_degree,
        "images": lambda: bench.images(cell.images, cell.transformation),
        "image_shape": lambda: bench.image_shape(cell.images, cell.transformation),
        "units": lambda: table.units,
    }
    left_out = set()
    if study.pixels_per_degree is None:
        left_out.add("pixels_per_degree")
    if not isinstance(table.units, int):
        left_out.add("units")
    return {name: known[name]() for name in contract.given if name not in left_out}


def as_dataset(found: Any) -> xr.Dataset:
    """What a measure returned as a dataset.

    Parameters
    ----------
    found : xarray.Dataset or pandas.DataFrame

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(found, pd.DataFrame):
        return _of_frame(found)
    if not isinstance(found, xr.Dataset):
        msg = (
            "a measure must return an xarray.Dataset or a pandas.DataFrame, got "
            f"{type(found).__name__}."
        )
        raise TypeError(msg)
    return found


def _of_frame(frame: pd.DataFrame) -> xr.Dataset:
    """A table as a dataset; what is neither number nor truth is kept as text."""
    plain = frame.reset_index(drop=True).rename(columns=str)
    for column in plain:
        if not pd.api.types.is_numeric_dtype(plain[column]):
            texts = [
                "" if missing else str(value)
                for value, missing in zip(plain[column], plain[column].isna(), strict=True)
            ]
            plain[column] = np.array(texts, dtype=object)
    return xr.Dataset.from_dataframe(plain.rename_axis("row"))


def _labelled(
    found: xr.Dataset, work: Work, cell: Cell, bench: Bench, contract: MeasureContract
) -> xr.Dataset:
    """A result with what it is of; nothing that differs between machines or runs."""
    about: dict[str, Any] = {
        "study_measure": cell.measure,
        "study_model": cell.models[0],
        "study_images": cell.images,
        "study_seed": cell.seed,
    }
    if len(cell.models) > 1:
        about |= {"study_model_b": cell.models[1]}
    if cell.transformation is not None:
        about |= {"study_transformation": cell.transformation}
    about |= {"measured_by": work.study.measures[cell.measure].measure, KEY: work.key(cell)}
    if contract.design:
        about |= {"design": " ".join(contract.design)}
    if "parameters" in found.attrs:
        about |= {"parameters": bench.described}
    if "n_images" not in found.attrs and contract.sees_images:
        images = bench.images(cell.images, cell.transformation)
        about["n_images"] = len(getattr(images, "names", images))
    return found.assign_attrs(about)
