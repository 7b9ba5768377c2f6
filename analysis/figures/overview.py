"""A study on one page: a panel for each measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .checks import checked
from .marks import is_narrow, keys_of_models, legend_below
from .seeds import over_seeds
from .style import PALETTE, colours_of, in_width, sheet

_MOST = 12  # panels


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def overview(
    table: pd.DataFrame,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
) -> Figure:
    """The study on one page.

    For each measure its value over the layers of every model, from the lowest (left) to the
    highest. Of curves over a transformation the mean over all values that change something is
    drawn, without an interval. Layers are those that were measured; a model with one stands at the
    left.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of several measures: columns measure, model, layer, value, low, high; transformation,
        amount, images and seed where there are any.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, or nothing in the table has a value by layer.
    """
    table = checked(table, "measure", "model", "layer", "value", "low", "high")
    table = over_seeds(table.dropna(subset=["layer"]), level=level)
    for name in ("transformation", "images", "way"):
        table[name] = table[name].fillna("") if name in table else ""
    look = colours_of(table["model"], colours)
    by = ["measure", "images", "transformation", "way"]
    groups = list(table.groupby(by, sort=False))[:_MOST]
    if not groups:
        msg = "`table` must have values by layer, got none."
        raise ValueError(msg)
    n_columns = min(in_width(width, 3, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.6 * n_rows + 0.5, n_rows, n_columns) as (figure, panels):
        for axes, ((measure, images, change, way), part) in zip(panels.flat, groups, strict=False):
            _panel(axes, part, look)
            below = ", ".join(filter(None, [change, images, way]))
            axes.set_title("\n".join(filter(None, [str(measure), below])), fontsize=7)
            _depth_axis(axes, narrow=is_narrow(figure))
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        legend_below(figure, keys_of_models(look, marker="o", markersize=3), most=(6, 3))
    return figure


def _depth_axis(axes: Axes, narrow: bool) -> None:
    """From a model's lowest layer to its highest, with the names of both inside the panel."""
    names = ["lowest", "highest"] if narrow else ["lowest layer", "highest layer"]
    axes.set(xlim=(-0.06, 1.06), xticks=[0, 1], xticklabels=names)
    left, right = axes.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")


def _panel(axes: Axes, part: pd.DataFrame, colours: Mapping[str, str]) -> None:
    shown: list[float] = []
    for place, (model, mine) in enumerate(part.groupby("model", sort=False)):
        curves = "amount" in mine and mine["amount"].notna().any()
        if curves and "changed" in mine:
            mine = mine[mine["changed"].astype(bool)]
        means = mine.groupby("layer", sort=False)[["value", "low", "high"]].mean()
        depth = np.linspace(0, 1, len(means)) if len(means) > 1 else np.zeros(1)
        # Models are set apart a little, so that intervals do not hide each other.
        depth = depth + 0.012 * (place - len(colours) / 2)
        shown += means["value"].dropna().tolist()
        reach = None
        # The mean of a curve has no interval: points of one curve are not independent.
        if not curves:
            reach = np.maximum(0, [means["value"] - means["low"], means["high"] - means["value"]])
        axes.errorbar(
            depth,
            means["value"],
            yerr=reach,
            color=colours[str(model)],
            marker="o",
            markersize=2.8,
            linewidth=0.9,
            elinewidth=0.7,
        )
    lowest, highest = min(shown, default=0.0), max(shown, default=0.0)
    # Values that span more than a factor of 30, such as field sizes, are read on a log scale only.
    if 0 < 30 * lowest < highest:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    elif lowest <= 0:
        axes.axhline(0, color=PALETTE["grey"], linewidth=0.5, linestyle=":")
