"""The work of a study.

Fitting a model, collecting its responses once, and taking every measure of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from sklearn.base import clone

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.files import written_whole
from hmax_cnn.hmax.prototypes import write_prototypes

from ..responses import choose_units, responses
from .building import Places, build_images, build_model, build_transformed, must_learn
from .cells import Cell
from .contract import load_measure
from .fingerprints import Fingerprint, behind, digest_of, versions_of
from .folder import KEY, Folder, digest, read_result, write_result
from .schema import Study

# What computes every number: another version of these may give others.
_LIBRARIES = ("numpy", "scipy", "sklearn")
# A model, images and a transformation whose responses are wanted.
Wanted = tuple[str, str, str | None]
_TAKEN = "taken_by_"  # which of the collected units a measure takes


@dataclass(frozen=True)
class Work:
    """What every process of a study knows.

    Attributes
    ----------
    study : Study
    places : Places
    root : Path
        The folder that results are written into.
    fingerprints : dict from str to Fingerprint
        Of the images, by name.
    process : int
        Of the study: its workers end with it.
    built : dict
        Images that were built, by name, transformation and resizing.
    states : dict
        Digests of what models hold as they are made, by name and seed; see `state`.
    """

    study: Study
    places: Places
    root: Path
    fingerprints: dict[str, Fingerprint]
    process: int = field(default_factory=os.getpid)
    built: dict[tuple[str, str | None, str | None], Any] = field(default_factory=dict, repr=False)
    states: dict[tuple[str, int], str] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        # Another process builds its images itself: to send pixels would take longer.
        return vars(self) | {"built": {}}

    def images(self, name: str, change: str | None = None, resize: str | None = None) -> Any:
        """A set of images, as it is or transformed, built once in each task.

        Pictures are resized as a model asks, or else as their own table says; stimuli are drawn at
        one size.
        """
        key = (name, change, resize)
        if key not in self.built:
            made: Any
            if change is None:
                table = self.study.images[name]
                if resize is not None and not table.is_function:
                    table = table.model_copy(update={"resize": resize})
                made = build_images(table, self.places)
            else:
                how = self.study.transformations[change]
                made = build_transformed(how, self.images(name, None, resize), self.places)
            self.built[key] = made
        return self.built[key]

    @property
    def folder(self) -> Folder:
        """Paths within the folder that results are written into."""
        return Folder(self.root)

    def path(self, cell: Cell) -> Path:
        """Where a cell is kept."""
        return self.folder.results / cell.path

    def key(self, cell: Cell) -> str:
        """All that a cell's numbers depend on, as a digest."""
        study, measure = self.study, self.study.measures[cell.measure]
        parts: list[Any] = [
            versions_of(("hmax_cnn", *_LIBRARIES)),
            study.units,
            study.resamples,
            study.level,
            study.pixels_per_degree,
            cell.seed,
        ]
        parts += [
            measure.model_dump(include={"measure", "layers", "units", "parameters"}),
            *self._behind(measure.measure, measure.parameters),
        ]
        parts += [part for model in cell.models for part in self.model_parts(model, cell.seed)]
        return digest(*parts, *self.images_parts(cell.images, cell.transformation))

    def model_parts(self, name: str, seed: int) -> list[Any]:
        """All that a model depends on.

        Parameters, the files that they name, what it learns from, its code, what it holds before
        it learns, and the libraries that compute it.
        """
        table = self.study.models[name]
        taught = []
        if table.learns_from:
            taught = [self.fingerprints[table.learns_from].whole]
        return [
            table.model_dump(exclude={"label", "requires"}),
            seed,
            *taught,
            self.state(name, seed),
            self.libraries(name),
            *self._behind(table.model, table.parameters),
        ]

    def state(self, name: str, seed: int) -> str:
        """A digest of what a model holds as it is made, such as the weights of a PyTorch module.

        Found once, before other processes are told.
        """
        if (name, seed) not in self.states:
            model = build_model(self.study.models[name], self.places, seed)
            self.states[name, seed] = digest_of(model.held())
        return self.states[name, seed]

    def libraries(self, name: str) -> dict[str, str]:
        """Versions of what a model needs beside what every result needs."""
        model = build_model(self.study.models[name], self.places, self.study.seeds[0])
        return versions_of(model.libraries)

    def images_parts(self, images: str, change: str | None) -> list[Any]:
        """All that what a model looks at depends on."""
        table = None if change is None else self.study.transformations[change]
        behind = []
        if table is not None and table.transformation is not None:
            behind = self._behind(table.transformation, table.parameters)
        return [
            self.fingerprints[images].whole,
            self.study.images[images].groups,
            None if table is None else table.model_dump(exclude={"label"}),
            *behind,
        ]

    def _behind(self, path: str, parameters: dict[str, Any]) -> list[Any]:
        """Modules of the user's own, files that parameters or they name, versions of libraries."""
        found = behind(path, parameters, self.places)
        return [*found.code, *found.data, dict(found.libraries)]

    def layers(self, name: str) -> list[str] | None:
        """All layers that any measure asks of a model; None is every one."""
        table = self.study.models[name]
        chosen = [
            measure.layers.get(name) or table.layers
            for measure in self.study.measures.values()
            if measure.models is None or name in measure.models
        ]
        # A measure without a choice asks for all layers.
        if None in chosen or not chosen:
            return None
        return list(dict.fromkeys(layer for layers in chosen for layer in layers or ()))

    def has_learned(self, model: str, images: str) -> bool:
        """Whether a model has learned from any of these images."""
        teacher = self.study.models[model].learns_from
        return teacher is not None and bool(
            self.fingerprints[teacher].taught & self.fingerprints[images].every
        )

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell lies there, made of the same things."""
        path = self.path(cell)
        if not path.is_file():
            return False
        try:
            return read_result(path).attrs.get(KEY) == self.key(cell)
        except ValueError:
            return False

    def cells_done(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those of the cells that are done."""
        return [cell for cell in cells if self.is_done(cell)]


