"""The architectures themselves, with what each layer sees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..contract import figure
from .checks import checked, of_first
from .style import PALETTE, colours_of, in_width, sheet, wrapped

_MOST = 8  # layers of a model in a row
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


@figure(draws="table", seeds="first")
def architecture(
    table: pd.DataFrame,
    n_layers: int = _MOST,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
) -> Figure:
    """Architectures from the image (left) upward.

    Each frame is the image; in it, to scale, are the receptive fields of a layer's units, one for
    each size.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.architecture.architecture`: columns model, layer, band,
        features, height, width, value (the field's side), image_height, image_width.
    n_layers : int
        At most so many layers of each model, evenly from all; five in one column of a page.
    colours : mapping from model to colour, or None
    width : str or float

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    table = of_first(checked(table, *_COLUMNS), "seed", "images")
    look = colours_of(table["model"], colours)
    narrow = bool(in_width(width, 0, 1))
    most = min(n_layers, 5) if narrow else n_layers
    kept = {
        model: _chosen(list(dict.fromkeys(part["layer"])), most)
        for model, part in table.groupby("model", sort=False)
    }
    n_columns = max(max(map(len, kept.values())), 4)
    small = narrow or n_columns > 6
    with sheet(width, 0.1, len(kept), n_columns) as (figure, panels):
        side = figure.get_figwidth() / n_columns
        # A frame, the title above it and two lines of text below it.
        figure.set_figheight(len(kept) * (0.85 * side + 0.62))
        for row, (model, layers) in zip(panels, kept.items(), strict=True):
            for axes, layer in zip(row, layers, strict=False):
                bands = table[(table["model"] == model) & (table["layer"] == layer)]
                _frame(axes, bands, look[model], 5.0 if small else 6.5)
            _titles(row, model, layers, side, 6 if narrow else 7)
    return figure


def _titles(row: np.ndarray, model: str, layers: list[str], side: float, size: int) -> None:
    """A model's name above its row, its layers' above their frames; no frame without a layer."""
    for axes, layer in zip(row, layers, strict=False):
        axes.set_title(wrapped(layer, side, size), fontsize=size, loc="left")
    row[0].annotate(
        model,
        (0, 1),
        (0, 15),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=size + 1,
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
