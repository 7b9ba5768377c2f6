"""A study's file, read and checked before anything runs."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from . import schema
from .building import Places
from .checking import Check
from .problems import Lines, Problem, StudyError, of_schema
from .requirements import with_what_is_there
from .toml_reading import study_text


def read_study(path: str | os.PathLike[str]) -> schema.Study:
    """A study that can be run.

    Parameters
    ----------
    path : path
        A TOML file.

    Returns
    -------
    Study

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StudyError
        If anything in it is wrong: a key, a type, a name that is used and not defined, a layer,
        unit, file or parameter that is not there.
    ValueError
        If every model needs what is not installed.
    """
    path = Path(path)
    text = study_text(path)
    lines = Lines(text)
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        msg = f"{path} has brackets within brackets, too deep for any study."
        raise ValueError(msg) from error
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
        raise StudyError(path, [of_schema(item, lines) for item in error.errors()]) from error
    study = with_what_is_there(study)
    problems = sorted(
        Check(study, Places(path.resolve().parent), lines).problems(),
        key=lambda problem: problem.line,
    )
    if problems:
        raise StudyError(path, problems)
    return study
