"""Tolerance of units: the range over which they prefer their image, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from ..contract import measure
from ..intervals import normal_interval
from ..pairing import aligned
from ..per_unit import (
    FLAT,
    blocks_of,
    cleaned,
    grid_of,
    largest_of,
    per_unit,
    ratio,
)
from ..responses import by_layer, check_strengths, layers_of, strengths
from ..results import DEFAULT, Definition, Resampling, described, unit_coords
from .invariance import checked_transformation
from .selectivity import sparseness


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def tolerance_range(
    responses: xr.DataArray,
    targets: Sequence[int] | None = None,
    same_value: bool = False,
    distractors: Sequence[int] | None = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """The range of the transformation over which a unit prefers its image.

    The range is contiguous, and in it the response exceeds that to every other image.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit), the values of the transformation in rising order.
        Distances, which the coordinate `distance` marks, are negated: the strongest response is
        the highest.
    targets : sequence of int or None
        The preferred image of each unit; None is the one with the strongest response at the
        reference.
    same_value : bool
        Whether the others are seen transformed alike, instead of at the reference.
    distractors : sequence of int or None
        The images that the preferred one must beat; None is all others.
    resampling : Resampling
        Intervals are over units whatever it says: the best of the other images is an extreme, which
        a bootstrap of images underestimates.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `value` is the width, in the units of the transformation (in octaves for a scale in times),
        and beside it `lowest` and `highest` value of the range, and `cut_off`: whether it reaches
        the end of what was shown, so that the width is a lower bound. `layer_cut_off` is the share
        of such units and `layer_range_shown` the widest range that there could be. Undefined where
        another image does as well at the reference already.

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience
    1999; AI Memo 2004-017.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> tolerance_range(found).value.units
    '1'
    """
    name, reference = checked_transformation(responses)
    responses = strengths(responses)
    points = _rising(responses, name)
    grid = grid_of(responses)
    chosen = _preferred(grid, reference, targets)
    rival_numbers = _rivals(distractors, len(grid))
    units = str(responses[name].attrs.get("units", ""))
    # Scales are ratios: a range of them is a number of octaves.
    octaves = units == "times"
    position = np.log2(points) if octaves else points
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
        rivals = images if distractors is None else images[np.isin(images, rival_numbers)]
        wins = _wins(block, rivals, chosen[units], reference, same_value)
        first, last = _range_around(wins, reference)
        has_others = (rivals[:, None] != chosen[units]).any(axis=0)
        return first, last, wins[reference] & has_others

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        first, last, defined = ends(block, images, units)
        return np.where(defined, position[last] - position[first], np.nan)

    result = per_unit(
        responses,
        definition,
        statistic,
        replace(resampling, over="units"),
        extra={"others_at": "the same value" if same_value else "the reference"},
        progress=progress,
    )
    largest, (first, last, defined) = largest_of(responses), np.empty((3, grid.shape[2]), int)
    for part in blocks_of(grid):
        # The ends themselves, beside the widths, which `per_unit` has computed block by block.
        block = cleaned(grid[:, :, part], largest[part])
        first[part], last[part], defined[part] = ends(block, np.arange(len(grid)), part)
    known = defined.astype(bool)
    cut_off = known & ((first == 0) | (last == len(points) - 1))
    layers = layers_of(responses)
    shares = [
        cut_off[layers == layer].sum() / max(1, known[layers == layer].sum())
        for layer in result["layer"].values
    ]
    # A range is neither negative nor wider than what was shown.
    shown = float(position[-1] - position[0])
    ends_of = ("low", "high", "layer_low", "layer_high")
    bounds = {end: result[end].clip(0.0, shown, keep_attrs=True) for end in ends_of}
    return result.assign(bounds).assign(
        lowest=("unit", np.where(known, points[first], np.nan), {"units": units}),
        highest=("unit", np.where(known, points[last], np.nan), {"units": units}),
        cut_off=("unit", cut_off),
        layer_cut_off=("layer", shares),
        layer_range_shown=("layer", np.full(len(shares), shown), {"units": result.units}),
    )


def _rising(responses: xr.DataArray, name: str) -> np.ndarray:
    """Values of the transformation, if they rise: else a range of them is not contiguous."""
    points = responses[name].values.astype(float)
    if (np.diff(points) <= 0).any():
        msg = (
            f"`responses` must have rising values of {name}, got {points.tolist()}. Use "
            f"responses.sortby({name!r})."
        )
        raise ValueError(msg)
    return points


def _rivals(distractors: Sequence[int] | None, n_images: int) -> np.ndarray:
    """Numbers of the images that must be beaten."""
    if distractors is None:
        return np.arange(n_images)
    chosen = np.asarray(distractors, dtype=int)
    if chosen.ndim != 1 or not len(chosen) or not 0 <= chosen.min() <= chosen.max() < n_images:
        msg = f"`distractors` must be numbers of the {n_images} images, got {distractors!r}."
        raise ValueError(msg)
    return chosen


def _preferred(grid: np.ndarray, reference: int, targets: Sequence[int] | None) -> np.ndarray:
    """The preferred image of each unit, as given or with the strongest response."""
    if targets is None:
        return grid[:, reference].argmax(axis=0)
    chosen = np.asarray(targets, dtype=int)
    in_range = not len(chosen) or 0 <= chosen.min() <= chosen.max() < len(grid)
    if chosen.shape != (grid.shape[2],) or not in_range:
        msg = (
            f"`targets` must be an image number below {len(grid)} for each of the "
            f"{grid.shape[2]} units, got {targets!r}."
        )
        raise ValueError(msg)
    return chosen


def _wins(
    block: np.ndarray, images: np.ndarray, target: np.ndarray, reference: int, same_value: bool
) -> np.ndarray:
    """Whether the preferred image beats every other one: (value, unit)."""
    preferred = block[target, :, np.arange(len(target))].T
    others = block[images] if same_value else block[images, reference][:, None]
    without_target = np.where(images[:, None, None] != target, others, -np.inf)
    return preferred > without_target.max(axis=0)


def _range_around(wins: np.ndarray, reference: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last index of the run of wins that holds the reference, for each unit."""
    n_values, n_units = wins.shape
    first, last = np.full(n_units, reference), np.full(n_units, reference)
    # Outward from the reference; a unit whose run has ended is not taken up again.
    for index in range(reference - 1, -1, -1):
        first = np.where(wins[index] & (first == index + 1), index, first)
    for index in range(reference + 1, n_values):
        last = np.where(wins[index] & (last == index - 1), index, last)
    return first, last


