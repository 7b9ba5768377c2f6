"""Growth of receptive fields with depth: models on one scale, with cortical areas beside them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ..contract import figure
from ..literature.cortex import field_sizes_at
from .style import PALETTE, checked, colours_of, sheet
from .tables import over_seeds

UNITS = {
    "pixels": "Receptive field, pixels",
    "fraction": "Receptive field, share of the image",
    "degrees": "Receptive field, degrees",
}
_LINES = {"theoretical": ("-", "o"), "effective": ("--", "s"), "mapped": (":", "^")}


@figure(draws="table", seeds="mean", given=("colours", "width", "level"))
def growth(
    table: pd.DataFrame,
    units: str = "pixels",
    eccentricity: float | None = None,
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Size of receptive fields over depth.

    One colour for each model, one line for each way of measuring, bands over units.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.field_growth.growth`: columns model, layer, way, depth,
        pixels, low, high, fraction, and with degrees also degrees.
    units : {'pixels', 'fraction', 'degrees'}
        'degrees' need a result with `pixels_per_degree`.
    eccentricity : float or None
        With degrees: where cortical areas are read off, in degrees; None draws none. The table
        `hmax_cnn.analysis.literature.cortex.field_sizes_at` of this eccentricity has each area's
        definition, citation and confidence, which differ: sizes are not the same thing everywhere.
    level : float
        Of intervals over seeds.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        Without cortical areas.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no such units.
    """
    checked(table, "model", "layer", "way", "depth", "pixels", "low", "high")
    if units not in UNITS or units not in table:
        msg = (
            f"`units` must be one of {', '.join(repr(name) for name in UNITS if name in table)}, "
            f"got {units!r}. Give growth pixels_per_degree."
        )
        raise ValueError(msg)
    if eccentricity is not None and (units != "degrees" or ax is not None):
        msg = f"`eccentricity` needs units='degrees', and no `ax`, got {units!r}."
        raise ValueError(msg)
    factor = float((table[units] / table["pixels"]).dropna().iloc[0])
    table = over_seeds(table, "pixels", level=level)
    look, with_cortex = colours_of(table["model"], colours), eccentricity is not None
    if with_cortex:
        ratios = {"width_ratios": [3, 1]}
    else:
        ratios = {}
    n_models = table["model"].nunique()
    with sheet(
        width,
        2.9 + 0.15 * (n_models // 3) + 0.5 * with_cortex,
        1,
        1 + with_cortex,
        ax,
        sharey=True,
        **ratios,
    ) as (figure, panels):
        axes = panels[0, 0]
        for (model, way), line in table.groupby(["model", "way"], sort=False):
            line = line.sort_values("depth")
            dashes, marker = _LINES[str(way)]
            axes.plot(
                line["depth"],
                line["pixels"] * factor,
                dashes,
                color=look[str(model)],
                marker=marker,
                markersize=3,
                label=f"{model}, {way}",
            )
            axes.fill_between(
                line["depth"],
                line["low"] * factor,
                line["high"] * factor,
                color=look[str(model)],
                alpha=0.15,
                linewidth=0,
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.set(xlabel="Depth: lowest layer 0, highest 1", ylabel=UNITS[units], xlim=(-0.03, 1.03))
        if with_cortex:
            _cortex(
                panels[0, 1], field_sizes_at(float(eccentricity or 0)), float(eccentricity or 0)
            )
        ways = [
            Line2D(
                [],
                [],
                color=PALETTE["grey"],
                linestyle=_LINES[way][0],
                marker=_LINES[way][1],
                markersize=3,
                label=way,
            )
            for way in dict.fromkeys(table["way"])
        ]
        names = [
            Line2D([], [], color=colour, linewidth=2, label=model) for model, colour in look.items()
        ]
        if ax is None:
            figure.legend(
                handles=[*names, *ways],
                loc="outside lower center",
                ncols=2 if figure.get_figwidth() < 4 else 4,
                frameon=False,
                handlelength=2.8,
            )
        else:
            axes.legend(handles=[*names, *ways], frameon=False, fontsize=6)
    return figure


def _cortex(axes: Axes, areas: pd.DataFrame, eccentricity: float) -> None:
    """Areas from low to high, an arrow where only the least size is known.

    Pale where the number is recalled and not read again.
    """
    for number, area in enumerate(areas.itertuples()):
        if "recalled" in str(area.confidence):
            colour = "#BBBBBB"
        else:
            colour = "#444444"
        if area.high == area.low:
            axes.plot(number, area.low, "_", color=colour, markersize=9, markeredgewidth=2)
        elif area.high < float("inf"):
            axes.plot(
                [number, number],
                [area.low, area.high],
                color=colour,
                linewidth=4,
                solid_capstyle="butt",
            )
        else:
            axes.plot([number, number], [area.low, 4 * area.low], color=colour, linewidth=1.5)
            axes.plot(number, 4 * area.low, "^", color=colour, markersize=4)
    axes.set_xlabel("pale: recalled")
    axes.set_xticks(
        range(len(areas)),
        [str(area).replace(", ", ",\n") for area in areas["area"]],
        rotation=90,
        fontsize=6,
    )
    axes.set(title=f"Macaque, {eccentricity:g}°", xlim=(-0.7, len(areas) - 0.3))
