"""Tuning curves.

Each unit's responses over one parameter of the stimuli, and where they peak and how wide they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from hmax_cnn.extraction.choices import check_choice

from ..per_unit import FLAT, cleaned, largest_of
from ..responses import check_strengths

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

    Raises
    ------
    ValueError
        If the stimuli lack a parameter, or are not every combination of them, or responses are
        distances.
    """
    check_strengths(found, "Tuning")
    levels = _levels(found, names)
    if phase is not None:
        check_choice("phase", phase, PHASES)
    shape = tuple(len(level) for level, _ in levels.values())
    places = tuple(place for _, place in levels.values())
    n_shown = len(set(zip(*(place.tolist() for place in places), strict=True)))
    if not np.prod(shape) == found.sizes["image"] == n_shown:
        msg = (
            f"`found` must be to every combination of {', '.join(levels)}, {np.prod(shape)} "
            f"stimuli, got {found.sizes['image']}."
        )
        raise ValueError(msg)
    values = np.full((*shape, found.sizes["unit"]), np.nan)
    values[places] = cleaned(found.values, largest_of(found))
    kept = list(levels)
    if phase is not None and "phase" in levels and "phase" not in names:
        values = _over_phases(values, kept.index("phase"), levels["phase"][0], phase)
        kept.remove("phase")
    if len(kept) > 1:
        values = np.moveaxis(values, [kept.index(name) for name in names], range(len(names)))
    return [levels[name][0] for name in names], _at_best(values, len(names))


def _levels(found: xr.DataArray, names: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Values of each parameter that varies or is named, and which of them each stimulus has."""
    if found.dims != ("image", "unit"):
        msg = f"`found` must have the dims (image, unit), got {found.dims}."
        raise ValueError(msg)
    columns = {
        str(name).removeprefix("stimulus_"): found[name].values
        for name in found.coords
        if str(name).startswith("stimulus_")
    }
    missing = [name for name in names if name not in columns]
    if missing:
        msg = (
            f"`found` must be responses to stimuli with the parameter {missing[0]!r}, got "
            f"{', '.join(columns) or 'none'}. Use data.stimuli.gratings."
        )
        raise ValueError(msg)
    columns.pop("label", None)  # says what another parameter says
    levels = {}
    for name, values in columns.items():
        points, place = np.unique(values, return_inverse=True)
        if len(points) > 1 or name in names:
            levels[name] = (points, place)
    return levels


def _over_phases(values: np.ndarray, axis: int, phases: np.ndarray, kind: str) -> np.ndarray:
    """One number for all phases."""
    if kind == "max":
        return values.max(axis=axis)
    if kind == "mean":
        return values.mean(axis=axis)
    turn = np.exp(-1j * np.radians(phases))  # the first harmonic of a grating that drifts
    return 2 * np.abs(np.moveaxis(values, axis, -1) @ turn) / len(turn)


def _at_best(values: np.ndarray, n_named: int) -> np.ndarray:
    """Responses over the first parameters, the others at each unit's strongest response."""
    flat = values.reshape(*values.shape[:n_named], -1, values.shape[-1])
    best = flat.max(axis=tuple(range(n_named))).argmax(axis=0)
    picked = np.take_along_axis(flat, best[(None,) * (n_named + 1)], axis=n_named)
    return picked.squeeze(axis=n_named)


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

    Raises
    ------
    ValueError
        If there are fewer than two values.
    """
    (points,), picked = responses_over(found, (name,), phase)
    if len(points) < 2:
        msg = f"`found` must be to at least two values of {name}, got {points.tolist()}."
        raise ValueError(msg)
    return points, picked.T


# A cubic spline through a Gaussian is right to 2.5 % where the curve is at least so many steps
# wide; lines between the points are up to 9 % too wide there.
_LEAST_STEPS = 2.4
_FINE = 64  # points of the spline within a step


def circular_width(points: np.ndarray, curve: np.ndarray, height: float) -> float:
    """Full width around the peak on a circle of 180 degrees, by a periodic cubic spline.

    Parameters
    ----------
    points, curve : arrays of shape (n_points,)
        Values of the parameter, ascending and evenly spaced, and the responses to them.
    height : float
        Share of the peak.

    Returns
    -------
    float
        In the units of `points`; NaN where the curve does not fall so low.
    """
    # The peak in the middle, and the first point again at the end: a circle cut opposite to the
    # peak.
    unrolled = np.roll(curve, len(curve) // 2 - int(curve.argmax()))
    around = np.append(unrolled, unrolled[0])
    steps = np.arange(len(around)) * (180 / len(points))
    return _width(steps, around, height, len(curve) // 2, "periodic")


def width(points: np.ndarray, curve: np.ndarray, height: float) -> float:
    """Full width around the peak, by a cubic spline.

    Parameters
    ----------
    points, curve : arrays of shape (n_points,)
        Values of the parameter, ascending, and the responses to them; at least two.
    height : float
        Share of the peak.

    Returns
    -------
    float
        In the units of `points`; NaN where the curve does not fall so low on both sides.
    """
    return _width(points, curve, height, int(curve.argmax()), "not-a-knot")


def _width(points: np.ndarray, curve: np.ndarray, height: float, peak: int, ends: str) -> float:
    steps = np.arange(len(points))
    fine = np.arange((len(points) - 1) * _FINE + 1) / _FINE
    shown = np.interp(fine, steps, points)
    found = CubicSpline(points, curve, bc_type=ends)(shown)
    # The highest of the spline near the highest point: it may ring elsewhere.
    near = np.abs(fine - peak) <= 1
    return width_at(shown, found, height, int(np.where(near, found, -np.inf).argmax()))


def warn_of_narrow(widths: np.ndarray, points: np.ndarray, what: str) -> None:
    """Warn of curves that are too narrow for the steps that they were measured at.

    Parameters
    ----------
    widths : array of shape (n_units,)
    points : array of shape (n_points,)
        Values of the parameter, ascending, in the units of `widths`.
    what : str
        The parameter, for the message.
    """
    step = float(np.diff(points).max())
    n_narrow = int((widths < _LEAST_STEPS * step).sum())
    if n_narrow:
        msg = (
            f"{n_narrow} of {len(widths)} units have a bandwidth below {_LEAST_STEPS} steps of "
            f"{what}: their widths may be wrong by more than 2.5 %. Show more values of {what}."
        )
        warnings.warn(msg, UserWarning, stacklevel=3)


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
    # The first points on both sides of the peak that lie below the line.
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
    # A peak at the end may lie beyond it: no parabola.
    if peak in (0, len(curve) - 1):
        return float(points[peak])
    a, b, _ = np.polyfit(points[peak - 1 : peak + 2] - points[peak], curve[peak - 1 : peak + 2], 2)
    return float(points[peak] + (-b / (2 * a) if a < 0 else 0))
