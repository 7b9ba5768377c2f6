"""The size of a receptive field by stated definitions.

Its support, a fitted Gaussian, the root of its area.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import least_squares

# Of the largest value: below it lies rounding of float32 (seen with Winograd convolution: 2e-6).
SUPPORT = 1e-5
AREA = 1 - 0.9545  # of the largest value: Luo et al. 2016

DEFINITIONS: Mapping[str, str] = {
    "full_support": "larger side of the box around all pixels above 1e-5 of the largest",
    "root_area": (
        "square root of the number of pixels above 4.55 % of the largest (Luo et al., NeurIPS 2016)"
    ),
    "gaussian": (
        "four standard deviations of a two-dimensional Gaussian that is fitted, geometric mean "
        "of its axes"
    ),
    "moments": "four standard deviations by second moments, geometric mean of the axes",
}
_SHAPE = (
    "top",
    "left",
    "bottom",
    "right",
    "centre_y",
    "centre_x",
    "sigma_y",
    "sigma_x",
    "elongation",
    "orientation",
)


def field_sizes(field: np.ndarray, pixel: float | tuple[float, float] = 1.0) -> dict[str, float]:
    """Size, centre and shape of a map of how much each pixel matters.

    Parameters
    ----------
    field : array of shape (height, width)
        At least 0.
    pixel : float or (float, float)
        Distance between the entries of the map, along y and x, in pixels of the image.

    Returns
    -------
    dict
        `full_support`, `root_area`, `gaussian`, `moments` (see `DEFINITIONS`), in pixels; `top`,
        `left`, `bottom`, `right`, the box of the support in entries of the map, the last two one
        past the end; `centre_y`, `centre_x`, the centre of mass, and `sigma_y`, `sigma_x`, its
        standard deviations, in pixels (from the first entry); `elongation` (longer over shorter
        axis) and `orientation` (of the longer axis, degrees counterclockwise from the x axis) by
        moments. All NaN for a map of zeros; `gaussian` NaN where the fit fails or leaves the map.

    Raises
    ------
    ValueError
        If the map is negative somewhere or not finite.

    Examples
    --------
    >>> y, x = np.mgrid[:41, :41] - 20
    >>> found = field_sizes(np.exp(-(x**2 + y**2) / (2 * 3.0**2)))
    >>> round(found["gaussian"], 2), round(found["centre_x"], 2)
    (12.0, 20.0)
    """
    values = np.asarray(field, dtype=float)
    if values.ndim != 2 or not np.isfinite(values).all() or (values < 0).any():
        msg = (
            "`field` must be a map of shape (height, width), finite and at least 0, got shape "
            f"{values.shape}."
        )
        raise ValueError(msg)
    peak = values.max()
    if peak == 0:
        return dict.fromkeys([*DEFINITIONS, *_SHAPE], np.nan)
    step_y, step_x = np.broadcast_to(np.asarray(pixel, float), 2).tolist()
    rows, columns = np.nonzero(values > SUPPORT * peak)
    box = int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
    y, x = np.indices(values.shape) * np.array([step_y, step_x])[:, None, None]
    centre, spread = _moments(values / values.sum(), y, x)
    # Rounding can make the smaller of two moments slightly negative.
    shorter, longer = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0))
    axis = np.linalg.eigh(spread)[1][:, 1]  # of the longer axis, as (y, x)
    start = max(longer, 0.5 * min(step_y, step_x))
    found = {
        "full_support": max((box[2] - box[0]) * step_y, (box[3] - box[1]) * step_x),
        "root_area": np.sqrt((values > AREA * peak).sum() * step_y * step_x),
        "gaussian": _gaussian(values / peak, y, x, centre, start),
        "moments": 4 * np.sqrt(shorter * longer),
        **dict(zip(("top", "left", "bottom", "right"), box, strict=True)),
        "centre_y": centre[0],
        "centre_x": centre[1],
        "sigma_y": np.sqrt(spread[0, 0]),
        "sigma_x": np.sqrt(spread[1, 1]),
        "elongation": longer / shorter if shorter > 0 else np.inf,
        # Rows run downward and angles counterclockwise: hence the sign.
        "orientation": np.degrees(np.arctan2(-axis[0], axis[1])) % 180,
    }
    return {name: float(value) for name, value in found.items()}


def _moments(
    weight: np.ndarray, y: np.ndarray, x: np.ndarray
) -> tuple[tuple[float, float], np.ndarray]:
    """Centre of mass and second moments of weights of sum 1."""
    centre = float((weight * y).sum()), float((weight * x).sum())
    down, right = y - centre[0], x - centre[1]
    mixed = (weight * down * right).sum()
    spread = [[(weight * down**2).sum(), mixed], [mixed, (weight * right**2).sum()]]
    return centre, np.array(spread)


def _gaussian(
    values: np.ndarray, y: np.ndarray, x: np.ndarray, centre: tuple[float, float], sigma: float
) -> float:
    """Four times the geometric mean of the two standard deviations of a Gaussian with an offset.

    NaN where it does not fit.
    """
    # Too few pixels stand out for a Gaussian to be determined.
    if (values > AREA).sum() < 6 or min(values.shape) < 2:
        return np.nan

    def residual(parameters: np.ndarray) -> np.ndarray:
        height, middle_y, middle_x, log_first, log_second, angle, offset = parameters
        down, right = y - middle_y, x - middle_x
        along = right * np.cos(angle) - down * np.sin(angle)
        across = right * np.sin(angle) + down * np.cos(angle)
        squares = (along / np.exp(log_first)) ** 2 + (across / np.exp(log_second)) ** 2
        return (height * np.exp(-0.5 * squares) + offset - values).ravel()

    step, reach = min(y[1, 0] - y[0, 0], x[0, 1] - x[0, 0]), max(y.max(), x.max())
    # Standard deviations are fitted as logarithms, which keeps them positive.
    shortest, longest = np.log(0.2 * step), np.log(2 * (reach + step))
    bounds = (
        [0, -step, -step, shortest, shortest, -np.pi, -1],
        [10, y.max() + step, x.max() + step, longest, longest, np.pi, 1],
    )
    # A little turned: at an angle of 0 a round start has no gradient along it.
    start = np.clip([1, *centre, np.log(sigma), np.log(sigma), 0.1, 0], *bounds)
    fit = least_squares(residual, start, bounds=bounds, max_nfev=200)
    # No fit: nothing stands out, or the Gaussian is wider than the map.
    if not fit.success or fit.x[0] < 1e-3 or max(fit.x[3:5]) > longest - 0.01:
        return np.nan
    return float(4 * np.exp((fit.x[3] + fit.x[4]) / 2))
