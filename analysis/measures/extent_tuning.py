"""Tuning of units to the size, contrast and position of stimuli."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import least_squares

from ..contract import measure
from ..per_unit import FLAT
from ..results import DEFAULT, Definition, Resampling
from .field_size import field_sizes
from .tuning import dataset
from .tuning_curves import curves_over, responses_over


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def size_tuning(
    found: xr.DataArray, phase: str = "max", resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Preferred diameter of a grating, and how far larger ones suppress.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to gratings of several diameters, centred on the units.
    phase, resampling
        As in `orientation_tuning`.

    Returns
    -------
    xarray.Dataset
        `preferred` (the smallest diameter with at least 95 % of the strongest response),
        `suppression` (1 - response to the largest over the strongest), `curve`.

    References
    ----------
    Cavanaugh, Bair & Movshon, "Nature and interaction of signals from the receptive field center
    and surround in macaque V1 neurons", J Neurophysiol 2002.

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> from hmax_cnn.analysis.responses import responses
    >>> from hmax_cnn.data.stimuli import gratings
    >>> shown = gratings((32, 32), diameters=(4, 8, 16))
    >>> size_tuning(responses(FilterBank(size=5), shown, units="centre")).preferred.units
    'pixels'
    """
    points, curves = curves_over(found, "diameter", phase)
    units = str(found["stimulus_diameter"].attrs.get("units", "pixels"))
    peaks = curves.max(axis=1)
    driven = peaks > 0
    values = {
        "preferred": (
            # The smallest size that reaches 95 % of the peak: a plateau has no single best size.
            np.where(driven, points[(curves >= 0.95 * peaks[:, None]).argmax(axis=1)], np.nan),
            units,
        ),
        "suppression": (
            np.where(driven, 1 - curves[:, -1] / np.where(driven, peaks, 1), np.nan),
            "1",
        ),
    }
    definition = Definition(
        "size tuning", "1 - r(largest) / r(strongest)", "Cavanaugh et al., J Neurophysiol 2002"
    )
    return dataset(
        found, values, definition, resampling, ("diameter", points, curves, units), {"phase": phase}
    )


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def contrast_tuning(
    found: xr.DataArray, phase: str = "max", resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Half-saturation contrast and steepness, from a fit of R c^n / (c^n + c50^n) + b.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to gratings of at least four contrasts.
    phase, resampling
        As in `orientation_tuning`.

    Returns
    -------
    xarray.Dataset
        `c50`, `exponent`, `explained` (variance, of each curve), `curve`; undefined where the
        response does not change with contrast, the fit ends at a bound, or half of its height is
        reached beyond the contrasts shown.

    Raises
    ------
    ValueError
        If there are fewer than four contrasts.

    References
    ----------
    Albrecht & Hamilton, "Striate cortex of monkey and cat: contrast response function", J
    Neurophysiol 1982 (the hyperbolic ratio).

    Examples
    --------
    >>> from hmax_cnn import FilterBank
    >>> from hmax_cnn.analysis.responses import responses
    >>> from hmax_cnn.data.stimuli import gratings
    >>> shown = gratings((32, 32), contrasts=(0.1, 0.2, 0.4, 0.8))
    >>> contrast_tuning(responses(FilterBank(size=5), shown, units="centre")).c50.sizes["unit"]
    5
    """
    points, curves = curves_over(found, "contrast", phase)
    if len(points) < 4:
        msg = f"`found` must be to at least four contrasts, got {points.tolist()}."
        raise ValueError(msg)
    fits = np.array([_hyperbolic(points, row) for row in curves])
    values = {name: (fits[:, i], "1") for i, name in enumerate(("c50", "exponent", "explained"))}
    definition = Definition(
        "contrast tuning", "R c^n / (c^n + c50^n) + b", "Albrecht & Hamilton, J Neurophysiol 1982"
    )
    return dataset(
        found, values, definition, resampling, ("contrast", points, curves, "1"), {"phase": phase}
    )


def _hyperbolic(contrast: np.ndarray, curve: np.ndarray) -> tuple[float, float, float]:
    spread = np.ptp(curve)
    if spread <= FLAT * np.abs(curve).max():
        return np.nan, np.nan, np.nan
    # Scaled for the fit only: c50 and the exponent do not depend on it.
    scaled = (curve - curve.min()) / spread

    def hyperbola(
        c: np.ndarray, top: float, half: float, exponent: float, floor: float
    ) -> np.ndarray:
        return top * c**exponent / (c**exponent + half**exponent) + floor

    low, high = np.array([0, 1e-3, 0.1, -1]), np.array([20, 10, 20, 1])
    found = least_squares(
        lambda p: hyperbola(contrast, *p) - scaled,
        (1, 0.3, 2, 0),
        bounds=(low, high),
        max_nfev=5000,
    )
    explained = float(1 - (found.fun**2).sum() / ((scaled - scaled.mean()) ** 2).sum())
    half, exponent = found.x[1:3]
    # A half-saturation beyond the contrasts shown, or at a bound, is none that was measured.
    settled = (
        found.success
        and half <= contrast.max()
        and (found.x[1:3] > 1.01 * low[1:3]).all()
        and exponent < 0.99 * high[2]
    )
    if settled:
        return (float(half), float(exponent), explained)
    return (np.nan, np.nan, explained)


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def position_tuning(
    found: xr.DataArray, phase: str = "max", resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Where on the screen a unit answers most, and how wide around it.

    Parameters
    ----------
    found : xarray.DataArray
        Responses to the same stimuli at every place of a grid (`positions`).
    phase, resampling
        As in `orientation_tuning`.

    Returns
    -------
    xarray.Dataset
        `preferred_y`, `preferred_x`, and `width`, twice the root of the product of the standard
        deviations of the response over places, above its least.

    Raises
    ------
    ValueError
        If places are fewer than two down and two across, or not evenly spaced.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.analysis.responses import responses
    >>> from hmax_cnn.data.stimuli import spots
    >>> found = position_tuning(responses(Pixels(grid=(2, 2)), spots((16, 16), size=8)))
    >>> found.preferred_y.values.tolist()
    [3.5, 3.5, 11.5, 11.5]
    """
    axes, grid = responses_over(found, ("y", "x"), phase)
    units = str(found["stimulus_y"].attrs.get("units", "pixels"))
    if min(map(len, axes)) < 2:
        msg = (
            f"`found` must be to at least two places down and two across, got {len(axes[0])} and "
            f"{len(axes[1])}."
        )
        raise ValueError(msg)
    if not all(np.allclose(np.diff(axis), np.diff(axis)[0]) for axis in axes):
        msg = (
            f"`found` must be to evenly spaced places, got y {axes[0].tolist()} and x "
            f"{axes[1].tolist()}."
        )
        raise ValueError(msg)
    pitch = float(np.diff(axes[0])[0]), float(np.diff(axes[1])[0])
    # Above the least response: a constant background has no place.
    sizes = [field_sizes(place - place.min(), pitch) for place in np.moveaxis(grid, -1, 0)]
    best = grid.reshape(-1, grid.shape[-1]).argmax(axis=0)
    flat = np.ptp(grid, axis=(0, 1)) <= FLAT * np.abs(grid).max(axis=(0, 1))
    values = {
        "preferred_y": (np.where(flat, np.nan, axes[0][best // grid.shape[1]]), units),
        "preferred_x": (np.where(flat, np.nan, axes[1][best % grid.shape[1]]), units),
        "width": (
            np.where(
                flat, np.nan, [2 * np.sqrt(size["sigma_y"] * size["sigma_x"]) for size in sizes]
            ),
            units,
        ),
    }
    definition = Definition(
        "position tuning", "2 sqrt(sigma_y sigma_x) of the response over places", "this package"
    )
    return dataset(found, values, definition, resampling, None, {"phase": phase})
