"""Invariance of units: what stays of a response when its image is transformed, by definitions that
can be cited.

Each measure takes responses of dims (image, <transformation>, unit), as
`analysis.responses.responses` returns them for a transformed set, and returns a dataset as
`analysis.results.per_unit` does: per unit and per layer, with intervals and a control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from ..results import (
    DEFAULT,
    FLAT,
    Definition,
    Resampling,
    blocks_of,
    cleaned,
    described,
    grid_of,
    largest_of,
    needs,
    per_unit,
    ratio,
    transformation_of,
    unit_coords,
)
from ..responses import by_layer
from .selectivity import sparseness
from ..statistics import interval, resampled


@needs("transformation")
def normalised_variance(responses: xr.DataArray, resampling: Resampling = DEFAULT) -> xr.Dataset:
    """Variance over the transformation, over variance between images: 0 is invariant, 1 no better
    than chance.

    Both are unbiased (n - 1). A unit that never changes is undefined (0 / 0); one that changes with
    the transformation but is the same for all images is infinite, and does not count in the mean of
    its layer.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images and two values.
    resampling : Resampling

    Returns
    -------
    xarray.Dataset

    References
    ----------
    Quiroga, Torrents-Barrena, Lanzarini & Puig-Valls, "Measuring (in)variances in convolutional
    networks", 2019.

    Examples
    --------
    >>> values = np.array([[[1.0], [1.0]], [[3.0], [3.0]]])
    >>> unit = xr.DataArray(values, dims=("image", "shift", "unit"), coords={"shift": [0, 1]}, attrs={"identity": 0})
    >>> normalised_variance(unit).value.item()
    0.0
    """
    _transformed(responses)
    definition = Definition(
        "normalised variance",
        "mean_x var_t a(t x) / mean_t var_x a(t x)",
        "Quiroga et al., Measuring (in)variances in convolutional networks, 2019",
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        drawn = block[images]
        within = _variance(drawn, 1).mean(axis=0)
        return ratio(within, _variance(drawn, 0).mean(axis=0))

    return per_unit(responses, definition, statistic, resampling)


def _variance(block: np.ndarray, axis: int) -> np.ndarray:
    """Unbiased variance along an axis; 0 where there is only rounding."""
    size = np.abs(block).max(axis=(0, 1))
    found = block.var(axis=axis, ddof=1)
    return np.where(found > (FLAT * size) ** 2, found, 0.0)


@needs("transformation")
def response_similarity(responses: xr.DataArray, resampling: Resampling = DEFAULT) -> xr.Dataset:
    """How much closer the response to a transformed image is to that to the image itself than to
    those to other images.

    1 where responses do not change, 0 where a transformed image is as far from itself as from
    others; a unit that is the same for all images and values is undefined (0 / 0), not invariant.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images and two values.
    resampling : Resampling

    Returns
    -------
    xarray.Dataset
    """
    _, reference = _transformed(responses)
    definition = Definition(
        "response similarity",
        (
            "1 - mean_x,t (a(t x) - a(x))^2 / mean_x!=y,t (a(t x) - a(y))^2, t other than the "
            "reference"
        ),
        "this package",
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        names, counts = np.unique(images, return_counts=True)
        drawn = block[names]
        weight = (counts / counts.sum())[:, None, None]
        here, there = drawn[:, reference : reference + 1], np.delete(drawn, reference, axis=1)
        same = (weight * (there - here) ** 2).sum(axis=0).mean(axis=0)
        # over all pairs of different images, from moments: pairs of an image with itself are taken out
        mean_here, mean_there = (weight * here).sum(axis=0), (weight * there).sum(axis=0)
        squares = (weight * here**2).sum(axis=0) + (weight * there**2).sum(axis=0)
        pairs = squares - 2 * mean_here * mean_there - (weight**2 * (there - here) ** 2).sum(axis=0)
        share = 1 - (weight[:, 0, 0] ** 2).sum()
        if share > 0:
            different = pairs.mean(axis=0) / share
        else:
            different = np.full(block.shape[2], np.nan)
        tiny = (FLAT * np.abs(block).max(axis=(0, 1))) ** 2
        return 1 - ratio(
            np.where(same > tiny, same, 0.0), np.where(different > tiny, different, 0.0)
        )

    return per_unit(responses, definition, statistic, resampling)


@needs("transformation")
def separability(responses: xr.DataArray, resampling: Resampling = DEFAULT) -> xr.Dataset:
    """How far the responses to images x values are a product of a preference for images and a
    tuning to the transformation.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    resampling : Resampling

    Returns
    -------
    xarray.Dataset
        The share of the first singular value: 1 is separable. Undefined for a unit that is silent.

    References
    ----------
    Depireux, Simon, Klein & Shamma, "Spectro-temporal response field characterization with dynamic
    ripples in ferret primary auditory cortex", J Neurophysiol 2001 (one minus their alpha_SVD).
    """
    _transformed(responses)
    definition = Definition(
        "separability",
        "sigma_1^2 / sum_i sigma_i^2 of the matrix images x values",
        "Depireux et al., J Neurophysiol 2001",
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        squares = np.linalg.svd(np.moveaxis(block[images], 2, 0), compute_uv=False) ** 2
        return ratio(squares[:, 0], squares.sum(axis=1))

    return per_unit(responses, definition, statistic, resampling)


@needs("transformation")
def firing_rate_invariance(
    responses: xr.DataArray,
    rate: float = 0.01,
    baseline: xr.DataArray | None = None,
    best: float = 0.2,
    n_strongest: int | None = None,
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """How often a unit still fires for transformed versions of the images that drive it hardest,
    over how often it fires at all.

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
    """
    _, reference = _transformed(responses)
    grid = grid_of(responses)
    if baseline is not None and (
        baseline.dims != ("image", "unit") or baseline.sizes["unit"] != grid.shape[2]
    ):
        msg = (
            f"`baseline` must have dims (image, unit) with the {grid.shape[2]} units of "
            f"`responses`, got {dict(baseline.sizes)}."
        )
        raise ValueError(msg)
    if baseline is not None:
        n_baseline = baseline.sizes["image"]
    else:
        n_baseline = grid.shape[0] * grid.shape[1]
    if not 0 < rate < 1 or rate * n_baseline < 1:
        msg = (
            f"`rate` must lie between 0 and 1 and be met by at least one of the {n_baseline} "
            f"responses of the baseline, got {rate}. "
            f"Use at least {int(np.ceil(1 / rate)) if 0 < rate < 1 else 100} responses, or a "
            f"rate of {1 / n_baseline:.2g} or more."
        )
        raise ValueError(msg)
    definition = Definition(
        "firing-rate invariance",
        (
            f"local over global firing rate, L / G, with thresholds at which G = {rate:g}, mean "
            f"of the best {100 * best:g} % of units"
        ),
        "Goodfellow et al., NeurIPS 2009",
    )
    others, largest, thresholds = (
        np.delete(np.arange(grid.shape[1]), reference),
        largest_of(responses),
        np.empty((2, 2, grid.shape[2])),
    )
    for part in blocks_of(grid):
        if baseline is None:
            seen = grid[:, :, part].reshape(-1, len(largest[part]))
        else:
            seen = baseline.values[:, part]
        thresholds[:, :, part] = _calibrated(cleaned(seen, largest[part]), rate)

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        drawn = block[images]
        if n_strongest is None:
            n_top = max(1, round(rate * len(drawn)))
        else:
            n_top = n_strongest
        scores = []
        for sign, (threshold, met) in zip((1, -1), thresholds[:, :, units], strict=True):
            strongest = np.argsort(-sign * drawn[:, reference], axis=0, kind="stable")[:n_top]
            fires = (
                sign * np.take_along_axis(drawn[:, others], strongest[:, None], axis=0)
                > sign * threshold
            )
            scores.append(fires.mean(axis=(0, 1)) / met)
        return np.fmax(*scores)

    return per_unit(
        responses,
        definition,
        statistic,
        resampling,
        best=best,
        extra={"rate": rate, "n_baseline": n_baseline},
    )


def _calibrated(values: np.ndarray, rate: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """For firing above and below: thresholds beyond which about `rate` of each unit's values lie,
    and the shares that do; NaN where far off."""
    n_beyond, n = round(rate * len(values)), len(values)
    ordered = np.sort(values, axis=0)
    upper, lower = (
        (ordered[n - n_beyond - 1] + ordered[n - n_beyond]) / 2,
        (ordered[n_beyond - 1] + ordered[n_beyond]) / 2,
    )
    met = [(ordered > upper).mean(axis=0), (ordered < lower).mean(axis=0)]
    return [
        (line, np.where((share >= rate / 2) & (share <= 2 * rate), share, np.nan))
        for line, share in zip((upper, lower), met, strict=True)
    ]


@needs("transformation")
def tolerance_range(
    responses: xr.DataArray,
    targets: Sequence[int] | None = None,
    same_value: bool = False,
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """The contiguous range of the transformation over which a unit answers more to its preferred
    image than to any other.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit), the values of the transformation in rising order.
        Units that measure a distance must be turned round first (`-responses`): the strongest
        response is the highest.
    targets : sequence of int or None
        The preferred image of each unit; None is the one with the strongest response at the
        reference.
    same_value : bool
        Whether the others are seen transformed alike, instead of at the reference.
    resampling : Resampling
        Intervals are over units whatever it says: the best of the other images is an extreme, which
        a bootstrap of images underestimates.

    Returns
    -------
    xarray.Dataset
        `value` is the width, in the units of the transformation (in octaves for a scale in times),
        and beside it `lowest` and `highest` value of the range, and `censored`: whether it reaches
        the end of what was shown. Undefined where another image does as well at the reference
        already.

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience
    1999; AI Memo 2004-017.
    """
    name, reference = _transformed(responses)
    points = responses[name].values.astype(float)
    if (np.diff(points) <= 0).any():
        msg = (
            f"`responses` must have rising values of {name}, got {points.tolist()}. Use "
            f"responses.sortby({name!r})."
        )
        raise ValueError(msg)
    grid = grid_of(responses)
    if targets is None:
        chosen = grid[:, reference].argmax(axis=0)
    else:
        chosen = np.asarray(targets, dtype=int)
    if chosen.shape != (grid.shape[2],) or (
        len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(grid)
    ):
        msg = (
            f"`targets` must be an image number below {len(grid)} for each of the "
            f"{grid.shape[2]} units, got {targets!r}."
        )
        raise ValueError(msg)
    units = str(responses[name].attrs.get("units", ""))
    octaves = units == "times"
    if octaves:
        position = np.log2(points)
    else:
        position = points
    definition = Definition(
        "tolerance range",
        (
            "width of the contiguous range in which the response to the preferred image exceeds "
            "that to every other"
        ),
        "Riesenhuber & Poggio, Nature Neuroscience 1999",
        "octaves" if octaves else units or "1",
    )

    def ends(
        block: np.ndarray, images: np.ndarray, units: slice
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First and last index of the range, and whether there is one."""
        target = chosen[units]
        preferred = block[target, :, np.arange(len(target))].T
        if same_value:
            others = block[images]
        else:
            others = block[images, reference][:, None]
        wins = preferred > np.where(images[:, None, None] != target, others, -np.inf).max(axis=0)
        first, last = np.full(len(target), reference), np.full(len(target), reference)
        for index in range(reference - 1, -1, -1):
            first = np.where(wins[index] & (first == index + 1), index, first)
        for index in range(reference + 1, len(points)):
            last = np.where(wins[index] & (last == index - 1), index, last)
        return first, last, wins[reference] & (images[:, None] != target).any(axis=0)

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        first, last, defined = ends(block, images, units)
        return np.where(defined, position[last] - position[first], np.nan)

    resampling = replace(resampling, over="units")
    result = per_unit(
        responses,
        definition,
        statistic,
        resampling,
        extra={"others_at": "the same value" if same_value else "the reference"},
    )
    largest, (first, last, defined) = largest_of(responses), np.empty((3, grid.shape[2]), int)
    for part in blocks_of(grid):
        first[part], last[part], defined[part] = ends(
            cleaned(grid[:, :, part], largest[part]), np.arange(len(grid)), part
        )
    defined = defined.astype(bool)
    return result.assign(
        lowest=("unit", np.where(defined, points[first], np.nan), {"units": units}),
        highest=("unit", np.where(defined, points[last], np.nan), {"units": units}),
        censored=("unit", defined & ((first == 0) | (last == len(points) - 1))),
    )


