"""HMAX's winners over the pictures: which patch of which image matched a prototype best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .checks import checked_results, one_panel
from .contract import figure
from .palette import PALETTE
from .style import in_width, points, sheet, wrapped

_COLOURS = ("orange", "sky", "yellow", "green", "pink")


@figure(draws="results", seeds="first", given=("width",), scales=(), values=None)
def winners(
    results: Mapping[str, xr.Dataset],
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """The patches of pictures that match prototypes of C2 best.

    One prototype of each size is shown: its box, and its name in the same colour.

    Parameters
    ----------
    results : mapping from str to xarray.Dataset
        By model: of `hmax_cnn.analysis.measures.best_matches.best_matches`.
    width : str or float
    ax : matplotlib Axes or None
        For one model and picture.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a result has no best matches, or there are several pictures for `ax`.
    """
    checked_results(results, "unit", "top", "left", "bottom", "right", "luminance")
    panels_of = [
        (f"{model}: {found['picture'].values[number]}", found.isel(picture=number))
        for model, found in results.items()
        for number in range(found.sizes["picture"])
    ]
    one_panel(ax, len(panels_of))
    n_columns = min(in_width(width, 3, 2), len(panels_of))
    n_rows = -(-len(panels_of) // n_columns)
    height, across = panels_of[0][1]["luminance"].shape
    with sheet(width, 0.1, n_rows, n_columns, ax) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        if ax is None:
            figure.set_figheight(n_rows * (side * height / across + 0.2))
        for axes, (title, found) in zip(panels.flat, panels_of, strict=False):
            axes.imshow(found["luminance"].values, cmap="gray", interpolation="antialiased")
            _boxes(axes, found)
            axes.set_title(wrapped(title, 0.95 * side, points(7)), fontsize=points(7))
        for axes in panels.flat:
            axes.axis("off")
    return figure


def _boxes(axes: Axes, found: xr.Dataset) -> None:
    """A rectangle for each match, and its unit's name in the same colour."""
    for rank, match in enumerate(reversed(range(found.sizes["match"]))):
        one = found.isel(match=match)
        colour = PALETTE[_COLOURS[match % len(_COLOURS)]]
        top, left, bottom, right = (int(one[edge]) for edge in ("top", "left", "bottom", "right"))
        # Pixels are drawn around whole numbers: a box starts half a pixel before its first.
        corner = (left - 0.5, top - 0.5)
        box = Rectangle(
            corner, right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.3
        )
        axes.add_patch(box)
        shade = {"facecolor": "black", "alpha": 0.65, "pad": 0.8, "linewidth": 0}
        name = str(one["unit"].values).removeprefix("c2_")
        place = (0.02, 0.03 + 0.09 * rank)
        shown: dict[str, Any] = {"fontsize": points(6), "transform": axes.transAxes}
        axes.text(*place, name, color=colour, bbox=shade, **shown)
