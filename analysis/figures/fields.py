"""Receptive fields: how they grow from layer to layer."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.style import PALETTE, WIDTHS, style

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def fields(table: pd.DataFrame, image_size: int, title: str = "") -> Figure:
    """Field size of every band, one column of points per layer.

    Parameters
    ----------
    table : pandas.DataFrame
        As `FeatureExtractor.fields` returns it.
    image_size : int
        The larger side of the images, in pixels: drawn as a line.
    """
    layers = list(dict.fromkeys(table["layer"]))
    with style():
        figure = Figure(figsize=(WIDTHS["single"], 2.5), layout="constrained")
        axes = figure.subplots()
        for column, layer in enumerate(layers):
            sizes = table.loc[table["layer"] == layer, ["size_y", "size_x"]].max(axis=1).to_numpy(float)
            shift = [0.0] * len(sizes) if len(sizes) == 1 else [0.5 * i / (len(sizes) - 1) - 0.25 for i in range(len(sizes))]
            marker = _MARKERS[column % len(_MARKERS)]
            axes.scatter([column + s for s in shift], sizes, s=14, marker=marker, color=list(PALETTE.values())[column % len(PALETTE)], linewidths=0)
        axes.axhline(image_size, color=PALETTE["grey"], linewidth=0.8, linestyle=":")
        axes.annotate("image", (-0.45, image_size), xytext=(0, -2), textcoords="offset points", color=PALETTE["grey"], fontsize=6.5, va="top")
        axes.set_xticks(range(len(layers)), [layer.upper() if len(layer) <= 3 else layer for layer in layers])
        axes.set(ylabel="Receptive field, pixels", xlabel="Layer (one point per band)", xlim=(-0.5, len(layers) - 0.5), title=title)
        axes.set_ylim(0, image_size * 1.08)
    return figure
