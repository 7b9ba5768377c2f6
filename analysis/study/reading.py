"""A study's file, read and checked before anything runs: every problem with its line and the
nearest right name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import hmax_cnn.analysis.study.contract as asking
import hmax_cnn.analysis.study.schema as schema

from ..naming import load, nearest
from .bench import Work, to_learn
from .building import Places, build_images, build_model, build_transformed, must_learn

_LARGEST = 2**20  # bytes
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
_SECTIONS = ("models", "images", "transformations", "measures", "figures")


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file.

    Attributes
    ----------
    line : int
        From 1.
    place : str
        The table, such as 'models.HMAX'; empty at the top.
    text : str
        What is wrong, and the remedy.
    """

    line: int
    place: str
    text: str


class StudyError(ValueError):
    """A study cannot be run; the text lists every problem with its line."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        lines = [
            f"{path}:{found.line}: {f'[{found.place}] ' if found.place else ''}{found.text}"
            for found in problems
        ]
        super().__init__("\n".join(lines))
        self.problems = list(problems)


def read_study(path: Path) -> schema.Study:
    """A study that can be run.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StudyError
        If anything in it is wrong: a key, a type, a name that is used and not defined, a layer,
        unit, file or parameter that is not there.
    """
    text = _text(path)
    lines = Lines(text)
    Places(path.resolve().parent).forget_modules()
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        if found:
            line = int(found[1])
        else:
            line = len(text.splitlines())
        raise StudyError(path, [Problem(line, "", f"this is no TOML: {error}.")]) from error
    try:
        study = schema.Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(path, [_of_schema(item, lines) for item in error.errors()]) from error
    problems = sorted(
        _Check(study, Places(path.resolve().parent), lines).problems(),
        key=lambda problem: problem.line,
    )
    if problems:
        raise StudyError(path, problems)
    return study


def _text(path: Path) -> str:
    if not path.is_file():
        msg = f"There is no file {path}. `hmax-cnn study new {path.name}` writes one to start from."
        raise FileNotFoundError(msg)
    if path.stat().st_size > _LARGEST:
        msg = f"{path} has {path.stat().st_size / 2**20:.1f} MiB: no study is longer than 1 MiB."
        raise ValueError(msg)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path} is not in UTF-8 ({error}). Save it so."
        raise ValueError(msg) from error


class Lines:
    """On which line of a TOML file a key stands.

    Examples
    --------
    >>> Lines("seeds = [0]\\n[models.a]\\nmodel = 'x'\\n").of(("models", "a", "model"))
    3
    >>> Lines("[models.a]\\nparameters = {bands = 1}\\n").of(("models", "a", "parameters", "bands"))
    2
    """

    def __init__(self, text: str) -> None:
        self.known: dict[tuple[str, ...], int] = {(): 1}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if header := re.match(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$", line):
                table = _dotted(header[1])
                self._note(table, number)
            elif key := re.match(
                r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""",
                line,
            ):
                self._note((*table, *_dotted(key[1])), number)

    def _note(self, path: tuple[str, ...], number: int) -> None:
        for depth in range(1, len(path) + 1):
            self.known.setdefault(path[:depth], number)

    def of(self, path: Sequence[Any]) -> int:
        """The line of a key, or of the closest table around it."""
        keys = tuple(map(str, path))
        return next(
            self.known[keys[:depth]]
            for depth in range(len(keys), -1, -1)
            if keys[:depth] in self.known
        )


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(
        double or single or bare
        for double, single, bare in re.findall(r""""([^"]*)"|'([^']*)'|([\w+-]+)""", text)
    )


_BELONGS = {
    "": schema.Study, "models": schema.Model, "images": schema.Images, "transformations": schema.Transformation,
    "measures": schema.Measure, "figures": schema.Figure,
}  # fmt: skip


