"""Filters: the bank of simple cells, drawn to one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.style import WIDTHS, style


def filters(banks: Mapping[int, np.ndarray], orientations: Sequence[float], title: str = "") -> Figure:
    """One column per filter size, one row per orientation; every filter on its own grey scale.

    Parameters
    ----------
    banks : mapping from int to array of shape (n_orientations, size, size)
    orientations : sequence of float
        In degrees.
    """
    with style():
        largest = max(banks)
        figure = Figure(figsize=(WIDTHS["double"], WIDTHS["double"] * len(orientations) / len(banks) + 0.45), layout="constrained")
        panels = figure.subplots(len(orientations), len(banks), squeeze=False)
        for column, (size, bank) in enumerate(banks.items()):
            for row, kernel in enumerate(bank):
                axes, reach, half = panels[row, column], np.abs(kernel).max(), size / 2
                axes.imshow(kernel, cmap="gray", vmin=-reach, vmax=reach, extent=(-half, half, half, -half), interpolation="nearest")
                axes.set(xlim=(-largest / 2, largest / 2), ylim=(largest / 2, -largest / 2), xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if row == 0:
                    axes.set_title(f"{size} px", fontsize=6.5)
                if column == 0:
                    axes.set_ylabel(f"{orientations[row] % 180:g}°")
        figure.suptitle(title, fontsize=8)
    return figure
