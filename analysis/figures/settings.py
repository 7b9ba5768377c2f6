"""Checks of the settings of a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def check_names(name: str, given: Any) -> None:
    """Refuse what is not a list of names, or None.

    Parameters
    ----------
    name : str
        Of the setting, for the message.
    given : object

    Raises
    ------
    ValueError
        If it is something else.
    """
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    if given is not None and not (is_list and all(isinstance(one, str) for one in given)):
        msg = f"`{name}` must be a list of names, got {given!r}."
        raise ValueError(msg)


def check_texts(name: str, given: Any) -> None:
    """Refuse what is not a mapping from names to texts, or None.

    Parameters
    ----------
    name : str
        Of the setting, for the message.
    given : object

    Raises
    ------
    ValueError
        If it is something else.
    """
    texts = isinstance(given, Mapping) and all(isinstance(one, str) for one in given.values())
    if given is not None and not texts:
        msg = f"`{name}` must be a mapping from names to texts, got {given!r}."
        raise ValueError(msg)


def check_number(name: str, given: Any, least: float, most: float, unit: str) -> None:
    """Refuse what is no number within bounds, or None.

    Parameters
    ----------
    name : str
        Of the setting, for the message.
    given : object
    least, most : float
    unit : str

    Raises
    ------
    ValueError
        If it is something else.
    """
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        msg = f"`{name}` must lie between {least} and {most} {unit}, got {given!r}."
        raise ValueError(msg)


def check_limits(axis: str, given: Any, scale: str | None) -> None:
    """Refuse what are no limits of an axis with this scale, or None.

    Parameters
    ----------
    axis : {'x', 'y'}
    given : object
    scale : {'linear', 'log2', 'log10'} or None

    Raises
    ------
    ValueError
        If they are not two different numbers, or not above 0 on a logarithm.
    """
    if given is None:
        return
    try:
        low, high = (float(end) for end in given if not isinstance(end, str))
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (np.isfinite([low, high]).all() and low != high):
        msg = f"`{axis}_limits` must be two different numbers, such as [0, 1], got {given!r}."
        raise ValueError(msg)
    if scale in ("log2", "log10") and min(low, high) <= 0:
        msg = f"`{axis}_limits` must be above 0 on a logarithmic scale, got {given!r}."
        raise ValueError(msg)
