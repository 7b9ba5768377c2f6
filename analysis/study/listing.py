"""What a study can be made of: our stimuli, transformations and measures, by path."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pandas as pd

from .wording import first_sentence


def parts() -> pd.DataFrame:
    """Columns kind, path, needs and about; models and figures have lists of their own (`hmax-cnn
    models`, `hmax-cnn figure --list`)."""
    stimuli = [
        (f"data.stimuli:{name}", getattr(data.stimuli, name))
        for name in data.stimuli.__all__
        if name[0].islower()
    ]
    changes = inspect.getmembers(data.transformations, inspect.isfunction)
    own = [
        (f"data.transformations:{name}", function)
        for name, function in changes
        if function.__module__ == data.transformations.__name__
    ]
    rows = [("stimuli", path, "", first_sentence(function)) for path, function in stimuli]
    rows += [
        ("transformations", path, "", first_sentence(function))
        for path, function in own
        if not path.partition(":")[2].startswith("_")
    ]
    for found in pkgutil.iter_modules(analysis.__path__, "analysis."):
        if not found.ispkg:
            members = inspect.getmembers(import_module(found.name), inspect.isfunction)
            measures = [
                (name, function)
                for name, function in members
                if hasattr(function, "needs") and function.__module__ == found.name
            ]
            rows += [
                (
                    "measures",
                    f"{found.name}:{name}",
                    ", ".join(function.needs),
                    first_sentence(function),
                )
                for name, function in measures
            ]
    return pd.DataFrame(rows, columns=["kind", "path", "needs", "about"])
