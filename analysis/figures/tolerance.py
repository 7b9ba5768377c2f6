"""Tolerance curves: a measure of layers over transformations, with bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import PALETTE, WIDTHS, style

_MARKERS = "osD^vPX*"
_COLUMNS = ("transformation", "units", "curve", "n_images", "n_units", "value", "measure", "low", "high")


def tolerance_table(results: Mapping[str, Mapping[str, xr.Dataset]]) -> pd.DataFrame:
    """The table behind the figure.

    Parameters
    ----------
    results : mapping from model to mapping from a title to xarray.Dataset
        Datasets of dims (layer, <transformation>) with `value`, `low`, `high`, as those of `analysis.populations`; several transformations
        by title.

    Returns
    -------
    pandas.DataFrame
        Columns transformation, units, curve (model and layer), n_images, n_units (of the layer; fewer than asked for where it has no more),
        value (of the transformation), measure, low, high.
    """
    rows = []
    for model, datasets in results.items():
        for title, dataset in datasets.items():
            if dataset["value"].dims[:1] != ("layer",) or dataset["value"].ndim != 2:
                dims = dataset["value"].dims
                msg = f"`results` must hold datasets of dims (layer, <transformation>), as those of analysis.populations, got {dims} of {model}."
                raise ValueError(msg)
            name = dataset["value"].dims[1]
            for layer in dataset["layer"].values:
                part = dataset.sel(layer=layer)
                columns = (part[name].values, part["value"].values, part["low"].values, part["high"].values)
                curve = model if str(layer) == model or dataset.sizes["layer"] == 1 else f"{model}, {layer}"
                counts = int(dataset.sizes["image"]), int(part["n_units"])
                rows += [(title, dataset[name].attrs.get("units", ""), curve, *counts, *map(float, row)) for row in zip(*columns, strict=True)]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def tolerance(table: pd.DataFrame, measure: str, styles: Mapping[str, tuple[str, str]] | None = None, chance: float | None = 0.0) -> Figure:
    """One panel per transformation, one curve with its band per layer.

    Parameters
    ----------
    table : pandas.DataFrame
        From `tolerance_table`.
    measure : str
        What the vertical axis says.
    styles : mapping from curve to (colour, line style), or None
        Colours are those of `analysis.figures.style.PALETTE`; None gives each curve one.
    chance : float or None
        Where a line is drawn that says what no tolerance would give.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    if not isinstance(table, pd.DataFrame):
        msg = f"`table` must be what `tolerance_table` returns, got {type(table).__name__}."
        raise TypeError(msg)
    if table.empty:
        msg = "`table` must hold at least one curve, got none."
        raise ValueError(msg)
    titles, curves = list(dict.fromkeys(table["transformation"])), list(dict.fromkeys(table["curve"]))
    looks = {curve: (list(PALETTE)[i % len(PALETTE)], "-" if i < len(PALETTE) else "--") for i, curve in enumerate(curves)} | dict(styles or {})
    n_columns = min(3, len(titles))
    n_rows = -(-len(titles) // n_columns)
    with style():
        figure = Figure(figsize=(WIDTHS["double"] if n_columns > 1 else WIDTHS["single"], 1.9 * n_rows + 0.5), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
        for axes, title in zip(panels.flat, titles, strict=False):
            part = table[table["transformation"] == title]
            units = part["units"].iloc[0]
            for number, curve in enumerate(curves):
                line = part[part["curve"] == curve].sort_values("value")
                colour, dashes = looks[curve]
                marker = _MARKERS[number % len(_MARKERS)]
                axes.fill_between(line["value"], line["low"], line["high"], color=PALETTE[colour], alpha=0.12, linewidth=0)
                axes.plot(line["value"], line["measure"], dashes, color=PALETTE[colour], label=curve, marker=marker, markersize=2.5, linewidth=1)
            if units == "times":
                axes.set_xscale("log", base=2)
                axes.xaxis.set_major_formatter("{x:g}")
            else:
                axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 3, 6, 9, 10] if units == "degrees" else [1, 2, 5, 10]))
            if chance is not None:
                axes.axhline(chance, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
            axes.set(title=title, xlabel=units.capitalize())
        for axes in panels[:, 0]:
            axes.set_ylabel(measure)
        for axes in panels.flat[len(titles) :]:
            axes.axis("off")
        shown = table["measure"].to_numpy(float)
        shown = np.append(shown[np.isfinite(shown)], [] if chance is None else [chance])
        low, high = shown.min(initial=np.inf), shown.max(initial=-np.inf)
        margin = max(0.08 * (high - low), 0.05) if len(shown) else 0
        panels[0, 0].set_ylim(*((low - margin, high + margin) if len(shown) else (0, 1)))
        handles, names = panels[0, 0].get_legend_handles_labels()
        if len(titles) < panels.size:
            panels.flat[-1].legend(handles, names, loc="center", frameon=False, handlelength=2.5)
        else:
            figure.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)), frameon=False, handlelength=2.5)
    return figure
