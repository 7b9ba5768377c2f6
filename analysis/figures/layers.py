"""A number of each layer, with its interval.

Tolerance ranges, sparseness, bandwidths, any measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from hmax_cnn.extraction.plain_text import capital

from .checks import checked, distinct, without_curves
from .contract import figure
from .marks import bar_between, places_of, row_names
from .palette import PALETTE, colours_of, markers_of
from .panels import panel_grid
from .seeds import over_seeds, with_bounds_of
from .style import points, wrapped


@figure(draws="table", seeds="mean", given=("colours", "width", "level"), scales=("x",), values="x")
def layers(
    table: pd.DataFrame,
    value: str = "value",
    label: str | None = None,
    zero: bool = True,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """A measure for each layer of each model, from the image upward.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, `value`, low, high; control (drawn as a cross), transformation,
        images, seed and cut_off (the share of units whose range reaches the end of what was shown:
        a triangle) where there are any.
    value : str
        The column that is drawn, such as 'bandwidth_half' (its interval is then
        `bandwidth_half_low` to `bandwidth_half_high`).
    label : str or None
        What the axis says; the measure where None.
    zero : bool
        Whether the axis starts at 0.
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
        If a column is missing, or there is more than one panel for `ax`.
    """
    table = _prepared(table, value, level, bands)
    places = places_of(table)
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    several = table["images"].nunique() > 1
    heights = (0.15 * len(places) + 0.8, 0.1)
    shared: dict[str, Any] = {"sharey": True, "sharex": zero}
    columns = ("transformation", "images")
    with panel_grid(table, columns, width, heights, ax, **shared) as grid:
        for axes, (change, images), part in grid:
            for found in part.itertuples():
                row = places.index((found.model, found.layer))
                colour, marker = look[found.model], markers[found.layer]
                bar_between(axes, (found.low, found.high), row, colour)
                axes.plot(getattr(found, value), row, marker, color=colour, markersize=4)
                _control(axes, getattr(found, "control", np.nan), row)
                if getattr(found, "cut_off", 0) > 0:
                    end = np.nanmax([found.high, getattr(found, value)])
                    beside = offset_copy(axes.transData, grid.figure, x=5, units="points")
                    arrow: dict[str, Any] = {"color": colour, "transform": beside}
                    axes.plot(end, row, ">", markersize=3, clip_on=False, **arrow)
            title = ", ".join(filter(None, [change, images if several else ""]))
            axes.set_title(wrapped(title, 0.9 * grid.panel_width, points(8)))
            axes.tick_params(labelbottom=True)  # also above a place without a panel
            axes.grid(axis="y", color="#E5E5E5", linewidth=0.5)
            axes.set_axisbelow(True)
        # Beside the names of rows a panel is narrower than the figure.
        room = (0.6 if grid.panels.size == 1 else 0.9) * grid.figure.get_figwidth()
        grid.label(wrapped(label or _label(table), room, points(7.5)))
        first = grid.panels[0, 0]
        # The first row is on top, as in the table.
        bottom, top = len(places) - 0.4, -0.6
        first.set(yticks=range(len(places)), yticklabels=row_names(places), ylim=(bottom, top))
        if zero:
            _from_zero(first, table[[value, "low"]], table[[value, "high"]])
    return grid.figure


def _label(table: pd.DataFrame) -> str:
    """The measure, with its unit where it has one."""
    name = str(table["measure"].iloc[0])
    unit = str(table["unit_of_value"].iloc[0]) if "unit_of_value" in table else "nan"
    return capital(name) if unit == "nan" else f"{capital(name)} ({unit})"


def _prepared(table: pd.DataFrame, value: str, level: float, bands: str) -> pd.DataFrame:
    """The table checked, its mean over seeds, and with every column that panels are made of."""
    ends = ("low", "high") if value == "value" else (f"{value}_low", f"{value}_high")
    checked(without_curves(table), "model", "layer", value, *ends)
    distinct(table, "model", "layer", "transformation", "images")
    table = over_seeds(with_bounds_of(table, value), value, level, bands)
    optional = ("transformation", "images", "measure")
    for name in optional:
        table[name] = table[name].fillna("") if name in table else ""
    return table


def _control(axes: Axes, control: float, row: int) -> None:
    """A cross at the value of a layer's control, where it has one."""
    if pd.notna(control):
        axes.plot(control, row, "x", color=PALETTE["grey"], markersize=3.5, markeredgewidth=0.9)


def _from_zero(axes: Axes, lower: pd.DataFrame, upper: pd.DataFrame) -> None:
    """Start the axis at zero, or a little below the least value where that is negative."""
    bottom = min(0.0, float(lower.min().min()))
    largest = float(upper.max().max())
    if not (np.isfinite(bottom) and np.isfinite(largest)):
        return
    if bottom < 0:
        axes.set_xlim(left=1.05 * bottom)
    else:
        # So that a marker at zero is not cut in half.
        axes.set_xlim(left=-0.02 * (largest or 1))
