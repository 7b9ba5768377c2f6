"""Refusing a choice that there is not: one message for all parameters with a list of choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def check_choice(name: str, value: Any, choices: Iterable[Any], remedy: str = "") -> None:
    """Refuse a value that is not among the choices of a parameter.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
    choices : iterable
    remedy : str
        What to do, where the list alone does not say it.

    Raises
    ------
    ValueError
        If the value is none of the choices.

    Examples
    --------
    >>> check_choice("border", "edge", ("edge", "wrap"))
    """
    known = list(choices)
    if value not in known:
        listed = ", ".join(map(repr, known))
        msg = f"`{name}` must be one of {listed}, got {value!r}."
        raise ValueError(f"{msg} {remedy}".rstrip())
