"""Accuracy: a point for each layer, with its interval and chance."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import PALETTE, checked, colours_of, distinct, markers_of, sheet, without_curves
from .tables import over_seeds


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def accuracy(
    table: pd.DataFrame,
    chance: float | None = None,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "single",
    ax: Axes | None = None,
) -> Figure:
    """Accuracy of a readout of each layer on held-out images.

    Bars are intervals; a dotted line is chance, where the axis reaches it.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, layer, value, low, high; images, seed and chance where there are any.
    chance : float or None
        Accuracy of guessing; None takes the table's own.
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
    table = over_seeds(
        distinct(
            checked(without_curves(table), "model", "layer", "value", "low", "high"),
            "model",
            "layer",
            "images",
        ),
        level=level,
    )
    several = [
        name
        for name in ("model", "layer", "images")
        if name in table and (table[name].nunique() > 1 or name == "model")
    ]
    single = table.groupby("model")["layer"].transform("nunique") == 1
    names = [
        ", ".join(str(row[name]) for name in several if not (name == "layer" and alone))
        for (_, row), alone in zip(table.iterrows(), single, strict=True)
    ]
    if chance is not None:
        guess = chance
    else:
        if "chance" in table:
            guess = float(table["chance"].iloc[0])
        else:
            guess = None
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    with sheet(width, 0.19 * len(table) + 0.75, ax=ax) as (figure, panels):
        axes = panels[0, 0]
        for place, row in enumerate(table.itertuples()):
            low, high = max(0.0, 100 * row.low), min(100.0, 100 * row.high)
            axes.plot([low, high], [place, place], color=look[row.model], linewidth=1.2)
            axes.plot(
                100 * row.value, place, markers[row.layer], color=look[row.model], markersize=4.5
            )
            beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(f"{100 * row.value:.1f}", (high, place), fontsize=6.5, **beside)
        if table["low"].notna().any():
            left = max(0, 10 * int((100 * table["low"].min() - 10) // 10))
        else:
            left = 0
        if guess is not None and 100 * guess >= left:
            axes.axvline(100 * guess, color=PALETTE["grey"], linewidth=0.8, linestyle=":")
            axes.annotate(
                "chance",
                (100 * guess, -0.75),
                xytext=(2, 0),
                textcoords="offset points",
                va="center",
                color=PALETTE["grey"],
                fontsize=6.5,
            )
        axes.set(
            yticks=range(len(names)),
            yticklabels=names,
            ylim=(len(names) - 0.4, -1.1),
            xlabel="Accuracy on held-out images (%)",
        )
        axes.set_xlim(left, 100 + 0.16 * (100 - left))
        axes.set_xticks([tick for tick in range(0, 101, 5 if left >= 60 else 20) if tick >= left])
    return figure
