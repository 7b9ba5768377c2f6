"""Polar plots: preferred orientations and how sharply they are preferred."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..contract import figure
from .style import checked, colours_of, in_width, of_first, sheet, titled, wrapped
from .tuning_curves import relative


@figure(draws="curve_table", seeds="first")
def polar(
    curve_table: pd.DataFrame,
    n_units: int = 8,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
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

    Raises
    ------
    ValueError
        If a column is missing, or curves are not over orientation.
    """
    table = of_first(checked(curve_table, "model", "layer", "unit", "stimulus", "amount", "curve"))
    if set(table["stimulus"]) != {"orientation"}:
        msg = (
            "`curve_table` must be over orientation, got "
            f"{', '.join(sorted(set(table['stimulus'])))}."
        )
        raise ValueError(msg)
    groups = list(table.groupby(["model", "layer"], sort=False))
    look = colours_of(table["model"], colours)
    n_columns = min(in_width(width, 4, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 0.1, n_rows, n_columns, subplot_kw={"projection": "polar"}) as (
        figure,
        panels,
    ):
        figure.set_figheight(n_rows * (figure.get_figwidth() / n_columns + 0.25))
        room = 0.9 * figure.get_figwidth() / n_columns
        for axes, ((model, layer), part) in zip(panels.flat, groups, strict=False):
            points, curves, n_defined = relative(part)
            angles = np.radians(np.concatenate([points, points + 180, points[:1]]))
            if len(curves):
                shown = curves[
                    np.linspace(0, len(curves) - 1, min(n_units, len(curves))).round().astype(int)
                ]
            else:
                shown = curves
            for number, curve in enumerate(shown):
                ring = np.maximum(np.concatenate([curve, curve, curve[:1]]), 0)
                axes.plot(
                    angles,
                    ring,
                    color=look[model],
                    linewidth=0.8,
                    alpha=0.9,
                    linestyle=("-", "--", "-.", ":")[number % 4],
                )
            axes.set_title(
                wrapped(f"{titled(model, layer)}\n{len(shown)} of {n_defined} units", room, 7),
                fontsize=7,
            )
            axes.set(yticks=[0.5, 1], yticklabels=["", "1"], ylim=(0, 1.02))
            axes.set_xticks(
                np.radians([0, 45, 90, 135, 180, 225, 270, 315]),
                ["0°", "", "90°", "", "", "", "", ""],
            )
            axes.tick_params(labelsize=6, pad=-2)
            axes.grid(linewidth=0.4)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
    return figure
