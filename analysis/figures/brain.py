"""Similarity of layers to the brain, between the bounds of what is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .checks import checked, distinct, without_curves
from .marks import bar_between, legend_below, row_names
from .seeds import over_seeds
from .style import PALETTE, colours_of, sheet, wrapped

_COLUMNS = ("model", "layer", "value", "low", "high", "p_corrected", "ceiling_low", "ceiling_high")


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def brain(
    table: pd.DataFrame,
    label: str = "Similarity of RDMs, mean over subjects",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "middle",
    ax: Axes | None = None,
) -> Figure:
    """Similarity of each layer to the brain.

    Markers are filled where the similarity is significant after correction; the band is the noise
    ceiling.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.brain.brain_similarity`, all with the same subjects:
        columns model, layer, value, low, high, p_corrected, ceiling_low, ceiling_high.
    label : str
        What the axis says.
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
    checked(without_curves(table), *_COLUMNS)
    table = over_seeds(distinct(table, "model", "layer"), level=level)
    look = colours_of(table["model"], colours)
    names = row_names(list(zip(table["model"], table["layer"], strict=True)))
    with sheet(width, 0.9 + 0.145 * (len(table) + len(look)), ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        _ceiling(axes, table.iloc[0])
        for place, row in enumerate(table.itertuples()):
            bar_between(axes, (row.low, row.high), place, look[row.model])
            _marker(axes, row.value, place, look[row.model], filled=row.p_corrected < 0.05)
        axes.axvline(0, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
        axes.set(
            yticks=range(len(names)),
            yticklabels=names,
            xlabel=wrapped(label, 0.5 * figure.get_figwidth(), 7.5),
        )
        axes.invert_yaxis()
        axes.margins(y=0.02)
        # Without data: what filled and open markers mean, for the legend.
        _marker(axes, [], [], PALETTE["grey"], filled=True, label="p < 0.05, corrected")
        _marker(axes, [], [], PALETTE["grey"], filled=False, label="not significant")
        if ax is None:
            legend_below(figure, axes.get_legend_handles_labels()[0])
    return figure


def _ceiling(axes: Axes, row: pd.Series) -> None:
    """The noise ceiling as a band.

    It is of the subjects alone, so that every row has the same.
    """
    if row["ceiling_high"] > 0:
        axes.axvspan(
            row["ceiling_low"],
            row["ceiling_high"],
            color=PALETTE["grey"],
            alpha=0.25,
            linewidth=0,
            label="noise ceiling",
        )


def _marker(
    axes: Axes, x: Any, y: Any, colour: str, filled: bool, label: str | None = None
) -> None:
    face = colour if filled else "white"
    axes.plot(x, y, "o", color=colour, markersize=3.5, markerfacecolor=face, label=label)
