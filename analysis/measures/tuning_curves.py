"""Tuning curves.

Each unit's responses over one parameter of the stimuli, and where they peak and how wide they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..per_unit import FLAT, cleaned, largest_of

PHASES = ("max", "mean", "f1")


def responses_over(
    found: xr.DataArray, names: Sequence[str], phase: str | None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Values of the named parameters, and responses over them.

    The unit is last; other parameters are at each unit's strongest response.

    Parameters
    ----------
    found : xarray.DataArray
        From `grating_responses`.
    names : sequence of str
        Of the parameters.
    phase : {'max', 'mean', 'f1'} or None
        How phases are summed up; None treats phase like every other parameter.

    Returns
    -------
    values : list of arrays
        Of each parameter, ascending.
    responses : array of shape (n_values of each parameter, n_units)
    """
    if found.dims != ("image", "unit"):
        msg = f"`found` must have the dims (image, unit), got {found.dims}."
        raise ValueError(msg)
    missing = [name for name in names if f"stimulus_{name}" not in found.coords]
    if missing:
        known = [
            str(name).removeprefix("stimulus_")
            for name in found.coords
            if str(name).startswith("stimulus_")
        ]
        msg = (
            f"`found` must be responses to stimuli with the parameter {missing[0]!r}, got "
            f"{', '.join(known) or 'none'}. Use data.stimuli.gratings."
        )
        raise ValueError(msg)
    if phase is not None and phase not in PHASES:
        msg = f"`phase` must be one of {', '.join(map(repr, PHASES))}, got {phase!r}."
        raise ValueError(msg)
    columns = {
        str(name).removeprefix("stimulus_"): found[name].values
        for name in found.coords
        if str(name).startswith("stimulus_")
    }
    columns.pop("label", None)  # says what another parameter says
    levels = {
        name: np.unique(values, return_inverse=True)
        for name, values in columns.items()
        if len(np.unique(values)) > 1 or name in names
    }
    shape = tuple(len(level) for level, _ in levels.values())
    shown = {
        tuple(row) for row in np.stack([place for _, place in levels.values()], axis=1).tolist()
    }
    if not np.prod(shape) == found.sizes["image"] == len(shown):
        msg = (
            f"`found` must be to every combination of {', '.join(levels)}, {np.prod(shape)} "
            f"stimuli, got {found.sizes['image']}."
        )
        raise ValueError(msg)
    places = tuple(place for _, place in levels.values())
    values = np.full((*shape, found.sizes["unit"]), np.nan)
    values[places] = cleaned(found.values, largest_of(found))
    kept = list(levels)
    if phase is not None and "phase" in levels and "phase" not in names:
        axis = kept.index("phase")
        turn = np.exp(-1j * np.radians(levels["phase"][0]))
        values = {
            "max": lambda: values.max(axis=axis),
            "mean": lambda: values.mean(axis=axis),
            "f1": lambda: 2 * np.abs(np.moveaxis(values, axis, -1) @ turn) / len(turn),
        }[phase]()
        kept.remove("phase")
    others = [kept.index(name) for name in kept if name not in names]
    if others or len(names) > 1:
        moved = np.moveaxis(values, [kept.index(name) for name in names], range(len(names)))
    else:
        moved = values
    chosen_shape = moved.shape[: len(names)]
    flat = moved.reshape(*chosen_shape, -1, values.shape[-1])
    best = flat.max(axis=tuple(range(len(names)))).argmax(axis=0)
    picked = np.take_along_axis(flat, best[(None,) * (len(names) + 1)], axis=len(names)).squeeze(
        axis=len(names)
    )
    return [levels[name][0] for name in names], picked


def curves_over(found: xr.DataArray, name: str, phase: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Values of a parameter, at least two, and each unit's curve over them.

    Parameters
    ----------
    found : xarray.DataArray
        From `grating_responses`.
    name : str
        Of the parameter.
    phase : {'max', 'mean', 'f1'} or None
        How phases are summed up; None treats phase like every other parameter.

    Returns
    -------
    points : array of shape (n_points,)
    curves : array of shape (n_points, n_units)
    """
    (points,), picked = responses_over(found, (name,), phase)
    if len(points) < 2:
        msg = f"`found` must be to at least two values of {name}, got {points.tolist()}."
        raise ValueError(msg)
    return points, picked.T


def circular_width(points: np.ndarray, curve: np.ndarray, height: float) -> float:
    """Full width around the peak on a circle of 180 degrees.

    Parameters
    ----------
    points, curve : arrays of shape (n_points,)
        Values of the parameter, ascending, and the responses to them.
    height : float
        Share of the peak.

    Returns
    -------
    float
        In the units of `points`; NaN where the curve does not fall so low.
    """
    peak = int(curve.argmax())
    unrolled = np.roll(curve, len(curve) // 2 - peak)
    step = 180 / len(points)
    around = np.concatenate([unrolled, unrolled[:1]])
    return width_at(np.arange(len(around)) * step, around, height, len(curve) // 2)


def width_at(points: np.ndarray, curve: np.ndarray, height: float, peak: int) -> float:
    """Full width at a share of the peak, by linear interpolation.

    NaN where the curve does not fall so low on both sides.

    Parameters
    ----------
    points, curve : arrays of shape (n_points,)
        Values of the parameter, ascending, and the responses to them.
    height : float
        Share of the peak.
    peak : int
        Index of the peak.

    Returns
    -------
    float
        In the units of `points`.
    """
    line = height * curve[peak]
    if curve[peak] <= 0:
        return np.nan
    below = np.flatnonzero(curve <= line)
    left, right = below[below < peak], below[below > peak]
    if not len(left) or not len(right):
        return np.nan

    def crossing(low: int, high: int) -> float:
        share = (line - curve[low]) / (curve[high] - curve[low])
        return points[low] + share * (points[high] - points[low])

    return float(crossing(right[0], right[0] - 1) - crossing(left[-1], left[-1] + 1))


def peak_of(points: np.ndarray, curve: np.ndarray) -> float:
    """Where a parabola through the highest point and its neighbours peaks; NaN for a flat curve.

    Parameters
    ----------
    points, curve : arrays of shape (n_points,)
        Values of the parameter, ascending, and the responses to them.

    Returns
    -------
    float
    """
    peak = int(curve.argmax())
    if np.ptp(curve) <= FLAT * np.abs(curve).max():
        return np.nan
    if peak in (0, len(curve) - 1):
        return float(points[peak])
    a, b, _ = np.polyfit(points[peak - 1 : peak + 2] - points[peak], curve[peak - 1 : peak + 2], 2)
    return float(points[peak] + (-b / (2 * a) if a < 0 else 0))
