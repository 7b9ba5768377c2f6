"""Similarity of layers to the brain, between the bounds of what is possible."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import PALETTE, checked, colours_of, distinct, sheet, without_curves, wrapped
from .tables import over_seeds


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

    Filled where it is significant after correction, the noise ceiling as a band.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.similarity.brain_similarity`, all with the same subjects:
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
    checked(
        without_curves(table),
        "model",
        "layer",
        "value",
        "low",
        "high",
        "p_corrected",
        "ceiling_low",
        "ceiling_high",
    )
    table = over_seeds(distinct(table, "model", "layer"), level=level)
    look = colours_of(table["model"], colours)
    several = table.groupby("model")["layer"].transform("size") > 1
    names = [
        f"{row.model}, {row.layer}" if more else row.model
        for row, more in zip(table.itertuples(), several, strict=True)
    ]
    with sheet(width, 0.9 + 0.145 * (len(table) + len(look)), ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        first = table.iloc[0]
        if first["ceiling_high"] > 0:
            axes.axvspan(
                first["ceiling_low"],
                first["ceiling_high"],
                color=PALETTE["grey"],
                alpha=0.25,
                linewidth=0,
                label="noise ceiling",
            )
        for place, row in enumerate(table.itertuples()):
            axes.plot([row.low, row.high], [place, place], color=look[row.model], linewidth=1)
            axes.plot(
                row.value,
                place,
                "o",
                color=look[row.model],
                markersize=3.5,
                markerfacecolor=look[row.model] if row.p_corrected < 0.05 else "white",
            )
        axes.axvline(0, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
        axes.set(
            yticks=range(len(names)),
            yticklabels=names,
            xlabel=wrapped(label, 0.5 * figure.get_figwidth(), 7.5),
        )
        axes.invert_yaxis()
        axes.margins(y=0.02)
        axes.plot([], [], "o", color=PALETTE["grey"], markersize=3.5, label="p < 0.05, corrected")
        axes.plot(
            [],
            [],
            "o",
            color=PALETTE["grey"],
            markersize=3.5,
            markerfacecolor="white",
            label="not significant",
        )
        if ax is None:
            figure.legend(
                loc="outside lower center",
                ncols=2 if figure.get_figwidth() < 4 else 3,
                frameon=False,
            )
    return figure
