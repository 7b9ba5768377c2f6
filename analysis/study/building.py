"""From the tables of a study's file to the things they name: models, images, transformations."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import hmax_cnn.analysis.study.schema as schema
from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.data.opening import NAMED, ROOT, in_data_folder
from hmax_cnn.data.stimuli import Screen, Stimuli
from hmax_cnn.data.transformed import Transformation, Transformed, transformed
from hmax_cnn.data.views import views
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.own_modules import look_in
from hmax_cnn.extraction.promises import check_promise

from ..models import load_model
from ..naming import load, nearest, unknown_parameters

_LONGEST_PATH = 255
_LISTED = 16  # names in an error


@dataclass(frozen=True)
class Places:
    """Where files and modules of a study are looked for, in this order.

    Attributes
    ----------
    beside : Path
        The folder of the study's file; after it the working folder, then the one that HMAX_CNN_DATA
        names.
    """

    beside: Path = field(default_factory=Path.cwd)

    def modules(self) -> None:
        """Let the study's own modules be imported."""
        look_in(self.beside, self.beside / "code")

    def forget_modules(self) -> None:
        """Let modules beside the study be imported anew: they may have been edited since."""
        for name, module in list(sys.modules.items()):
            # Only what lies beside the study: nothing that is installed is forgotten.
            file = getattr(module, "__file__", None)
            top = name.partition(".")[0]
            if (
                not file
                or top in ("hmax_cnn", "__main__")
                or top in sys.stdlib_module_names
                or not Path(file).resolve().is_relative_to(self.beside)
            ):
                continue
            if not any(part in ("site-packages", "dist-packages") for part in Path(file).parts):
                del sys.modules[name]
        importlib.invalidate_caches()

    def path(self, text: str) -> Path | None:
        """The file or folder of this name."""
        if len(text) > _LONGEST_PATH:
            return None
        for root in (self.beside, Path.cwd()):
            if (root / text).exists():
                return (root / text).resolve()
        found = in_data_folder(text)
        return found and found.resolve()

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with every text that names a file, such as weights, as its full path."""
        return {name: self._found(value) for name, value in given.items()}

    def _found(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.parameters(value)
        if isinstance(value, list):
            return [self._found(inner) for inner in value]
        # A word without a dot or slash is a choice, such as 'max', though a file may have its name.
        if isinstance(value, str) and ("/" in value or "." in value):
            path = self.path(value)
            if path is not None and path.is_file():
                return str(path)
        return value


def build_model(table: schema.Model, places: Places, seed: int) -> FeatureExtractor:
    """The model, not fitted; the study's seed where it takes one and none is given.

    Raises
    ------
    ValueError, TypeError
        If there is no such model, parameter or layer.
    """
    places.modules()
    model = load_model(table.model, places.parameters(table.parameters))
    known = model.get_params(deep=False)
    if "random_state" in known and "random_state" not in table.parameters:
        model.set_params(random_state=seed)
    if "progress" in known:  # the study has a bar of its own, by cells
        model.set_params(progress=False)
    unknown = [layer for layer in table.layers or () if layer not in model.layer_names]
    if unknown:
        names = model.layer_names
        if len(names) <= _LISTED:
            listed = ", ".join(map(repr, names))
        else:
            listed = f"the {len(names)} that `hmax-cnn summary {table.model}` lists"
        msg = f"`layers` must be some of {listed}, got {unknown[0]!r}.{nearest(unknown[0], names)}"
        raise ValueError(msg)
    return model


def must_learn(model: FeatureExtractor, layers: list[str] | None) -> bool:
    """Whether a model has to be fitted before its layers answer."""
    return (
        model.must_learn(model.wanted_layers(layers or model.layer_names))
        and not model.has_learned()
    )


def build_images(table: schema.Images, places: Places) -> Dataset | Stimuli:
    """The images, decoded or drawn when they are looked at.

    Raises
    ------
    ValueError, TypeError, OSError
        If there are none, or fewer than asked for.
    """
    images: Dataset | Stimuli = (
        _stimuli(table, places) if table.is_function else _pictures(table, places)
    )
    for column, value in table.train_where.items():
        if not isinstance(images, Dataset):
            msg = f"`train_where` is for pictures with an index; {table.source} draws stimuli."
            raise TypeError(msg)
        try:
            images = images.divided(column, value)
        except ValueError as error:
            msg = f"`train_where` {table.train_where}: {error}"
            raise ValueError(msg) from error
    kept = _kept(table, images)
    if len(kept) < len(images):
        images = images.subset(kept)
    if isinstance(images, Dataset):
        # Of those that are kept: a set in memory is resized at once.
        images = images.framed(table.resize, table.background)
    if table.groups is None:
        return images
    if not isinstance(images, Dataset):
        msg = f"`groups` are for pictures with an index; {table.source} draws stimuli."
        raise TypeError(msg)
    return images.grouped(table.groups)


def _pictures(table: schema.Images, places: Places) -> Dataset:
    """Images of a folder, a file or a set that needs none."""
    if table.parameters:
        msg = (
            "`parameters` belong to a function of stimuli, but `source` is "
            f"{table.source!r}. Leave them out."
        )
        raise ValueError(msg)
    found = places.path(table.source)
    if found is None and table.source not in NAMED:
        root = os.environ.get(ROOT)
        named = f" ({root})" if root else ", which is not set"
        msg = (
            f"`source` {table.source!r} is not there: not beside the study, not in the working "
            f"folder, and not in the folder that {ROOT} names{named}. Sets that need no file: "
            f"{', '.join(NAMED)}."
        )
        raise FileNotFoundError(msg)
    return open_dataset(table.source if found is None else found)


def _kept(table: schema.Images, images: Dataset | Stimuli) -> np.ndarray:
    """Numbers of the images that are taken: by split, then `skip`, `per_class` and `first`."""
    kept = np.arange(len(images))
    if table.split is not None:
        split = getattr(images, "split", None)
        if split is None:
            msg = (
                f"`split` is {table.split!r}, but {table.source} has no given split. Leave it "
                "out, or use `skip` and `first`."
            )
            raise ValueError(msg)
        kept = kept[split == table.split]
    kept = kept[table.skip :]
    if table.per_class is not None:
        kept = _per_class(images, kept, table)
    if table.first is not None:
        if table.first > len(kept):
            msg = (
                f"`first` must be at most {len(kept)}, the number of images there are, got "
                f"{table.first}."
            )
            raise ValueError(msg)
        kept = kept[: table.first]
    if not len(kept):
        msg = (
            f"`skip` = {table.skip} leaves none of the {len(images)} images of {table.source}. "
            "Use a smaller number."
        )
        raise ValueError(msg)
    return kept


def _stimuli(table: schema.Images, places: Places) -> Stimuli:
    places.modules()
    unused = [
        name for name in ("resize", "background") if getattr(table, name) not in (None, "none")
    ]
    if unused:
        msg = (
            f"`{unused[0]}` is for pictures; stimuli are drawn at the size of their `screen`. "
            "Leave it out."
        )
        raise ValueError(msg)
    function = load(table.source, "source")
    check_promise(function, (Stimuli, Dataset), "source", table.source)
    if wrong := unknown_parameters(function, table.parameters):
        raise ValueError(" ".join(wrong))
    # A screen in TOML is a table.
    given = places.parameters(table.parameters)
    if isinstance(given.get("screen"), dict):
        given["screen"] = Screen(**given["screen"])
    lacking = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in given
    ]
    if lacking:
        msg = (
            f"`parameters` lack {lacking[0]!r}, which {table.source} needs, such as {lacking[0]} "
            f"= {'[96, 96]' if lacking[0] == 'screen' else '...'}."
        )
        raise ValueError(msg)
    found = function(**given)
    if not (hasattr(found, "subset") and len(found)):
        msg = (
            f"`source` {table.source} must return data.stimuli.Stimuli or a data.Dataset, got "
            f"{type(found).__name__}."
        )
        raise TypeError(msg)
    return found


def _per_class(images: Any, kept: np.ndarray, table: schema.Images) -> np.ndarray:
    labels = getattr(images, "labels", None)
    if labels is None:
        msg = f"`per_class` needs labels, and {table.source} has none. Use `first`."
        raise ValueError(msg)
    chosen, count = [], table.per_class or 0
    for label in np.unique(labels):
        members = kept[labels[kept] == label]
        if len(members) < count:
            msg = (
                f"`per_class` must be at most {len(members)}, the images of class "
                f"{str(label)!r}, got {table.per_class}."
            )
            raise ValueError(msg)
        # The first of each class, in the order of the set.
        chosen.append(members[:count])
    return np.sort(np.concatenate(chosen))


def build_transformed(
    table: schema.Transformation, images: Dataset | Stimuli, places: Places
) -> Transformed:
    """Images at every value.

    Raises
    ------
    ValueError, TypeError
        If the transformation, its unit or a value is impossible for these images.
    """
    if table.views is not None:
        return _views(table.views, images)
    places.modules()
    function = load(str(table.transformation), "transformation")
    check_promise(function, (Transformation,), "transformation", str(table.transformation))
    if wrong := unknown_parameters(function, table.parameters):
        raise ValueError(" ".join(wrong))
    made = function(**places.parameters(table.parameters))
    if not isinstance(made, Transformation):
        msg = (
            f"`transformation` {table.transformation} must return a "
            f"data.transformed.Transformation, got {type(made).__name__}."
        )
        raise TypeError(msg)
    if table.unit is not None and table.unit != made.units:
        msg = (
            f"`unit` of {made.name} is {made.units!r}, got {table.unit!r}. Give `values` in "
            f"{made.units}, or leave `unit` out."
        )
        raise ValueError(msg)
    return transformed(images, made, table.values or ())


def _views(table: schema.Views, images: Dataset | Stimuli) -> Transformed:
    if isinstance(images, Stimuli):
        columns = {str(name): images.table[name] for name in images.table}
    else:
        columns = dict(images.columns)
    if images.labels is not None:
        columns |= {"label": images.labels}
    for name in (table.object, table.angle):
        if name not in columns:
            msg = (
                f"`views` name the column {name!r}, but these images have "
                f"{', '.join(map(repr, columns)) or 'none'}.{nearest(name, columns)}"
            )
            raise ValueError(msg)
    angles = np.asarray(columns[table.angle], dtype=float)
    if table.period is not None:
        # From -period/2 to period/2: a turntable's 355 degrees are -5.
        angles = (angles + table.period / 2) % table.period - table.period / 2
    return views(images, list(columns[table.object]), angles.tolist(), table.reference)