class Bench:
    """One model with one seed, and what has been made of it.

    Nothing is made before it is asked for, and nothing twice.

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

    @cached_property
    def unfitted(self) -> FeatureExtractor:
        """The model as the file describes it.

        On one thread if that says no more, since sums over threads differ in their last bits.
        """
        model = build_model(self.table, self.work.places, self.seed)
        if "n_threads" in model.get_params(deep=False):
            model.set_params(n_threads=self.table.parameters.get("n_threads", 1))
        if digest_of(model.held()) != self.work.state(self.name, self.seed):
            msg = (
                f"The model {self.name!r} has other weights each time it is made. Draw them from "
                "PyTorch's random numbers, which the study seeds, or load them from a file."
            )
            raise ValueError(msg)
        return model

    @cached_property
    def model(self) -> FeatureExtractor:
        """The model, fitted where it learns.

        What it learned is kept in `models/`, and where training can go on, how far it is.
        """
        if self.table.learns_from is None:
            return self.unfitted
        model, images = clone(self.unfitted), to_learn(self.images(self.table.learns_from))
        if not must_learn(model, self.work.layers(self.name)):
            return model.fit(images, images.labels)
        self.folder.models.mkdir(exist_ok=True)
        # A training that was interrupted goes on; the checkpoint's name says what it is of.
        resumable = getattr(model, "checkpoint", "none") is None
        made_from = digest(*self.work.model_parts(self.name, self.seed))[:16]
        kept = self.folder.models / f".{self.name}.seed{self.seed}.{made_from}.checkpoint"
        model.set_params(**({"checkpoint": kept} if resumable else {})).fit(images, images.labels)
        model.set_params(**({"checkpoint": None} if resumable else {}))
        self._keep(model)
        return model

    def _keep(self, model: FeatureExtractor) -> None:
        """What was learned.

        Weights that `weights` reads again, prototypes that `prototypes` does, or plain arrays.
        """
        stem = self.folder.models / f"{self.name}-seed{self.seed}"
        if hasattr(model, "write"):
            model.write(stem.with_name(f"{stem.name}.safetensors"))
        elif hasattr(model, "prototypes_"):
            write_prototypes(model.prototypes_, stem.with_name(f"{stem.name}.npz"))
        else:
            arrays: dict[str, Any] = {
                name: value
                for name, value in vars(model).items()
                if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype != object
            }
            # Networks without a `write`, such as LinearClassifier, keep their weights there.
            arrays |= getattr(getattr(model, "learned_", None), "arrays", {})
            with (
                written_whole(stem.with_name(f"{stem.name}.npz")) as temporary,
                temporary.open("wb") as file,
            ):
                np.savez(file, **arrays)

    def images(self, name: str, change: str | None = None) -> Any:
        """A set of images, as it is or transformed."""
        return self.work.images(name, change, self.table.resize)

    def image_shape(self, images: str, change: str | None = None) -> tuple[int, int]:
        """Height and width of a set of images, in pixels."""
        height, width = self.images(images, change)[0].shape[:2]
        return int(height), int(width)

    def layers(self, measure: str) -> tuple[str, ...]:
        """The layers that a measure is taken of."""
        chosen = self.work.study.measures[measure].layers.get(self.name) or self.table.layers
        return self.unfitted.wanted_layers(tuple(chosen or self.unfitted.layer_names))

    def _units(self, measure: str, shape: Sequence[int]) -> dict[str, np.ndarray]:
        units: Any = self.work.study.measures[measure].units or self.work.study.units
        return choose_units(
            self.model, shape, self.layers(measure), None if units == "all" else units, self.seed
        )

    def responses(self, cell: Cell) -> xr.DataArray:
        """Responses of the units of a cell's measure.

        From those of the units of all measures on these images, which are collected once.
        """
        everything = self.collected(cell.images, cell.transformation)
        return everything["response"].isel(
            unit=np.flatnonzero(everything[f"{_TAKEN}{cell.measure}"].values)
        )

    def sharing(self, images: str, change: str | None) -> list[str]:
        """The measures that take this model's responses to these images."""
        found = []
        for name, table in self.work.study.measures.items():
            of_model = table.models is None or self.name in table.models
            of_images = table.images is None or images in table.images
            changes: Sequence[str | None] = table.transformations or [None]
            if of_model and of_images and change in changes:
                _, contract = load_measure(table.measure)
                if contract.takes_responses:
                    found.append(name)
        return found

    def union(
        self, images: str, change: str | None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
        """Units that any measure needs of this model on these images, and those that each needs."""
        shape = tuple(int(n) for n in self.images(images, change)[0].shape[:2])
        each = {name: self._units(name, shape) for name in self.sharing(images, change)}
        whole: dict[str, np.ndarray] = {}
        for chosen in each.values():
            # Measures share units: each response is computed once.
            for layer, units in chosen.items():
                if layer in whole:
                    whole[layer] = np.union1d(whole[layer], units)
                else:
                    whole[layer] = units
        return {layer: whole[layer] for layer in self.unfitted.layer_names if layer in whole}, each

    def collected(self, images: str, change: str | None) -> xr.Dataset:
        """Responses to these images, and which units each measure takes.

        From the folder where they are there.
        """
        work, study = self.work, self.work.study
        path = self.folder.responses / self.name / images / f"{change or '~'}.seed{self.seed}.nc"
        asked = {
            name: study.measures[name].model_dump(include={"layers", "units"})
            for name in self.sharing(images, change)
        }
        key = digest(
            versions_of(("hmax_cnn", *_LIBRARIES)),
            asked,
            study.units,
            *work.model_parts(self.name, self.seed),
            *work.images_parts(images, change),
        )
        if path.is_file():
            with suppress(ValueError):  # a damaged file is made again
                kept = read_result(path)
                if kept.attrs.get(KEY) == key:
                    return kept
        whole, each = self.union(images, change)
        found = responses(self.model, self.images(images, change), units=whole)
        found.attrs["parameters"] = self.described
        taken = {
            f"{_TAKEN}{name}": ("unit", _members(whole, chosen)) for name, chosen in each.items()
        }
        write_result(found.to_dataset().assign(taken).assign_attrs({KEY: key}), path)
        # Read back: to the last bit as those find it who come later.
        return read_result(path)

    @property
    def described(self) -> str:
        """The model's parameters as the file has them: no full paths of a machine in results."""
        return ", ".join(f"{name}={value!r}" for name, value in self.table.parameters.items())


def to_learn(images: Any) -> Any:
    """The training images, where there is a split."""
    split = getattr(images, "split", None)
    if split is None:
        return images
    return images.subset(np.flatnonzero(split == "train"))


def _members(whole: dict[str, np.ndarray], chosen: dict[str, np.ndarray]) -> np.ndarray:
    """Which of all units are among the chosen ones."""
    return np.concatenate(
        [
            np.isin(units, chosen[layer]) if layer in chosen else np.zeros(len(units), bool)
            for layer, units in whole.items()
        ]
    )
