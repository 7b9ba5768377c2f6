"""Checking a study: what its schema cannot know, such as names, files, modules, layers, units."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hmax_cnn.extraction.digests import check_unseen
from hmax_cnn.extraction.gradients import has_gradients

from ..contract import MeasureContract
from ..naming import nearest
from ..responses import image_coords
from . import schema
from .bench import to_learn
from .building import Places, build_images, build_model, build_transformed, must_learn
from .contract import figure_problems, load_figure, load_measure, measure_problems
from .measuring import told
from .problems import SECTIONS, Lines, Problem
from .rehearsal import unrehearsed
from .stores import store_at
from .work import Work

# What code of the user's own may raise while it is tried: it becomes a problem with a line number.
_EXPECTED = (
    ValueError,
    TypeError,
    OSError,
    RuntimeError,
    KeyError,
    AttributeError,
    ImportError,
    MemoryError,
)


@dataclass
class Check:
    """What the schema cannot know: names, files, modules, layers, units."""

    study: schema.Study
    places: Places
    lines: Lines
    found: list[Problem] = field(default_factory=list)

    def problems(self) -> list[Problem]:
        """Everything that is wrong, each once."""
        self._names()
        images = {
            name: self._built(("images", name), "source", build_images, table, self.places)
            for name, table in self.study.images.items()
        }
        for name in self.study.models:
            self._model(name, images)
        for name, table in self.study.measures.items():
            self._measure(name, table, images)
        for name, figure in self.study.figures.items():
            self._figure(name, figure)
        if not self.found:
            self._rehearsal()
        # Several measures may find the same fault of the same images.
        return list(dict.fromkeys(self.found))

    def _say(self, path: Sequence[str], text: str) -> None:
        self.found.append(Problem(self.lines.of(path), ".".join(path[:2]), text))

    def _built(
        self, path: tuple[str, str], key: str, build: Callable[..., Any], *arguments: Any
    ) -> Any:
        """What a function makes, or None and a problem.

        The problem is at the key that its text names, or at this one.
        """
        try:
            return build(*arguments)
        except _EXPECTED as error:
            text = str(error) or type(error).__name__
            # Our errors name the parameter between backticks: the line of that key is the place to
            # look at.
            named = re.match(r"\W*`(\w+)`", text)
            given = getattr(self.study, path[0])[path[1]].parameters
            # A parameter of the model or function, below the key `parameters`.
            inner = [
                (*path, "parameters", word)
                for word in re.findall(r"[`'](\w+)[`']", text)[:2]
                if word in given
            ]
            options = [(*path, named[1] if named else key), (*path, key)]
            self._say(
                next(
                    iter(inner),
                    next((option for option in options if option in self.lines.known), path),
                ),
                text,
            )
            return None

    def _names(self) -> None:
        """Names that are used must be defined; labels must differ."""
        study = self.study
        for path, used, kind in _uses(study):
            known = getattr(study, kind)
            for name in used:
                if name not in known:
                    text = (
                        f"`{path[-1]}` names {name!r}, which is not among the {kind}: "
                        f"{', '.join(known) or 'there are none'}.{nearest(name, known)}"
                    )
                    self._say(path, text)
        for kind in SECTIONS[:4]:
            labels = [study.label(kind, name) for name in getattr(study, kind)]
            for name in getattr(study, kind):
                # Tables and figures tell models apart by their labels.
                if labels.count(study.label(kind, name)) > 1:
                    self._say(
                        (kind, name),
                        (
                            f"`label` {study.label(kind, name)!r} is that of two {kind}. Give "
                            "each its own."
                        ),
                    )

    def _model(self, name: str, images: Mapping[str, Any]) -> None:
        """Its path, parameters, layers, what it learns from, and whether the images fit it."""
        table, path = self.study.models[name], ("models", name)
        model = self._built(path, "model", build_model, table, self.places, self.study.seeds[0])
        if model is None:
            return
        # Layers that need no learning are measured without it.
        layers = Work(self.study, self.places, Path(), {}).layers(name)
        if must_learn(model, layers) and table.learns_from is None:
            known = ", ".join(self.study.images)
            text = f"{table.model} must be fitted first. Name images in `learns_from`: {known}."
            self._say(path, text)
            return
        for address in table.stores:
            self._built(path, "store", store_at, self.places, address)
        teacher = images.get(table.learns_from or "")
        if teacher is not None:
            self._teacher(table, model, teacher, (*path, "learns_from"))
        wanted = model.wanted_layers(table.layers or model.layer_names)
        for shown in self._shown_to(name):
            if images.get(shown) is None:
                continue
            # The first image stands for all: to decode them all would take minutes.
            first, seen = ("images", shown), images[shown]
            if table.resize is not None:
                work = Work(self.study, self.places, Path(), {})
                seen = self._built(path, "resize", work.images, shown, None, table.resize)
                if seen is None:
                    continue
            shape = self._built(first, "source", _shape_of, seen)
            if shape is not None:
                self._built(path, "model", _fits, model, shape, wanted, shown)

    def _teacher(
        self, table: schema.Model, model: Any, teacher: Any, path: tuple[str, ...]
    ) -> None:
        """Whether a model can be fitted on these images."""
        if model.__sklearn_tags__().target_tags.required and teacher.labels is None:
            text = f"has no labels, and {table.model} learns classes."
            self._say(path, f"`learns_from` {table.learns_from!r} {text}")
        elif not len(to_learn(teacher)):
            text = "has no training images: none is in the training part of its split. Name others."
            self._say(path, f"`learns_from` {table.learns_from!r} {text}")

    def _shown_to(self, model: str) -> list[str]:
        """The images that any measure shows to a model."""
        shown: dict[str, None] = {}
        for measure in self.study.measures.values():
            if measure.models is None or model in measure.models:
                shown |= dict.fromkeys(measure.images or self.study.images)
        return list(shown)

    def _measure(self, name: str, table: schema.Measure, images: Mapping[str, Any]) -> None:
        """Its contract and parameters, and whether images and transformations suit it."""
        path = ("measures", name)
        found = self._built(path, "measure", load_measure, table.measure)
        if found is None:
            return
        _, contract = found
        parameters, per_degree = table.parameters, self.study.pixels_per_degree
        for text in measure_problems(table.measure, parameters, per_degree):
            self._say((*path, "measure"), f"`measure` {table.measure!r}: {text}")
        # A measure of the model may take a number of units, but no set of them.
        number_taken = "units" in contract.given and not isinstance(table.units, str)
        if table.units is not None and not contract.takes_responses and not number_taken:
            text = f"`units` has no meaning for {table.measure}: it takes the model itself."
            self._say((*path, "units"), f"{text} Leave it out.")
        if "transformation" in contract.needs and not table.transformations:
            known = ", ".join(self.study.transformations)
            text = f"{table.measure} measures over a transformation. Name some in"
            self._say(path, f"{text} `transformations`: {known}.")
        if "no transformation" in contract.needs and table.transformations:
            text = f"`transformations` have no meaning for {table.measure}: it takes images as"
            self._say((*path, "transformations"), f"{text} they are. Leave them out.")
        if "strengths" in contract.needs:
            self._strengths(name, table)
        with suppress(*_EXPECTED):  # of wrong parameters, which the measure itself refuses
            if contract.gradients(parameters):
                self._gradients(name, table, images)
        for shown in table.images or images:
            if images.get(shown) is not None:
                self._shown(name, table, contract, shown, images[shown])
        self._layers(path, table)

    def _shown(
        self, name: str, table: schema.Measure, contract: MeasureContract, shown: str, images: Any
    ) -> None:
        """Whether a set of images suits a measure and its transformations."""
        changes = [self.study.transformations.get(one) for one in table.transformations or ()]
        # Views are labelled by their objects.
        of_objects = changes and all(change and change.views for change in changes)
        if "labels" in contract.needs and images.labels is None and not of_objects:
            text = f"{table.measure} needs labels, and images {shown!r} have none. Name others in"
            self._say(("measures", name, "images"), f"{text} `images`.")
        self._columns(name, table, shown, images)
        if "refit" in contract.given:
            self._unseen(table, shown, images)
        for change in table.transformations or ():
            if change in self.study.transformations:
                made = self.study.transformations[change]
                path = ("transformations", change)
                self._built(path, "transformation", build_transformed, made, images, self.places)

    def _columns(self, name: str, table: schema.Measure, shown: str, images: Any) -> None:
        """Whether the images have the columns that parameters name, such as 'stimulus_shape'."""
        known = image_coords(images)
        taken = inspect.signature(load_measure(table.measure)[0]).parameters
        asked = {key: taken[key].default for key in taken} | table.parameters
        for key, column in asked.items():
            named = isinstance(column, str) and column.startswith("stimulus_")
            if named and column not in known:
                columns = [text for text in known if text.startswith("stimulus_")]
                meant = nearest(column, columns) or f" They have: {', '.join(columns) or 'none'}."
                text = f"`{key}` of {table.measure} is {column!r}, which images {shown!r} lack."
                self._say(("measures", name, "images"), text + meant)

    def _strengths(self, name: str, table: schema.Measure) -> None:
        """Whether no layer answers with distances, for a measure where larger must be stronger."""
        for model in table.models or self.study.models:
            made = self._quietly_built(model) if model in self.study.models else None
            if made is None:
                continue
            asked = table.layers.get(model) or self.study.models[model].layers
            far = [one for one in asked or made.layer_names if one in made.distance_layers()]
            if far:
                text = (
                    f"{table.measure} has no meaning for distances, and layer {far[0]!r} of "
                    f"{model!r} has such. Name other layers in `layers`, or give the model "
                    "tuning='gaussian'."
                )
                self._say(("measures", name), text)

    def _gradients(self, name: str, table: schema.Measure, images: Mapping[str, Any]) -> None:
        """Whether every model has gradients, for a measure that is made of them."""
        work = Work(self.study, self.places, Path(), {})
        for model in table.models or self.study.models:
            made = self._quietly_built(model) if model in self.study.models else None
            if made is None:
                continue
            asked = table.layers.get(model) or self.study.models[model].layers
            lacking = False
            # What does not fit is told elsewhere, and what is not yet fitted cannot be tried.
            with suppress(*_EXPECTED):
                highest = made.wanted_layers(tuple(asked or made.layer_names))[-1]
                made.check_ready((highest,))
                resize = self.study.models[model].resize
                shown = work.images(next(iter(table.images or images)), None, resize)
                lacking = not has_gradients(made, _shape_of(shown), highest)
            if lacking:
                text = (
                    f"{table.measure} needs gradients with respect to the image, and {model!r} "
                    "has none. Name other models in `models`"
                )
                if "ways" in inspect.signature(load_measure(table.measure)[0]).parameters:
                    text += ', or give parameters = { ways = ["theoretical", "mapped"] }'
                self._say(("measures", name), f"{text}.")

    def _rehearsal(self) -> None:
        """Whether each figure can be drawn of results of the right shape."""
        work = Work(self.study, self.places, Path(), {})
        for name, error in unrehearsed(work):
            table = self.study.figures[name]
            text = f"`figure` {table.figure!r} cannot be drawn of these measures: {told(error)}"
            self._say(("figures", name, "figure"), text)

    def _unseen(self, table: schema.Measure, shown: str, images: Any) -> None:
        """Whether weights or prototypes in a file were learned from images they are tested on."""
        tested = np.arange(len(images))
        if getattr(images, "given_split", None) is not None:
            tested = images.given_split[1]
        for model in table.models or self.study.models:
            if model in self.study.models:
                made = self._quietly_built(model)
                if made is not None:
                    self._built(("images", shown), "source", check_unseen, made, images, tested)

    def _quietly_built(self, model: str) -> Any:
        """A model of the study; None where it cannot be built, which is told elsewhere."""
        with suppress(*_EXPECTED):
            return build_model(self.study.models[model], self.places, self.study.seeds[0])
        return None

    def _layers(self, path: tuple[str, str], table: schema.Measure) -> None:
        """Whether the layers that a measure names in place of a model's own are there."""
        for model, layers in table.layers.items():
            if model not in self.study.models:
                meant = nearest(model, self.study.models)
                text = f"`layers` names the model {model!r}, which is not there.{meant}"
                self._say((*path, "layers"), text)
                continue
            # Built with these layers, which refuses those that are not there.
            chosen = self.study.models[model].model_copy(update={"layers": layers})
            self._built(path, "layers", build_model, chosen, self.places, 0)

    def _measured(self, measure: str, kind: str) -> Sequence[str]:
        """The models, images or transformations that a measure is taken of."""
        named = getattr(self.study.measures[measure], kind)
        if named or kind == "transformations":
            return named or []
        return list(getattr(self.study, kind))

    def _figure(self, name: str, table: schema.Figure) -> None:
        """Its contract and parameters, and whether its measures have what it shows."""
        path = ("figures", name)
        if self._built(path, "figure", load_figure, table.figure) is None:
            return
        for kind in ("models", "images", "transformations"):
            names, measured = getattr(table, kind), set()
            for measure in table.measures:
                if measure in self.study.measures:
                    measured |= set(self._measured(measure, kind))
            if names is not None and measured and not measured & set(names):
                known = ", ".join(sorted(measured))
                text = f"`{kind}` has none that its measures are taken of: {known}."
                self._say((*path, kind), text)
        for text in figure_problems(table.figure, table.parameters):
            self._say((*path, "figure"), f"`figure` {table.figure!r}: {text}")


def _shape_of(images: Any) -> tuple[int, ...]:
    return images[0].shape


def _fits(model: Any, shape: tuple[int, ...], wanted: Sequence[str], images: str) -> None:
    try:
        model.geometry(shape, wanted)
    except _EXPECTED as error:
        sides = " x ".join(map(str, shape[:2]))
        msg = f"images {images!r} of {sides} pixels are impossible for it: {error}"
        raise ValueError(msg) from error


def _uses(study: schema.Study) -> Iterator[tuple[tuple[str, ...], Sequence[str], str]]:
    """Where names are used, and what they must be among."""
    for name, model in study.models.items():
        yield (
            ("models", name, "learns_from"),
            [model.learns_from] if model.learns_from else [],
            "images",
        )
    for section in ("measures", "figures"):
        for name, table in getattr(study, section).items():
            for kind in (
                "models",
                "images",
                "transformations",
                *(["measures"] if section == "figures" else []),
            ):
                yield (section, name, kind), getattr(table, kind) or (), kind
