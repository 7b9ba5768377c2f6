"""Objects by path, such as `hmax:HMAX`: from our packages, or from a module of the user's own."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from hmax_cnn.extraction.own_modules import import_named, name_module

# Our packages by their short names: 'hmax:HMAX' is short for 'hmax_cnn.hmax:HMAX'.
OURS = ("extraction", "hmax", "cnn", "data", "analysis")


def full_path(path: str) -> str:
    """The path of an object, with our own packages by their full names.

    Parameters
    ----------
    path : str
        'package.module:name'.

    Returns
    -------
    str
        'hmax_cnn.hmax:HMAX' for 'hmax:HMAX'. Where our package has nothing of this name the path is
        that of the user's own module: `data:mine` is `mine` in a file data.py.
    """
    module, _, name = path.partition(":")
    if module.partition(".")[0] not in OURS:
        return path
    ours = f"hmax_cnn.{module}"
    if is_there(ours) and hasattr(importlib.import_module(ours), name):
        return f"{ours}:{name}"
    # Not ours: the user's, if there is such a module beside our packages.
    name_module(module)
    found = importlib.util.find_spec(module.partition(".")[0])
    if found is None or found.origin is None or is_ours(Path(found.origin)):
        return f"{ours}:{name}"
    return path


def is_there(module: str) -> bool:
    """Whether a module can be imported.

    Parameters
    ----------
    module : str
        Its full name.

    Returns
    -------
    bool
    """
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def is_ours(file: Path) -> bool:
    """Whether a file belongs to this package.

    Parameters
    ----------
    file : Path

    Returns
    -------
    bool
    """
    homes = [Path(importlib.import_module(f"hmax_cnn.{top}").__file__ or "").parent for top in OURS]
    return any(file.resolve().is_relative_to(home.resolve()) for home in homes)


def load(path: str, what: str = "object") -> Any:
    """The object that a path names.

    Parameters
    ----------
    path : str
        'package.module:name': of our packages by their short names, such as 'hmax:HMAX', or of a
        module of the user's own.
    what : str
        The parameter that has the path, for messages.

    Returns
    -------
    object

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
    full = full_path(path).partition(":")[0]
    module = _imported(full, path, what)
    # Lazy names stand in `__all__` only, and so do modules inside until they are imported.
    found, listed = getattr(module, name, None), getattr(module, "__all__", ())
    if getattr(found, "__name__", None) == f"{full}.{name}" or (found is None and name in listed):
        msg = (
            f"`{what}` {path!r} is a module. Name what is in it, such as "
            f"{module_name}.{name}:{_first_name(f'{full}.{name}', name)}."
        )
        raise ValueError(msg)
    if not hasattr(module, name):
        meant = nearest(name, [*vars(module), *listed])
        msg = f"`{what}` {path!r}: {module_name} has no {name!r}.{meant}"
        raise ValueError(msg)
    return found


def short_path(path: str) -> str:
    """The short form of a path of ours: 'hmax:HMAX' for 'hmax_cnn.hmax:HMAX'.

    Parameters
    ----------
    path : str

    Returns
    -------
    str

    Examples
    --------
    >>> short_path("hmax_cnn.hmax:HMAX"), short_path("my_lab:Mine")
    ('hmax:HMAX', 'my_lab:Mine')
    """
    return path.removeprefix("hmax_cnn.")


def _imported(full: str, path: str, what: str) -> ModuleType:
    """The module of a path, by its full name, or an error that says why it cannot be imported."""
    module_name = path.partition(":")[0]
    try:
        return import_named(full)
    except ModuleNotFoundError as error:
        # The module is there, and one that it imports is not.
        if error.name is None or not f"{full}.".startswith(f"{error.name}."):
            msg = (
                f"`{what}` {path!r} cannot be imported: it needs the module {error.name!r}, which "
                "is not there. Install it."
            )
            raise ValueError(msg) from error
        meant = nearest(module_name, _modules())
        missing = error.name.removeprefix("hmax_cnn.")
        msg = (
            f"`{what}` {path!r}: there is no module {missing!r}.{meant} A module of your own lies "
            "beside the study."
        )
        raise ValueError(msg) from error
    except Exception as error:
        msg = (
            f"`{what}` {path!r} cannot be imported: {type(error).__name__}: {error}. Mend the "
            f"module {module_name}."
        )
        raise ValueError(msg) from error


def _first_name(module_name: str, wished: str) -> str:
    """The name in a module that it shares with it, or else the first function of its own."""
    module = import_named(module_name)
    own = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module_name and not name.startswith("_")
    ]
    return wished if wished in own else own[0]


def _modules() -> list[str]:
    """Modules that may have been meant: ours, by their short names."""
    names = []
    for top in OURS:
        package = importlib.import_module(f"hmax_cnn.{top}")
        inside = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [top, *(short_path(found.name) for found in inside)]
    return names


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the known name that is most like this one, or nothing."""
    options = {
        option.casefold(): option for option in map(str, known) if not option.startswith("_")
    }
    # What was begun is meant before what looks alike: 'shift' for 'shift_consistency'.
    longer = [option for option in options if len(name) > 2 and option.startswith(name.casefold())]
    found = get_close_matches(name.casefold(), longer or options, 1, 0 if longer else 0.6)
    if found:
        return f" Did you mean {options[found[0]]!r}?"
    return ""


def unknown_parameters(function: Callable[..., Any], given: Iterable[str]) -> list[str]:
    """A sentence for each parameter that the function does not have."""
    known = inspect.signature(function).parameters
    # It takes whatever it is given.
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
