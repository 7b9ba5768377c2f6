"""Representational dissimilarity matrices, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from ..contract import figure
from .style import checked, in_width, of_first, sheet, titled, wrapped


@figure(draws="layer_pair_table", seeds="first", given=("width",))
def rdms(
    layer_pair_table: pd.DataFrame, ranks: bool = True, width: str | float = "double"
) -> Figure:
    """Representational dissimilarity matrices.

    Dark images are alike to the layer, light ones apart; images in the order of the set.

    Parameters
    ----------
    layer_pair_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.similarity.rdms`: columns model, layer, first, second, rdm.
    ranks : bool
        Whether each matrix is drawn in ranks, from 0 to 1: what Spearman's correlation compares.
    width : str or float

    Raises
    ------
    ValueError
        If a column is missing.
    """
    table = checked(layer_pair_table, "model", "layer", "first", "second", "rdm")
    table = of_first(table, "seed", "images")
    groups = list(table.groupby(["model", "layer"], sort=False))
    n_columns = min(in_width(width, 5, 3), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 0.1, n_rows, n_columns) as (figure, panels):
        figure.set_figheight(n_rows * (0.88 * figure.get_figwidth() / n_columns + 0.25))
        shown = None
        for axes, ((model, layer), part) in zip(panels.flat, groups, strict=False):
            names = {
                name: index
                for index, name in enumerate(dict.fromkeys([*part["first"], *part["second"]]))
            }
            values = part["rdm"].to_numpy(float)
            if ranks:
                values = (rankdata(values, nan_policy="omit") - 1) / max(
                    1, np.isfinite(values).sum() - 1
                )
            matrix = np.full((len(names), len(names)), np.nan)
            one, other = part["first"].map(names), part["second"].map(names)
            matrix[one, other] = matrix[other, one] = values
            shown = axes.imshow(
                matrix,
                cmap="cividis",
                vmin=0,
                vmax=1 if ranks else float(table["rdm"].max()),
                interpolation="nearest",
            )
            axes.set(xticks=[], yticks=[])
            axes.set_title(
                wrapped(
                    titled(model, layer).replace(", ", "\n"),
                    0.85 * figure.get_figwidth() / n_columns,
                    6.5,
                ),
                fontsize=6.5,
            )
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        if shown is not None:
            figure.colorbar(
                shown,
                ax=panels,
                shrink=0.6,
                aspect=25,
                label="Dissimilarity, rank" if ranks else "Dissimilarity",
            )
    return figure
