"""The type of axes that the caller made before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.text import Text

from .style import wrapped


def type_again(ax: Axes) -> None:
    """The type of now for axes that the caller made before.

    Parameters
    ----------
    ax : matplotlib Axes
    """
    now: Mapping[Any, Any] = mpl.rcParams
    family = now["font.family"]
    for axis in ("x", "y"):
        size = now[f"{axis}tick.labelsize"]
        ax.tick_params(axis=axis, labelsize=size, labelfontfamily=family[0])
    ax.xaxis.label.set_fontsize(now["axes.labelsize"])
    ax.yaxis.label.set_fontsize(now["axes.labelsize"])
    ax.title.set_fontsize(now["axes.titlesize"])
    for text in ax.findobj(Text):
        text.set(family=family)


def wrap_labels(ax: Axes) -> None:
    """Labels of the caller's axes in as many lines as fit their sides.

    Parameters
    ----------
    ax : matplotlib Axes
    """
    page: Any = ax.get_figure(root=True)
    extent = ax.get_window_extent()
    box = (extent.width / page.dpi, extent.height / page.dpi)
    for label, inches in zip((ax.xaxis.label, ax.yaxis.label), box, strict=True):
        label.set_text(wrapped(label.get_text(), 1.1 * float(inches), float(label.get_fontsize())))
