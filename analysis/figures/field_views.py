"""Receptive fields over the picture: theoretical, effective and mapped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .checks import checked_results, one_panel
from .contract import figure
from .marks import legend_below
from .palette import PALETTE
from .style import in_width, points, sheet, spaced, wrapped

_MAPPED = 0.3  # of the largest: where the outline of mapped fields runs


@figure(draws="results", seeds="first", given=("width",), scales=(), values=None)
def field_views(
    results: Mapping[str, xr.Dataset],
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Receptive fields of one unit of each layer over the picture.

    The theoretical field is a box, the effective one a colour and the mapped one an outline.

    Parameters
    ----------
    results : mapping from str to xarray.Dataset
        By model: of `hmax_cnn.analysis.measures.field_views.field_views`.
    width : str or float
    ax : matplotlib Axes or None
        For one model and layer.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a result has no such fields, or there are several layers for `ax`.
    """
    checked_results(results, "weight", "luminance", "top", "left", "bottom", "right")
    counts = [found.sizes["layer"] for found in results.values()]
    one_panel(ax, sum(counts))
    n_columns = min(max(counts), in_width(width, 6, 4))
    n_rows = sum(-(-count // n_columns) for count in counts)
    height, across = next(iter(results.values()))["luminance"].shape
    with sheet(width, 0.1, n_rows, n_columns, ax) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        if ax is None:
            figure.set_figheight(n_rows * (side * height / across + 0.28) + 0.3)
            spaced(figure, h_pad=0.06)
        row = 0
        for model, found in results.items():
            for index, layer in enumerate(found["layer"].values):
                axes = panels[row + index // n_columns, index % n_columns]
                _draw(axes, found.sel(layer=layer))
                size = points(7)
                axes.set_title(wrapped(str(layer), side, size), fontsize=size, loc="left")
            above = {"xycoords": "axes fraction", "textcoords": "offset points"}
            height_of_title = points(14)
            panels[row, 0].annotate(
                model, (0, 1), (0, height_of_title), fontsize=points(7.5), **above
            )
            row += -(-found.sizes["layer"] // n_columns)
        for axes in panels.flat:
            axes.axis("off")
        if ax is None:
            legend_below(figure, _legend(), most=(3, 1))
    return figure


def _legend() -> list[Line2D | Patch]:
    mapped = f"mapped, {_MAPPED:g} of its largest"
    return [
        Line2D([], [], color=PALETTE["sky"], linewidth=1.2, label="theoretical"),
        Patch(facecolor=PALETTE["orange"], alpha=0.8, label="effective, share of its largest"),
        Line2D([], [], color=PALETTE["yellow"], linewidth=0.9, label=mapped),
    ]


def _draw(axes: Axes, found: xr.Dataset) -> None:
    """The picture, and over it the fields of one unit."""
    axes.imshow(found["luminance"].values, cmap="gray", interpolation="antialiased", alpha=0.75)
    height, width = found["luminance"].shape
    effective = np.nan_to_num(found["weight"].sel(way="effective").values.astype(float))
    if effective.any():
        veil = np.zeros((height, width, 4))
        veil[..., :3] = [int(PALETTE["orange"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        # The root lets the tails of the field be seen beside its peak.
        veil[..., 3] = 0.9 * np.sqrt(effective)
        axes.imshow(veil, interpolation="nearest")
    mapped = np.nan_to_num(found["weight"].sel(way="mapped").values.astype(float))
    if mapped.max() > 0:
        # A rim of zeros closes outlines at the picture's border.
        x, y = np.arange(-1, width + 1), np.arange(-1, height + 1)
        colour = PALETTE["yellow"]
        axes.contour(x, y, np.pad(mapped, 1), [_MAPPED], colors=colour, linewidths=0.9)
    top, left = max(int(found["top"]), 0), max(int(found["left"]), 0)
    bottom, right = min(int(found["bottom"]), height), min(int(found["right"]), width)
    corner = (left - 0.5, top - 0.5)
    colour = PALETTE["sky"]
    axes.add_patch(
        Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.2)
    )
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
