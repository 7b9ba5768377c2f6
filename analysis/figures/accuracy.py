"""Accuracy: a point for each layer, with its interval and chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked, distinct, without_curves
from .contract import figure
from .marks import bar_between, chance_of, distinguishing
from .palette import PALETTE, colours_of, markers_of
from .seeds import over_seeds
from .style import points, sheet


@figure(draws="table", seeds="mean", given=("colours", "width", "level"), scales=("x",), values="x")
def accuracy(
    table: pd.DataFrame,
    chance: float | None = None,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "single",
    ax: Axes | None = None,
) -> Figure:
    """Accuracy of a readout of each layer on held-out images.

    The dotted line is chance, where the axis reaches it.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, value, low, high; images, seed and chance where there are any.
    chance : float or None
        Accuracy of guessing; None takes the table's own.
    bands : {'interval', 'sem', 'range', 'none'}
        As in `hmax_cnn.analysis.figures.seeds.over_seeds`.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    table = _prepared(table, level, bands)
    names = _names(table)
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    guess, left = chance_of(table, chance), _left_limit(table["low"])
    with sheet(width, 0.19 * len(table) + 0.75, ax=ax) as (figure, panels):
        axes = panels[0, 0]
        for place, row in enumerate(table.itertuples()):
            _point(axes, place, row, look[row.model], markers[row.layer])
        if guess is not None and 100 * guess >= left:
            _chance_line(axes, 100 * guess)
        axes.set(
            yticks=range(len(names)),
            yticklabels=names,
            # The first row is on top; the line above it is where "chance" is written.
            ylim=(len(names) - 0.4, -1.1),
            xlabel="Accuracy on held-out images (%)",
        )
        # Numbers are written to the right of the intervals: room for those of 100 %.
        axes.set_xlim(left, 100 + 0.16 * (100 - left))
        step = 5 if left >= 60 else 20
        axes.set_xticks([tick for tick in range(0, 101, step) if tick >= left])
    return figure


def _prepared(table: pd.DataFrame, level: float, bands: str) -> pd.DataFrame:
    """The table checked, and its mean over seeds."""
    checked(without_curves(table), "model", "layer", "value", "low", "high")
    return over_seeds(distinct(table, "model", "layer", "images"), level=level, bands=bands)


def _names(table: pd.DataFrame) -> list[str]:
    """What each row is of, without what is the same in all rows."""
    several = distinguishing(table)
    alone = table.groupby("model")["layer"].transform("nunique") == 1
    names = []
    for (_, row), only_layer in zip(table.iterrows(), alone, strict=True):
        parts = [name for name in several if not (name == "layer" and only_layer)]
        names.append(", ".join(str(row[name]) for name in parts))
    return names


def _left_limit(low: pd.Series) -> int:
    """The tens of percent at least ten below the lowest interval; 0 where there is none."""
    if low.notna().any():
        return max(0, 10 * int((100 * low.min() - 10) // 10))
    return 0


def _point(axes: Axes, place: int, row: Any, colour: str, marker: str) -> None:
    """Accuracy of one layer, with its interval and its number behind it."""
    # Intervals by Student's t over seeds may pass what an accuracy can be.
    low, high = max(0.0, 100 * row.low), min(100.0, 100 * row.high)
    bar_between(axes, (low, high), place, colour, 1.2)
    axes.plot(100 * row.value, place, marker, color=colour, markersize=4.5)
    beside: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
    end = np.nanmax([high, 100 * row.value])
    axes.annotate(f"{100 * row.value:.1f}", (end, place), fontsize=points(6.5), **beside)


def _chance_line(axes: Axes, level: float) -> None:
    """A dotted line at chance, with its name in the room above the first row."""
    axes.axvline(level, color=PALETTE["grey"], linewidth=0.8, linestyle=":")
    axes.annotate(
        "chance",
        (level, -0.75),
        xytext=(2, 0),
        textcoords="offset points",
        va="center",
        color=PALETTE["grey"],
        fontsize=points(6.5),
    )
