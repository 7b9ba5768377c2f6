"""What may stand in a study's file: its keys, their types, and what they are when left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    field_validator,
    model_validator,
)

from hmax_cnn.data.transformed import MOST_VALUES

from ..results import MOST_RESAMPLES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*")
Name = Annotated[str, StringConstraints(min_length=1)]
Label = Annotated[
    str, StringConstraints(min_length=1, pattern=r"^[^_\s]")
]  # matplotlib hides what starts with "_"


class _Table(BaseModel):
    """A table of the file: no other keys, no numbers made of text."""

    # Strict: '3' is no number and 1 is not true, which TOML can say itself.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _is_look(given: dict[str, Any]) -> dict[str, Any]:
    """Fields of a look, refused when the study is read."""
    from ..figures.look import Look

    for name in ("models", "layers"):
        if name in given:
            msg = f"`look` does not choose {name}: the key `{name}` of a figure's own table does"
            raise ValueError(msg)
    Look.of(given)
    return given


_LookTable = Annotated[dict[str, Any], AfterValidator(_is_look)]


class Model(_Table):
    """A model of the study.

    Attributes
    ----------
    model : str
        Its path, 'package:Class'.
    label : str or None
        What figures and tables call it; its name in the file where None.
    layers : list of str or None
        Layers that are measured; all where None.
    learns_from : str or None
        The images that it is fitted on, by name; needed by models that learn.
    parameters : dict
        Of the class; `random_state` is the study's seed unless it stands here.
    resize : str or None
        How pictures are resized for this model, in place of what their own table says: an ImageNet
        network sees 224 pixels a side, HMAX 96 to 140. Transformations in pixels are of the
        resized pictures.
    store : str, list of str or None
        Stores of `hmax-cnn extract` whose features of this model are read, not computed, for the
        pictures that they hold, untransformed; beside the study's file, or an address.
    requires : list of str
        Modules or packages that must be installed for it; where one is not, the model is left out
        of the study with a word.
    """

    model: Name
    label: Label | None = None
    layers: Annotated[list[str], Field(min_length=1)] | None = None
    learns_from: str | None = None
    parameters: dict[str, Any] = {}
    resize: str | None = None
    store: Name | Annotated[list[Name], Field(min_length=1)] | None = None
    requires: list[str] = []

    @property
    def stores(self) -> list[str]:
        """All that `store` names."""
        if self.store is None:
            return []
        return [self.store] if isinstance(self.store, str) else self.store

    @field_validator("requires")
    @classmethod
    def _are_packages(cls, requires: list[str]) -> list[str]:
        for package in requires:
            if not re.fullmatch(r"[A-Za-z_][\w.-]*", package):
                msg = f"`requires` must be names of modules or packages, got {package!r}"
                raise ValueError(msg)
        return requires


class Images(_Table):
    """What the models look at: a dataset, or stimuli.

    Attributes
    ----------
    source : str
        A folder, a .csv index, an idx file, 'digits' or 'photographs'; or the path of a function
        that returns stimuli, 'package:function'.
    parameters : dict
        Of that function.
    label : str or None
    resize, background
        Of datasets, as on the command line.
    split : {'train', 'validation', 'test'} or None
        Only images of this side of a given split.
    train_where : dict from str to str
        A column of the index and its value in training images, such as { stimulus_type = "edges" };
        all others are test images. In place of a given split.
    skip, first, per_class : int or None
        Leave out the first so many; of the rest take the first so many, or so many of each class.
    groups : str or None
        A column of the index, such as 'object': images that agree in it are all trained on or all
        tested.
    """

    source: Name
    parameters: dict[str, Any] = {}
    label: Label | None = None
    resize: str = "none"
    background: str | None = None
    split: Literal["train", "validation", "test"] | None = None
    train_where: Annotated[dict[str, str], Field(max_length=1)] = {}
    skip: Annotated[int, Field(ge=0)] = 0
    first: Annotated[int, Field(ge=1)] | None = None
    per_class: Annotated[int, Field(ge=1)] | None = None
    groups: str | None = None

    @property
    def is_function(self) -> bool:
        """Whether the source is a path to a function, not to a file: 'C:/pictures' is a file."""
        # A Windows path such as C:\images has a colon as well, and no identifier behind it.
        return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.source) is not None


class Views(_Table):
    """Rotation in depth, from a set that has several views of each object.

    Attributes
    ----------
    object, angle : str
        Columns of the index (or of a stimulus table) that say which object and which view; 'label'
        is the class.
    reference : float
    period : float or None
        After how much the angle comes round again, such as 360: angles are then counted from minus
        half of it to half.
    """

    object: str
    angle: str
    reference: float = 0.0
    period: Annotated[float, Field(gt=0)] | None = None


class Transformation(_Table):
    """A change of images by a value with a unit.

    Attributes
    ----------
    transformation : str or None
        The path of a function that returns a `hmax_cnn.data.transformed.Transformation`; not with
        `views`.
    views : Views or None
    values : list of float
        With the identity among them; not with `views`.
    unit : str or None
        Checked against the transformation's own, such as 'pixels'.
    parameters : dict
        Of the function.
    label : str or None
    """

    transformation: str | None = None
    views: Views | None = None
    values: Annotated[list[float], Field(min_length=1, max_length=MOST_VALUES)] | None = None
    unit: str | None = None
    parameters: dict[str, Any] = {}
    label: Label | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Transformation:
        if (self.transformation is None) == (self.views is None):
            msg = "give `transformation` and `values`, or `views`"
            raise ValueError(msg)
        if (self.values is None) != (self.transformation is None):
            msg = (
                "`values` belong to a `transformation`, and every one needs them; `views` have "
                "their own"
            )
            raise ValueError(msg)
        return self


class Measure(_Table):
    """What is asked of models.

    Attributes
    ----------
    measure : str
        The path of a function; see `hmax_cnn.analysis.study.contract`.
    models, images, transformations : list of str or None
        Names; all models, all images, no transformation where None.
    layers : dict from model to list of str
        In place of the model's own.
    units : int, 'centre', 'all' or None
        At most so many units of each layer; one per feature, in the middle; all; the study's own
        number where None.
    parameters : dict
        Of the function.
    label : str or None
    """

    measure: Name
    models: list[str] | None = None
    images: list[str] | None = None
    transformations: list[str] | None = None
    layers: dict[str, list[str]] = {}
    units: Annotated[int, Field(ge=1)] | Literal["centre", "all"] | None = None
    parameters: dict[str, Any] = {}
    label: Label | None = None


class Figure(_Table):
    """A figure of what measures gave.

    Attributes
    ----------
    figure : str
        A name of ours, or the path of a function from a table to a matplotlib Figure.
    measures : list of str
    models, layers, images, transformations : list of str or None
        Only these, by name, models and layers in this order; all where None. `layers = "highest"`
        keeps the highest layer of each model.
    width : str or int
        'single' (85 mm), 'middle' (114), 'double' (174), or such as '120 mm'.
    parameters : dict
        Of the function.
    look : dict
        Labels, scales, limits, references, legend, type: fields of
        `hmax_cnn.analysis.figures.look.Look`, before those of the study.
    caption : str or None
        What the caption starts with, in place of the function's own sentence.
    """

    figure: Name
    measures: Annotated[list[str], Field(min_length=1)]
    models: list[str] | None = None
    layers: list[str] | Literal["highest"] | None = None
    images: list[str] | None = None
    transformations: list[str] | None = None
    width: str | float = "double"
    parameters: dict[str, Any] = {}
    look: _LookTable = {}
    caption: str | None = None

    @field_validator("width")
    @classmethod
    def _known_width(cls, width: str | float) -> str | float:
        from ..figures.style import width_in_mm

        # Refused when the study is read, not when its last figure is drawn.
        width_in_mm(width)
        return width


class Study(_Table):
    """The whole file.

    Attributes
    ----------
    title : str
    about : str
        A sentence or more on what it is for; stands at the head of the report.
    seeds : list of int
        One repetition each: of weights and prototypes, of the units that are drawn, of folds and
        resampling. Images stay the same.
    units : int
        At most so many units of each layer.
    resamples : int
        Groups of images that the jackknife of intervals leaves out, at most; of medians over
        units, bootstrap samples.
    level : float
        Of intervals.
    pixels_per_degree : float or None
        Handed to measures that ask for it.
    keep_responses : bool
        Whether the responses stay in the folder.
    look : dict
        How all figures are drawn: labels, colours, type, as `hmax_cnn.analysis.figures.look.Look`.
    """

    title: Name
    about: str = ""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)] = [0]
    units: Annotated[int, Field(ge=1)] = 200
    resamples: Annotated[int, Field(ge=0, le=MOST_RESAMPLES)] = 200
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    pixels_per_degree: Annotated[float, Field(gt=0)] | None = None
    keep_responses: bool = False
    look: _LookTable = {}
    models: Annotated[dict[str, Model], Field(min_length=1)]
    images: Annotated[dict[str, Images], Field(min_length=1)]
    transformations: dict[str, Transformation] = {}
    measures: Annotated[dict[str, Measure], Field(min_length=1)]
    figures: dict[str, Figure] = {}
    # Models that were left out, since a package is not installed; see `requirements`.
    _left_out: tuple[str, ...] = PrivateAttr(())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Models that the file has, and this machine cannot run."""
        return self._left_out

    def without(self, left_out: Sequence[str], rest: Mapping[str, Any]) -> Study:
        """The study with other tables, which models were left out of."""
        some = self.model_copy(update=dict(rest))
        some._left_out = tuple(left_out)  # noqa: SLF001 - of its own class
        return some

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            msg = "each must stand there once"
            raise ValueError(msg)
        return seeds

    @field_validator("models", "images", "transformations", "measures", "figures")
    @classmethod
    def _are_names(cls, tables: dict[str, Any]) -> dict[str, Any]:
        for name in tables:
            if not _NAME.fullmatch(name):
                msg = (
                    f"{name!r} is no name: use letters, digits, '_', '+' and '-' (it names "
                    "files), and `label` for the rest"
                )
                raise ValueError(msg)
        # Names become files, and some file systems do not tell capitals apart.
        folded = [name.casefold() for name in tables]
        twins = [name for name in tables if folded.count(name.casefold()) > 1]
        if twins:
            msg = (
                f"{twins[0]!r} and {twins[1]!r} differ in capitals only, and would be one file "
                "on some machines"
            )
            raise ValueError(msg)
        return tables

    def label(self, kind: str, name: str) -> str:
        """What figures and tables call a model, images, transformation or measure."""
        return getattr(getattr(self, kind)[name], "label", None) or name
