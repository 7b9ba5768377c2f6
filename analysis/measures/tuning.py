"""Tuning of single units to gratings.

Orientation, spatial frequency, phase, size, contrast and position.

Every measure takes responses of dims (image, unit) to `hmax_cnn.data.stimuli`, as
`hmax_cnn.analysis.responses.responses` labels them, and returns a dataset along `unit` with the
median of each layer (`layer_<name>`, `_low`, `_high`; intervals over units). Where other parameters
vary too, each unit's curve runs through its strongest response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.data.stimuli import Screen, gratings
from hmax_cnn.extraction import FeatureExtractor

from ..contract import measure
from ..intervals import interval, resampled
from ..per_unit import FLAT, ratio
from ..responses import by_layer, responses
from ..results import DEFAULT, Definition, Resampling, described, unit_coords
from .tuning_curves import circular_width, curves_over, peak_of, warn_of_narrow, width

_HALF, _ROOT = 0.5, 1 / np.sqrt(2)
# Degrees.
_ROUNDING = 1e-6
# A sampled response with edges has harmonics that fold back on its mean and its first harmonic:
# F1/F0 of a half-rectified sinusoid lies up to 5 % from pi / 2 at 8 phases, 1.3 % at 16.
_LEAST_OF_A_MEDIAN = 6
_LEAST_PHASES, _LEAST_ORIENTATIONS = 16, 4


def grating_responses(
    model: FeatureExtractor,
    screen: Screen | Sequence[int],
    layers: Sequence[str] | None = None,
    units: Any = "centre",
    n_orientations: int = 24,
    frequencies: Sequence[float] | None = None,
    n_phases: int = 16,
) -> xr.DataArray:
    """Responses to gratings that fill the screen, of every orientation, frequency and phase.

    Parameters
    ----------
    model : FeatureExtractor
    screen : Screen or (int, int)
    layers, units
        As in `hmax_cnn.analysis.responses.choose_units`.
    n_orientations : int
        Evenly over 180 degrees.
    frequencies : sequence of float or None
        In cycles per pixel (or degree); None is 17 from 1/64 to 1/2.5 cycles per pixel.
    n_phases : int
        Evenly over 360 degrees; `phase_tuning` needs at least 16.

    Returns
    -------
    xarray.DataArray
        dims (image, unit).

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> found = grating_responses(FilterBank(size=5), (32, 32), n_orientations=6, n_phases=4)
    >>> found.dims
    ('image', 'unit')
    """
    screen = Screen.of(screen)
    if frequencies is None:
        frequencies = (np.geomspace(1 / 64, 1 / 2.5, 17) / screen.pixel).tolist()
    angles = (np.arange(n_orientations) * 180 / n_orientations).tolist()
    phases = (np.arange(n_phases) * 360 / n_phases).tolist()
    return responses(model, gratings(screen, angles, frequencies, phases), layers, units)


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def orientation_tuning(
    found: xr.DataArray, phase: str = "max", baseline: float = 0.0, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Preferred orientation, bandwidths and circular variance.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to gratings of at least four evenly spaced orientations over 180 degrees.
    phase : {'max', 'mean', 'f1'}
        How phases become one number: the strongest response, their mean (F0), or the amplitude of
        the first harmonic (F1).
    baseline : float
        The response that heights are measured from.
    resampling : Resampling

    Returns
    -------
    xarray.Dataset
        `preferred` (degrees, of the vector sum), `bandwidth_half` and `bandwidth_071` (full width
        at 1/2 and at 1/sqrt 2 of the height, degrees, by a periodic cubic spline; undefined where
        the curve does not fall so low), `circular_variance`, and `curve` of dims (unit,
        orientation). A unit whose curve is flat has no preferred orientation and no bandwidth, one
        whose vector sum is zero no preferred orientation.

    Warns
    -----
    UserWarning
        Of bandwidths below 2.4 steps of orientation, which may be wrong by more than 2.5 %.

    References
    ----------
    Ringach, Shapley & Hawken, "Orientation selectivity in macaque V1", J Neurosci 2002 (circular
    variance, bandwidth at 1/sqrt 2). De Valois, Yund & Hepler, Vision Research 1982 (full width at
    half height).

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> found = grating_responses(FilterBank(size=5), (32, 32), n_orientations=6, n_phases=4)
    >>> orientation_tuning(found).preferred.attrs["units"]
    'degrees'
    """
    points, curves = curves_over(found, "orientation", phase)
    _check_even(points, _LEAST_ORIENTATIONS, 180, "orientations")
    above = np.maximum(curves - baseline, 0)
    flat = np.ptp(above, axis=1) <= FLAT * np.abs(curves).max(axis=1, initial=0)
    # Orientations come back after 180 degrees: angles are doubled, so that they go round once.
    turned = (above * np.exp(2j * np.radians(points))).sum(axis=1)
    vector = ratio(turned, above.sum(axis=1).astype(complex))
    preferred = np.degrees(np.angle(vector)) / 2 % 180
    # An angle of -1e-17 would come out as 180, which is the orientation 0.
    preferred = np.where(180 - preferred < _ROUNDING, 0.0, preferred)
    half = _widths(points, above, _HALF)
    warn_of_narrow(half, points, "orientation")
    values = {
        "preferred": (np.where(flat | (np.abs(vector) <= FLAT), np.nan, preferred), "degrees"),
        "bandwidth_half": (half, "degrees"),
        "bandwidth_071": (_widths(points, above, _ROOT), "degrees"),
        "circular_variance": (np.where(np.isnan(vector), np.nan, 1 - np.abs(vector)), "1"),
    }
    definition = Definition(
        "orientation tuning",
        "1 - |sum r e^(2 i t)| / sum r; full widths at 1/2 and 1/sqrt 2",
        "Ringach et al., J Neurosci 2002",
    )
    curve = ("orientation", points, curves, "degrees")
    extra = {"phase": phase, "baseline": baseline}
    return dataset(found, values, definition, resampling, curve, extra)


