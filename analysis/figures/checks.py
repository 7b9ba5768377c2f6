"""Checks of what a figure is given: a table with its columns, results, one row for each place."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes


def one_panel(ax: Axes | None, n_panels: int) -> None:
    """Refuse the axes of the caller where there are several panels to draw.

    Parameters
    ----------
    ax : matplotlib Axes or None
    n_panels : int

    Raises
    ------
    ValueError
        If there are several panels.
    """
    # The caller's axes are one panel: several would be drawn over each other.
    if ax is not None and n_panels > 1:
        msg = (
            f"`ax` is for one panel, but the table has {n_panels}. Give the rows of one model "
            "and layer, or of one transformation."
        )
        raise ValueError(msg)


def distinct(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table, if each place in the figure has one row.

    Parameters
    ----------
    table : pandas.DataFrame
    *columns : str
        Which say where in the figure a row is drawn.

    Returns
    -------
    pandas.DataFrame
        The same table.

    Raises
    ------
    ValueError
        If it has several: of other measures or images, which the figure cannot tell apart.
    """
    known = [column for column in (*columns, "seed") if column in table]
    if table.duplicated(known).any():
        msg = (
            f"`table` has several rows for the same {', '.join(known)}: of other measures, "
            "images or transformations. Give the figure one of them."
        )
        raise ValueError(msg)
    return table


def without_curves(table: pd.DataFrame) -> pd.DataFrame:
    """The table, if it has one number for each layer.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        The same table.

    Raises
    ------
    ValueError
        If it has values over a transformation.
    """
    if isinstance(table, pd.DataFrame) and "amount" in table and table["amount"].nunique() > 1:
        msg = (
            "`table` must have one number for each layer, got values over a transformation. Draw "
            "those with the figure 'invariance'."
        )
        raise ValueError(msg)
    return table


def of_first(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows of the first seed, or of the first of other columns.

    Units and pictures of several are no larger sample.

    Parameters
    ----------
    table : pandas.DataFrame
    *columns : str
        'seed' where none is named.

    Returns
    -------
    pandas.DataFrame
    """
    for column in columns or ("seed",):
        if column in table and len(table):
            table = table[table[column] == table[column].iloc[0]]
    return table


def checked(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table, if it has these columns and at least one row.

    Parameters
    ----------
    table : pandas.DataFrame
    *columns : str

    Returns
    -------
    pandas.DataFrame
        The same table.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If a column is missing, or there is no row.
    """
    if not isinstance(table, pd.DataFrame):
        msg = (
            "`table` must be a pandas.DataFrame, as "
            "`hmax_cnn.analysis.figures.tables.tables` makes it "
            f"from results, got {type(table).__name__}."
        )
        raise TypeError(msg)
    lacking = [column for column in columns if column not in table]
    if lacking:
        msg = (
            f"`table` must have the column {lacking[0]!r}, got "
            f"{', '.join(map(repr, table.columns[:12]))}. Is it of another measure?"
        )
        raise ValueError(msg)
    if table.empty:
        msg = "`table` must hold at least one row, got none."
        raise ValueError(msg)
    return table


def checked_results(results: Mapping[str, xr.Dataset], *names: str) -> None:
    """Refuse what is no mapping from models to datasets with these variables.

    Parameters
    ----------
    results : mapping from str to xarray.Dataset
    *names : str
        Of variables or coordinates.

    Raises
    ------
    TypeError
        If it is no mapping of datasets.
    ValueError
        If there is none, or a dataset lacks a variable.
    """
    if not isinstance(results, Mapping):
        msg = (
            "`results` must be a mapping from a model's label to its dataset, such as "
            f"{{'HMAX': result}}, got {type(results).__name__}."
        )
        raise TypeError(msg)
    if not results:
        msg = "`results` must hold at least one result, got none."
        raise ValueError(msg)
    for model, found in results.items():
        lacking = [name for name in names if name not in found.variables]
        if lacking:
            msg = (
                f"`results` of {model!r} must have {lacking[0]!r}, got "
                f"{', '.join(map(repr, found.variables))}. Is it of another measure?"
            )
            raise ValueError(msg)
