"""Tables as CSV, written whole, whose text no spreadsheet takes for a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from hmax_cnn.extraction.files import written_whole

# What starts a formula, and what it needs to do anything: a call, a reference outside, a command.
_STARTS, _ACTS = tuple("=+-@\t\r"), tuple("(!|")


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Write a table, whole or not at all.

    Parameters
    ----------
    table : pandas.DataFrame
    path : path

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with written_whole(path) as temporary:
        without_formulas(table).to_csv(temporary, index=False)
    return path


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with an apostrophe before text that a spreadsheet would run as a formula.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> without_formulas(pd.DataFrame({"image": ["=cmd|' /C calc'!A0", "-30.png"]}))
                     image
    0  '=cmd|' /C calc'!A0
    1              -30.png
    """
    changed = {}
    for column in table:
        if table[column].dtype.kind in "OUT" or isinstance(table[column].dtype, pd.StringDtype):
            cells = [_harmless(cell) for cell in table[column]]
            if cells != list(table[column]):
                changed[column] = cells
    return table.assign(**changed) if changed else table


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(_STARTS) and any(mark in cell for mark in _ACTS):
        return f"'{cell}"
    return cell
