"""Models by name: `package:Class`, with parameters as they are typed on a command line."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from typing import Any

import pandas as pd

from .naming import load, unknown_parameters
from hmax_cnn.extraction import FeatureExtractor

PACKAGES = ("extraction", "hmax", "cnn")


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Parameters from `key=value`: a value that reads as a Python literal is one, any other is
    text.

    Raises
    ------
    ValueError
        If there is no '=' or a key comes twice.

    Examples
    --------
    >>> parse_settings(["bands=4", "preset=georgetown", "phases=(0, 90)"])
    {'bands': 4, 'preset': 'georgetown', 'phases': (0, 90)}
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            msg = f"--set must be key=value, got {setting!r}."
            raise ValueError(msg)
        if key.strip() in parsed:
            msg = f"--set names {key.strip()!r} twice. Keep one."
            raise ValueError(msg)
        try:
            parsed[key.strip()] = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError):
            parsed[key.strip()] = text.strip()
    return parsed


def load_model(name: str, settings: dict[str, Any] | None = None) -> FeatureExtractor:
    """A model from its path, such as 'hmax:HMAX' or 'my_lab.models:Mine' (also from the current
    folder), with these parameters.

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
        msg = f"{name!r} is no model: it does not derive from extraction.FeatureExtractor."
        raise ValueError(msg)
    unknown = unknown_parameters(model_class, settings or {})
    if unknown:
        raise ValueError(" ".join(unknown))
    return model_class(**(settings or {}))


def discover() -> list[type[FeatureExtractor]]:
    """Every concrete model in our own packages, by name."""
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found, pending = [], [FeatureExtractor]
    while pending:
        for model_class in pending.pop().__subclasses__():
            pending.append(model_class)
            if (
                not inspect.isabstract(model_class)
                and model_class.__module__.partition(".")[0] in PACKAGES
            ):
                found.append(model_class)
    return sorted(found, key=lambda model_class: (model_class.__module__, model_class.__name__))


def table() -> pd.DataFrame:
    """Name, layers and one line about every model."""
    rows = [
        {
            "model": model_class.path(),
            "layers": " ".join(model_class().layer_names),
            "about": (inspect.getdoc(model_class) or "").partition("\n")[0],
        }
        for model_class in discover()
    ]
    return pd.DataFrame(rows)
