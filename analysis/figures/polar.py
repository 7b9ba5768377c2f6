"""Polar plots: preferred orientations and how sharply they are preferred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked, of_first
from .contract import figure
from .palette import colours_of
from .panels import panel_grid
from .style import points
from .tuning_curves import relative


@figure(draws="curve_table", seeds="first", scales=(), values=None)
def polar(
    curve_table: pd.DataFrame,
    n_units: int = 8,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Orientation tuning as polar plots.

    Distance from the middle is the response, as a share of each unit's largest.

    Parameters
    ----------
    curve_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tuning.orientation_tuning`: columns model, layer, unit,
        stimulus, amount, curve.
    n_units : int
        At most so many units of each layer, evenly from all.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer; polar, as `plt.subplot(projection='polar')` makes them.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, curves are not over orientation, or `ax` is not polar or for
        several layers.
    """
    table = of_first(checked(curve_table, "model", "layer", "unit", "stimulus", "amount", "curve"))
    if set(table["stimulus"]) != {"orientation"}:
        shown = ", ".join(sorted(set(table["stimulus"])))
        msg = f"`curve_table` must be over orientation, got {shown}."
        raise ValueError(msg)
    look = colours_of(table["model"], colours)
    if ax is not None and ax.name != "polar":
        msg = (
            "`ax` must be polar, as plt.subplot(projection='polar') makes it, got axes that are "
            f"{ax.name}."
        )
        raise ValueError(msg)
    projection: dict[str, Any] = {"subplot_kw": {"projection": "polar"}}
    with panel_grid(table, ("model", "layer"), width, ax=ax, **projection) as grid:
        if ax is None:
            grid.figure.set_figheight(len(grid.panels) * (grid.panel_width + 0.25))
        for axes, (model, layer), part in grid:
            orientations, curves, n_defined = relative(part)
            # Orientations go half way round: the other half repeats them.
            angles = np.radians(
                np.concatenate([orientations, orientations + 180, orientations[:1]])
            )
            kept = np.linspace(0, len(curves) - 1, min(n_units, len(curves))).round().astype(int)
            for number, curve in enumerate(curves[kept]):
                radii = np.maximum(np.concatenate([curve, curve, curve[:1]]), 0)
                dashes = ("-", "--", "-.", ":")[number % 4]
                axes.plot(angles, radii, dashes, color=look[model], linewidth=0.8, alpha=0.9)
            grid.title(axes, (model, layer), f"{len(kept)} of {n_defined} units")
            axes.set(yticks=[0.5, 1], yticklabels=["", "1"], ylim=(0, 1.02))
            ticks = np.radians([0, 45, 90, 135, 180, 225, 270, 315])
            axes.set_xticks(ticks, ["0°", "", "90°", "", "", "", "", ""])
            axes.tick_params(labelsize=points(6), pad=-2)
            axes.grid(linewidth=0.4)
    return grid.figure
