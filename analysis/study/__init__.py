"""A study: models, images, transformations, measures and seeds, from one file to one folder."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .folder import open_results
    from .problems import StudyError
    from .reading import read_study
    from .running import run_study

__all__ = ["StudyError", "open_results", "read_study", "run_study"]

_HOMES = {
    "StudyError": "problems",
    "open_results": "folder",
    "read_study": "reading",
    "run_study": "running",
}


# Imported when they are used: extraction asks one module of this package for the places of files,
# and needs no drawing.
def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
