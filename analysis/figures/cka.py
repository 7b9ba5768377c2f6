"""Alignment of layers with layers, within and between models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import checked, distinct, sheet
from .tables import over_seeds


@figure(draws="table", seeds="mean", given=("width",))
def cka(
    table: pd.DataFrame,
    label: str | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """How alike every layer is to every other, of the same and of other models.

    Models are set apart by white lines.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.alignment.cka` or `procrustes`: columns model, model_b,
        layer_a, layer_b, value.
    label : str or None
        What the colour says; the measure where None.
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
            checked(table, "model", "model_b", "layer_a", "layer_b", "value"),
            "model",
            "model_b",
            "layer_a",
            "layer_b",
        )
    )
    sides = [table[["model", "layer_a"]], table[["model_b", "layer_b"]]]
    places = list(
        dict.fromkeys(place for side in sides for place in side.itertuples(index=False, name=None))
    )
    order = list(dict.fromkeys([*table["model"], *table["model_b"]]))
    places = sorted(places, key=lambda place: order.index(place[0]))
    number = {place: index for index, place in enumerate(places)}
    matrix = np.full((len(places), len(places)), np.nan)
    for row in table.itertuples():
        one, other = number[row.model, row.layer_a], number[row.model_b, row.layer_b]
        matrix[one, other] = matrix[other, one] = row.value
    with sheet(width, 0.1, ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        if ax is None:
            figure.set_figheight(0.92 * figure.get_figwidth())
        shown = axes.imshow(
            matrix,
            cmap="viridis",
            vmin=min(0.0, float(np.nanmin(matrix))),
            vmax=1,
            interpolation="nearest",
        )
        names = [layer if layer == model else f"{model}, {layer}" for model, layer in places]
        size = min(7.0, 330 * figure.get_figwidth() / 7 / len(places) / 1.6)
        axes.set_xticks(range(len(places)), names, rotation=90, fontsize=size)
        axes.set_yticks(range(len(places)), names, fontsize=size)
        axes.tick_params(length=0)
        for edge in [
            index for index in range(1, len(places)) if places[index][0] != places[index - 1][0]
        ]:
            axes.axhline(edge - 0.5, color="white", linewidth=1.5)
            axes.axvline(edge - 0.5, color="white", linewidth=1.5)
        axes.spines[:].set_visible(False)
        figure.colorbar(
            shown,
            ax=axes,
            shrink=0.6,
            aspect=25,
            label=label or (str(table["measure"].iloc[0]) if "measure" in table else "CKA"),
        )
    return figure
