"""All figures, by name: `figures.invariance(table)`; `dir(figures)` has them.

Each draws a tidy table (`hmax_cnn.tables`) or results, takes a `look` and, for one panel, `ax`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .analysis.figures import figure_names
from .analysis.figures.style import style

__all__ = ["style"]


def __getattr__(name: str) -> Any:
    if name not in figure_names():
        msg = f"module {__name__!r} has no figure {name!r}. There are: {', '.join(figure_names())}."
        raise AttributeError(msg)
    return getattr(import_module(f"hmax_cnn.analysis.figures.{name}"), name)


def __dir__() -> list[str]:
    return sorted([*figure_names(), *__all__])
