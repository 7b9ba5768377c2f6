"""F1/F0: simple and complex cells, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..contract import figure
from .style import (
    PALETTE,
    checked,
    colours_of,
    in_width,
    of_first,
    one_panel,
    sheet,
    titled,
    wrapped,
)


@figure(draws="unit_table", seeds="first")
def modulation(
    unit_table: pd.DataFrame,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Modulation by a drifting grating, F1/F0, of the units of each layer.

    Above 1 (dotted) a cell is called simple, below complex.

    Parameters
    ----------
    unit_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tuning.phase_tuning`: columns model, layer, f1_over_f0.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", "f1_over_f0"))
    groups = list(table.groupby(["model", "layer"], sort=False))
    one_panel(ax, len(groups))
    look = colours_of(table["model"], colours)
    n_columns = min(in_width(width, 4, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    with sheet(width, 1.35 * n_rows + 0.35, n_rows, n_columns, ax, sharex=True, sharey=True) as (
        figure,
        panels,
    ):
        for axes, ((model, layer), part) in zip(panels.flat, groups, strict=False):
            found = part["f1_over_f0"].to_numpy(float)
            defined = np.clip(found[np.isfinite(found)], 0, 2)
            axes.hist(
                defined,
                np.linspace(0, 2, 21),
                weights=np.full(len(defined), 100 / max(1, len(found))),
                color=look[model],
                alpha=0.75,
            )
            axes.axvline(1, color=PALETTE["grey"], linestyle=":", linewidth=1)
            if len(defined):
                simple = 100 * (defined > 1).mean()
            else:
                simple = np.nan
            axes.set_title(
                wrapped(
                    f"{titled(model, layer)}\n{simple:.0f} % simple (n = {len(defined)})",
                    0.9 * figure.get_figwidth() / n_columns,
                    7,
                ),
                fontsize=7,
            )
            axes.tick_params(labelbottom=True)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
        for axes in panels[:, 0]:
            axes.set_ylabel("Units, %")
        panels[0, 0].set(xlim=(0, 2), xticks=[0, 1, 2])
        if ax is None:
            figure.supxlabel("F1/F0 (2 and above in the last bin)", fontsize=7.5)
        else:
            ax.set_xlabel("F1/F0")
    return figure
