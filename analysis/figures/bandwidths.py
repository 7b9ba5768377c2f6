"""Histograms of a property of units, layer by layer, beside what is known of V1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..literature.cortex import V1_BANDWIDTHS
from .checks import checked, of_first
from .contract import figure
from .palette import PALETTE, colours_of
from .panels import panel_grid

NAMES = {
    "bandwidth_half": ("Orientation bandwidth at half height (degrees)", (0.0, 180.0)),
    "bandwidth_071": ("Orientation bandwidth at 0.71 of the height (degrees)", (0.0, 180.0)),
    "bandwidth_octaves": ("Spatial-frequency bandwidth (octaves)", (0.0, 5.0)),
    "circular_variance": ("Circular variance", (0.0, 1.0)),
    "f1_over_f0": ("F1/F0", (0.0, 2.0)),
}


@figure(draws="unit_table", seeds="first", values="x")
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

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", value))
    look = colours_of(table["model"], colours)
    name = value.replace("_", " ").capitalize()
    span = float(table[value].min()), float(table[value].max())
    label, reach = NAMES.get(value, (name, span))
    edges = np.linspace(*reach, n_bins + 1).tolist()
    shared: dict[str, Any] = {"sharex": True, "sharey": True}
    with panel_grid(table, ("model", "layer"), width, (1.35, 0.35), ax, **shared) as grid:
        for axes, (model, layer), part in grid:
            found = part[value].to_numpy(float)
            defined = np.clip(found[np.isfinite(found)], *reach)
            weights = np.full(len(defined), 100 / max(1, len(found)))
            axes.hist(defined, edges, weights=weights, color=look[model], alpha=0.75)
            if len(defined):
                axes.axvline(np.median(defined), color="black", linewidth=1)
            for cells, known in V1_BANDWIDTHS.get(value, {}).items():
                dashes = "--" if cells == "simple" else ":"
                axes.axvline(known, color=PALETTE["grey"], linestyle=dashes, linewidth=0.9)
            grid.title(axes, (model, layer), f"{len(defined)} of {len(found)} defined")
        # The lowest panel of each column has the numbers, also where the last row is not full.
        n_columns, n_groups = grid.panels.shape[1], len(grid.groups)
        for column in range(n_columns):
            lowest = grid.panels[(n_groups - 1 - column) // n_columns, column]
            lowest.tick_params(labelbottom=True)
        grid.label(label, "Units (%)")
    return grid.figure
