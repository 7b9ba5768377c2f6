"""Learning curves: loss and accuracy over the epochs of a training."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from .palette import PALETTE
from .style import WIDTHS, blank, points, style


def curves(history: pd.DataFrame, title: str = "") -> Figure:
    """Loss on a logarithmic axis, and accuracy beside it, of training and validation images.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns epoch, loss, accuracy, and where known validation_loss, validation_accuracy, as
        `CNN.history_` has them.
    title : str
        Above the panels; none where empty.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure = blank((WIDTHS["middle"], 2.2))
        for axes, name, factor in zip(
            figure.subplots(1, 2), ("loss", "accuracy"), (1, 100), strict=True
        ):
            for column, label, colour, dashes in (
                (name, "training, during the epoch", "blue", "-"),
                (f"validation_{name}", "validation, after it", "orange", "--"),
            ):
                if column in history:
                    axes.plot(
                        history["epoch"],
                        factor * history[column],
                        dashes,
                        color=PALETTE[colour],
                        label=label,
                        marker=".",
                        markersize=4,
                    )
            axes.set(xlabel="Epoch", ylabel="Loss" if factor == 1 else "Accuracy (%)")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if factor == 1:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter(NullFormatter())
        if "validation_loss" in history:
            figure.legend(
                *axes.get_legend_handles_labels(),
                loc="outside lower center",
                ncols=2,
                frameon=False,
                handlelength=2.5,
            )
        figure.suptitle(title, fontsize=points(8))
    return figure
