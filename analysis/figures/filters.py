"""First filters side by side: Gabor banks beside learned ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .style import checked, in_width, of_first, sheet

_MOST = 48  # filters of a model


def filters(table: pd.DataFrame, width: str | float = "double") -> Figure:
    """The filters through which each model looks at the image first, each on its own scale, zero in
    middle grey.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `analysis.measures.first_filters.first_filters`: columns model, group, filter, side, y,
        x, channel, value.
    width : str or float

    Raises
    ------
    ValueError
        If a column is missing.
    """
    table = checked(table, "model", "group", "filter", "side", "y", "x", "channel", "value")
    table = of_first(table)
    models = list(dict.fromkeys(table["model"]))
    n_columns = min(len(models), in_width(width, 4, 2))
    n_rows = -(-len(models) // n_columns)
    with sheet(width, 0.1, n_rows, n_columns) as (figure, panels):
        figure.set_figheight(n_rows * (figure.get_figwidth() / n_columns + 0.3))
        for axes, model in zip(panels.flat, models, strict=False):
            mine = table[table["model"] == model]
            mosaic, sides = _mosaic(mine)
            axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if len(set(sides)) == 1:
                span = f"{min(sides)}"
            else:
                span = f"{min(sides)} to {max(sides)}"
            axes.set_title(f"{model}\n{len(sides)} filters, {span} pixels", fontsize=7)
        for axes in panels.flat:
            axes.axis("off")
            axes.set_anchor("N")
    return figure


def _mosaic(table: pd.DataFrame) -> tuple[np.ndarray, list[int]]:
    """Filters in a square of cells as large as the largest, white between them; and their sides."""
    found = [_picture(part) for _, part in table.groupby(["group", "filter"], sort=False)][:_MOST]
    height, width = (max(picture.shape[axis] for picture in found) for axis in (0, 1))
    gap = max(1, round(0.06 * max(height, width)))
    n_columns = int(np.ceil(np.sqrt(len(found))))
    n_rows = -(-len(found) // n_columns)
    sheet_ = np.ones((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, 3))
    for index, picture in enumerate(found):
        top = index // n_columns * (height + gap) + (height - picture.shape[0]) // 2
        left = index % n_columns * (width + gap) + (width - picture.shape[1]) // 2
        sheet_[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet_, [max(picture.shape[:2]) for picture in found]


def _picture(part: pd.DataFrame) -> np.ndarray:
    """A filter as red, green and blue from 0 to 1."""
    shape = int(part["y"].max()) + 1, int(part["x"].max()) + 1
    channels = list(dict.fromkeys(part["channel"]))
    values = np.zeros((*shape, len(channels)))
    values[part["y"], part["x"], part["channel"].map(channels.index)] = part["value"]
    reach = max(np.abs(values).max(), 1e-12)
    return np.broadcast_to(0.5 + values / (2 * reach), (*shape, 3))
