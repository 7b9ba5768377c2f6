"""What a study can be made of: our stimuli, transformations and measures, by path."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pandas as pd

from hmax_cnn.data import stimuli, transformations

from ..naming import short_path
from .wording import first_sentence


def parts() -> pd.DataFrame:
    """Stimuli, transformations and measures that ship with the package.

    Models and figures have lists of their own (`hmax-cnn models`, `hmax-cnn figure --list`).

    Returns
    -------
    pandas.DataFrame
        Columns kind, path, needs and about.
    """
    rows = []
    for name in stimuli.__all__:
        if name[0].islower():
            about = first_sentence(getattr(stimuli, name))
            rows.append(("stimuli", f"data.stimuli:{name}", "", about))
    for name, function in _functions(transformations):
        rows.append(
            ("transformations", f"data.transformations:{name}", "", first_sentence(function))
        )
    for name, function in import_module("hmax_cnn.analysis.measures").measures_by_name().items():
        # By their path, as a study reaches them.
        path = short_path(f"{function.__module__}:{name}")
        rows.append(
            ("measures", path, ", ".join(function.contract.needs), first_sentence(function))
        )
    return pd.DataFrame(rows, columns=["kind", "path", "needs", "about"])


def _functions(module: Any) -> Iterator[tuple[str, Any]]:
    """The public functions that a module defines."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield name, function
