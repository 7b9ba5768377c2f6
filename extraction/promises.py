"""What a function says that it returns, known before it is called.

A study, a command or a file of weights may name any function that can be imported. It is called
only if it says that it makes what is wanted.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any


def check_promise(function: Any, kinds: tuple[type, ...], what: str, path: str) -> None:
    """Refuse to call what does not say that it returns one of some classes.

    Parameters
    ----------
    function : object
        A class, or a function with an annotated return.
    kinds : tuple of type
    what : str
        The parameter that has the path, for the message.
    path : str
        'package.module:name'.

    Raises
    ------
    TypeError
        If it says nothing, or something else; it was not called.

    Examples
    --------
    >>> def one() -> int:
    ...     return 1
    >>> check_promise(one, (int,), "number", "my_lab:one")
    """
    if callable(function) and _promises(function, kinds):
        return
    name = path.rpartition(":")[2]
    wanted = " or ".join(kind.__name__ for kind in kinds)
    msg = (
        f"`{what}` {path!r} does not say that it makes a {wanted}, so it was not called. Annotate "
        f"it: def {name}(...) -> {kinds[0].__name__}; for a function of others, write one of your "
        "own that calls it."
    )
    raise TypeError(msg)


def _promises(function: Callable[..., Any], kinds: tuple[type, ...]) -> bool:
    if inspect.isclass(function):
        return issubclass(function, kinds)
    try:
        hint = typing.get_type_hints(function).get("return")
    except Exception:  # names that are imported for type checkers only
        hint = getattr(function, "__annotations__", {}).get("return")
    if isinstance(hint, str):
        return hint.rpartition(".")[2] in {kind.__name__ for kind in kinds}
    options = [hint]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = list(typing.get_args(hint))
    return all(inspect.isclass(option) and issubclass(option, kinds) for option in options)
