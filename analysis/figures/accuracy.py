"""Accuracy: one point per model, with its confidence interval and chance."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from analysis.figures.style import PALETTE, WIDTHS, style


def accuracy(results: pd.DataFrame, chance: float, title: str = "") -> Figure:
    """Points with 95 % confidence intervals.

    Parameters
    ----------
    results : pandas.DataFrame
        Columns features, accuracy, low, high, as `Readout.row` gives them.
    chance : float
        Accuracy of guessing.
    """
    percent = results[["accuracy", "low", "high"]] * 100
    with style():
        figure = Figure(figsize=(WIDTHS["single"], 0.32 * len(results) + 0.9), layout="constrained")
        axes = figure.subplots()
        colours = sns.color_palette(list(PALETTE.values()), len(results))
        for row, (name, colour) in enumerate(zip(results["features"], colours, strict=True)):
            low, middle, high = percent.loc[results.index[row], ["low", "accuracy", "high"]]
            axes.errorbar(middle, row, xerr=[[middle - low], [high - middle]], fmt="o", color=colour, markersize=5, capsize=2.5)
            axes.text(high + 1.2, row, f"{middle:.1f}", va="center", fontsize=6.5)
            axes.set_yticks(range(row + 1), results["features"][: row + 1], label=name)
        axes.axvline(100 * chance, color=PALETTE["grey"], linewidth=0.8, linestyle=":")
        axes.annotate("chance", (100 * chance, -0.62), xytext=(2, 0), textcoords="offset points", color=PALETTE["grey"], fontsize=6.5, va="center")
        axes.set(xlabel="Accuracy on images not trained on, %", xlim=(0, 109), ylim=(len(results) - 0.5, -0.9), title=title)
        axes.set_xticks(range(0, 101, 20))
    return figure
