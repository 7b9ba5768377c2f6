"""Figures: one file each, from results to a matplotlib Figure; a new file here is a new name."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from .contract import FigureContract

__all__ = ["figure_names"]


@cache
def figure_names() -> tuple[str, ...]:
    """The figures that a study can draw: functions with a contract, called like their file.

    Returns
    -------
    tuple of str
    """
    names = []
    for found in pkgutil.iter_modules(__path__):
        function = getattr(import_module(f"{__name__}.{found.name}"), found.name, None)
        if isinstance(getattr(function, "contract", None), FigureContract):
            names.append(found.name)
    return tuple(names)
