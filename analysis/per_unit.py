"""One statistic of every unit, of every layer, with intervals and a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.extraction.progress import progress_bar

from .intervals import (
    degrees_of,
    jackknife_variance,
    left_out,
    mean_defined,
    t_interval,
)
from .responses import layers_of
from .results import DEFAULT, NONE, Definition, Resampling, described, unit_coords

_BLOCK = 2**21  # responses worked on at a time
# Intervals of single units hold 0.93 and more from here on (benchmarks/coverage.py); of rectified
# ones at 20 images 0.91.
_LEAST_OF_UNITS = 50
_N_CONTROLS = 5  # ways in which images are exchanged
FLAT = 1e-6  # of the largest response: differences below it are rounding of float32

# (responses (image, value, unit), images to use, which units) -> (unit,)
Statistic = Callable[[np.ndarray, np.ndarray, slice], np.ndarray]


def transformation_of(responses: xr.DataArray) -> tuple[str, int]:
    """The dimension along which responses were transformed, and the index of its reference.

    Raises
    ------
    ValueError
        If the responses are not to a transformed set.
    """
    _check_responses(responses)
    others = [str(dim) for dim in responses.dims if dim not in ("image", "unit")]
    if (
        len(others) != 1
        or responses[others[0]].dims != (others[0],)
        or "identity" not in responses.attrs
        or set(responses.dims) != {"image", "unit", *others}
    ):
        msg = (
            "`responses` must have the dims image, a transformation and unit, and the "
            f"attribute identity, got dims {responses.dims}. "
            "Make them with hmax_cnn.analysis.responses.responses of a "
            "`hmax_cnn.data.transformed.transformed` set."
        )
        raise ValueError(msg)
    (name,) = others
    found = np.flatnonzero(responses[name].values == responses.attrs["identity"])
    if not len(found):
        msg = (
            f"`responses` lack the reference: {name} {responses.attrs['identity']!r} is not "
            f"among {responses[name].values.tolist()}."
        )
        raise ValueError(msg)
    return name, int(found[0])


def _check_responses(responses: Any) -> None:
    if not isinstance(responses, xr.DataArray):
        msg = (
            "`responses` must be an xarray.DataArray, as "
            "hmax_cnn.analysis.responses.responses returns "
            f"it, got {type(responses).__name__}."
        )
        raise TypeError(msg)


def largest_of(responses: xr.DataArray) -> np.ndarray:
    """For every unit the largest response of its layer, by size.

    What rounding is measured against.
    """
    grid = grid_of(responses)
    # By layer: a silent unit is silent against its layer, not against itself.
    own = np.concatenate([np.abs(grid[:, :, part]).max(axis=(0, 1)) for part in blocks_of(grid)])
    owner, _ = pd.factorize(layers_of(responses))
    return np.array([own[owner == layer].max() for layer in range(owner.max() + 1)])[owner]


def cleaned(block: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Responses (..., unit) in float64, without rounding.

    Units that do not vary by more than it are constant, or silent.

    A blank part of an image leaves such units a response of 1e-17, which would count like any
    other.
    """
    values = block.astype(float)
    axes = tuple(range(values.ndim - 1))
    low, high = values.min(axis=axes), values.max(axis=axes)
    # Rounding of a unit that never changes would be any value of a ratio: it is made exactly
    # constant.
    steady = high - low <= FLAT * largest
    level = np.where(np.maximum(np.abs(low), np.abs(high)) <= FLAT * largest, 0.0, low)
    return np.where(steady, level, values)


