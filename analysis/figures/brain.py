"""Similarity of layers to the brain, between the bounds of what is possible."""

from __future__ import annotations

from itertools import cycle

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from analysis.figures.style import PALETTE, WIDTHS, style


def brain(results: dict[str, xr.Dataset], title: str = "") -> Figure:
    """A point with its interval for each layer, grouped by model; filled where it is significant after correction, the noise ceiling as a band.

    Parameters
    ----------
    results : mapping from model to xarray.Dataset
        From `analysis.similarity.brain_similarity`, all with the same subjects.

    Raises
    ------
    ValueError
        If there are no results.
    """
    if not results:
        msg = "`results` must hold at least one model, got none."
        raise ValueError(msg)
    labels: list[str] = []
    with style():
        n_layers = sum(result.sizes["layer"] for result in results.values())
        figure = Figure(figsize=(WIDTHS["middle"], 0.9 + 0.145 * (n_layers + len(results))), layout="constrained")
        axes, row = figure.subplots(), 0
        first = next(iter(results.values()))
        if float(first["ceiling_high"]) > 0:
            axes.axvspan(
                float(first["ceiling_low"]), float(first["ceiling_high"]), color=PALETTE["grey"], alpha=0.25, linewidth=0, label="noise ceiling"
            )
        for colour, (model, result) in zip(cycle(PALETTE.values()), results.items(), strict=False):
            for layer in result["layer"].values:
                part = result.sel(layer=layer)
                value, low, high = (float(part[name]) for name in ("layer_value", "layer_low", "layer_high"))
                axes.plot([low, high], [row, row], color=colour, linewidth=1)
                filled = colour if float(part["p_corrected"]) < 0.05 else "white"
                axes.plot(value, row, "o", color=colour, markersize=3.5, markerfacecolor=filled)
                labels.append(model if result.sizes["layer"] == 1 else f"{model}, {layer}")
                row += 1
        axes.axvline(0, color=PALETTE["grey"], linewidth=0.6, linestyle=":")
        name = str(first.attrs["comparison"]).capitalize()
        axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel=f"Similarity of RDMs ({name}), mean over subjects", title=title)
        axes.invert_yaxis()
        axes.margins(y=0.02)
        axes.plot([], [], "o", color=PALETTE["grey"], markersize=3.5, label="p < 0.05, corrected")
        axes.plot([], [], "o", color=PALETTE["grey"], markersize=3.5, markerfacecolor="white", label="not significant")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def brain_table(results: dict[str, xr.Dataset]) -> pd.DataFrame:
    """The table behind the figure: model, layer, value, low, high, p, p_corrected, ceiling."""
    parts = []
    for model, result in results.items():
        columns = ["layer_value", "layer_low", "layer_high", "p", "p_corrected", "ceiling_low", "ceiling_high"]
        parts.append(result[columns].to_dataframe().reset_index().assign(model=model))
    table = pd.concat(parts, ignore_index=True)
    return table[["model", *[name for name in table if name != "model"]]].rename(columns=lambda name: str(name).removeprefix("layer_"))
