"""A study on one page: a panel for each measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmax_cnn.extraction.plain_text import capital

from .checks import checked, one_panel
from .contract import figure
from .marks import is_narrow, keys_of_models, legend_below
from .palette import PALETTE, colours_of
from .seeds import over_seeds
from .style import in_width, points, sheet, wrapped

_MOST = 12  # panels
_BY = ["measure", "images", "transformation", "way"]


@figure(
    draws="table",
    seeds="mean",
    given=("colours", "width", "level"),
    scales=("y",),
)
def overview(
    table: pd.DataFrame,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Overview of the study.

    Each dot is one layer of one model, from the lowest that was measured (left) to the highest; of
    curves over a transformation it is the mean over all values that change the image, and its
    interval the mean of theirs, which is at least as wide. Dotted lines are chance.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of several measures: columns measure, model, layer, value, low, high; transformation,
        amount, images, chance and seed where there are any.
    bands : {'interval', 'sem', 'range', 'none'}
        As in `hmax_cnn.analysis.figures.seeds.over_seeds`.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, nothing in the table has a value by layer, or there are several
        panels for `ax`.
    """
    table = checked(table, "measure", "model", "layer", "value", "low", "high")
    groups = panels_of(over_seeds(table.dropna(subset=["layer"]), level=level, bands=bands))[:_MOST]
    if not groups:
        msg = "`table` must have values by layer, got none."
        raise ValueError(msg)
    one_panel(ax, len(groups))
    look = colours_of(table["model"], colours)
    n_columns = min(in_width(width, 3, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.65 * n_rows + 0.5, n_rows, n_columns, ax) as (figure, panels):
        room = 0.85 * figure.get_figwidth() / n_columns
        for axes, (key, part) in zip(panels.flat, groups, strict=False):
            _panel(axes, part, look)
            below = ", ".join(filter(None, key[1:]))
            title = "\n".join(filter(None, [capital(key[0]), below]))
            axes.set_title(wrapped(title, room, points(7)), fontsize=points(7))
            _depth_axis(axes, narrow=is_narrow(figure))
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        if ax is None:
            keys = keys_of_models(look, marker="o", markersize=3)
            legend_below(figure, keys, most=(6, 3))
    return figure


def panels_of(table: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """The panels of an overview: a value for each layer of each model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns measure, model, layer, value, low, high, of one seed or over all; transformation,
        images, way and amount where there are any.

    Returns
    -------
    list of (tuple of str, DataFrame)
        Measure, images, transformation and way; and rows with model, layer, value, low, high, and
        chance where it is known. Curves over a transformation are averaged over the values that
        change the image, and so are the ends of their intervals: a standard error of a mean is at
        most the mean of the standard errors, however its parts depend on each other.
    """
    table = table.assign(
        **{name: table[name].fillna("") if name in table else "" for name in _BY[1:]}
    )
    if "amount" in table and "changed" in table:
        # Truths, also as text: undefined where there is no transformation.
        still = table["changed"].astype(str) == "False"
        table = table[~still]
    numbers = [name for name in ("value", "low", "high", "chance") if name in table]
    found = []
    for key, part in table.groupby(_BY, sort=False):
        means = part.groupby(["model", "layer"], sort=False)[numbers].mean().reset_index()
        found.append((tuple(map(str, key)), means))
    return found


def _depth_axis(axes: Axes, narrow: bool) -> None:
    """From a model's lowest layer to its highest, with the names of both inside the panel."""
    names = ["lowest", "highest"] if narrow else ["lowest layer", "highest layer"]
    axes.set(xlim=(-0.08, 1.08), xticks=[0, 1], xticklabels=names)
    left, right = axes.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")


def _panel(axes: Axes, part: pd.DataFrame, colours: Mapping[str, str]) -> None:
    models = list(dict.fromkeys(part["model"]))
    for place, model in enumerate(models):
        mine = part[part["model"] == model]
        depth = np.linspace(0, 1, len(mine)) if len(mine) > 1 else np.zeros(1)
        # Models are set apart a little, so that intervals do not hide each other.
        depth = depth + 0.016 * (place - (len(models) - 1) / 2)
        reach = [mine["value"] - mine["low"], mine["high"] - mine["value"]]
        axes.errorbar(
            depth,
            mine["value"],
            yerr=np.maximum(0, np.nan_to_num(reach)),
            color=colours[str(model)],
            marker="o",
            markersize=2.8,
            linewidth=0.9,
            elinewidth=0.6,
            zorder=2.5 - 0.01 * place,
        )
    _value_axis(axes, part)


def _value_axis(axes: Axes, part: pd.DataFrame) -> None:
    """From zero, so that distances say what they look like; field sizes on a logarithm."""
    ends = part[["value", "low", "high"]].to_numpy(float)
    known = ends[np.isfinite(ends)]
    values = part["value"].dropna()
    # Values that span more than a factor of 30, such as field sizes, are read on a log scale only.
    if len(values) and 0 < 30 * values.min() < values.max():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.set_ylim(values.min() / 1.8, values.max() * 1.8)
        return
    low, high = min(0.0, known.min(initial=0.0)), known.max(initial=0.0)
    axes.set_ylim(low - 0.03 * (high - low) * (low < 0), low + 1.06 * ((high - low) or 1.0))
    lines = {0.0} if low < 0 else set()
    if "chance" in part:
        lines |= set(part["chance"].dropna())
    for line in sorted(lines):
        axes.axhline(line, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
