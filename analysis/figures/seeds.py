"""Means over seeds, with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from hmax_cnn.extraction.choices import check_choice

from .tables import FIRST

_ROUNDING = 1e-6  # of float32
BANDS = ("interval", "sem", "range", "none")


def with_bounds_of(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """The table with the interval of one of its values as `low` and `high`.

    Parameters
    ----------
    table : pandas.DataFrame
        With `value_low` and `value_high`; or `low` and `high`, which are of 'value'.
    value : str

    Returns
    -------
    pandas.DataFrame
    """
    if value == "value":
        return table
    bounds = {f"{value}_low": "low", f"{value}_high": "high"}
    # The columns `low` and `high` of the table, if it has any, are of its `value`.
    return table.drop(columns=["low", "high"], errors="ignore").rename(columns=bounds)


def over_seeds(
    table: pd.DataFrame, value: str = "value", level: float = 0.95, bands: str = "interval"
) -> pd.DataFrame:
    """The mean over seeds, row by row, with its interval.

    The interval is Student's t over at least three seeds. What does not depend on the seed, and
    what has one seed, keeps the measure's own.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns `seed`, `value`, `low`, `high`. Rows belong together that agree in all text
        and in what says what a row is of, such as amount or n_train; other numbers are averaged, of
        p-values the largest is taken.
    value : str
        The column that is averaged.
    level : float
    bands : {'interval', 'sem', 'range', 'none'}
        What becomes of `low` and `high`: the interval, the mean less and plus its standard error
        over seeds, the least and the largest value of all seeds, or nothing.

    Returns
    -------
    pandas.DataFrame
        Without `seed`, with `n_seeds`, in the order in which rows first came.

    Raises
    ------
    ValueError
        If rows of one seed cannot be told apart, or there is one seed and the bands are over seeds.
    """
    check_choice("bands", bands, BANDS)
    if "seed" not in table or table["seed"].nunique() < 2:
        if bands in ("sem", "range"):
            msg = (
                f"`bands` {bands!r} need a table of several seeds, got one. Take level = 0.683 of "
                "the measure for one standard error on either side."
            )
            raise ValueError(msg)
        return _without_bands(table.drop(columns="seed", errors="ignore").assign(n_seeds=1), bands)
    keys = _keys(table, value)
    grouped = table.groupby(keys, sort=False, dropna=False)
    numbers = [
        column
        for column in table
        if column not in keys and column != "seed" and pd.api.types.is_numeric_dtype(table[column])
    ]
    result = (
        grouped[numbers]
        .agg(
            # The largest p: a mean of p-values is none.
            {column: "max" if str(column) in ("p", "p_corrected") else "mean" for column in numbers}
        )
        .reset_index()
    )
    spread, count = grouped[value].std().to_numpy(), grouped[value].count().to_numpy()
    bounds = _bounds(result, value, spread, count, level)
    if bands == "sem":
        error = spread / np.sqrt(np.maximum(1, count))
        bounds = {"low": result[value] - error, "high": result[value] + error}
    elif bands == "range":
        bounds = {"low": grouped[value].min().to_numpy(), "high": grouped[value].max().to_numpy()}
    return _without_bands(result.assign(n_seeds=count, **bounds), bands)


def _keys(table: pd.DataFrame, value: str) -> list[str]:
    """Columns that say what a row is of, so that rows of several seeds belong together.

    Raises
    ------
    ValueError
        If rows of one seed cannot be told apart.
    """
    others = [
        str(column) for column in table if column not in ("seed", "file", value, "low", "high")
    ]
    # A table read from a file has lost its design: what it can be is then found below.
    design = table.attrs.get("design", (*FIRST, "changed"))
    keys = [column for column in others if column in design or _is_text(table[column])]
    for column in [column for column in others if column not in keys]:
        if table.duplicated(["seed", *keys]).any() and _is_design(table, column):
            keys.append(column)
    if table.duplicated(["seed", *keys]).any():
        msg = (
            f"Rows of one seed cannot be told apart by {', '.join(map(repr, keys))}. Give the "
            "table a column that does."
        )
        raise ValueError(msg)
    return keys


def _without_bands(table: pd.DataFrame, bands: str) -> pd.DataFrame:
    if bands == "none":
        return table.assign(low=np.nan, high=np.nan)
    return table


def _bounds(
    result: pd.DataFrame, value: str, spread: np.ndarray, count: np.ndarray, level: float
) -> dict[str, Any]:
    """Student's t over at least three seeds; the measure's own of what does not vary over them."""
    reach = (
        t.ppf((1 + level) / 2, np.maximum(1, count - 1)) * spread / np.sqrt(np.maximum(1, count))
    )
    # Two seeds have one degree of freedom: 12.7 standard errors say nothing.
    reach = np.where(count > 2, reach, np.nan)
    bounds = {}
    for end, sign in (("low", -1), ("high", 1)):
        over = result[value] + sign * reach
        # A deterministic model has the same value for every seed: its spread is over images.
        still = spread <= _ROUNDING * np.abs(result[value])
        bounds[end] = np.where(still & (count > 1), result.get(end, np.nan), over)
    return bounds


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _is_design(table: pd.DataFrame, column: str) -> bool:
    """Whether a number may say what a row is of, not what was measured.

    It has the same values in all seeds.
    """
    # What was measured differs between seeds; what was asked for does not.
    first, *others = (sorted(map(repr, part)) for _, part in table.groupby("seed")[column])
    return all(other == first for other in others)