def _of_schema(error: Any, lines: Lines) -> Problem:
    """What pydantic found, in one sentence of ours."""
    path = [
        part
        for part in error["loc"]
        if not str(part).startswith(("function-", "constrained-", "literal["))
    ]
    keys = [str(part) for part in path if isinstance(part, str)]
    inside = len(keys) > 2 or (keys and keys[0] not in _SECTIONS)
    if keys and keys[0] in _SECTIONS:
        place, key = (".".join(keys[:2]), ".".join(keys[2:]))
    else:
        place, key = ("", ".".join(keys))
    if keys[2:3] == ["views"] and len(keys) > 3:
        table = schema.Views
    else:
        table = _BELONGS[keys[0] if place else ""]
    if key:
        name = f"`{key}` "
    else:
        name = ""
    if error["type"] == "extra_forbidden":
        known = table.model_fields
        return Problem(
            lines.of(path),
            place,
            (
                f"`{key}` is no key "
                f"here.{nearest(keys[-1], known) or ' There are: ' + ', '.join(known) + '.'}"
            ),
        )
    if error["type"] == "missing":
        if inside:
            missing = key
        else:
            missing = keys[-1]
        return Problem(lines.of(path), place, f"`{missing}` is missing. Add it.")
    message = error["msg"].removeprefix("Value error, ")
    if message.startswith("`"):
        return Problem(lines.of(path), place, f"{message}.")
    if error["type"] == "value_error" and not name:
        shown = ""
    else:
        shown = f", got {_short(error['input'])}"
    return Problem(
        lines.of(path),
        place,
        f"{name}{message[:1].lower() + message[1:] if name else message}{shown}.".replace(
            "input should", "must"
        ),
    )


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) <= 60:
        return text
    return f"{text[:57]}..."


