"""The work of a study: fitting a model, collecting its responses once, and taking every measure of it."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from analysis.measures import Resampling
from analysis.naming import load
from analysis.responses import by_layer, choose_units, responses
from analysis.study import asking
from analysis.study.cells import Cell
from analysis.study.folder import KEY, Folder, digest, read_result, write_result
from analysis.study.objects import Places, build_images, build_model, build_transformed, must_learn
from analysis.study.schema import Study
from extraction import FeatureExtractor
from extraction.files import written_whole
from hmax.prototypes import write_prototypes

OURS = ("extraction", "hmax", "cnn", "data", "analysis")


@dataclass(frozen=True)
class Failure:
    """A cell that could not be made, and why."""

    cell: Cell
    text: str


@dataclass(frozen=True)
class Work:
    """What every process of a study knows.

    Attributes
    ----------
    study : Study
    places : Places
    root : Path
        The folder that results are written into.
    fingerprints : dict from str to str
        Digests of the images, by name.
    """

    study: Study
    places: Places
    root: Path
    fingerprints: dict[str, str]

    @property
    def folder(self) -> Folder:
        return Folder(self.root)

    def path(self, cell: Cell) -> Path:
        """Where a cell is kept."""
        return self.folder.results / cell.path

    def key(self, cell: Cell) -> str:
        """All that a cell's numbers depend on, as a digest."""
        study, measure = self.study, self.study.measures[cell.measure]
        parts: list[Any] = [study.units, study.resamples, study.level, study.pixels_per_degree, cell.seed]
        parts += [measure.model_dump(include={"measure", "layers", "units", "parameters"}), *self._code(measure.measure)]
        parts += [part for model in cell.models for part in self.model_parts(model, cell.seed)]
        parts += self._images_parts(cell.images, cell.transformation)
        return digest(*parts)

    def model_parts(self, name: str, seed: int) -> list[Any]:
        """All that a model depends on: parameters, the files that they name, what it learns from, its code."""
        table = self.study.models[name]
        files = [Path(value) for value in self.places.parameters(table.parameters).values() if isinstance(value, str) and Path(value).is_file()]
        taught = [self.fingerprints[table.learns_from]] if table.learns_from else []
        return [table.model_dump(exclude={"label"}), table.label, seed, *files, *taught, *self._code(table.model)]

    def _images_parts(self, images: str, change: str | None) -> list[Any]:
        table = None if change is None else self.study.transformations[change]
        code = [] if table is None or table.transformation is None else self._code(table.transformation)
        return [self.fingerprints[images], None if table is None else table.model_dump(exclude={"label"}), *code]

    def _code(self, path: str) -> list[Path]:
        """The file of a module of the user's own: when it changes, so may the numbers."""
        self.places.modules()
        module = path.partition(":")[0]
        file = None if module.partition(".")[0] in OURS else getattr(importlib.import_module(module), "__file__", None)
        return [Path(file)] if file else []

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell lies there, made of the same things."""
        path = self.path(cell)
        if not path.is_file():
            return False
        try:
            with xr.open_dataset(path, engine="h5netcdf") as kept:
                return kept.attrs.get(KEY) == self.key(cell)
        except OSError:
            return False

    def cells_done(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those of the cells that are done."""
        return [cell for cell in cells if self.is_done(cell)]


def fingerprint(images: Any, name: str, progress: bool | None = None) -> str:
    """A digest of every image, its labels and split; reads them all, so that a bad one is known before anything runs."""
    found = hashlib.sha256()
    for index in tqdm(
        range(len(images)), desc=f"Reading {name}", unit="image", delay=2, disable=None if progress is None else not progress, leave=False
    ):
        image = np.ascontiguousarray(images[index])
        found.update(f"{image.shape}{image.dtype}".encode() + image.tobytes())
    for column in (getattr(images, "labels", None), getattr(images, "split", None)):
        found.update(repr(None if column is None else [str(value) for value in column]).encode())
    return found.hexdigest()


