"""Confusion matrix: which classes are taken for which."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from analysis.figures.style import WIDTHS, style


def confusion(counts: pd.DataFrame, title: str = "") -> Figure:
    """Rows are true classes, columns predictions; colour and number are percent of the row.

    Parameters
    ----------
    counts : pandas.DataFrame
        As `Readout.confusion` returns it.
    title : str
        Above the matrix.
    """
    n_classes = len(counts)
    percent = 100 * counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    side = max(WIDTHS["single"], min(WIDTHS["double"], 0.27 * n_classes + 1.4))
    with style():
        figure = Figure(figsize=(side * 1.08, side), layout="constrained")
        axes = figure.subplots()
        labels = percent.map(lambda value: f"{value:.0f}" if value >= 0.5 else "") if n_classes <= 25 else False
        sns.heatmap(
            percent, ax=axes, annot=labels, fmt="", cmap="Blues", vmin=0, vmax=100, square=True, linewidths=0.3, linecolor="white",
            annot_kws={"size": 6}, cbar_kws={"label": "Predicted, % of true class", "shrink": 0.7}, xticklabels=True, yticklabels=True,
        )  # fmt: skip
        axes.set(xlabel="Predicted class", ylabel="True class", title=title)
        axes.tick_params(length=0)
        axes.set_xticklabels(axes.get_xticklabels(), rotation=45 if n_classes > 2 and max(map(len, map(str, counts))) > 2 else 0, ha="right")
        axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    return figure