@dataclass
class _Check:
    """What the schema cannot know: names, files, modules, layers, units."""

    study: schema.Study
    places: Places
    lines: Lines
    found: list[Problem] = field(default_factory=list)

    def problems(self) -> list[Problem]:
        self._names()
        images = {
            name: self._built(("images", name), "source", build_images, table, self.places)
            for name, table in self.study.images.items()
        }
        for name in self.study.models:
            self._model(name, images)
        for name, table in self.study.measures.items():
            self._measure(name, table, images)
        for name, table in self.study.figures.items():
            self._figure(name, table)
        return list(dict.fromkeys(self.found))

    def _say(self, path: Sequence[str], text: str) -> None:
        self.found.append(Problem(self.lines.of(path), ".".join(path[:2]), text))

    def _built(
        self, path: tuple[str, str], key: str, build: Callable[..., Any], *arguments: Any
    ) -> Any:
        """What a function makes, or None and a problem at the key that its text names, or at this
        one."""
        try:
            return build(*arguments)
        except _EXPECTED as error:
            text = str(error) or type(error).__name__
            named = re.match(r"\W*`(\w+)`", text)
            given = getattr(self.study, path[0])[path[1]].parameters
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
        for kind in _SECTIONS[:4]:
            labels = [study.label(kind, name) for name in getattr(study, kind)]
            for name in getattr(study, kind):
                if labels.count(study.label(kind, name)) > 1:
                    self._say(
                        (kind, name),
                        (
                            f"`label` {study.label(kind, name)!r} is that of two {kind}. Give "
                            "each its own."
                        ),
                    )

    def _model(self, name: str, images: dict[str, Any]) -> None:
        table, path = self.study.models[name], ("models", name)
        model = self._built(path, "model", build_model, table, self.places, self.study.seeds[0])
        if model is None:
            return
        layers = Work(self.study, self.places, Path(), {}).layers(name)
        if must_learn(model, layers) and table.learns_from is None:
            self._say(
                path,
                (
                    f"{table.model} must learn before it answers. Name images in `learns_from`: "
                    f"{', '.join(self.study.images)}."
                ),
            )
            return
        teacher = images.get(table.learns_from or "")
        if (
            table.learns_from is not None
            and teacher is not None
            and model.__sklearn_tags__().target_tags.required
            and teacher.labels is None
        ):
            self._say(
                (*path, "learns_from"),
                (
                    f"`learns_from` {table.learns_from!r} has no labels, and {table.model} "
                    "learns classes."
                ),
            )
        elif teacher is not None and not len(to_learn(teacher)):
            self._say(
                (*path, "learns_from"),
                (
                    f"`learns_from` {table.learns_from!r} has no training images: its `split` is "
                    "'test'. Name others."
                ),
            )
        for shown in dict.fromkeys(
            shown
            for measure in self.study.measures.values()
            for shown in measure.images or self.study.images
        ):
            if images.get(shown) is not None and any(
                self._takes_part(name, shown, measure) for measure in self.study.measures.values()
            ):
                wanted = model.wanted_layers(table.layers or model.layer_names)
                shape = self._built(
                    ("images", shown), "source", lambda shown=shown: images[shown][0].shape
                )
                if shape is not None:
                    self._built(path, "model", self.geometry, model, shape, wanted, shown)

    @staticmethod
    def _takes_part(model: str, images: str, measure: schema.Measure) -> bool:
        return (measure.models is None or model in measure.models) and (
            measure.images is None or images in measure.images
        )

    @staticmethod
    def _geometry(model: Any, shape: tuple[int, ...], wanted: Sequence[str], images: str) -> None:
        try:
            model.geometry(shape, wanted)
        except _EXPECTED as error:
            msg = (
                f"images {images!r} of {' x '.join(map(str, shape[:2]))} pixels are impossible "
                f"for it: {error}"
            )
            raise ValueError(msg) from error

    def _measure(self, name: str, table: schema.Measure, images: dict[str, Any]) -> None:
        path = ("measures", name)
        function = self._built(path, "measure", load, table.measure, "measure")
        if function is None:
            return
        if not callable(function):
            self._say((*path, "measure"), f"`measure` {table.measure!r} is no function.")
            return
        for text in asking.measure_problems(
            function, table.parameters, self.study.pixels_per_degree
        ):
            self._say((*path, "measure"), f"`measure` {table.measure!r}: {text}")
        if (
            table.units is not None
            and not asking.wants_responses(function)
            and ("units" not in asking.asks(function) or isinstance(table.units, str))
        ):
            self._say(
                (*path, "units"),
                (
                    f"`units` has no meaning for {table.measure}: it takes the model itself. "
                    "Leave it out."
                ),
            )
        needs = asking.needs(function)
        if "transformation" in needs and not table.transformations:
            self._say(
                path,
                (
                    f"{table.measure} measures over a transformation. Name some in "
                    f"`transformations`: {', '.join(self.study.transformations)}."
                ),
            )
        if "no transformation" in needs and table.transformations:
            self._say(
                (*path, "transformations"),
                (
                    f"`transformations` have no meaning for {table.measure}: it takes images as "
                    "they are. Leave them out."
                ),
            )
        for shown in table.images or images:
            if "labels" in needs and images.get(shown) is not None and images[shown].labels is None:
                self._say(
                    (*path, "images"),
                    (
                        f"{table.measure} needs labels, and images {shown!r} have none. Name "
                        "others in `images`."
                    ),
                )
            for change in table.transformations or ():
                if images.get(shown) is not None and change in self.study.transformations:
                    self._built(
                        ("transformations", change),
                        "transformation",
                        build_transformed,
                        self.study.transformations[change],
                        images[shown],
                        self.places,
                    )
        for model, layers in table.layers.items():
            if model not in self.study.models:
                self._say(
                    (*path, "layers"),
                    (
                        f"`layers` names the model {model!r}, which is not "
                        f"there.{nearest(model, self.study.models)}"
                    ),
                )
            else:
                chosen = self.study.models[model].model_copy(update={"layers": layers})
                self._built(path, "layers", build_model, chosen, self.places, 0)

    def _measured(self, measure: str, kind: str) -> Sequence[str]:
        """The models, images or transformations that a measure is taken of."""
        return getattr(self.study.measures[measure], kind) or (
            [] if kind == "transformations" else list(getattr(self.study, kind))
        )

    def _figure(self, name: str, table: schema.Figure) -> None:
        path = ("figures", name)
        function = self._built(path, "figure", load_figure, table.figure)
        if function is None:
            return
        wanted = (
            ("models", table.models),
            ("images", table.images),
            ("transformations", table.transformations),
        )
        for kind, names in wanted:
            measured = {
                one
                for measure in table.measures
                if measure in self.study.measures
                for one in self._measured(measure, kind)
            }
            if names is not None and measured and not measured & set(names):
                self._say(
                    (*path, kind),
                    (
                        f"`{kind}` has none that its measures are taken of: "
                        f"{', '.join(sorted(measured))}."
                    ),
                )
        for text in asking.figure_problems(function, table.parameters):
            self._say((*path, "figure"), f"`figure` {table.figure!r}: {text}")


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


def load_figure(name: str) -> Callable[..., Any]:
    """A figure by name, or by path.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    from ..figures import figure_names

    if ":" not in name and name not in figure_names():
        msg = (
            f"`figure` must be one of {', '.join(figure_names())}, or a path such as "
            f"'my_figures:mine', got {name!r}.{nearest(name, figure_names())}"
        )
        raise ValueError(msg)
    function = load(f"analysis.figures.{name}:{name}" if ":" not in name else name, "figure")
    if not callable(function):
        msg = f"`figure` {name!r} is no function."
        raise TypeError(msg)
    return function
