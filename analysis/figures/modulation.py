"""F1/F0: simple and complex cells, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked, of_first
from .contract import figure
from .palette import PALETTE, colours_of
from .panels import panel_grid


@figure(draws="unit_table", seeds="first", values="x")
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

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(unit_table, "model", "layer", "f1_over_f0"))
    bins = np.linspace(0, 2, 21).tolist()
    look = colours_of(table["model"], colours)
    shared: dict[str, Any] = {"sharex": True, "sharey": True}
    with panel_grid(table, ("model", "layer"), width, (1.35, 0.35), ax, **shared) as grid:
        for axes, (model, layer), part in grid:
            found = part["f1_over_f0"].to_numpy(float)
            defined = np.clip(found[np.isfinite(found)], 0, 2)
            weights = np.full(len(defined), 100 / max(1, len(found)))
            axes.hist(
                defined,
                bins,
                weights=weights,
                color=look[model],
                alpha=0.75,
            )
            axes.axvline(1, color=PALETTE["grey"], linestyle=":", linewidth=1)
            simple = 100 * (defined > 1).mean() if len(defined) else np.nan
            grid.title(axes, (model, layer), f"{simple:.0f} % simple (n = {len(defined)})")
            axes.tick_params(labelbottom=True)
        grid.panels[0, 0].set(xlim=(0, 2), xticks=[0, 1, 2])
        above = " (2 and above in the last bin)" if ax is None else ""
        grid.label(f"F1/F0{above}", "Units (%)")
    return grid.figure
