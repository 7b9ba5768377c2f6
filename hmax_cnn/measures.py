"""All measures, by name: `measures.cka(a, b)`; `dir(measures)` has them.

Each takes responses (`hmax_cnn.responses`), of one model or two, or a model itself.
"""

from __future__ import annotations

from typing import Any

from .analysis.measures import measures_by_name


def __getattr__(name: str) -> Any:
    known = measures_by_name()
    if name not in known:
        msg = f"module {__name__!r} has no measure {name!r}. There are: {', '.join(known)}."
        raise AttributeError(msg)
    return known[name]


def __dir__() -> list[str]:
    return list(measures_by_name())
