"""What every process of a study knows: its file, its images, what each number depends on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..contract import MeasureContract
from .building import Places, build_images, build_model, build_transformed
from .cells import Cell
from .contract import load_measure
from .fingerprints import Fingerprint, behind, digest_of, versions_of
from .folder import KEY, Folder, digest, read_result
from .schema import Study

# What computes every number: another version of these may give others.
LIBRARIES = ("hmax_cnn", "numpy", "scipy", "sklearn")
# A model, images and a transformation whose responses are wanted.
Wanted = tuple[str, str, str | None]
# A model, a set of images and a seed.
Asked = tuple[str, str, int]


@dataclass(frozen=True)
class Stored:
    """Where features of a model and of a set of images lie.

    Attributes
    ----------
    address : str
    key : str
        A digest of the model, its settings and the names of the images.
    """

    address: str
    key: str


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
    process : int or None
        Of the study: its workers end with it, but for those of a cluster, which are not its own.
    run : str
        Of a run on a cluster: a worker ends where the folder is no longer that of this run.
    built : dict
        Images that were built, by name, transformation and resizing.
    states : dict
        Digests of what models hold as they are made, by name and seed; see `state`.
    stored : dict
        Where responses lie already, by model, images and seed; see `find_stored`.
    """

    study: Study
    places: Places
    root: Path
    fingerprints: dict[str, Fingerprint]
    process: int | None = field(default_factory=os.getpid)
    run: str = ""
    built: dict[tuple[str, str | None, str | None], Any] = field(default_factory=dict, repr=False)
    states: dict[tuple[str, int], str] = field(default_factory=dict)
    stored: dict[Asked, Stored] = field(default_factory=dict)

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
            versions_of(LIBRARIES),
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
            table.model_dump(exclude={"label", "requires", "store"}),
            sorted(
                one.key
                for (model, _, of), one in self.stored.items()
                if (model, of) == (name, seed)
            ),
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

    def sharing(self, model: str, images: str, change: str | None) -> list[str]:
        """The measures that take a model's responses to these images."""
        measures = self._measures_of(model, images, change)
        return [name for name, contract in measures if contract.takes_responses]

    def reading(self, model: str, images: str) -> list[str]:
        """The measures that would read a model's responses to these images from a store."""
        measures = self._measures_of(model, images, None)
        return [
            name
            for name, contract in measures
            if contract.takes_responses or "features" in contract.given
        ]

    def _measures_of(
        self, model: str, images: str, change: str | None
    ) -> Iterator[tuple[str, MeasureContract]]:
        for name, table in self.study.measures.items():
            of_model = table.models is None or model in table.models
            of_images = table.images is None or images in table.images
            changes: Sequence[str | None] = table.transformations or [None]
            if of_model and of_images and change in changes:
                yield name, load_measure(table.measure)[1]

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
