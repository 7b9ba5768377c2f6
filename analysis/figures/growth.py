"""Growth of receptive fields with depth: models on one scale, with cortical areas beside them."""

from __future__ import annotations

from itertools import cycle

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.cortex import field_sizes_at
from analysis.figures.style import PALETTE, WIDTHS, style

UNITS = {"pixels": "Receptive field, pixels", "fraction": "Receptive field, share of the image", "degrees": "Receptive field, degrees"}
_LINES = {"claimed": ("-", "o"), "effective": ("--", "s"), "mapped": (":", "^")}


def growth_figure(result: xr.Dataset, units: str = "pixels", eccentricity: float | None = None) -> Figure:
    """Size over depth; one colour per model, one line per way of measuring, bands over units.

    Parameters
    ----------
    result : xarray.Dataset
        From `analysis.growth.growth`.
    units : {'pixels', 'fraction', 'degrees'}
        'degrees' need a result with `pixels_per_degree`.
    eccentricity : float or None
        With degrees: where cortical areas are read off, in degrees; None draws none. The table `analysis.cortex.field_sizes_at` of this
        eccentricity has each area's definition, citation and confidence, which differ: sizes are not the same thing everywhere.

    Raises
    ------
    ValueError
        If there are no such units.
    """
    if units not in UNITS or units not in result:
        msg = f"`units` must be one of {', '.join(repr(name) for name in UNITS if name in result)}, got {units!r}. Give growth pixels_per_degree."
        raise ValueError(msg)
    if eccentricity is not None and units != "degrees":
        msg = f"`eccentricity` needs units='degrees', got {units!r}."
        raise ValueError(msg)
    table: pd.DataFrame = result.to_dataframe()
    factor = table[units] / table["pixels"]
    with style():
        size = (WIDTHS["middle"], 2.8) if eccentricity is None else (WIDTHS["double"], 3.4)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(
            1, 1 if eccentricity is None else 2, sharey=True, squeeze=False, width_ratios=[1] if eccentricity is None else [3, 1]
        )
        axes = panels[0, 0]
        for colour, (model, rows) in zip(cycle(PALETTE.values()), table.groupby("model", sort=False), strict=False):
            for way, line in rows.groupby("way", sort=False):
                line = line.sort_values("depth")
                scale, (dashes, marker) = factor.loc[line.index], _LINES[str(way)]
                axes.plot(line["depth"], line[units], dashes, color=colour, marker=marker, markersize=3, label=f"{model}, {way}")
                axes.fill_between(line["depth"], line["low"] * scale, line["high"] * scale, color=colour, alpha=0.15, linewidth=0)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(xlabel="Depth: lowest layer 0, highest 1", ylabel=UNITS[units], xlim=(-0.03, 1.03))
        if eccentricity is not None:
            _cortex(panels[0, 1], field_sizes_at(eccentricity), eccentricity)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, handlelength=2.8)
    return figure


def _cortex(axes: Axes, areas: pd.DataFrame, eccentricity: float) -> None:
    """Areas from low to high, an arrow where only the least size is known; pale where the number is recalled and not read again."""
    for number, area in enumerate(areas.itertuples()):
        colour = "#BBBBBB" if "recalled" in str(area.confidence) else "#444444"
        if area.high == area.low:
            axes.plot(number, area.low, "_", color=colour, markersize=9, markeredgewidth=2)
        elif area.high < float("inf"):
            axes.plot([number, number], [area.low, area.high], color=colour, linewidth=4, solid_capstyle="butt")
        else:
            axes.plot([number, number], [area.low, 4 * area.low], color=colour, linewidth=1.5)
            axes.plot(number, 4 * area.low, "^", color=colour, markersize=4)
    axes.set_xlabel("pale: recalled")
    axes.set_xticks(range(len(areas)), areas["area"], rotation=90)
    axes.set(title=f"Macaque, {eccentricity:g}°", xlim=(-0.7, len(areas) - 0.3))
