"""Representational dissimilarity matrices, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from .checks import checked, of_first
from .contract import figure
from .panels import panel_grid
from .style import points, titled, wrapped


@figure(draws="layer_pair_table", seeds="first", given=("width",), scales=(), values=None)
def rdms(
    layer_pair_table: pd.DataFrame,
    ranks: bool = True,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Representational dissimilarity matrices.

    Dark entries are pairs of images to which the layer responds alike, light entries pairs that it
    separates; images are in the order of the set.

    Parameters
    ----------
    layer_pair_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.similarity.rdms`: columns model, layer, first, second, rdm.
    ranks : bool
        Whether each matrix is drawn in ranks, from 0 to 1: what Spearman's correlation compares.
    width : str or float
    ax : matplotlib Axes or None
        For one model and layer.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = checked(layer_pair_table, "model", "layer", "first", "second", "rdm")
    table = of_first(table, "seed", "images")
    highest = 1.0 if ranks else float(table["rdm"].max())
    with panel_grid(table, ("model", "layer"), width, ax=ax, most=(5, 3)) as grid:
        if ax is None:
            grid.figure.set_figheight(len(grid.panels) * (0.88 * grid.panel_width + 0.25))
        for axes, (model, layer), part in grid:
            matrix = _matrix(part, ranks=ranks)
            shown = axes.imshow(
                matrix, cmap="cividis", vmin=0, vmax=highest, interpolation="nearest"
            )
            axes.set(xticks=[], yticks=[])
            text = titled(model, layer).replace(", ", "\n")
            size = points(6.5)
            axes.set_title(wrapped(text, 0.85 * grid.panel_width, size), fontsize=size)
        label = "Dissimilarity, rank" if ranks else "Dissimilarity"
        grid.figure.colorbar(shown, ax=grid.panels, shrink=0.6, aspect=25, label=label)
    return grid.figure


def _matrix(part: pd.DataFrame, *, ranks: bool) -> np.ndarray:
    """The square of a layer's pairs, in ranks from 0 to 1 or as they are."""
    names = list(dict.fromkeys([*part["first"], *part["second"]]))
    number = {name: index for index, name in enumerate(names)}
    values = part["rdm"].to_numpy(float)
    if ranks:
        n_defined = np.isfinite(values).sum()
        values = (rankdata(values, nan_policy="omit") - 1) / max(1, n_defined - 1)
    matrix = np.full((len(names), len(names)), np.nan)
    one, other = part["first"].map(number), part["second"].map(number)
    matrix[one, other] = matrix[other, one] = values
    return matrix
