"""Growth of receptive fields with depth: models on one scale, with cortical areas beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ..literature.cortex import field_sizes_at
from .checks import checked
from .contract import figure
from .marks import BESIDE_PLOTS, is_narrow, keys_of_models, legend_below
from .palette import PALETTE, colours_of
from .seeds import over_seeds
from .style import points, sheet

UNITS = {
    "pixels": "Receptive field (pixels)",
    "fraction": "Receptive field (share of the image)",
    "degrees": "Receptive field (degrees)",
}
_SMALLEST = 1.0  # pixels: no receptive field is smaller
_APART = 0.018  # of the axis, from model to model
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
    recalled: bool = False,
    bands: str = "interval",
    level: float = 0.95,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Size of receptive fields over depth.

    Each point is a layer, between the model's lowest and highest; each model has a colour and each
    way of measuring a line. Theoretical fields may reach beyond the image. Bars end at one pixel,
    below which there is no receptive field; models are set apart a little, so that none hides
    another.

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
    recalled : bool
        Whether sizes are drawn, in pale, that were not read again in their paper.
    bands : {'interval', 'sem', 'range', 'none'}
        As in `hmax_cnn.analysis.figures.seeds.over_seeds`.
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
    table = over_seeds(table, "pixels", level, bands)
    look, with_cortex = colours_of(table["model"], colours), eccentricity is not None
    ratios = {"width_ratios": [3, 1]} if with_cortex else {}
    height = 2.9 + 0.15 * (table["model"].nunique() // 3) + 0.5 * with_cortex
    with sheet(width, height, 1, 1 + with_cortex, ax, sharey=True, **ratios) as (figure, panels):
        axes = panels[0, 0]
        for (model, way), line in table.groupby(["model", "way"], sort=False):
            place = list(dict.fromkeys(table["model"])).index(model)
            line = line.assign(depth=line["depth"] + _APART * place).sort_values("depth")
            _line(axes, line, str(way), look[str(model)], factor, 2.5 - 0.01 * place)
        sizes = factor * table["pixels"]
        # Fields grow by factors from layer to layer.
        axes.set_yscale("log", nonpositive="clip")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.set(xlabel="Depth (lowest layer 0, highest 1)", ylabel=UNITS[units], xlim=(-0.03, 1.1))
        if eccentricity is not None:
            areas = field_sizes_at(float(eccentricity))
            if not recalled:
                areas = areas[~areas["confidence"].str.contains("recalled")]
            _cortex(panels[0, 1], areas, float(eccentricity))
            # An area whose least size alone is known has an arrow to four times it.
            highest = areas["high"].where(np.isfinite(areas["high"]), 4 * areas["low"])
            sizes = pd.concat([sizes, areas["low"], highest])
        _limits(axes, sizes, factor * _SMALLEST)
        handles = [*keys_of_models(look, linewidth=2), *_keys_of_ways(table["way"])]
        if ax is None:
            legend_below(figure, handles, most=(4, 2), handlelength=2.8)
        else:
            axes.legend(handles=handles, frameon=False, fontsize=points(6))
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


def _line(
    axes: Axes, line: pd.DataFrame, way: str, colour: str, factor: float, zorder: float
) -> None:
    """Sizes of a model over its layers, measured in one way, with their intervals."""
    dashes, marker = _LINES[way]
    sizes = line["pixels"]
    # Nothing is below one pixel, where a logarithmic axis would never end.
    reach = [sizes - line["low"].clip(lower=_SMALLEST), line["high"] - sizes]
    axes.errorbar(
        line["depth"],
        sizes * factor,
        yerr=factor * np.maximum(0, np.nan_to_num(reach)),
        linestyle=dashes,
        color=colour,
        marker=marker,
        markersize=3,
        linewidth=1.0,
        elinewidth=0.6,
        zorder=zorder,
    )


def _limits(axes: Axes, sizes: pd.Series, smallest: float) -> None:
    """A little beyond the sizes: a wide interval does not squeeze them."""
    known = sizes[(sizes > 0) & np.isfinite(sizes)]
    if len(known):
        axes.set_ylim(max(smallest / 1.1, known.min() / 1.8), known.max() * 1.8)


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
    axes.set_label(BESIDE_PLOTS)
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
    if any("recalled" in str(confidence) for confidence in areas["confidence"]):
        axes.set_xlabel("pale: recalled")
    names = list(map(str, areas["area"]))
    if not is_narrow(axes.figure):
        names = [name.replace(", ", ",\n") for name in names]
    axes.set_xticks(
        range(len(areas)),
        names,
        rotation=90,
        fontsize=points(6),
    )
    axes.set(title=f"Macaque, {eccentricity:g}°", xlim=(-0.7, len(areas) - 0.3))
