"""Selectivity against tolerance, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from .checks import checked, of_first
from .contract import figure
from .palette import colours_of
from .panels import panel_grid


@figure(draws="unit_table", seeds="first")
def selectivity(
    unit_table: pd.DataFrame,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Selectivity among images against tolerance to a transformation.

    Each point is a unit; Spearman's rho is given above each layer.

    One unit in a hundred, of the highest tolerance, lies beyond the axis.

    Parameters
    ----------
    unit_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tolerance.selectivity_and_tolerance`: columns model, layer,
        selectivity, tolerance; transformation where there are several.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", "selectivity", "tolerance"))
    several = [name for name in ("transformation", "images") if name in table]
    names = ["model", "layer", *(name for name in several if table[name].nunique() > 1)]
    look = colours_of(table["model"], colours)
    shared: dict[str, Any] = {"sharex": True, "sharey": True}
    with panel_grid(table, names, width, (1.6, 0.3), ax, **shared) as grid:
        for axes, key, part in grid:
            known = part[["selectivity", "tolerance"]].dropna()
            points: dict[str, Any] = {"markersize": 1.8, "alpha": 0.55, "markeredgewidth": 0}
            axes.plot(known["selectivity"], known["tolerance"], "o", color=look[key[0]], **points)
            grid.title(axes, key, f"rho = {_rho(known)} (n = {len(known)})")
            axes.tick_params(labelbottom=True)
        grid.panels[0, 0].set_ylim(*_most(table["tolerance"]))
        grid.label("Selectivity: lifetime sparseness", "Tolerance")
    return grid.figure


def _rho(known: pd.DataFrame) -> str:
    """Spearman's rho; undefined for two units, or where one of the two does not vary."""
    if len(known) < 3 or known.nunique().min() < 2:
        return "undefined"
    return f"{spearmanr(known['selectivity'], known['tolerance']).statistic:.2f}"


def _most(tolerance: pd.Series) -> tuple[float, float]:
    """Limits that hold 99 % of the values."""
    if tolerance.dropna().empty:
        low, high = (0.0, 1.0)
    else:
        low, high = (min(0.0, tolerance.quantile(0.01)), tolerance.quantile(0.99))
    return low - 0.06 * (high - low or 1), high + 0.06 * (high - low or 1)
