"""Learning curves: accuracy over the number of training images."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import PALETTE, checked, colours_of, markers_of, sheet
from .tables import over_seeds


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def learning(
    table: pd.DataFrame,
    chance: float | None = None,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "middle",
    ax: Axes | None = None,
) -> Figure:
    """Accuracy on held-out images over the number of training images and features.

    Training images are counted per class.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.learning_curves.learning_curve`: columns model, layer,
        n_train, n_features, value, low, high.
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
        checked(table, "model", "layer", "n_train", "n_features", "value", "low", "high"),
        level=level,
    )
    look, markers = colours_of(table["model"], colours), markers_of(table["layer"])
    if chance is not None:
        guess = chance
    else:
        if "chance" in table:
            guess = float(table["chance"].iloc[0])
        else:
            guess = None
    with sheet(width, 2.7, ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        for (model, layer, limit), line in table.groupby(
            ["model", "layer", "n_features"], sort=False
        ):
            line = line.sort_values("n_train")
            few = table.loc[table["model"] == model, "layer"].nunique() == 1
            name = (str(model) if few else f"{model}, {layer}") + (
                "" if limit == -1 else f", {limit} features"
            )
            colour, marker = look[str(model)], markers[str(layer)]
            axes.fill_between(
                line["n_train"],
                100 * line["low"].clip(0, 1),
                100 * line["high"].clip(0, 1),
                color=colour,
                alpha=0.13,
                linewidth=0,
            )
            axes.plot(
                line["n_train"],
                100 * line["value"],
                color=colour,
                marker=marker,
                markersize=3,
                linewidth=1,
                label=name,
            )
        if guess is not None:
            axes.axhline(
                100 * guess, color=PALETTE["grey"], linewidth=0.8, linestyle=":", label="chance"
            )
        axes.set_xscale("log")
        axes.set_xticks(
            sorted(set(table["n_train"])), [f"{count:g}" for count in sorted(set(table["n_train"]))]
        )
        axes.minorticks_off()
        axes.set(xlabel="Training images of each class", ylabel="Accuracy, %", ylim=(0, 102))
        if ax is None:
            figure.legend(
                *axes.get_legend_handles_labels(),
                loc="outside lower center",
                ncols=2 if figure.get_figwidth() < 4 else 3,
                frameon=False,
            )
        else:
            axes.legend(frameon=False, fontsize=6)
    return figure
