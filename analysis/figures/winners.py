"""HMAX's winners over the pictures: which patch of which image answered."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .style import PALETTE, checked, in_width, of_first, sheet

_COLOURS = ("orange", "sky", "yellow", "green", "pink")


def winners(
    picture_match_table: pd.DataFrame,
    picture_y_x_table: pd.DataFrame,
    width: str | float = "double",
) -> Figure:
    """The patches of pictures that come closest to prototypes of C2, one of each size, boxed and
    named.

    Parameters
    ----------
    picture_match_table : pandas.DataFrame
        Of `analysis.measures.best_matches.best_matches`: columns model, picture, match, unit, top,
        left, bottom, right.
    picture_y_x_table : pandas.DataFrame
        Columns model, picture, y, x, luminance.
    width : str or float

    Raises
    ------
    ValueError
        If a column is missing.
    """
    matches = checked(
        picture_match_table, "model", "picture", "match", "unit", "top", "left", "bottom", "right"
    )
    pixels = checked(picture_y_x_table, "model", "picture", "y", "x", "luminance")
    matches, pixels = (of_first(found, "seed", "images") for found in (matches, pixels))
    groups = list(matches.groupby(["model", "picture"], sort=False))
    n_columns = min(in_width(width, 3, 2), len(groups))
    n_rows = -(-len(groups) // n_columns)
    first = pixels[(pixels["model"] == groups[0][0][0]) & (pixels["picture"] == groups[0][0][1])]
    with sheet(width, 0.1, n_rows, n_columns) as (figure, panels):
        figure.set_figheight(
            n_rows
            * (
                figure.get_figwidth() / n_columns * first["y"].nunique() / first["x"].nunique()
                + 0.2
            )
        )
        for axes, ((model, name), found) in zip(panels.flat, groups, strict=False):
            own = pixels[(pixels["model"] == model) & (pixels["picture"] == name)]
            picture = own.pivot_table(index="y", columns="x", values="luminance").to_numpy()
            axes.imshow(picture, cmap="gray", interpolation="antialiased")
            for rank, match in enumerate(found.sort_values("match", ascending=False).itertuples()):
                colour = PALETTE[_COLOURS[int(match.match) % len(_COLOURS)]]
                box = Rectangle(
                    (match.left - 0.5, match.top - 0.5),
                    match.right - match.left,
                    match.bottom - match.top,
                    fill=False,
                    edgecolor=colour,
                    linewidth=1.3,
                )
                axes.add_patch(box)
                shade = {"facecolor": "black", "alpha": 0.65, "pad": 0.8, "linewidth": 0}
                axes.text(
                    0.02,
                    0.03 + 0.09 * rank,
                    str(match.unit).removeprefix("c2_"),
                    color=colour,
                    fontsize=6,
                    bbox=shade,
                    transform=axes.transAxes,
                )
            axes.set_title(f"{model}: {name}", fontsize=7)
        for axes in panels.flat:
            axes.axis("off")
    return figure
