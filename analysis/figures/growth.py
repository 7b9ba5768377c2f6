"""Growth of receptive fields with depth: models on one scale, with cortical areas beside them."""

from __future__ import annotations

import pandas as pd
import xarray as xr
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
        From `analysis.receptive_fields.growth`.
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
        figure = Figure(figsize=(WIDTHS["middle"], 2.8), layout="constrained")
        axes = figure.subplots()
        for colour, (model, rows) in zip(PALETTE.values(), table.groupby("model", sort=False), strict=False):
            for way, line in rows.groupby("way", sort=False):
                line = line.sort_values("depth")
                scale, (dashes, marker) = factor.loc[line.index], _LINES[str(way)]
                axes.plot(line["depth"], line[units], dashes, color=colour, marker=marker, markersize=3, label=f"{model}, {way}")
                axes.fill_between(line["depth"], line["low"] * scale, line["high"] * scale, color=colour, alpha=0.15, linewidth=0)
        axes.set_yscale("log")
        if eccentricity is not None:
            _cortex(axes, field_sizes_at(eccentricity))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(xlabel="Depth: lowest layer 0, highest 1", ylabel=UNITS[units], xlim=(-0.03, 1.03 if eccentricity is None else 1.22))
        figure.legend(loc="outside right upper", frameon=False, handlelength=2.8)
    return figure


def _cortex(axes, areas: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    """Areas as short bars at the right, from low to high; open upward where only a least size is known."""
    for number, area in enumerate(areas.itertuples()):
        place, top = 1.08 + 0.045 * (number % 3), area.high if area.high < 1e3 else 4 * area.low
        axes.plot([place, place], [area.low, top], color=PALETTE["grey"], linewidth=3 if top > area.low else 0, solid_capstyle="butt")
        if top == area.low:
            axes.plot([place - 0.02, place + 0.02], [area.low, area.low], color=PALETTE["grey"], linewidth=2)
        axes.annotate(area.area.split(",")[0], (place, top), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=5.5, color="#444444")
