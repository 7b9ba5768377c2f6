"""A number of each layer, with its interval.

Tolerance ranges, sparseness, bandwidths, any measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import (
    PALETTE,
    checked,
    colours_of,
    distinct,
    in_width,
    markers_of,
    one_panel,
    sheet,
    without_curves,
)
from .tables import over_seeds


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def layers(
    table: pd.DataFrame,
    value: str = "value",
    label: str | None = None,
    zero: bool = True,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """A point with its interval for each layer of each model, from the image upward.

    A cross where its control lies, if it has one.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, `value`, low, high; control, transformation, images and seed where
        there are any.
    value : str
        The column that is drawn, such as 'bandwidth_half' (its interval is then
        `bandwidth_half_low` to `bandwidth_half_high`).
    label : str or None
        What the axis says; the measure where None.
    zero : bool
        Whether the axis starts at 0.
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
        If a column is missing, or there is more than one panel for `ax`.
    """
    if value == "value":
        low, high = ("low", "high")
    else:
        low, high = (f"{value}_low", f"{value}_high")
    distinct(
        checked(without_curves(table), "model", "layer", value, low, high),
        "model",
        "layer",
        "transformation",
        "images",
    )
    table = over_seeds(table.rename(columns={low: "low", high: "high"}), value, level=level)
    table = table.assign(
        **{name: table.get(name, "") for name in ("transformation", "images", "measure")}
    )
    panels_of = list(
        table.drop_duplicates(["transformation", "images"])[
            ["transformation", "images"]
        ].itertuples(index=False, name=None)
    )
    places = list(
        table.drop_duplicates(["model", "layer"])[["model", "layer"]].itertuples(
            index=False, name=None
        )
    )
    places = sorted(places, key=lambda place: list(dict.fromkeys(table["model"])).index(place[0]))
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    one_panel(ax, len(panels_of))
    n_columns = min(in_width(width, 4, 2), len(panels_of))
    n_rows = -(-len(panels_of) // n_columns)
    names = [
        model if sum(other == model for other, _ in places) == 1 else f"{model}, {layer}"
        for model, layer in places
    ]
    with sheet(
        width,
        n_rows * (0.15 * len(places) + 0.8) + 0.1,
        n_rows,
        n_columns,
        ax,
        sharey=True,
        sharex=zero,
    ) as (figure, panels):
        for index, axes in enumerate(panels.flat):
            if index >= len(panels_of):
                axes.axis("off")
                continue
            change, images = panels_of[index]
            part = table[(table["transformation"] == change) & (table["images"] == images)]
            for row, (model, layer) in enumerate(places):
                for found in part[(part["model"] == model) & (part["layer"] == layer)].itertuples():
                    axes.plot([found.low, found.high], [row, row], color=look[model], linewidth=1)
                    axes.plot(
                        getattr(found, value), row, markers[layer], color=look[model], markersize=4
                    )
                    if "control" in part and pd.notna(found.control):
                        axes.plot(
                            found.control,
                            row,
                            "x",
                            color=PALETTE["grey"],
                            markersize=3.5,
                            markeredgewidth=0.9,
                        )
            several = table["images"].nunique() > 1
            axes.set_title(", ".join(filter(None, [change, images if several else ""])))
            axes.set_xlabel(label or str(table["measure"].iloc[0]).capitalize(), wrap=True)
            axes.grid(axis="y", color="#E5E5E5", linewidth=0.5)
            axes.set_axisbelow(True)
        first = panels[0, 0]
        first.set(yticks=range(len(places)), yticklabels=names, ylim=(len(places) - 0.4, -0.6))
        if zero:
            bottom = min(0.0, float(table[[value, "low"]].min().min()))
            largest = float(table[[value, "high"]].max().max())
            if np.isfinite(bottom) and np.isfinite(largest):
                first.set_xlim(left=1.05 * bottom if bottom < 0 else -0.02 * (largest or 1))
    return figure
