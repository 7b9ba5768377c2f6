"""Problems of a study's file: each with its line, its table, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..naming import nearest
from . import schema

_LISTED = 25
SECTIONS = ("models", "images", "transformations", "measures", "figures")


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
    """A study cannot be run; the text lists every problem with its line.

    Parameters
    ----------
    path : Path
        Of the study.
    problems : sequence of Problem
    """

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        lines = [
            f"{path}:{found.line}: {f'[{found.place}] ' if found.place else ''}{found.text}"
            for found in problems
        ]
        if len(lines) > _LISTED:
            lines = [*lines[:_LISTED], f"and {len(lines) - _LISTED} more problems."]
        super().__init__("\n".join(lines))
        self.problems = list(problems)


class Lines:
    r"""On which line of a TOML file a key stands.

    Examples
    --------
    >>> Lines("seeds = [0]\n[models.a]\nmodel = 'x'\n").of(("models", "a", "model"))
    3
    >>> Lines("[models.a]\nparameters = {bands = 1}\n").of(("models", "a", "parameters", "bands"))
    2
    """

    def __init__(self, text: str) -> None:
        self.known: dict[tuple[str, ...], int] = {(): 1}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith("["):
                table = _dotted(line.strip().lstrip("[").partition("]")[0])
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


_BELONGS: dict[str, Any] = {
    "": schema.Study,
    "models": schema.Model,
    "images": schema.Images,
    "transformations": schema.Transformation,
    "measures": schema.Measure,
    "figures": schema.Figure,
}


def of_schema(error: Any, lines: Lines) -> Problem:
    """What pydantic found, in one sentence of ours."""
    path = [
        part
        for part in error["loc"]
        if not str(part).startswith(("function-", "constrained-", "literal["))
    ]
    keys = [str(part) for part in path if isinstance(part, str)]
    place, key = "", ".".join(keys)
    if keys and keys[0] in SECTIONS:
        place, key = ".".join(keys[:2]), ".".join(keys[2:])
    return Problem(lines.of(path), place, _sentence(error, keys, place, key))


def _sentence(error: Any, keys: list[str], place: str, key: str) -> str:
    """What is wrong with a key, and what is expected."""
    if error["type"] == "extra_forbidden":
        in_views = keys[2:3] == ["views"] and len(keys) > 3
        table: Any = schema.Views if in_views else _BELONGS[keys[0] if place else ""]
        known = table.model_fields
        meant = nearest(keys[-1], known) or f" There are: {', '.join(known)}."
        return f"`{key}` is no key here.{meant}"
    if error["type"] == "missing":
        inside = len(keys) > 2 or (keys and keys[0] not in SECTIONS)
        return f"`{key if inside else keys[-1]}` is missing. Add it."
    message = error["msg"].removeprefix("Value error, ")
    if message.startswith("`"):  # a sentence of ours, from a validator
        return f"{message.rstrip('.')}."
    shown = f", got {_short(error['input'])}"
    if not key:
        if error["type"] == "value_error":  # of the whole table, which would be no help
            shown = ""
        return f"{message}{shown}.".replace("input should", "must")
    return f"`{key}` {message[:1].lower()}{message[1:]}{shown}.".replace("input should", "must")


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) <= 60:
        return text
    return f"{text[:57]}..."