def blocks_of(grid: np.ndarray) -> list[slice]:
    """Units of responses (image, value, unit), some at a time.

    So that work on them takes little memory.
    """
    step = max(1, _BLOCK // (grid.shape[0] * grid.shape[1]))
    return [slice(first, first + step) for first in range(0, grid.shape[2], step)]


def grid_of(responses: xr.DataArray) -> np.ndarray:
    """The responses as (image, value, unit), with one value where nothing was transformed.

    Raises
    ------
    ValueError
        If the dims are others.
    """
    _check_responses(responses)
    if "image" not in responses.dims or "unit" not in responses.dims or responses.ndim > 3:
        msg = (
            "`responses` must have the dims image and unit, and at most one more, got "
            f"{responses.dims}."
        )
        raise ValueError(msg)
    others = [dim for dim in responses.dims if dim not in ("image", "unit")]
    values = responses.transpose("image", *others, "unit").values
    if others:
        return values
    return values[:, None]


def per_unit(
    responses: xr.DataArray,
    definition: Definition,
    statistic: Statistic,
    resampling: Resampling = DEFAULT,
    control: bool = True,
    best: float = 1.0,
    intervals: bool = True,
    extra: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """A measure of every unit, of every layer, with intervals, and of a control.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, [transformation,] unit).
    definition : Definition
    statistic : callable
        From responses of shape (image, value, unit), float64, the numbers of the images to use, and
        which units these are (it is given some at a time), to a number per unit; NaN where it is
        not defined.
    resampling : Resampling
    control : bool
        Whether to measure again after images were exchanged at every value but the reference: what
        a unit scores whose responses there say nothing about the image.
    best : float
        Share of each layer's defined units, from the highest value down, that the layer's number is
        the mean of. Below 1 units are chosen on one half of the images and measured on the other,
        and the other way round: the best of many are best by luck, too.
    intervals : bool
        Whether intervals are given; not where no method holds what it promises.
    extra : mapping
        Further attributes.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Per unit `value`, `low`, `high` (from 50 images: with fewer they hold too rarely), and
        `control`; per layer `layer_value`, `layer_low`,
        `layer_high`, `layer_control`, `n_units` and `n_defined`. Attributes name the definition,
        its formula and citation, n and how intervals were made.
    """
    grid = grid_of(responses)
    owner, names = pd.factorize(layers_of(responses))
    blocks = blocks_of(grid)
    if control:
        orders = _exchanged(responses, grid, resampling.random_state)
    else:
        orders = []
    largest = largest_of(responses)
    values, controls = _values(grid, blocks, largest, statistic, orders)
    counted = _best(values, owner, best)
    errors, by_images = _left_out(
        grid, blocks, largest, statistic, owner, counted, resampling, definition.name, progress
    )
    n_images = len(grid)
    if n_images < _LEAST_OF_UNITS:
        errors = np.full_like(errors, np.nan)
    low, high = t_interval(values, errors, n_images - 1, resampling.level)
    rows = [
        _layer(values, controls, owner == layer, counted, by_images[:, layer], resampling)
        for layer in range(len(names))
    ]
    if best < 1:
        one, other = _halves(grid, blocks, largest, statistic)
        for layer, row in enumerate(rows):
            _without_choice(row, one[owner == layer], other[owner == layer], best)
    told = dict(extra or {})
    if not intervals:
        told["intervals"] = NONE
        low, high = np.full((2, len(values)), np.nan)
        for row in rows:
            row |= {"layer_low": np.nan, "layer_high": np.nan}
    data: dict[str, Any] = {"value": ("unit", values), "low": ("unit", low), "high": ("unit", high)}
    if control:
        data |= {"control": ("unit", controls)}
    data |= {
        column: ("layer", [row[column] for row in rows])
        for column in rows[0]
        if control or column != "layer_control"
    }
    return described(
        xr.Dataset(data, coords=unit_coords(responses)), responses, definition, resampling, told
    )


def _values(
    grid: np.ndarray,
    blocks: list[slice],
    largest: np.ndarray,
    statistic: Statistic,
    orders: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Of every unit, with all images; and the mean after they were exchanged."""
    values, controls, images = (
        np.empty(grid.shape[2]),
        np.full(grid.shape[2], np.nan),
        np.arange(len(grid)),
    )
    for part in blocks:
        block = cleaned(grid[:, :, part], largest[part])
        values[part] = statistic(block, images, part)
        if orders:
            # Each value of the transformation with its images exchanged: what a unit would score
            # that keeps nothing of an image.
            exchanged = [
                statistic(block[order, np.arange(grid.shape[1])], images, part) for order in orders
            ]
            controls[part] = mean_defined(np.array(exchanged), axis=0)
    return values, controls


def _left_out(
    grid: np.ndarray,
    blocks: list[slice],
    largest: np.ndarray,
    statistic: Statistic,
    owner: np.ndarray,
    counted: np.ndarray,
    resampling: Resampling,
    name: str,
    progress: bool | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of units over images; and the means of layers with images left out.

    The means are of the units that count, of shape (n_groups, n_layers).
    """
    n_groups = resampling.n_resamples if resampling.over != "units" else 0
    parts = left_out(len(grid), n_groups, resampling.random_state)
    errors, n_layers = np.full(grid.shape[2], np.nan), int(owner.max()) + 1
    sums, counts = np.zeros((2, len(parts), n_layers))
    for part in progress_bar(
        blocks if parts else (), name=name.capitalize(), unit="block", progress=progress
    ):
        block = cleaned(grid[:, :, part], largest[part])
        # The same images for every unit, so that layers can be averaged group by group.
        found = np.stack([statistic(block, kept, part) for kept in parts])
        errors[part] = np.sqrt(jackknife_variance(found))
        for layer in np.unique(owner[part]):
            # The mean of a layer is over units that are defined with these images.
            known = np.isfinite(found) & counted[part] & (owner[part] == layer)
            sums[:, layer] += np.where(known, found, 0).sum(axis=1)
            counts[:, layer] += known.sum(axis=1)
    return errors, np.where(counts > 0, sums / np.where(counts > 0, counts, 1), np.nan)


def _halves(
    grid: np.ndarray, blocks: list[slice], largest: np.ndarray, statistic: Statistic
) -> tuple[np.ndarray, np.ndarray]:
    """Of every unit, with every other image, and with those between."""
    found = np.full((2, grid.shape[2]), np.nan)
    for part in blocks:
        block = cleaned(grid[:, :, part], largest[part])
        for half in (0, 1):
            found[half, part] = statistic(block, np.arange(half, len(grid), 2), part)
    return found[0], found[1]


def _without_choice(row: dict[str, Any], one: np.ndarray, other: np.ndarray, best: float) -> None:
    """The mean of the best units of a layer, chosen on the images that it is not measured on."""
    means = []
    for chosen_by, measured in ((one, other), (other, one)):
        known = np.flatnonzero(np.isfinite(chosen_by) & np.isfinite(measured))
        count = max(1, round(best * len(known)))
        means.append(mean_defined(measured[known[np.argsort(-chosen_by[known])[:count]]]))
    fair = float(mean_defined(np.array(means)))
    shift = fair - row["layer_value"]
    for key in ("layer_value", "layer_low", "layer_high"):
        row[key] = float(row[key] + shift)


def _exchanged(responses: xr.DataArray, grid: np.ndarray, random_state: int) -> list[np.ndarray]:
    """Several tables of image numbers (image, value).

    As they are at the reference, every image another at each other value.
    """
    rng, n_images = np.random.default_rng(random_state), len(grid)
    _, reference = transformation_of(responses)
    orders = []
    for _ in range(_N_CONTROLS if n_images > 1 else 0):
        order = np.tile(np.arange(n_images)[:, None], grid.shape[1])
        for value in range(grid.shape[1]):
            if value != reference:
                # A cycle through all images: none is exchanged with itself.
                ring = rng.permutation(n_images)
                order[ring, value] = np.roll(ring, int(rng.integers(1, n_images)))
        orders.append(order)
    return orders


def _best(values: np.ndarray, owner: np.ndarray, best: float) -> np.ndarray:
    """Which units the number of their layer is the mean of.

    The defined ones, or the best share of them.
    """
    counted = np.isfinite(values)
    if best < 1:
        for layer in np.unique(owner):
            # Chosen on all images, once: not anew in every draw.
            mine = np.flatnonzero(counted & (owner == layer))
            counted[
                mine[np.argsort(-values[mine], kind="stable")[max(1, round(best * len(mine))) :]]
            ] = False
    return counted


def _layer(
    values: np.ndarray,
    controls: np.ndarray,
    members: np.ndarray,
    counted: np.ndarray,
    left: np.ndarray,
    resampling: Resampling,
) -> dict[str, Any]:
    """Mean over the units of a layer that count, and the interval of that."""
    mine = values[members & counted]
    mean, middle = mean_defined(mine), mean_defined(mine)
    variances, degrees = [], []
    if resampling.over != "units":
        variances.append(jackknife_variance(left))
        degrees.append(len(left) - 1)
        # Without the bias that the jackknife finds (Quenouille 1956).
        if len(left):
            middle = mean + (len(left) - 1) * (mean - mean_defined(left))
    if resampling.over != "images":
        variances.append(np.array(mine.var(ddof=1) / len(mine) if len(mine) > 1 else np.nan))
        degrees.append(len(mine) - 1)
    # Images and units are both samples: variances of the two add up.
    error = np.sqrt(sum(variances))
    low, high = t_interval(middle, error, degrees_of(variances, degrees), resampling.level)
    return {
        "layer_value": float(mean),
        "layer_low": float(low),
        "layer_high": float(high),
        "layer_control": float(mean_defined(controls[members & counted])),
        "n_units": int(members.sum()),
        "n_defined": int(np.isfinite(values[members]).sum()),
    }


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Above over below; NaN where both are 0, infinite where only below is."""
    safe = np.where(below != 0, below, 1.0)
    return np.where(
        below != 0, above / safe, np.where(above == 0, np.nan, np.where(above > 0, np.inf, -np.inf))
    )
