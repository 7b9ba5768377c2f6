"""What captions and methods share: docstrings in plain text, attributes of results, citations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from ..literature.bibliography import keys_in, unknown_in
from .cells import Cell


@dataclass(frozen=True)
class Made:
    """A result, and the cell that it is of."""

    cell: Cell
    result: xr.Dataset


def first_sentence(function: Any) -> str:
    """The first paragraph of a docstring.

    Parameters
    ----------
    function : callable or class

    Returns
    -------
    str
    """
    return _plain((inspect.getdoc(function) or "").partition("\n\n")[0])


def description(function: Any) -> str:
    """What a docstring says before its first section.

    Parameters
    ----------
    function : callable or class

    Returns
    -------
    str
    """
    text = re.split(r"\n\w+\n-{3,}\n", inspect.getdoc(function) or "")[0]
    return _plain(text)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def attributes_of(made: Sequence[Made], measure: str) -> Mapping[str, Any]:
    """Attributes of a measure's results: of models that learn, whose formula says more, if any.

    Parameters
    ----------
    made : sequence of Made
    measure : str

    Returns
    -------
    mapping from str to object
    """
    every = [found.result.attrs for found in made if found.cell.measure == measure]
    # Of several models the longest formula: one may lack a part that another has.
    return max(every, key=lambda found: len(str(found.get("formula", ""))), default={})


def citations(attributes: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Literature that results name.

    Parameters
    ----------
    attributes : iterable of mapping
        Of each result.

    Returns
    -------
    keys : list of str
        Entries of our bibliography.
    others : list of str
        Citations that are none of ours.
    """
    texts: dict[str, None] = {}
    for found in attributes:
        for key in ("citation", "interval_citation"):
            if found.get(key):
                texts[str(found[key])] = None
    keys = dict.fromkeys(key for text in texts for key in keys_in(text))
    return list(keys), list(dict.fromkeys(part for text in texts for part in unknown_in(text)))
