"""Scales of plots: linear, and logarithms of what has one."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from .marks import BESIDE_PLOTS

SCALES = {"linear": 1, "log2": 2, "log10": 10}  # bases


def is_plot(axes: Axes) -> bool:
    """Whether a panel is a plot: no picture, no polar plot, nothing at its side, no empty place.

    Parameters
    ----------
    axes : matplotlib Axes

    Returns
    -------
    bool
    """
    beside = axes.get_label() in ("<colorbar>", BESIDE_PLOTS)
    return bool(axes.axison and axes.name == "rectilinear" and not axes.images and not beside)


def _numbers(axes: Axes, axis: str) -> np.ndarray:
    """What is drawn along an axis; lines across the panel, such as chance, are not among it."""
    own = [line for line in axes.lines if line.get_transform() == axes.transData]
    drawn = [np.asarray(getattr(line, f"get_{axis}data")(), dtype=float) for line in own]
    found = np.concatenate([*drawn, np.empty(0)])
    return found[np.isfinite(found)]


def set_scale(axes: Axes, axis: str, scale: str) -> None:
    """Set a scale; where it is a logarithm, with limits that it can have.

    Parameters
    ----------
    axes : matplotlib Axes
    axis : {'x', 'y'}
    scale : {'linear', 'log2', 'log10'}

    Raises
    ------
    ValueError
        If something that is drawn has no logarithm.
    """
    if scale == "linear":
        getattr(axes, f"set_{axis}scale")(scale)
        return
    least = _numbers(axes, axis).min(initial=np.inf)
    if least <= 0:
        where = f" of the panel {axes.get_title()!r}" if axes.get_title() else ""
        msg = (
            f"`{axis}_scale` {scale!r} is for numbers above 0, but those{where} go down to "
            f"{least:.3g}. Give such panels a figure of their own, or leave it out."
        )
        raise ValueError(msg)
    low, high = getattr(axes, f"get_{axis}lim")()
    if low <= 0 < high:
        getattr(axes, f"set_{axis}lim")(min(least, high) / 1.3, high)
    getattr(axes, f"set_{axis}scale")("log", base=SCALES[scale])
    shown = getattr(axes, f"{axis}axis")
    shown.set_major_formatter("{x:g}")
    shown.set_minor_formatter("")
