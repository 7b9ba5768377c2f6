"""Tuning curves: responses of units over a parameter of stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .checks import checked, of_first
from .contract import figure
from .palette import colours_of
from .panels import panel_grid

_MOST = 60  # thin lines in a panel


@figure(draws="curve_table", seeds="first")
def tuning_curves(
    curve_table: pd.DataFrame,
    aligned: bool = True,
    colours: Mapping[str, str] | None = None,
    width: str | float = "double",
    ax: Axes | None = None,
) -> Figure:
    """Tuning curves of units, each as a share of its largest response.

    The thick line is the median of the layer.

    Parameters
    ----------
    curve_table : pandas.DataFrame
        Of `hmax_cnn.analysis.measures.tuning`: columns model, layer, unit, stimulus, amount,
        unit_of_amount, curve.
    aligned : bool
        Whether orientations are counted from each unit's best one.
    colours : mapping from model to colour, or None
    width : str or float
    ax : matplotlib Axes or None
        For one layer.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is missing, or there is more than one layer for `ax`.
    """
    table = of_first(checked(curve_table, "model", "layer", "unit", "stimulus", "amount", "curve"))
    look = colours_of(table["model"], colours)
    with panel_grid(table, ("model", "layer"), width, (1.55, 0.3), ax, sharey=True) as grid:
        for axes, (model, layer), part in grid:
            points, curves, n_defined = relative(part)
            if _is_circular(part) and aligned and len(curves):
                points, curves = _aligned(points, curves)
            for curve in curves[:: max(1, len(curves) // _MOST)]:
                axes.plot(points, curve, color=look[model], alpha=0.25, linewidth=0.5)
            lowest = 0.0
            if len(curves):
                axes.plot(points, np.median(curves, axis=0), color=look[model], linewidth=1.8)
                lowest = min(0.0, float(curves.min())) - 0.02
            axes.set_ylim(lowest, 1.05)
            _scale(axes, part, aligned=aligned)
            grid.title(axes, (model, layer), f"n = {n_defined}")
        grid.label(_label(table, aligned=aligned), "Response (share of largest)")
    return grid.figure


def _is_circular(part: pd.DataFrame) -> bool:
    return str(part["stimulus"].iloc[0]) == "orientation"


def _aligned(points: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orientations counted from each unit's best one."""
    middle = len(points) // 2
    turned = [np.roll(curve, middle - int(curve.argmax())) for curve in curves]
    return (np.arange(len(points)) - middle) * (points[1] - points[0]), np.stack(turned)


def _scale(axes: Axes, part: pd.DataFrame, *, aligned: bool) -> None:
    """Degrees for orientation, a logarithm for everything else: octaves for frequency."""
    if _is_circular(part):
        axes.set_xticks([-90, -45, 0, 45, 90] if aligned else [0, 45, 90, 135, 180])
        return
    axes.set_xscale("log", base=2 if part["stimulus"].iloc[0] == "frequency" else 10)
    axes.xaxis.set_major_formatter("{x:.3g}")
    axes.xaxis.set_minor_formatter("")


def _label(table: pd.DataFrame, *, aligned: bool) -> str:
    name = str(table["stimulus"].iloc[-1]).capitalize()
    if _is_circular(table) and aligned:
        name = "Orientation relative to the preferred one"
    unit = str(table["unit_of_amount"].iloc[-1]) if "unit_of_amount" in table else ""
    return f"{name} ({unit})" if unit else name


def relative(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """Points, curves (unit, point) over their largest value, and how many units have one.

    Silent and flat units have none.

    Parameters
    ----------
    part : pandas.DataFrame
        Curves of units.

    Returns
    -------
    points : array of shape (n_points,)
    curves : array of shape (n_units, n_points)
    n_units : int
    """
    keys = [name for name in ("seed", "images", "unit") if name in part]
    wide = part.pivot_table(index=keys, columns="amount", values="curve", sort=False)
    wide = wide[sorted(wide.columns)]
    values = wide.to_numpy(float)
    largest = values.max(axis=1, initial=-np.inf)
    kept = (largest > 0) & (np.ptp(values, axis=1) > 1e-6 * np.abs(values).max(initial=0))
    return wide.columns.to_numpy(float), values[kept] / largest[kept, None], int(kept.sum())
