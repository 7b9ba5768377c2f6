"""Selectivity against tolerance, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from ..contract import figure
from .style import checked, colours_of, in_width, of_first, one_panel, sheet, titled, wrapped


@figure(draws="unit_table", seeds="first")
def selectivity(
    unit_table: pd.DataFrame,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Selectivity among images against tolerance to a transformation.

    A point for each unit, Spearman's rho above each layer.

    One unit in a hundred, of the highest tolerance, lies beyond the axis.

    Parameters
    ----------
    unit_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.invariance.selectivity_and_tolerance`: columns model, layer,
        selectivity, tolerance; transformation where there are several.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", "selectivity", "tolerance"))
    names = [
        "model",
        "layer",
        *[
            name
            for name in ("transformation", "images")
            if name in table and table[name].nunique() > 1
        ],
    ]
    groups = list(table.groupby(names, sort=False))
    one_panel(ax, len(groups))
    look = colours_of(table["model"], colours)
    n_columns = min(in_width(width, 4, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.6 * n_rows + 0.3, n_rows, n_columns, ax, sharex=True, sharey=True) as (
        figure,
        panels,
    ):
        for axes, (key, part) in zip(panels.flat, groups, strict=False):
            known = part[["selectivity", "tolerance"]].dropna()
            axes.plot(
                known["selectivity"],
                known["tolerance"],
                "o",
                color=look[key[0]],
                markersize=1.8,
                alpha=0.55,
                markeredgewidth=0,
            )
            varies = (
                len(known) > 2
                and known["selectivity"].nunique() > 1
                and known["tolerance"].nunique() > 1
            )
            if varies:
                rho = f"{spearmanr(known['selectivity'], known['tolerance']).statistic:.2f}"
            else:
                rho = "undefined"
            axes.set_title(
                wrapped(
                    f"{titled(*key)}\nrho = {rho} (n = {len(known)})",
                    0.9 * figure.get_figwidth() / n_columns,
                    7,
                ),
                fontsize=7,
            )
            axes.tick_params(labelbottom=True)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        for axes in panels[:, 0]:
            axes.set_ylabel("Tolerance")
        panels[0, 0].set_ylim(*_most(table["tolerance"]))
        if ax is None:
            figure.supxlabel("Selectivity: lifetime sparseness", fontsize=7.5)
        else:
            ax.set_xlabel("Selectivity: lifetime sparseness")
    return figure


def _most(tolerance: pd.Series) -> tuple[float, float]:
    """Limits that hold 99 % of the values."""
    if tolerance.dropna().empty:
        low, high = (0.0, 1.0)
    else:
        low, high = (min(0.0, tolerance.quantile(0.01)), tolerance.quantile(0.99))
    return low - 0.06 * (high - low or 1), high + 0.06 * (high - low or 1)
