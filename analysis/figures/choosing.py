"""Rows of a table by models and layers: chosen, in order, and by the names of papers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from ..naming import nearest
from .layer_names import in_print

MODELS = ("model", "model_b")
# Columns of layers, with that of their model.
LAYERS = {"layer": "model", "layer_a": "model", "layer_b": "model_b"}


def check_known(name: str, wanted: Iterable[str], known: Iterable[Any]) -> None:
    """Refuse names that are not among the known ones.

    Parameters
    ----------
    name : str
        Of the parameter, for the message.
    wanted : iterable of str
    known : iterable

    Raises
    ------
    ValueError
        If one is not.
    """
    names = list(dict.fromkeys(map(str, known)))
    for one in wanted:
        if one not in names:
            msg = (
                f"`{name}` must be some of {', '.join(map(repr, names))}, got {one!r}."
                f"{nearest(one, names)}"
            )
            raise ValueError(msg)


def ordered(table: pd.DataFrame, column: str, wanted: Sequence[str]) -> pd.DataFrame:
    """The rows that have a wanted name, in the order of the names, and else in their own.

    Parameters
    ----------
    table : pandas.DataFrame
    column : str
    wanted : sequence of str

    Returns
    -------
    pandas.DataFrame
    """
    rank = table[column].map({one: index for index, one in enumerate(wanted)})
    return table.loc[rank.dropna().sort_values(kind="stable").index]


def names_in(table: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """The names in some columns of a table, those that it has, in their order.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : iterable of str

    Returns
    -------
    list of str
    """
    there = [table[column].dropna().astype(str) for column in columns if column in table]
    return list(dict.fromkeys(name for names in there for name in names))


def highest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each model's last layer, in each measure: not all are taken of all layers.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    if not {"model", "layer"} <= set(table):
        return table
    by = [name for name in ("model", "measure", "images", "transformation") if name in table]
    last = table.groupby(by, sort=False, dropna=False)["layer"].transform("last")
    return table[table["layer"] == last]


def check_different(kind: str, names: Mapping[str, str]) -> None:
    """Refuse labels by which two things would be called alike.

    Parameters
    ----------
    kind : str
        What these are, for the message.
    names : mapping from str to str
        What each is called.

    Raises
    ------
    ValueError
        If two are.
    """
    called: dict[str, str] = {}
    for one, name in names.items():
        if name in called:
            msg = (
                f"`labels` call the {kind} {called[name]!r} and {one!r} both {name!r}. Give them "
                "different ones."
            )
            raise ValueError(msg)
        called[name] = one


def columns_in_print(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Columns of layers, by the names that papers have.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    dict from column to pandas.Series
    """
    pairs = [
        table[[model, column]].set_axis(["model", "layer"], axis=1)
        for column, model in LAYERS.items()
        if column in table and model in table
    ]
    if not pairs:
        return {}
    every = pd.concat(pairs).dropna().astype(str).drop_duplicates()
    names = {model: in_print(part) for model, part in every.groupby("model")["layer"]}
    found = {}
    for column, model in LAYERS.items():
        if column in table and model in table:
            both = zip(table[model].astype(str), table[column].astype(str), strict=True)
            written = [names.get(one, {}).get(layer, layer) for one, layer in both]
            found[column] = pd.Series(written, index=table.index)
    return found


def layers_in(result: xr.Dataset) -> list[str]:
    """The layers along a result; none where it has no such names.

    Parameters
    ----------
    result : xarray.Dataset

    Returns
    -------
    list of str
    """
    if "layer" not in result.dims or "layer" not in result.coords:
        return []
    return [str(name) for name in result["layer"].values]


def check_labels(table: pd.DataFrame, named: pd.DataFrame) -> None:
    """Refuse labels that call two models, or two layers of one model, alike.

    Parameters
    ----------
    table : pandas.DataFrame
        As it was.
    named : pandas.DataFrame
        By the labels.

    Raises
    ------
    ValueError
        If they do.
    """
    for column in filter(table.__contains__, MODELS):
        pairs = pd.DataFrame({"old": table[column], "new": named[column]}).dropna()
        check_different("models", dict(pairs.astype(str).itertuples(index=False, name=None)))
    for column, model in LAYERS.items():
        if column in table and model in table:
            parts = {"model": table[model], "old": table[column], "new": named[column]}
            for _, pairs in pd.DataFrame(parts).dropna().astype(str).groupby("model"):
                check_different("layers", dict(zip(pairs["old"], pairs["new"], strict=True)))