class Bench:
    """One model with one seed, and what has been made of it: nothing is made before it is asked for, and nothing twice.

    Parameters
    ----------
    work : Work
    name : str
        Of the model.
    seed : int
    """

    def __init__(self, work: Work, name: str, seed: int) -> None:
        self.work, self.name, self.seed = work, name, seed
        self.table, self.folder = work.study.models[name], work.folder
        self.pictures: dict[tuple[str, str | None], Any] = {}

    @cached_property
    def unfitted(self) -> FeatureExtractor:
        """The model as the file describes it: on one thread if that says no more, since sums over threads differ in their last bits."""
        model = build_model(self.table, self.work.places, self.seed)
        takes = "n_threads" in model.get_params(deep=False) and "n_threads" not in self.table.parameters
        return model.set_params(n_threads=1) if takes else model

    @cached_property
    def model(self) -> FeatureExtractor:
        """The model, fitted where it learns; what it learned is kept in `models/`."""
        model = self.unfitted
        if self.table.learns_from is None:
            return model
        images = self.images(self.table.learns_from)
        if images.split is not None if hasattr(images, "split") else False:
            images = images.subset(np.flatnonzero(images.split == "train"))
        if not must_learn(model, self.table.layers):
            return model.fit(images, images.labels)
        kept = self.folder.models / f".{self.name}-seed{self.seed}.checkpoint"
        resumable = getattr(model, "checkpoint", "none") is None
        self.folder.models.mkdir(exist_ok=True)
        model.set_params(**({"checkpoint": kept} if resumable else {})).fit(images, images.labels)
        model.set_params(**({"checkpoint": None} if resumable else {}))
        self._keep(model)
        return model

    def _keep(self, model: FeatureExtractor) -> None:
        """What was learned: weights that `weights` reads again, prototypes that `prototypes` does, or plain arrays."""
        stem = self.folder.models / f"{self.name}-seed{self.seed}"
        if hasattr(model, "write"):
            model.write(stem.with_name(f"{stem.name}.safetensors"))
        elif hasattr(model, "prototypes_"):
            write_prototypes(model.prototypes_, stem.with_name(f"{stem.name}.npz"))
        else:
            arrays = {
                name: value for name, value in vars(model).items() if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype != object
            }
            arrays |= getattr(getattr(model, "learned_", None), "arrays", {})
            with written_whole(stem.with_name(f"{stem.name}.npz")) as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays)

    def images(self, name: str, change: str | None = None) -> Any:
        """A set of images, as it is or transformed."""
        if (name, change) not in self.pictures:
            made = build_images(self.work.study.images[name], self.work.places)
            if change is not None:
                made = build_transformed(self.work.study.transformations[change], made, self.work.places)
            self.pictures[name, change] = made
        return self.pictures[name, change]

    def layers(self, measure: str) -> tuple[str, ...]:
        """The layers that a measure is taken of."""
        chosen = self.work.study.measures[measure].layers.get(self.name) or self.table.layers
        return self.unfitted._wanted(tuple(chosen or self.unfitted.layer_names))

    def _units(self, measure: str, shape: Sequence[int]) -> dict[str, np.ndarray]:
        units: Any = self.work.study.measures[measure].units or self.work.study.units
        return choose_units(self.model, shape, self.layers(measure), None if units == "all" else units, self.seed)

    def responses(self, cell: Cell) -> xr.DataArray:
        """Responses of the units of a cell's measure, from those of the units of all measures on these images, which are collected once."""
        shape = tuple(int(n) for n in self.images(cell.images, cell.transformation)[0].shape[:2])
        everything = self._all_responses(cell, shape)
        chosen = self._units(cell.measure, shape)
        numbers = [
            np.searchsorted(self._union(cell, shape)[layer], chosen[layer]) + units[0] for layer, units in by_layer(everything) if layer in chosen
        ]
        return everything.isel(unit=np.concatenate(numbers))

    def _union(self, cell: Cell, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Units that any measure needs of this model on these images."""
        study, union = self.work.study, dict[str, np.ndarray]()
        for name, table in study.measures.items():
            shares = (table.models is None or self.name in table.models) and (table.images is None or cell.images in table.images)
            shares = shares and cell.transformation in (table.transformations or [None])
            if shares and asking.wants_responses(load(table.measure)):
                for layer, units in self._units(name, shape).items():
                    union[layer] = np.union1d(union[layer], units) if layer in union else units
        return {layer: union[layer] for layer in self.unfitted.layer_names if layer in union}

    def _all_responses(self, cell: Cell, shape: tuple[int, ...]) -> xr.DataArray:
        work, union = self.work, self._union(cell, shape)
        changed = cell.transformation or "as_they_are"
        path = self.folder.responses / self.name / cell.images / f"{changed}-seed{self.seed}.nc"
        chosen = {layer: digest(units.tolist()) for layer, units in union.items()}
        key = digest(chosen, *work.model_parts(self.name, self.seed), *work._images_parts(cell.images, cell.transformation))
        kept = read_result(path) if path.is_file() else None
        if kept is None or kept.attrs.get(KEY) != key:
            found = responses(self.model, self.images(cell.images, cell.transformation), units=union)
            found.attrs["parameters"] = self.described
            write_result(found.to_dataset().assign_attrs({KEY: key}), path)
            kept = read_result(path)  # as it will be found by those who come later, to the last bit
        return kept["response"]

    @property
    def described(self) -> str:
        """The model's parameters as the file has them: full paths of a machine stay out of results."""
        return ", ".join(f"{name}={value!r}" for name, value in self.table.parameters.items())


def run_cells(work: Work, cells: Sequence[Cell], seed: int) -> list[Failure]:
    """Make the cells of one model (or of pairs) with one seed, each written when done; those that fail are returned, the others are made."""
    work.places.modules()
    benches: dict[str, Bench] = {}
    failures = []
    for cell in cells:
        started = perf_counter()
        try:
            with _noted() as said, threadpool_limits(1, "blas"):
                for name in cell.models:
                    benches.setdefault(name, Bench(work, name, seed))
                result = _measured(work, cell, [benches[name] for name in cell.models])
                write_result(result, work.path(cell))
        except Exception as error:  # any measure of anyone: the other cells shall not be lost
            failures.append(Failure(cell, f"{type(error).__name__}: {error}"))
        else:
            work.folder.note(cell=str(cell), seconds=round(perf_counter() - started, 3), warnings=said)
    return failures


@contextmanager
def _noted() -> Iterator[list[str]]:
    """Warnings, as texts."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    said += sorted({f"{warning.category.__name__}: {warning.message}" for warning in caught if not issubclass(warning.category, DeprecationWarning)})


def _measured(work: Work, cell: Cell, benches: list[Bench]) -> xr.Dataset:
    study, table = work.study, work.study.measures[cell.measure]
    function = load(table.measure, "measure")
    asked, bench, label = asking.asks(function), benches[0], study.label("models", cell.models[0])
    given: dict[str, Any] = {"resampling": Resampling(study.resamples, level=study.level, random_state=cell.seed), "progress": False}
    given |= {"random_state": cell.seed, "seed": cell.seed, "layers": bench.layers(cell.measure)}
    given |= {} if study.pixels_per_degree is None else {"pixels_per_degree": study.pixels_per_degree}
    given |= {"refit": bench.table.learns_from == cell.images}
    if asking.is_pair(function):
        given |= {"a": benches[0].responses(cell), "b": benches[-1].responses(cell)}
    elif asked & set(asking.RESPONSES):
        given |= dict.fromkeys(asking.RESPONSES, bench.responses(cell))
    if asked & {"model", "models"}:
        model = bench.unfitted if given["refit"] and "refit" in asked else bench.model  # what is learned anew in folds need not be learned before
        given |= {"model": model, "models": {label: model}}
    images = bench.images(cell.images, cell.transformation)
    given |= dict.fromkeys(asking.IMAGES, images)
    if "image_shape" in asked:
        given["image_shape"] = tuple(int(n) for n in images[0].shape[:2])
    if "layers" in asked and asked & {"models"}:
        given["layers"] = {label: given["layers"]}
    return _labelled(asking.called(function, given, work.places.parameters(table.parameters)), work, cell, bench)


def _labelled(found: Any, work: Work, cell: Cell, bench: Bench) -> xr.Dataset:
    """A result with what it is of; nothing that differs between machines or runs."""
    if isinstance(found, pd.DataFrame):
        found = xr.Dataset.from_dataframe(found.reset_index(drop=True).rename_axis("row"))
    if not isinstance(found, xr.Dataset):
        msg = f"a measure must return an xarray.Dataset or a pandas.DataFrame, got {type(found).__name__}."
        raise TypeError(msg)
    about = {name: str(value) for name, value in cell.columns(work.study).items() if name not in ("measure", "model", "transformation")}
    about = {f"study_{name}": value for name, value in about.items()} | {
        "measured_by": work.study.measures[cell.measure].measure,
        KEY: work.key(cell),
    }
    about |= {"parameters": bench.described} if "parameters" in found.attrs else {}
    images = bench.images(cell.images, cell.transformation)
    about |= {"n_images": len(getattr(images, "names", images))} if "n_images" not in found.attrs else {}
    return found.assign_attrs(about)
