"""First filters side by side: Gabor banks beside learned ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked_results, one_panel
from .contract import figure
from .style import in_width, points, sheet, wrapped

_MOST = 64  # filters of a model


@figure(draws="results", seeds="first", given=("width",), scales=(), values=None)
def filters(
    results: Mapping[str, xr.Dataset],
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """The filters of each model's first layer, each on its own scale, zero in middle grey.

    Parameters
    ----------
    results : mapping from str to xarray.Dataset
        By model: of `hmax_cnn.analysis.measures.first_filters.first_filters`.
    width : str or float
    ax : matplotlib Axes or None
        For one model.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there are no weights in a result, or several models for `ax`.
    """
    checked_results(results, "weight", "group")
    one_panel(ax, len(results))
    n_columns = min(len(results), in_width(width, 4, 2))
    n_rows = -(-len(results) // n_columns)
    with sheet(width, 0.1, n_rows, n_columns, ax) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        if ax is None:
            figure.set_figheight(n_rows * (side + 0.3))
        for axes, (model, found) in zip(panels.flat, results.items(), strict=False):
            mosaic, sides = _mosaic(found)
            axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            span = f"{min(sides)}"
            if len(set(sides)) > 1:
                span += f" to {max(sides)}"
            shown = f"{len(sides)} filters, {span} pixels"
            if len(sides) < found.sizes["filter"]:
                shown = f"{len(sides)} of {found.sizes['filter']} filters, {span} pixels"
            title = wrapped(f"{model}\n{shown}", 0.95 * side, points(7))
            axes.set_title(title, fontsize=points(7))
        for axes in panels.flat:
            axes.axis("off")
            axes.set_anchor("N")
    return figure


def _mosaic(found: xr.Dataset) -> tuple[np.ndarray, list[int]]:
    """Filters in a square of cells as large as the largest, white between them; and their sides."""
    shown = [_picture(found.isel(filter=index)) for index in range(found.sizes["filter"])][:_MOST]
    height, width = (max(picture.shape[axis] for picture in shown) for axis in (0, 1))
    gap = max(1, round(0.06 * max(height, width)))
    n_columns = int(np.ceil(np.sqrt(len(shown))))
    n_rows = -(-len(shown) // n_columns)
    mosaic = np.ones((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, 3))
    for index, picture in enumerate(shown):
        top = index // n_columns * (height + gap) + (height - picture.shape[0]) // 2
        left = index % n_columns * (width + gap) + (width - picture.shape[1]) // 2
        mosaic[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return mosaic, [max(picture.shape[:2]) for picture in shown]


def _picture(found: xr.Dataset) -> np.ndarray:
    """A filter as red, green and blue from 0 to 1."""
    height, width = int(found["height"]), int(found["width"])
    values = found["weight"].values[:height, :width].astype(float)
    reach = max(np.abs(values).max(), 1e-12)
    return np.broadcast_to(0.5 + values / (2 * reach), (height, width, 3))
