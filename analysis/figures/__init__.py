"""Figures: one file each, from a tidy table of results to a matplotlib Figure; a new file here is a
new name on the command line."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cache
from importlib import import_module


@cache
def figure_names() -> tuple[str, ...]:
    """The figures that take a table, by name."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    functions = {name: getattr(import_module(f"{__name__}.{name}"), name, None) for name in names}
    return tuple(
        name
        for name, function in functions.items()
        if function is not None
        and any(p.endswith("table") for p in inspect.signature(function).parameters)
    )
