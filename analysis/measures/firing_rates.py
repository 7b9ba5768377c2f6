"""Firing-rate invariance of units."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..contract import measure
from ..pairing import aligned
from ..per_unit import (
    blocks_of,
    cleaned,
    grid_of,
    largest_of,
    per_unit,
)
from ..results import DEFAULT, Definition, Resampling
from .invariance import checked_transformation


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def firing_rate_invariance(
    responses: xr.DataArray,
    rate: float = 0.01,
    baseline: xr.DataArray | None = None,
    best: float = 0.2,
    n_strongest: int | None = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How often a unit still fires when the images that drive it most are transformed.

    It is given as a multiple of how often the unit fires at all.

    A unit fires above a threshold at which its rate over the baseline is `rate`; the threshold lies
    halfway between two responses, and the rate that is really met is what the score is divided by.
    A unit whose responses are so equal that it would fire for less than half or more than twice
    that share is undefined. Each unit is taken with the sign, positive or negative, that scores
    higher, as in the paper.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    rate : float
        Share of the baseline for which a unit fires.
    baseline : xarray.DataArray or None
        Responses of the same units, dims (image, unit), to many other images; None is all of
        `responses`.
    best : float
        Share of units, from the best down, that the number of a layer is the mean of.
    n_strongest : int or None
        How many images count as driving it hardest, by the response at the reference; None is
        `rate` of them, at least one.
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        1 is chance (a little more, since the better sign is taken: compare with `control`), 1 /
        `rate` the highest there is. The reference itself, where the strongest images fire by
        choice, does not count.

    Raises
    ------
    ValueError
        If there are too few responses for such a rate, or the baseline is of other units.

    References
    ----------
    Goodfellow, Le, Saxe, Lee & Ng, "Measuring invariances in deep networks", NeurIPS 2009, section
    4.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> firing_rate_invariance(found, rate=0.1).sizes["unit"]
    8
    """
    _, reference = checked_transformation(responses)
    grid = grid_of(responses)
    n_baseline = _check_baseline(grid, rate, baseline)
    if baseline is not None:
        baseline, _ = aligned(responses, baseline, "unit", ("responses", "baseline"))
    others = np.delete(np.arange(grid.shape[1]), reference)
    thresholds = _thresholds(grid, largest_of(responses), rate, baseline)

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        drawn = block[images]
        n_top = max(1, round(rate * len(drawn))) if n_strongest is None else n_strongest
        scores = []
        for sign, (threshold, met) in zip((1, -1), thresholds[:, :, units], strict=True):
            strongest = np.argsort(-sign * drawn[:, reference], axis=0, kind="stable")[:n_top]
            shown = np.take_along_axis(drawn[:, others], strongest[:, None], axis=0)
            fires = sign * shown > sign * threshold
            scores.append(fires.mean(axis=(0, 1)) / met)
        # The better sign; a sign whose threshold is undefined does not count.
        return np.fmax(*scores)

    definition = Definition(
        "firing-rate invariance",
        (
            f"local over global firing rate, L / G, with thresholds at which G = {rate:g}, mean "
            f"of the best {100 * best:g} % of units"
        ),
        "Goodfellow et al., NeurIPS 2009",
    )
    extra = {"rate": rate, "n_baseline": n_baseline}
    return per_unit(
        responses, definition, statistic, resampling, best=best, extra=extra, progress=progress
    )


def _check_baseline(grid: np.ndarray, rate: float, baseline: xr.DataArray | None) -> int:
    """How many responses thresholds are taken from; refuse too few, or those of other units."""
    if baseline is None:
        n_baseline = grid.shape[0] * grid.shape[1]
    elif baseline.dims == ("image", "unit") and baseline.sizes["unit"] == grid.shape[2]:
        n_baseline = baseline.sizes["image"]
    else:
        msg = (
            f"`baseline` must have dims (image, unit) with the {grid.shape[2]} units of "
            f"`responses`, got {dict(baseline.sizes)}."
        )
        raise ValueError(msg)
    if not 0 < rate < 1 or rate * n_baseline < 1:
        n_needed = int(np.ceil(1 / rate)) if 0 < rate < 1 else 100
        msg = (
            f"`rate` must lie between 0 and 1 and be met by at least one of the {n_baseline} "
            f"responses of the baseline, got {rate}. Use at least {n_needed} responses, or a "
            f"rate of {1 / n_baseline:.2g} or more."
        )
        raise ValueError(msg)
    return n_baseline


def _thresholds(
    grid: np.ndarray, largest: np.ndarray, rate: float, baseline: xr.DataArray | None
) -> np.ndarray:
    """Thresholds of firing and the rates that they give: (above or below, which, unit)."""
    thresholds = np.empty((2, 2, grid.shape[2]))
    for part in blocks_of(grid):
        if baseline is None:
            seen = grid[:, :, part].reshape(-1, len(largest[part]))
        else:
            seen = baseline.values[:, part]
        thresholds[:, :, part] = _calibrated(cleaned(seen, largest[part]), rate)
    return thresholds


def _calibrated(values: np.ndarray, rate: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Thresholds of firing above and below, and the rates that they give.

    About `rate` of each unit's values lie beyond; rates that come out far from it are NaN.
    """
    n_beyond, n = round(rate * len(values)), len(values)
    ordered = np.sort(values, axis=0)
    upper = (ordered[n - n_beyond - 1] + ordered[n - n_beyond]) / 2
    lower = (ordered[n_beyond - 1] + ordered[n_beyond]) / 2
    met = [(ordered > upper).mean(axis=0), (ordered < lower).mean(axis=0)]
    calibrated = []
    for line, share in zip((upper, lower), met, strict=True):
        # Responses that are equal cannot be told apart: the rate may come out far from the wanted
        # one.
        near = (share >= rate / 2) & (share <= 2 * rate)
        calibrated.append((line, np.where(near, share, np.nan)))
    return calibrated
