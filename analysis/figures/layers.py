"""A number of each layer, with its interval.

Tolerance ranges, sparseness, bandwidths, any measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .checks import checked, distinct, without_curves
from .marks import bar_between, places_of, row_names
from .panels import panel_grid
from .seeds import over_seeds
from .style import PALETTE, colours_of, markers_of


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def layers(
    table: pd.DataFrame,
    value: str = "value",
    label: str | None = None,
    zero: bool = True,
    references: Mapping[str, float | Sequence[float]] | None = None,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """A value with its interval for each layer of each model, from the image upward.

    A cross marks the value of the control, where there is one.

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
    references : mapping from str to float or (float, float), or None
        What others have, or chance: a dotted line or a grey band each, with its name.
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
        If a column is missing, a reference is no number or pair, or there is more than one panel
        for `ax`.
    """
    table, known = _prepared(table, value, level), _checked_references(references)
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
            title = ", ".join(filter(None, [change, images if several else ""]))
            axes.set_title(title, pad=12 if known else None)
            axes.set_xlabel(label or str(table["measure"].iloc[0]).capitalize(), wrap=True)
            axes.grid(axis="y", color="#E5E5E5", linewidth=0.5)
            axes.set_axisbelow(True)
            _draw_references(axes, known)
        first = grid.panels[0, 0]
        # The first row is on top, as in the table.
        bottom, top = len(places) - 0.4, -0.6
        first.set(yticks=range(len(places)), yticklabels=row_names(places), ylim=(bottom, top))
        if zero:
            _from_zero(first, table[[value, "low"]], table[[value, "high"]])
    return grid.figure


def _prepared(table: pd.DataFrame, value: str, level: float) -> pd.DataFrame:
    """The table checked, its mean over seeds, and with every column that panels are made of."""
    bounds = {"low": "low", "high": "high"}
    if value != "value":
        bounds = {f"{value}_low": "low", f"{value}_high": "high"}
    checked(without_curves(table), "model", "layer", value, *bounds)
    distinct(table, "model", "layer", "transformation", "images")
    if value != "value":
        # The columns `low` and `high` of the table, if it has any, are of its `value`.
        table = table.drop(columns=["low", "high"], errors="ignore")
    table = over_seeds(table.rename(columns=bounds), value, level=level)
    optional = ("transformation", "images", "measure")
    for name in optional:
        table[name] = table[name].fillna("") if name in table else ""
    return table


def _control(axes: Axes, control: float, row: int) -> None:
    """A cross at the value of a layer's control, where it has one."""
    if pd.notna(control):
        axes.plot(control, row, "x", color=PALETTE["grey"], markersize=3.5, markeredgewidth=0.9)


def _checked_references(given: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Values and ranges by name.

    Raises
    ------
    ValueError
        If one is neither.
    """
    found = {}
    for name, reached in (given or {}).items():
        try:
            ends = np.sort(np.atleast_1d(np.asarray(reached, dtype=float)))
        except (TypeError, ValueError):
            ends = np.empty(0)
        if ends.ndim != 1 or len(ends) not in (1, 2) or not np.isfinite(ends).all():
            msg = (
                "`references` must be numbers, or pairs of a lower and an upper one, got "
                f"{reached!r} for {name!r}."
            )
            raise ValueError(msg)
        found[str(name)] = ends
    return found


def _draw_references(axes: Axes, references: Mapping[str, np.ndarray]) -> None:
    """A dotted line or a band each, with its name above the panel; close ones one above another."""
    low, high = axes.get_xlim()
    heights: dict[float, float] = {}
    for name, ends in sorted(references.items(), key=lambda item: item[1].mean()):
        if len(ends) == 1:
            axes.axvline(ends[0], color=PALETTE["grey"], linewidth=0.8, linestyle=":")
        else:
            axes.axvspan(*ends, color=PALETTE["grey"], alpha=0.15, linewidth=0)
        middle = float(ends.mean())
        # A line higher for each name that lies closer than a sixth of the axis.
        near = [at for place, at in heights.items() if abs(middle - place) < (high - low) / 6]
        heights[middle] = max(near, default=-8.0) + 8.0
        axes.annotate(
            name,
            (middle, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 1 + heights[middle]),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=6.5,
            color=PALETTE["grey"],
        )


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
