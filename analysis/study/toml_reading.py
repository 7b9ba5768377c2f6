"""A study's file as text, bounded before it is parsed; and the study of a folder as it was run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from . import schema

_LARGEST = 2**20  # bytes
# A line, and names or brackets within each other: tomllib's time and memory grow as their square.
_LONGEST_LINE, _DEEPEST = 20_000, 100


def study_text(path: Path) -> str:
    """The text of a study's file, if TOML can be read from it in reasonable time and memory.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is nothing that a study could be.
    """
    if not path.is_file():
        msg = f"There is no file {path}. `hmax-cnn study new {path.name}` writes one to start from."
        raise FileNotFoundError(msg)
    if path.stat().st_size > _LARGEST:
        msg = f"{path} has {path.stat().st_size / 2**20:.1f} MiB: no study is longer than 1 MiB."
        raise ValueError(msg)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path} is not in UTF-8 ({error}). Save it so."
        raise ValueError(msg) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > _LONGEST_LINE or _depth(line) > _DEEPEST:
            msg = (
                f"{path}:{number}: a line of over {_LONGEST_LINE} characters, or of over "
                f"{_DEEPEST} names or brackets within each other, is in no study."
            )
            raise ValueError(msg)
    return text


def _depth(line: str) -> int:
    """How deep names with dots between, or brackets, may lie within each other in a line."""
    dots = max(part.count(".") for part in re.split(r"[,=\[\]{}]", line))
    opened = [len(run) for run in re.findall(r"[\[{]+", re.sub(r"\s+", "", line))]
    return max(dots, *opened, 0)


def read_kept_study(root: Path) -> schema.Study:
    """The study of a folder as it was run; the files that it names need not be there any more.

    Parameters
    ----------
    root : Path
        The folder that `hmax-cnn study run` wrote.

    Returns
    -------
    Study

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no study in it, or what is there is none.
    """
    path = root / "study.toml"
    if not path.is_file():
        msg = (
            f"{root} holds no study: there is no study.toml in it. Give the folder that "
            "`hmax-cnn study run` wrote."
        )
        raise FileNotFoundError(msg)
    try:
        return schema.Study.model_validate(tomllib.loads(study_text(path)))
    except (tomllib.TOMLDecodeError, ValidationError, RecursionError) as error:
        first = str(error).splitlines()[0]
        msg = f"{path} is damaged, or of another program ({first}). Run the study again."
        raise ValueError(msg) from error
