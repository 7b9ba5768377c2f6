"""Confusion matrices: which classes are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked, one_panel
from .contract import figure
from .marks import distinguishing
from .style import points, sheet, titled, wrapped


@figure(draws="layer_label_predicted_table", seeds="sum", given=("width",), scales=(), values=None)
def confusion(
    layer_label_predicted_table: pd.DataFrame, width: str | float = "double", ax: Axes | None = None
) -> Figure:
    """Confusion matrices of the readout of each layer.

    Rows are true classes and columns predictions; colour, and the number where there is room, is
    the percentage of the row.

    Parameters
    ----------
    layer_label_predicted_table : pandas.DataFrame
        Columns label, predicted, n_pictures; a panel for each model and layer where those are
        columns; seeds are summed.
    width : str or float
    ax : matplotlib Axes or None
        For one panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one panel for `ax`.
    """
    table = checked(layer_label_predicted_table, "label", "predicted", "n_pictures").astype(
        {"label": str, "predicted": str}
    )
    groups = _groups(table)
    one_panel(ax, len(groups))
    classes = list(dict.fromkeys(table["label"]))
    n_columns = min(len(groups), 3 if len(classes) <= 12 else 2)
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 0.1, n_rows, n_columns, ax) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        if ax is None:
            # A single matrix has its colour bar at the side, which takes a part of the width.
            figure.set_figheight(n_rows * side * (1.0 if n_columns > 1 else 0.92))
        with_bar = n_columns == 1 and ax is None
        # Inches for each class, beside the names in 6 point, their label, and the colour bar.
        beside = 0.25 + 0.055 * max(map(len, classes)) + (0.65 if with_bar else 0.1)
        room = max(0.01, (side - beside) / len(classes))
        for axes, (key, part) in zip(panels.flat, groups, strict=False):
            _matrix(axes, _percent(part, classes), room, with_bar)
            axes.set(
                xlabel="Predicted class",
                ylabel="True class" if axes is panels.flat[0] or n_columns > 1 else "",
                title=wrapped(titled(*key), 0.8 * side, points(8)),
            )
            _ticks(axes, classes, room)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
    return figure


def _groups(table: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    """What each panel is of, and its rows: one for each model, and for what else there is."""
    names = distinguishing(table)
    if names:
        return list(table.groupby(names, sort=False))
    return [((), table)]


def _percent(part: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Percent of each true class, over seeds together; rows and columns in the same order."""
    counts = part.pivot_table(
        index="label", columns="predicted", values="n_pictures", aggfunc="sum", sort=False
    )
    own = [one for one in classes if one in counts.index]
    counts = counts.reindex(index=own, columns=own)
    # A class without images is a row of zeros, not of divisions by zero.
    return 100 * counts.div(counts.sum(axis=1).clip(lower=1), axis=0)


def _matrix(axes: Axes, percent: pd.DataFrame, room: float, with_bar: bool) -> None:
    """Cells in colour, with their number where it is legible."""
    labels: pd.DataFrame | bool = False
    if room > 0.13:  # inches: three digits of the least legible size
        labels = percent.map(lambda found: f"{found:.0f}" if found >= 0.5 else "")
    sns.heatmap(
        percent,
        ax=axes,
        annot=labels,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=100,
        square=True,
        linewidths=0.3 if room > 0.1 else 0,
        linecolor="white",
        annot_kws={"size": min(points(6), 36 * room)},
        cbar=with_bar,
        cbar_kws={"label": "Predicted, % of true class", "shrink": 0.7},
    )


def _ticks(axes: Axes, classes: list[str], room: float) -> None:
    """As many class names as there is room for, in 6 point."""
    every = max(1, int(np.ceil(0.11 / room)))
    kept = np.arange(0, len(classes), every)
    longest = max(map(len, classes))
    axes.set_xticks(
        kept + 0.5,
        [classes[i] for i in kept],
        rotation=90 if longest * 0.05 > room * every else 0,
        fontsize=points(6),
    )
    axes.set_yticks(kept + 0.5, [classes[i] for i in kept], rotation=0, fontsize=points(6))
    axes.tick_params(length=0)
