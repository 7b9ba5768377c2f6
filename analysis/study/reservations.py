"""Reservations: the rows of a table that are undefined or not significant, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

ALPHA = 0.05


def _reasons(table: pd.DataFrame) -> pd.Series:
    """Of each row, what of it is undefined in part: counts that lie below the number of units."""
    found = pd.Series([""] * len(table), index=table.index, dtype=object)
    for column in [str(column) for column in table if str(column).startswith("n_defined")]:
        if "n_units" in table:
            whole = table["n_units"]
        else:
            whole = pd.Series(np.nan, index=table.index)
        name = column.removeprefix("n_defined").strip("_")
        for row in table.index[table[column] < whole]:
            text = (
                f"{f'{name}: ' if name else ''}{int(whole[row] - table.loc[row, column])} of "
                f"{int(whole[row])} units undefined"
            )
            found[row] = "; ".join(filter(None, [found[row], text]))
    return found


def with_reservations(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a main table that are undefined or not significant.

    In whole or in part; the column `why` says why.

    Not significant is what has p (corrected, where it is) of at least 0.05, or an interval that
    holds chance, or the control.
    """
    numbers = {str(column) for column in table if pd.api.types.is_numeric_dtype(table[column])}
    found = _reasons(table[[column for column in table if column in numbers]])

    def say(rows: Any, texts: Any) -> None:
        found[rows] = [
            ("; ".join(filter(None, [old, new])))
            for old, new in zip(found[rows], texts, strict=True)
        ]

    if {"value", "low", "high"} <= numbers:
        for column, text in (
            ("control", "the interval holds the control"),
            ("chance", "the interval holds chance"),
            ("no_effect", "the interval holds chance"),
        ):
            if column in numbers:
                holds = (table["low"] <= table[column]) & (table[column] <= table["high"])
                say(holds, [text] * int(holds.sum()))
    p = next((column for column in ("p_corrected", "p") if column in numbers), None)
    if p is not None:
        insignificant = table[p] >= ALPHA
        say(insignificant, [f"{p} = {number:.3g}" for number in table.loc[insignificant, p]])
    if "value" in table:
        undefined = table["value"].isna()
        say(undefined, ["undefined"] * int(undefined.sum()))
    return table.assign(why=found)[found != ""]
