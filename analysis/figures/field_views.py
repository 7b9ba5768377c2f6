"""Receptive fields over the picture: claimed, effective and mapped."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .style import PALETTE, checked, in_width, of_first, sheet, wrapped

_MAPPED = 0.3  # of the largest: where the outline of mapped fields runs


def field_views(
    layer_way_y_x_table: pd.DataFrame,
    y_x_table: pd.DataFrame,
    table: pd.DataFrame,
    width: str | float = "double",
) -> Figure:
    """What one unit of each layer claims to see of the picture (box), what moves it (colour), and
    where a probe drives it (outline).

    Parameters
    ----------
    layer_way_y_x_table : pandas.DataFrame
        Of `analysis.measures.field_views.field_views`: columns model, layer, way, y, x, weight.
    y_x_table : pandas.DataFrame
        Columns model, y, x, luminance: the picture.
    table : pandas.DataFrame
        Columns model, layer, top, left, bottom, right.
    width : str or float

    Raises
    ------
    ValueError
        If a column is missing.
    """
    weights = checked(layer_way_y_x_table, "model", "layer", "way", "y", "x", "weight")
    pixels, boxes = (
        checked(y_x_table, "model", "y", "x", "luminance"),
        checked(table, "model", "layer", "top", "left", "bottom", "right"),
    )
    weights, pixels, boxes = (
        of_first(found, "seed", "images") for found in (weights, pixels, boxes)
    )
    models = list(dict.fromkeys(boxes["model"]))
    most = max(boxes.groupby("model").size())
    n_columns = min(most, in_width(width, 6, 4))
    n_rows = sum(-(-int((boxes["model"] == model).sum()) // n_columns) for model in models)
    with sheet(width, 0.1, n_rows, n_columns) as (figure, panels):
        first = pixels[pixels["model"] == models[0]]
        ratio = first["y"].nunique() / first["x"].nunique()
        figure.set_figheight(n_rows * (figure.get_figwidth() / n_columns * ratio + 0.28) + 0.3)
        figure.get_layout_engine().set(h_pad=0.06)
        row = 0
        for model in models:
            picture = (
                pixels[pixels["model"] == model]
                .pivot_table(index="y", columns="x", values="luminance")
                .to_numpy()
            )
            mine = boxes[boxes["model"] == model]
            for index, box in enumerate(mine.itertuples()):
                axes = panels[row + index // n_columns, index % n_columns]
                axes.imshow(picture, cmap="gray", interpolation="antialiased", alpha=0.75)
                own = weights[(weights["model"] == model) & (weights["layer"] == box.layer)]
                ways = {
                    way: part.pivot_table(
                        index="y", columns="x", values="weight", dropna=False
                    ).to_numpy(float)
                    for way, part in own.groupby("way")
                }
                _draw(axes, ways, (box.top, box.left, box.bottom, box.right), picture.shape)
                axes.set_title(
                    wrapped(str(box.layer), figure.get_figwidth() / n_columns, 7),
                    fontsize=7,
                    loc="left",
                )
                if index == 0:
                    axes.annotate(
                        model,
                        (0, 1),
                        (0, 14),
                        xycoords="axes fraction",
                        textcoords="offset points",
                        fontsize=7.5,
                    )
            row += -(-len(mine) // n_columns)
        for axes in panels.flat:
            axes.axis("off")
        handles = [
            Line2D([], [], color=PALETTE["sky"], linewidth=1.2, label="claimed"),
            Patch(facecolor=PALETTE["orange"], alpha=0.8, label="effective, share of its largest"),
            Line2D(
                [],
                [],
                color=PALETTE["yellow"],
                linewidth=0.9,
                label=f"mapped, {_MAPPED:g} of its largest",
            ),
        ]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=3 if figure.get_figwidth() > 4 else 1,
            frameon=False,
        )
    return figure


def _draw(
    axes: object, ways: dict[str, np.ndarray], box: tuple[float, ...], shape: tuple[int, ...]
) -> None:
    top, left, bottom, right = box
    effective, mapped = ways.get("effective"), ways.get("mapped")
    if effective is not None and np.isfinite(effective).any():
        colour = [int(PALETTE["orange"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        veil = np.zeros((*effective.shape, 4))
        veil[..., :3], veil[..., 3] = colour, 0.9 * np.sqrt(np.nan_to_num(effective))
        axes.imshow(veil, interpolation="nearest")  # type: ignore[attr-defined]
    if mapped is not None and np.nanmax(np.nan_to_num(mapped)) > 0:
        padded = np.pad(np.nan_to_num(mapped), 1)
        at = np.arange(-1, shape[1] + 1), np.arange(-1, shape[0] + 1)
        axes.contour(*at, padded, [_MAPPED], colors=PALETTE["yellow"], linewidths=0.9)  # type: ignore[attr-defined]
    inside = max(top, 0), max(left, 0), min(bottom, shape[0]), min(right, shape[1])
    rectangle = Rectangle(
        (inside[1] - 0.5, inside[0] - 0.5),
        inside[3] - inside[1],
        inside[2] - inside[0],
        fill=False,
        edgecolor=PALETTE["sky"],
        linewidth=1.2,
    )
    axes.add_patch(rectangle)  # type: ignore[attr-defined]
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))  # type: ignore[attr-defined]
