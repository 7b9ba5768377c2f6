"""The architectures themselves, with what each layer sees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .checks import checked, of_first, one_panel
from .contract import figure
from .palette import PALETTE, colours_of
from .style import in_width, points, sheet, wrapped

_MOST = 24  # layers of a model
_COLUMNS = (
    "model",
    "layer",
    "band",
    "features",
    "height",
    "width",
    "value",
    "image_height",
    "image_width",
)


@figure(draws="table", seeds="first", scales=(), values=None)
def architecture(
    table: pd.DataFrame,
    n_layers: int = _MOST,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Architectures from the image upward, left to right.

    Each frame is the image. In it, to scale, are the receptive fields of a layer's units, one for
    each size; below it are their sides, the number of features and the side of the map.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.architecture.architecture`: columns model, layer, band,
        features, height, width, value (the field's side), image_height, image_width.
    n_layers : int
        At most so many layers of each model, evenly from all; the figure says where some are not
        shown.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing, or there are several layers for `ax`.
    """
    table = of_first(checked(table, *_COLUMNS), "seed", "images")
    look = colours_of(table["model"], colours)
    every = {
        str(model): list(dict.fromkeys(part["layer"]))
        for model, part in table.groupby("model", sort=False)
    }
    kept = {model: _chosen(layers, n_layers) for model, layers in every.items()}
    one_panel(ax, sum(map(len, kept.values())))
    # As many as fit side by side; the others stand below them.
    n_columns = 1 if ax else min(in_width(width, 9, 6), max(4, *map(len, kept.values())))
    rows = [
        (model, layers[start : start + n_columns], start == 0)
        for model, layers in kept.items()
        for start in range(0, len(layers), n_columns)
    ]
    size = points(6) if in_width(width, 0, 1) or n_columns > 6 else points(7)
    with sheet(width, 0.1, len(rows), n_columns, ax) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        if ax is None:
            # A frame, the title above it and two lines of text below it.
            figure.set_figheight(len(rows) * (0.85 * side + 0.62))
        for row, (model, layers, is_first) in zip(panels, rows, strict=True):
            for axes, layer in zip(row, layers, strict=False):
                bands = table[(table["model"] == model) & (table["layer"] == layer)]
                _frame(axes, bands, look[model], 0.85 * size)
            name = ""
            if is_first:
                name = model
                if len(kept[model]) < len(every[model]):
                    name += f" ({len(kept[model])} of {len(every[model])} layers)"
            _titles(row, name, layers, side, size)
    return figure


def _titles(row: np.ndarray, name: str, layers: list[str], side: float, size: float) -> None:
    """A model's name above its row, its layers' above their frames; no frame without a layer."""
    for axes, layer in zip(row, layers, strict=False):
        axes.set_title(wrapped(layer, side, size), fontsize=size, loc="left")
    if name:
        row[0].annotate(
            name,
            (0, 1),
            (0, 2.2 * size),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=1.15 * size,
        )
    for axes in row[len(layers) :]:
        axes.axis("off")


def _chosen(layers: list[str], n_layers: int) -> list[str]:
    if len(layers) <= n_layers:
        return layers
    return [layers[i] for i in np.linspace(0, len(layers) - 1, n_layers).round().astype(int)]


def _frame(axes: Axes, bands: pd.DataFrame, colour: str, size: float) -> None:
    """The image, and the receptive fields of a layer in its middle.

    Below them their sides, and the layer's maps.
    """
    height, width = int(bands["image_height"].iloc[0]), int(bands["image_width"].iloc[0])
    sides = sorted(set(bands["value"]), reverse=True)
    for side in sides:
        shape = min(side, width), min(side, height)
        place = (width - shape[0]) / 2, (height - shape[1]) / 2
        axes.add_patch(
            Rectangle(
                place,
                *shape,
                facecolor=colour,
                edgecolor=colour,
                alpha=0.8 if len(sides) == 1 else 0.22,
                linewidth=0.5,
            )
        )
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(visible=True, color=PALETTE["grey"], linewidth=0.6)
    if len(sides) == 1:
        span = f"{sides[0]:g} px"
    else:
        span = f"{sides[-1]:g}-{sides[0]:g} px"
    first, last = bands.sort_values("height").iloc[-1], bands.sort_values("height").iloc[0]
    if first.height == last.height:
        maps = f"{int(first.height)}"
    else:
        maps = f"{int(last.height)}-{int(first.height)}"
    if len(bands) > 1 and first.height == 1:
        n_features = int(bands["features"].sum())
    else:
        n_features = int(bands["features"].max())
    axes.set_xlabel(
        f"{span}\n{n_features} units" if maps == "1" else f"{span}\n{n_features} x {maps}²",
        fontsize=size,
        labelpad=2,
    )
