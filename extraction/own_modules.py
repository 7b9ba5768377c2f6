"""Modules of the user's own: found in some folders, for what is named and what that imports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class _OwnModules(MetaPathFinder):
    """Finds modules that were named, and those that modules in the same folders import.

    Folders in `sys.path` would be searched by everyone: a file `dask.py` beside the pictures would
    be run by xarray, which looks whether Dask is there.
    """

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.named: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's place, for what may be found here."""
        if path is not None or not (fullname in self.named or self._is_asked_from_inside()):
            return None
        return PathFinder.find_spec(fullname, self.folders, target)

    def _is_asked_from_inside(self) -> bool:
        """Whether the import stands in a module that lies in one of the folders."""
        frame = sys._getframe(1)  # noqa: SLF001 - the only way to know who imports
        while frame is not None:
            file = frame.f_code.co_filename
            if file != __file__ and "importlib" not in file:
                return any(Path(file).is_relative_to(folder) for folder in self.folders)
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def invalidate_caches(self) -> None:
        """Look anew at what lies in the folders."""
        PathFinder.invalidate_caches()


_finder = _OwnModules()


def look_in(*folders: Path) -> None:
    """Let modules in these folders, and in the working folder, be imported when they are named.

    What is installed comes first: a user's module never hides it.

    Parameters
    ----------
    *folders : Path
    """
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
    for folder in (*folders, Path.cwd()):
        if str(folder) not in _finder.folders:
            _finder.folders.append(str(folder))


def name_module(module: str) -> None:
    """Let a module that the user names be found among the user's own.

    Parameters
    ----------
    module : str
        Its full name.
    """
    look_in()
    _finder.named.add(module.partition(".")[0])


def import_named(module: str) -> ModuleType:
    """Import a module that the user names.

    Parameters
    ----------
    module : str
        Its full name.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If there is none; whatever it raises itself.
    """
    name_module(module)
    return importlib.import_module(module)
