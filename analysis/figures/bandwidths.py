"""Histograms of a property of units, layer by layer, beside what is known of V1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from ..literature.cortex import V1_BANDWIDTHS
from .style import (
    PALETTE,
    checked,
    colours_of,
    in_width,
    of_first,
    one_panel,
    sheet,
    titled,
    wrapped,
)

NAMES = {
    "bandwidth_half": ("Orientation bandwidth at half height, degrees", (0.0, 180.0)),
    "bandwidth_071": ("Orientation bandwidth at 0.71 of the height, degrees", (0.0, 180.0)),
    "bandwidth_octaves": ("Spatial-frequency bandwidth, octaves", (0.0, 5.0)),
    "circular_variance": ("Circular variance", (0.0, 1.0)),
    "f1_over_f0": ("F1/F0", (0.0, 2.0)),
}


@figure(draws="unit_table", seeds="first")
def bandwidths(
    unit_table: pd.DataFrame,
    value: str = "bandwidth_half",
    n_bins: int = 18,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Distribution of a property of tuning over the units of each layer.

    The line is the median; dashed are the medians of cells in macaque V1.

    Parameters
    ----------
    unit_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tuning`: columns model, layer, and the property.
    value : str
        The property, such as 'bandwidth_half', 'bandwidth_octaves', 'circular_variance',
        'f1_over_f0'.
    n_bins : int
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", value))
    groups = list(table.groupby(["model", "layer"], sort=False))
    one_panel(ax, len(groups))
    look = colours_of(table["model"], colours)
    label, reach = NAMES.get(
        value,
        (
            value.replace("_", " ").capitalize(),
            (float(table[value].min()), float(table[value].max())),
        ),
    )
    edges = np.linspace(*reach, n_bins + 1)
    n_columns = min(in_width(width, 4, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.35 * n_rows + 0.35, n_rows, n_columns, ax, sharex=True, sharey=True) as (
        figure,
        panels,
    ):
        for axes, ((model, layer), part) in zip(panels.flat, groups, strict=False):
            found = part[value].to_numpy(float)
            defined = np.clip(found[np.isfinite(found)], *reach)
            axes.hist(
                defined,
                edges,
                weights=np.full(len(defined), 100 / max(1, len(found))),
                color=look[model],
                alpha=0.75,
            )
            if len(defined):
                axes.axvline(np.median(defined), color="black", linewidth=1)
            for cells, known in V1_BANDWIDTHS.get(value, {}).items():
                axes.axvline(
                    known,
                    color=PALETTE["grey"],
                    linestyle="--" if cells == "simple" else ":",
                    linewidth=0.9,
                )
            axes.set_title(
                wrapped(
                    f"{titled(model, layer)}\n{len(defined)} of {len(found)} defined",
                    0.9 * figure.get_figwidth() / n_columns,
                    7,
                ),
                fontsize=7,
            )
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        for axes in panels[:, 0]:
            axes.set_ylabel("Units, %")
        for column in range(n_columns):
            lowest = panels[(len(groups) - 1 - column) // n_columns, column]
            lowest.tick_params(labelbottom=True)
        if ax is None:
            figure.supxlabel(label, fontsize=7.5)
        else:
            ax.set_xlabel(label)
    return figure
