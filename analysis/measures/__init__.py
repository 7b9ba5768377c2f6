"""Measures: what is asked of models, one file for each kind."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from ..contract import MeasureContract

__all__ = [
    "alignment",
    "architecture",
    "best_matches",
    "brain",
    "classification",
    "decoding",
    "distance_to_v1",
    "extent_tuning",
    "field_growth",
    "field_size",
    "field_views",
    "firing_rates",
    "first_filters",
    "inspection",
    "invariance",
    "learning_curves",
    "mapped_fields",
    "measures_by_name",
    "populations",
    "receptive_fields",
    "retrieval",
    "selectivity",
    "similarity",
    "tolerance",
    "tuning",
    "tuning_curves",
    "view_tuned",
]


@cache
def measures_by_name() -> dict[str, Callable[..., Any]]:
    """The measures of this package, functions with a contract.

    Returns
    -------
    dict from str to callable
        In the order of the files and their functions' names.
    """
    found: dict[str, Callable[..., Any]] = {}
    for file in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{file.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and isinstance(getattr(function, "contract", None), MeasureContract):
                found[name] = function
    return found
