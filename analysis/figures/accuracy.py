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
        for row, colour in enumerate(colours):
            low, middle, high = percent.loc[results.index[row], ["low", "accuracy", "high"]]
            axes.errorbar(middle, row, xerr=[[middle - low], [high - middle]], fmt="o", color=colour, markersize=5, capsize=2.5)
            axes.text(high, row, f"  {middle:.1f}", va="center", fontsize=6.5)
        axes.set_yticks(range(len(results)), results["features"])
        left = max(0, 10 * int((percent["low"].min() - 10) // 10))
        if 100 * chance >= left:
            axes.axvline(100 * chance, color=PALETTE["grey"], linewidth=0.8, linestyle=":")
            at = {"xytext": (2, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate("chance", (100 * chance, -0.62), color=PALETTE["grey"], fontsize=6.5, **at)
        axes.set(xlabel="Accuracy on images not trained on, %", xlim=(left, 100 + 0.13 * (100 - left)), ylim=(len(results) - 0.5, -0.9), title=title)
        axes.set_xticks([tick for tick in range(0, 101, 5 if left >= 60 else 20) if tick >= left])
    return figure