def border_share(
    responses: xr.DataArray,
    border_responses: xr.DataArray,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """The share of a response's change that comes from beyond the image's border.

    It is due to what the transformation brings in there.

    Parameters
    ----------
    responses : xarray.DataArray
        To a transformed set: dims (image, <transformation>, unit).
    border_responses : xarray.DataArray
        Of the same units to the same set made with `border_only=True`: images that stay where they
        are but for what came in.
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

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
    name, reference = checked_transformation(responses)
    of_border = int(border_responses.attrs.get("border_only", 0))
    if responses.shape != border_responses.shape or not of_border:
        msg = (
            f"`border_responses` must be responses of shape {responses.shape} to the same "
            f"set made with border_only=True, got shape {border_responses.shape}."
        )
        raise ValueError(msg)
    for dim in ("image", name, "unit"):
        both = ("responses", "border_responses")
        border_responses, _ = aligned(responses, border_responses, dim, both)
    definition = Definition(
        "border share",
        "mean_x,t |a(border of t x) - a(x)| / mean_x,t |a(t x) - a(x)|",
        "this package",
    )
    side_effect = grid_of(border_responses)

    def mean_change(part: np.ndarray) -> np.ndarray:
        change = np.abs(part - part[:, reference : reference + 1])
        return np.delete(change, reference, axis=1).mean(axis=(0, 1))

    def statistic(block: np.ndarray, images: np.ndarray, units: slice) -> np.ndarray:
        # What is smaller than the rounding of float32 is no change.
        tiny = FLAT * np.abs(block).max(axis=(0, 1))
        border = mean_change(side_effect[:, :, units][images].astype(float))
        whole = mean_change(block[images])
        return ratio(np.where(border > tiny, border, 0.0), np.where(whole > tiny, whole, 0.0))

    return per_unit(
        responses,
        definition,
        statistic,
        resampling,
        control=False,
        extra={"border": responses.attrs.get("border", "")},
        progress=progress,
    )


@measure(takes="responses", needs=("transformation", "strengths"), given=("resampling",))
def selectivity_and_tolerance(
    responses: xr.DataArray, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Selectivity among images against tolerance to the transformation.

    Both are given for each unit, and their rank correlation for each layer.

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

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> selectivity_and_tolerance(found).n_units.values.tolist()
    [8]
    """
    _, reference = checked_transformation(responses)
    check_strengths(responses, "Selectivity")
    grid = cleaned(grid_of(responses), largest_of(responses))
    selectivity = sparseness(grid[:, reference])
    strongest = grid[:, reference].argmax(axis=0)
    preferred = np.take_along_axis(grid, strongest[None, None], axis=0)[0]
    tolerance = ratio(np.delete(preferred, reference, axis=0).mean(axis=0), preferred[reference])
    rows = []
    for _, units in by_layer(responses):
        pairs = np.stack([selectivity[units], tolerance[units]])
        pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
        rows.append((*_rank_correlation(pairs, resampling), pairs.shape[1], len(units)))
    columns = ("layer_value", "layer_low", "layer_high", "n_defined", "n_units")
    layers = {column: ("layer", [row[i] for row in rows]) for i, column in enumerate(columns)}
    definition = Definition(
        "selectivity against tolerance",
        "Spearman's rho over units",
        "Zoccolan et al., J Neurosci 2007",
    )
    each = {"selectivity": ("unit", selectivity), "tolerance": ("unit", tolerance)}
    made = xr.Dataset(each | layers, coords=unit_coords(responses))
    return described(made, responses, definition, resampling)


def _rank_correlation(pairs: np.ndarray, resampling: Resampling) -> tuple[float, float, float]:
    """Spearman's correlation of (selectivity and tolerance, unit), and its interval over units.

    By Fisher's z with the variance (1 + r^2 / 2) / (n - 3) of Bonett & Wright, Psychometrika 2000.
    """
    n_pairs = pairs.shape[1]
    if n_pairs < 3 or (np.ptp(pairs, axis=1) == 0).any():  # two points are always on a line
        return np.nan, np.nan, np.nan
    value = float(spearmanr(*pairs).statistic)
    if not resampling.n_resamples or n_pairs < 4 or abs(value) > 1 - FLAT:
        return value, np.nan, np.nan
    error = np.sqrt((1 + value**2 / 2) / (n_pairs - 3))
    ends = normal_interval(np.arctanh(value), error, resampling.level)
    low, high = (float(np.tanh(end)) for end in ends)
    return value, low, high
