"""Growth of receptive fields with depth: models on one scale, with cortical areas beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ..contract import figure
from ..literature.cortex import field_sizes_at
from .checks import checked
from .marks import band, keys_of_models, legend_below
from .seeds import over_seeds
from .style import PALETTE, colours_of, sheet

UNITS = {
    "pixels": "Receptive field, pixels",
    "fraction": "Receptive field, share of the image",
    "degrees": "Receptive field, degrees",
}
_LINES: dict[str, tuple[Any, str]] = {
    "theoretical": ("-", "o"),
    "effective": ("--", "s"),
    "mapped": (":", "^"),
}


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

    Each model has a colour and each way of measuring a line; bands are intervals over units.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.field_growth.field_growth`: columns model, layer, way, depth,
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
    _check_units(table, units, eccentricity, ax)
    # Intervals are in pixels; other units are pixels times a factor, the same in all rows.
    factor = float((table[units] / table["pixels"]).dropna().iloc[0])
    table = over_seeds(table, "pixels", level=level)
    look, with_cortex = colours_of(table["model"], colours), eccentricity is not None
    ratios = {"width_ratios": [3, 1]} if with_cortex else {}
    height = 2.9 + 0.15 * (table["model"].nunique() // 3) + 0.5 * with_cortex
    with sheet(width, height, 1, 1 + with_cortex, ax, sharey=True, **ratios) as (figure, panels):
        axes = panels[0, 0]
        for (model, way), line in table.groupby(["model", "way"], sort=False):
            _line(axes, line.sort_values("depth"), str(way), look[str(model)], factor)
        # Fields grow by factors from layer to layer.
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.set(xlabel="Depth: lowest layer 0, highest 1", ylabel=UNITS[units], xlim=(-0.03, 1.03))
        if eccentricity is not None:
            _cortex(panels[0, 1], field_sizes_at(float(eccentricity)), float(eccentricity))
        handles = [*keys_of_models(look, linewidth=2), *_keys_of_ways(table["way"])]
        if ax is None:
            legend_below(figure, handles, most=(4, 2), handlelength=2.8)
        else:
            axes.legend(handles=handles, frameon=False, fontsize=6)
    return figure


def _check_units(
    table: pd.DataFrame, units: str, eccentricity: float | None, ax: Axes | None
) -> None:
    if units not in UNITS or units not in table:
        msg = (
            f"`units` must be one of {', '.join(repr(name) for name in UNITS if name in table)}, "
            f"got {units!r}. Give growth pixels_per_degree."
        )
        raise ValueError(msg)
    if eccentricity is not None and (units != "degrees" or ax is not None):
        msg = f"`eccentricity` needs units='degrees', and no `ax`, got {units!r}."
        raise ValueError(msg)


def _line(axes: Axes, line: pd.DataFrame, way: str, colour: str, factor: float) -> None:
    """Sizes of a model over its layers, measured in one way, with their band."""
    dashes, marker = _LINES[way]
    axes.plot(
        line["depth"],
        line["pixels"] * factor,
        dashes,
        color=colour,
        marker=marker,
        markersize=3,
    )
    band(axes, line, "depth", colour, factor, alpha=0.15)


def _keys_of_ways(ways: Iterable[str]) -> list[Line2D]:
    """An entry of the legend for each way of measuring a field, in grey: colours are models."""
    keys = []
    for way in dict.fromkeys(ways):
        dashes, marker = _LINES[way]
        grey = PALETTE["grey"]
        keys.append(
            Line2D([], [], color=grey, linestyle=dashes, marker=marker, markersize=3, label=way)
        )
    return keys


def _cortex(axes: Axes, areas: pd.DataFrame, eccentricity: float) -> None:
    """Areas from low to high, an arrow where only the least size is known.

    Pale where the number is recalled and not read again.
    """
    for number, area in enumerate(areas.itertuples()):
        if "recalled" in str(area.confidence):
            colour = "#BBBBBB"
        else:
            colour = "#444444"
        # A single published size; a range; or only a least size, drawn with an arrow.
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