def border_share(
    responses: xr.DataArray, border_responses: xr.DataArray, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """How much of a response's change comes from what the transformation brought in from beyond the
    border.

    Parameters
    ----------
    responses : xarray.DataArray
        To a transformed set: dims (image, <transformation>, unit).
    border_responses : xarray.DataArray
        Of the same units to the same set made with `border_only=True`: images that stay where they
        are but for what came in.
    resampling : Resampling

    Returns
    -------
    xarray.Dataset
        Mean absolute change to the border alone over mean absolute change to the transformation;
        undefined where nothing changes.

    Raises
    ------
    ValueError
        If the two do not belong together.
    """
    _, reference = _transformed(responses)
    if responses.shape != border_responses.shape or not int(
        border_responses.attrs.get("border_only", 0)
    ):
        msg = (
            f"`border_responses` must be responses of shape {responses.shape} to the same "
            "set made with border_only=True, "
            f"got shape {border_responses.shape}."
        )
        raise ValueError(msg)
    definition = Definition(
        "border share",
        "mean_x,t |a(border of t x) - a(x)| / mean_x,t |a(t x) - a(x)|",
        "this package",
    )
    side_effect = grid_of(border_responses)

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        parts = side_effect[:, :, units][images].astype(float), block[images]
        changes = [
            np.delete(np.abs(part - part[:, reference : reference + 1]), reference, axis=1).mean(
                axis=(0, 1)
            )
            for part in parts
        ]
        tiny = FLAT * np.abs(block).max(axis=(0, 1))
        return ratio(*(np.where(change > tiny, change, 0.0) for change in changes))

    return per_unit(
        responses,
        definition,
        statistic,
        resampling,
        control=False,
        extra={"border": responses.attrs.get("border", "")},
    )


@needs("transformation")
def selectivity_and_tolerance(
    responses: xr.DataArray, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Selectivity among images against tolerance to the transformation, unit by unit, and their
    correlation in each layer.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); responses of at least 0.
    resampling : Resampling
        Intervals of the correlation are over units.

    Returns
    -------
    xarray.Dataset
        Per unit `selectivity` (lifetime sparseness at the reference) and `tolerance` (mean response
        to the preferred image over the values other than the reference, as a share of that at the
        reference); per layer `layer_value` (Spearman's correlation) with its interval.

    References
    ----------
    Zoccolan, Kouh, Poggio & DiCarlo, "Trade-off between object selectivity and tolerance in monkey
    inferotemporal cortex", J Neurosci 2007.
    """
    _, reference = _transformed(responses)
    grid = cleaned(grid_of(responses), largest_of(responses))
    selectivity = sparseness(grid[:, reference])
    preferred = np.take_along_axis(grid, grid[:, reference].argmax(axis=0)[None, None], axis=0)[0]
    tolerance = ratio(np.delete(preferred, reference, axis=0).mean(axis=0), preferred[reference])
    rows = []
    for _, units in by_layer(responses):
        pairs = np.stack([selectivity[units], tolerance[units]])
        pairs = pairs[:, np.isfinite(pairs).all(axis=0)]

        def correlation(drawn: np.ndarray, pairs: np.ndarray = pairs) -> float:
            first, second = pairs[:, drawn]
            if np.ptp(first) == 0 or np.ptp(second) == 0:
                return np.nan
            return float(spearmanr(first, second).statistic)

        n_pairs = pairs.shape[1]
        if n_pairs > 2:
            whole = correlation(np.arange(n_pairs))
        else:
            whole = np.nan
        if n_pairs > 2 and resampling.n_resamples:
            draws = resampled(correlation, n_pairs, resampling.n_resamples, resampling.random_state)
        else:
            draws = [np.nan]
        low, high = interval(np.asarray(draws), resampling.level)
        rows.append((whole, float(low), float(high), n_pairs, len(units)))
    layers = {
        column: ("layer", [row[i] for row in rows])
        for i, column in enumerate(
            ("layer_value", "layer_low", "layer_high", "n_defined", "n_units")
        )
    }
    definition = Definition(
        "selectivity against tolerance",
        "Spearman's rho over units",
        "Zoccolan et al., J Neurosci 2007",
    )
    units = {"selectivity": ("unit", selectivity), "tolerance": ("unit", tolerance)}
    return described(
        xr.Dataset(units | layers, coords=unit_coords(responses)), responses, definition, resampling
    )


def _transformed(responses: xr.DataArray) -> tuple[str, int]:
    """Dimension and reference index, of responses to at least two images at two values."""
    name, reference = transformation_of(responses)
    if responses.sizes["image"] < 2 or responses.sizes[name] < 2:
        msg = (
            f"`responses` must be to at least two images at two values of {name}, got "
            f"{dict(responses.sizes)}."
        )
        raise ValueError(msg)
    return name, reference