def _widths(points: np.ndarray, curves: np.ndarray, height: float) -> np.ndarray:
    return np.array([circular_width(points, curve, height) for curve in curves])


def _check_even(points: np.ndarray, least: int, period: float, what: str) -> None:
    """Refuse values that are not spread evenly over a period."""
    if len(points) < least or not np.allclose(np.diff(points), period / len(points)):
        msg = (
            f"`found` must be to at least {least} {what} spaced evenly over {period:g} degrees, "
            f"got {points.tolist()}."
        )
        raise ValueError(msg)


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def frequency_tuning(
    found: xr.DataArray, phase: str = "max", baseline: float = 0.0, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Preferred spatial frequency, and the bandwidth in octaves.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to gratings of several frequencies.
    phase, baseline, resampling
        As in `orientation_tuning`.

    Returns
    -------
    xarray.Dataset
        `preferred` (in the stimuli's unit, the peak of a parabola through the three highest points
        in log frequency), `bandwidth_octaves`, log2(f_high / f_low) at half height by a cubic
        spline in log frequency (undefined where one side does not fall so low), `curve`.

    References
    ----------
    De Valois, Albrecht & Thorell, "Spatial frequency selectivity of cells in macaque visual
    cortex", Vision Research 1982.

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> found = grating_responses(FilterBank(size=5), (32, 32), n_orientations=6, n_phases=4)
    >>> frequency_tuning(found).preferred.attrs["units"]
    'cycles per pixel'
    """
    points, curves = curves_over(found, "frequency", phase)
    units = str(found["stimulus_frequency"].attrs.get("units", "cycles per pixel"))
    above = np.maximum(curves - baseline, 0)
    # Bandwidths of frequency are ratios: widths on a logarithmic axis.
    octaves = np.log2(points)
    bandwidths = np.array([width(octaves, row, _HALF) for row in above])
    warn_of_narrow(bandwidths, octaves, "frequency")
    values = {
        "preferred": (np.array([2 ** peak_of(octaves, row) for row in above]), units),
        "bandwidth_octaves": (bandwidths, "octaves"),
    }
    definition = Definition(
        "spatial-frequency tuning",
        "log2(f_high / f_low) at half height",
        "De Valois et al., Vision Research 1982",
    )
    return dataset(
        found,
        values,
        definition,
        resampling,
        ("frequency", points, curves, units),
        {"phase": phase, "baseline": baseline},
    )


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def phase_tuning(
    found: xr.DataArray, rectified: bool = True, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """F1 over F0 for a drifting grating: above 1 simple, below complex.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to gratings of at least 16 evenly spaced phases over 360 degrees.
    rectified : bool
        Whether negative responses count as silence, as those of a cell; where not, a response that
        is symmetric about 0 has F0 = 0 and an infinite ratio.
    resampling : Resampling

    Returns
    -------
    xarray.Dataset
        `f1`, `f0`, `f1_over_f0`, `simple` (1 or 0, NaN where undefined), `curve`. A half-rectified
        sinusoid has pi / 2, a full-rectified one 0.

    References
    ----------
    Skottun et al., "Classifying simple and complex cells on the basis of response modulation",
    Vision Research 1991.

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> found = grating_responses(FilterBank(size=5), (32, 32), n_orientations=4, n_phases=16)
    >>> phase_tuning(found).f1_over_f0.sizes["unit"]
    5
    """
    points, curves = curves_over(found, "phase", None)
    _check_even(points, _LEAST_PHASES, 360, "phases")
    rates = np.maximum(curves, 0) if rectified else curves
    f1 = 2 * np.abs((rates * np.exp(-1j * np.radians(points))).mean(axis=1))
    f0 = rates.mean(axis=1)
    # What is smaller than the rounding of float32 is zero: else its ratio would be any number.
    size = FLAT * np.abs(curves).max(axis=1, initial=0)
    f1, f0 = np.where(f1 > size, f1, 0.0), np.where(np.abs(f0) > size, f0, 0.0)
    modulation = ratio(f1, np.abs(f0))
    values = {
        "f1": (f1, "response"),
        "f0": (f0, "response"),
        "f1_over_f0": (modulation, "1"),
        "simple": (np.where(np.isnan(modulation), np.nan, modulation > 1), "1"),
    }
    definition = Definition(
        "F1/F0",
        "amplitude at the grating's temporal frequency over the mean",
        "Skottun et al., Vision Research 1991",
    )
    curve = ("phase", points, curves, "degrees")
    return dataset(found, values, definition, resampling, curve, {"rectified": int(rectified)})


def dataset(
    found: xr.DataArray,
    values: Mapping[str, tuple[np.ndarray, str]],
    definition: Definition,
    resampling: Resampling,
    curve: tuple[str, np.ndarray, np.ndarray, str] | None,
    extra: Mapping[str, Any],
) -> xr.Dataset:
    """Values of units, the median of each layer with its interval over units, and the curves.

    Parameters
    ----------
    found : xarray.DataArray
        From `grating_responses`.
    values : mapping
        Per-unit values with their units, by name.
    definition : Definition
    resampling : Resampling
    curve : tuple or None
        Name and values of the parameter, the curves of the units over it, and its units.
    extra : mapping
        More attributes.

    Returns
    -------
    xarray.Dataset
        The values of dim unit; `layer_*`, `layer_*_low` and `layer_*_high` of dim layer; `curve`.
    """
    layers = list(by_layer(found))
    data: dict[str, Any] = {}
    for name, (value, units) in values.items():
        data[name] = ("unit", value.astype(float), {"units": units})
    for name, (value, units) in values.items():
        if name.startswith("preferred") and units == "degrees":  # angles have no median
            continue
        rows = [_median(value[members], resampling) for _, members in layers]
        for index, end in enumerate(("", "_low", "_high")):
            data[f"layer_{name}{end}"] = ("layer", [row[index] for row in rows], {"units": units})
        data[f"n_defined_{name}"] = ("layer", [row[3] for row in rows])
    data["n_units"] = ("layer", [len(members) for _, members in layers])
    coords = unit_coords(found)
    if curve is not None:
        axis, points, curves, units = curve
        coords[f"stimulus_{axis}"] = (f"stimulus_{axis}", points, {"units": units})
        data["curve"] = (("unit", f"stimulus_{axis}"), curves)
    made = described(xr.Dataset(data, coords=coords), found, definition, resampling, extra)
    return made.assign_attrs(resampled_over="units", intervals="bootstrap of medians over units")


def _median(values: np.ndarray, resampling: Resampling) -> tuple[float, float, float, int]:
    """Median of the values that are defined, its interval over units, and how many there are."""
    defined = values[np.isfinite(values)].astype(float)
    if not len(defined):
        return np.nan, np.nan, np.nan, 0
    # Even the smallest and the largest of five hold a median in 94 % only.
    if len(defined) < _LEAST_OF_A_MEDIAN:
        return float(np.median(defined)), np.nan, np.nan, len(defined)
    draws = resampled(
        lambda drawn: np.median(defined[drawn]),
        len(defined),
        resampling.n_resamples,
        resampling.random_state,
    )
    low, high = interval(draws, resampling.level)
    return float(np.median(defined)), float(low), float(high), len(defined)
