"""Objects by path, such as `hmax:HMAX`: from our packages, or from a module of the user's own."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


def importable(*folders: Path) -> None:
    """Let modules in these folders, and in the working folder, be imported; what is installed comes
    first."""
    for folder in (*folders, Path.cwd()):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def load(path: str, what: str = "object") -> Any:
    """The object that a path names, 'package.module:name'.

    Raises
    ------
    ValueError
        If there is no such module, or nothing of this name in it; the text has the nearest right
        name.
    """
    module_name, colon, name = path.partition(":")
    if not colon or not module_name or not name:
        msg = f"`{what}` must be a path such as 'package.module:name', got {path!r}."
        raise ValueError(msg)
    importable()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            msg = (
                f"`{what}` {path!r} cannot be imported: it needs the module {error.name!r}, "
                "which is not there. Install it."
            )
            raise ValueError(msg) from error
        meant = nearest(module_name, _modules())
        msg = (
            f"`{what}` {path!r}: there is no module {error.name!r}.{meant} A module of your own "
            "lies beside the study."
        )
        raise ValueError(msg) from error
    except Exception as error:
        msg = (
            f"`{what}` {path!r} cannot be imported: {type(error).__name__}: {error}. Mend the "
            f"module {module_name}."
        )
        raise ValueError(msg) from error
    if not hasattr(module, name):
        msg = f"`{what}` {path!r}: {module_name} has no {name!r}.{nearest(name, vars(module))}"
        raise ValueError(msg)
    return getattr(module, name)


def _modules() -> list[str]:
    """Modules that may have been meant: ours."""
    ours = [
        importlib.import_module(name) for name in ("extraction", "hmax", "cnn", "data", "analysis")
    ]
    inside = [
        found.name
        for package in ours
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    return [package.__name__ for package in ours] + inside


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the known name that is most like this one, or nothing."""
    options = {
        option.casefold(): option for option in map(str, known) if not option.startswith("_")
    }
    longer = [option for option in options if len(name) > 2 and option.startswith(name.casefold())]
    found = get_close_matches(name.casefold(), longer or options, 1, 0 if longer else 0.6)
    if found:
        return f" Did you mean {options[found[0]]!r}?"
    return ""


def unknown_parameters(function: Callable[..., Any], given: Iterable[str]) -> list[str]:
    """A sentence for each parameter that the function does not have."""
    known = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return []
    title = getattr(function, "__name__", "it")
    return [
        (
            f"{title} has no parameter "
            f"{name!r}.{nearest(name, known) or ' It has: ' + ', '.join(known) + '.'}"
        )
        for name in given
        if name not in known
    ]
