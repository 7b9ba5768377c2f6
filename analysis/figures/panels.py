"""A grid with a panel for each model and layer: what most figures of units are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import one_panel
from .style import in_width, points, sheet, titled, wrapped


@dataclass(frozen=True)
class Grid:
    """A figure with a panel for each group of rows of a table.

    Attributes
    ----------
    figure : Figure
    panels : array of Axes of shape (n_rows, n_columns)
    groups : sequence of (tuple, DataFrame)
        What each panel is of, such as (model, layer), and its rows.
    ax : Axes or None
        The axes of the caller, where there is one panel.
    """

    figure: Figure
    panels: np.ndarray
    groups: Sequence[tuple[Any, pd.DataFrame]]
    ax: Axes | None = None

    def __iter__(self) -> Iterator[tuple[Axes, tuple[Any, ...], pd.DataFrame]]:
        for axes, (key, part) in zip(self.panels.flat, self.groups, strict=False):
            yield axes, key, part

    @property
    def panel_width(self) -> float:
        """Of one panel, in inches."""
        return self.figure.get_figwidth() / self.panels.shape[1]

    def title(self, axes: Axes, key: Sequence[Any], below: str) -> None:
        """What a panel is of, wrapped to its width, and a line below it."""
        size = points(7)
        text = f"{titled(*key)}\n{below}" if below else titled(*key)
        axes.set_title(wrapped(text, 0.9 * self.panel_width, size), fontsize=size)

    def label(self, x: str, y: str = "") -> None:
        """One label for all horizontal axes, and one beside each row."""
        if y:
            for axes in self.panels[:, 0]:
                axes.set_ylabel(y)
        if self.panels.size == 1:
            self.panels[0, 0].set_xlabel(x)
        else:
            self.figure.supxlabel(x, fontsize=points(7.5))


@contextmanager
def panel_grid(
    table: pd.DataFrame,
    columns: Sequence[str],
    width: str | float,
    heights: tuple[float, float] | None = None,
    ax: Axes | None = None,
    most: tuple[int, int] = (4, 2),
    **options: Any,
) -> Iterator[Grid]:
    """A grid with a panel for each combination of some columns, in the order of the table.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : sequence of str
        Such as ('model', 'layer').
    width : str or float
        As in `hmax_cnn.analysis.figures.style.width_in_mm`.
    heights : (float, float) or None
        Of a row of panels, and of what is besides them, in inches; None leaves the height to the
        figure.
    ax : matplotlib Axes or None
        Of the caller, for one panel.
    most : (int, int)
        Panels side by side in a figure of two columns of a page, and of one.
    **options
        Of `Figure.subplots`.

    Yields
    ------
    Grid

    Raises
    ------
    ValueError
        If there are several panels for `ax`.
    """
    groups = list(table.groupby(list(columns), sort=False))
    one_panel(ax, len(groups))
    n_columns = min(in_width(width, *most), len(groups))
    n_rows = -(-len(groups) // n_columns)
    height = 0.1 if heights is None else heights[0] * n_rows + heights[1]
    with sheet(width, height, n_rows, n_columns, ax, **options) as (figure, panels):
        yield Grid(figure, panels, groups, ax)
        for axes in panels.flat[len(groups) :]:
            axes.axis("off")
