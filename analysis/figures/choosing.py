"""Rows of a table by models and layers: chosen, in order, and by the names of papers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from ..naming import nearest
from .layer_names import in_print

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


def ordered(
    table: pd.DataFrame, column: str, wanted: Sequence[str], name: str, complete: bool = False
) -> pd.DataFrame:
    """The rows that have a wanted name, in the order of the names, and else in their own.

    Parameters
    ----------
    table : pandas.DataFrame
    column : str
    wanted : sequence of str
    name : str
        Of the parameter that has the names, for the message.
    complete : bool
        Whether names that are in no row are passed over.

    Returns
    -------
    pandas.DataFrame
    """
    if not complete:
        check_known(name, wanted, table[column].dropna())
    rank = table[column].map({one: index for index, one in enumerate(wanted)})
    return table.loc[rank.dropna().sort_values(kind="stable").index]


def highest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each model's last layer.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    if not {"model", "layer"} <= set(table):
        return table
    last = table.dropna(subset=["layer"]).groupby("model", sort=False)["layer"].last()
    return table[table["layer"] == table["model"].map(last)]


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
