"""Refusing a choice that there is not: one message for all parameters with a list of choices."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np

_LISTED, _NEAREST = 16, 5  # choices in a message: all, or those that are most like the value


def check_count(name: str, value: Any, most: int, cost: str) -> None:
    """Refuse a number of things that is beyond reason, with what it would cost.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
    most : int
        What is still within reason.
    cost : str
        A sentence: what more would take, and the remedy.

    Raises
    ------
    ValueError
        If it is no whole number from 1 to the most.

    Examples
    --------
    >>> check_count("n_objects", 12, 1000, "")
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 1:
        msg = f"`{name}` must be a whole number of at least 1, got {value!r}."
        raise ValueError(msg)
    if int(value) > most:
        msg = f"`{name}` must be at most {most}, got {value}. {cost}".rstrip()
        raise ValueError(msg)


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither true nor false: any text would count as true.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> check_flag("is_sparse", True)
    """
    if not isinstance(value, bool | np.bool_):
        msg = f"`{name}` must be True or False, got {value!r}."
        raise TypeError(msg)


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Refuse what is no whole number within two bounds.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
    low, high : int

    Raises
    ------
    ValueError
        If it is something else.

    Examples
    --------
    >>> check_whole("n_levels", 9, 2, 40)
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        msg = f"`{name}` must be a whole number from {low} to {high}, got {value!r}."
        raise ValueError(msg)


def check_number(
    name: str, value: Any, low: float, high: float = float("inf"), *, or_equal: bool = False
) -> None:
    """Refuse what is no finite number within two bounds.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
    low, high : float
        It must be above the first, and at most the second.
    or_equal : bool
        Whether it may be the first.

    Raises
    ------
    ValueError
        If it is something else.

    Examples
    --------
    >>> check_number("gain", 25.0, 0)
    """
    is_number = isinstance(value, Real) and np.isfinite(float(value))
    inside = is_number and low <= float(value) <= high and (or_equal or float(value) > low)
    if inside:
        return
    bounds = f"a number of at least {low:g}" if or_equal else f"a number above {low:g}"
    if high < float("inf"):
        bounds += f" and at most {high:g}"
    msg = f"`{name}` must be {bounds}, got {value!r}."
    raise ValueError(msg)


def check_random_state(random_state: Any) -> None:
    """Refuse what is no seed of NumPy's random numbers.

    Parameters
    ----------
    random_state : int, Generator or None

    Raises
    ------
    ValueError
        If it is something else, or negative.
    """
    if random_state is None or isinstance(random_state, np.random.Generator):
        return
    if not isinstance(random_state, Integral) or int(random_state) < 0:
        msg = f"`random_state` must be a whole number of at least 0, got {random_state!r}."
        raise ValueError(msg)


def check_memory(batch_memory: Any) -> None:
    """Refuse what is no amount of memory.

    Parameters
    ----------
    batch_memory : object
        In MiB.

    Raises
    ------
    ValueError
        If it is no number, or negative; with 0 a batch is one image.
    """
    if not isinstance(batch_memory, Real) or not 0 <= float(batch_memory) < float("inf"):
        msg = f"`batch_memory` must be a number of MiB of at least 0, got {batch_memory!r}."
        raise ValueError(msg)


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
        listed = "one of " + ", ".join(map(repr, known))
        if len(known) > _LISTED:
            nearest = get_close_matches(str(value), map(str, known), _NEAREST, 0)
            listed = f"one of {len(known)}, such as {', '.join(map(repr, nearest))}"
        msg = f"`{name}` must be {listed}, got {value!r}."
        raise ValueError(f"{msg} {remedy}".rstrip())
