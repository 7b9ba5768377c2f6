"""Alignment of layers with layers, within and between models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmax_cnn.extraction.plain_text import capital

from .checks import checked, distinct
from .contract import figure
from .marks import places_of
from .seeds import over_seeds
from .style import points, sheet


@figure(draws="table", seeds="mean", given=("width",), scales=(), values=None)
def cka(
    table: pd.DataFrame,
    label: str | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Similarity of every layer to every other, of the same and of other models.

    White lines separate the models.

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
    pair = ("model", "model_b", "layer_a", "layer_b")
    table = over_seeds(distinct(checked(table, *pair, "value"), *pair))
    sides = [table[["model", "layer_a"]], table[["model_b", "layer_b"]]]
    both = [side.set_axis(["model", "layer"], axis=1) for side in sides]
    places = places_of(pd.concat(both))
    matrix = _matrix(table, places)
    with sheet(width, 0.1, ax=ax) as (figure, panels):
        axes: Axes = panels[0, 0]
        if ax is None:
            # As high as wide, less the colour bar at the side.
            figure.set_figheight(0.92 * figure.get_figwidth())
        shown = axes.imshow(
            matrix,
            cmap="viridis",
            vmin=min(0.0, float(np.nanmin(matrix))),
            vmax=1,
            interpolation="nearest",
        )
        _ticks(axes, places, figure.get_figwidth())
        if label is None:
            label = str(table["measure"].iloc[0]) if "measure" in table else "CKA"
            label = capital(label)
        figure.colorbar(shown, ax=axes, shrink=0.6, aspect=25, label=label)
    return figure


def _matrix(table: pd.DataFrame, places: list[tuple[str, str]]) -> np.ndarray:
    """Values of all pairs; not a number where a pair was not compared."""
    number = {place: index for index, place in enumerate(places)}
    matrix = np.full((len(places), len(places)), np.nan)
    for row in table.itertuples():
        one, other = number[row.model, row.layer_a], number[row.model_b, row.layer_b]
        # The table has each pair once: the measures are symmetric.
        matrix[one, other] = matrix[other, one] = row.value
    return matrix


def _ticks(axes: Axes, places: list[tuple[str, str]], width: float) -> None:
    """Names of layers at both sides, and white lines between models."""
    names = [layer if layer == model else f"{model}, {layer}" for model, layer in places]
    # The matrix takes about 330/7 points of each inch of width; a line needs 1.6 times its size.
    size = min(points(7), 330 * width / 7 / len(places) / 1.6)
    axes.set_xticks(range(len(places)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(places)), names, fontsize=size)
    axes.tick_params(length=0)
    for index in range(1, len(places)):
        if places[index][0] != places[index - 1][0]:
            axes.axhline(index - 0.5, color="white", linewidth=1.5)
            axes.axvline(index - 0.5, color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)
