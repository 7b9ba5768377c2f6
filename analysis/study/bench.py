"""A model of a study: fitting it, collecting its responses once, for every measure of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from sklearn.base import clone

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.files import written_whole
from hmax_cnn.hmax.dictionaries import write_dictionary

from ..responses import choose_units, responses
from .building import build_model, must_learn
from .cells import Cell
from .fingerprints import digest_of, versions_of
from .folder import KEY, digest, read_result, write_result
from .stores import stored_responses
from .work import LIBRARIES, Stored, Work

_TAKEN = "taken_by_"  # which of the collected units a measure takes


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
            write_dictionary(model.prototypes_, stem.with_name(f"{stem.name}.npz"))
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

    def stored_features(self, cell: Cell) -> xr.DataArray | None:
        """Responses for a measure that takes the model itself; None if no store holds them."""
        stored = self._stored(cell.images, cell.transformation)
        if stored is None or self.work.has_learned(self.name, cell.images):
            return None
        table = self.work.study.measures[cell.measure]
        if {"units", "layers", "random_state"} & set(table.parameters):
            return None  # the measure chooses units of its own
        units = table.units if isinstance(table.units, int) else None
        shape = self.image_shape(cell.images)
        chosen = choose_units(self.model, shape, self.layers(cell.measure), units, self.seed)
        return stored_responses(stored, self.model, self.images(cell.images), chosen)

    def _stored(self, images: str, change: str | None) -> Stored | None:
        return None if change else self.work.stored.get((self.name, images, self.seed))

    def union(
        self, images: str, change: str | None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
        """Units that any measure needs of this model on these images, and those that each needs."""
        shape = tuple(int(n) for n in self.images(images, change)[0].shape[:2])
        each = {
            name: self._units(name, shape) for name in self.work.sharing(self.name, images, change)
        }
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
            for name in work.sharing(self.name, images, change)
        }
        key = digest(
            versions_of(LIBRARIES),
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
        stored = self._stored(images, change)
        if stored is None:
            found = responses(self.model, self.images(images, change), units=whole)
        else:
            found = stored_responses(stored, self.model, self.images(images), whole)
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
