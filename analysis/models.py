"""Models by name: `package:Class`, with parameters as they are typed on a command line."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pandas as pd

from hmax_cnn.extraction import FeatureExtractor

from .naming import load, short_path, unknown_parameters

PACKAGES = ("hmax_cnn.extraction", "hmax_cnn.hmax", "hmax_cnn.cnn")


def load_model(name: str, settings: dict[str, Any] | None = None) -> FeatureExtractor:
    """A model from its path, with these parameters.

    Such as 'hmax:HMAX' or 'my_lab.models:Mine', which may lie in the current folder.

    Raises
    ------
    ValueError
        If there is no such module or class, it is no FeatureExtractor, or it has no such parameter.
    """
    if ":" not in name:
        msg = (
            f"MODEL must be package:Class, such as hmax:HMAX, got {name!r}. `hmax-cnn models` "
            "lists what there is."
        )
        raise ValueError(msg)
    try:
        model_class = load(name, "model")
    except ValueError as error:
        msg = f"There is no model {name!r}. {error} `hmax-cnn models` lists what there is."
        raise ValueError(msg) from error
    if not (inspect.isclass(model_class) and issubclass(model_class, FeatureExtractor)):
        msg = f"{name!r} is no model: it does not derive from hmax_cnn.FeatureExtractor."
        raise ValueError(msg)
    unknown = unknown_parameters(model_class, settings or {})
    if unknown:
        raise ValueError(" ".join(unknown))
    return model_class(**(settings or {}))


def discover() -> list[type[FeatureExtractor]]:
    """Every concrete model in our own packages, by name."""
    # Subclasses are known when their modules are imported.
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # Kernels are for Numba, which need not be there.
            if ".kernels." not in module.name:
                importlib.import_module(module.name)
    found, pending = [], [FeatureExtractor]
    while pending:
        for model_class in pending.pop().__subclasses__():
            pending.append(model_class)
            if not inspect.isabstract(model_class) and model_class.__module__.startswith(PACKAGES):
                found.append(model_class)
    return sorted(found, key=lambda model_class: (model_class.__module__, model_class.__name__))


def table() -> pd.DataFrame:
    """Name, layers and one line about every model."""
    rows = [
        {
            "model": short_path(model_class.path()),
            "layers": " ".join(model_class().layer_names),
            "about": (inspect.getdoc(model_class) or "").partition("\n")[0],
        }
        for model_class in discover()
    ]
    return pd.DataFrame(rows)
