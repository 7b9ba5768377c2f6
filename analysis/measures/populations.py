"""Invariance of populations.

What a layer as a whole keeps of an image that is transformed, by value of the transformation, with
intervals.

Each measure takes responses of dims (image, <transformation>, unit) and returns a dataset of dims
(layer, <transformation>): curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import (
    LINKS,
    degrees_of,
    jackknife_variance,
    left_out,
    t_interval,
)
from ..per_unit import FLAT, grid_of, ratio, transformation_of
from ..responses import by_layer, image_names
from ..results import DEFAULT, Definition, Resampling, described

SIMILARITIES = ("correlation", "cosine")
_UNIT_GROUPS = 20


@measure(
    takes="responses",
    needs=("transformation",),
    given=("resampling", "progress"),
    design=("chance",),
)
def population_similarity(
    responses: xr.DataArray,
    similarity: str = "correlation",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Self-similarity of a layer's responses under transformation.

    The similarity of responses to an image and to its transformed version, above the similarity of
    responses to different images.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images.
    similarity : {'correlation', 'cosine'}
        Of the vectors of responses of all units of a layer.
    resampling : Resampling
        Over images, units or both.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `value` is (same - different) / (1 - different): 1 invariant, 0 as far from itself as from
        other images; undefined where different images give the same response (1 - different = 0) or
        none; `chance` is 0. Beside it `same` and `different`, the mean similarities, and `margin`,
        same minus different, which is 0 for a layer that never changes: not invariant.

    Raises
    ------
    ValueError
        If there is no such similarity, or one image only.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> population_similarity(found).sel(shift=0).value.values.round(6).tolist()
    [1.0]
    """
    check_choice("similarity", similarity, SIMILARITIES)
    name, reference = checked_responses(responses)
    grid = grid_of(responses)
    layers = progress_bar(
        list(by_layer(responses)), name="Population similarity", unit="layer", progress=progress
    )
    rows = [_similarities(grid, reference, units, similarity, resampling) for _, units in layers]
    same, different = (np.stack([whole[i] for whole, _ in rows]) for i in (0, 1))
    value = _index(same, different)
    bounds = [
        _bounds(row, left, reference, resampling.level)
        for row, (_, left) in zip(value, rows, strict=True)
    ]
    low, high = (np.stack([pair[end] for pair in bounds]) for end in (0, 1))
    definition = Definition(
        "population similarity",
        f"(same - different) / (1 - different), mean {similarity} of responses",
        "this package",
    )
    data = {
        "value": value,
        "low": low,
        "high": high,
        "same": same,
        "different": different,
        "margin": same - different,
    }
    made = layer_curves(responses, name, data, definition, resampling, {"similarity": similarity})
    return made.assign(chance=0.0)  # as far from itself as from other images


def _similarities(
    grid: np.ndarray, reference: int, units: np.ndarray, similarity: str, resampling: Resampling
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Same and different, (2, value), of a layer.

    And the same with images, and with units, left out: arrays of shape (n_groups, 2, value).
    """
    vectors, everything = _unit_vectors(grid[:, :, units], similarity), np.arange(len(grid))
    whole = _same_and_different(vectors, reference, everything)
    left, seed = [], resampling.random_state
    if resampling.over != "units":
        kept = left_out(len(grid), resampling.n_resamples, seed)
        left.append([_same_and_different(vectors, reference, images) for images in kept])
    if resampling.over != "images":
        # Twenty groups of units: each costs a pass over all responses.
        kept = left_out(len(units), min(_UNIT_GROUPS, resampling.n_resamples), seed)
        left.append(
            [
                _same_and_different(
                    _unit_vectors(grid[:, :, units[some]], similarity), reference, everything
                )
                for some in kept
            ]
        )
    return whole, [np.array(parts).reshape(len(parts), *whole.shape) for parts in left]


def _same_and_different(vectors: np.ndarray, reference: int, images: np.ndarray) -> np.ndarray:
    """Mean similarities to the same and to different images, (2, value), from unit vectors.

    Vectors are of shape (image, value, unit). An image that was drawn twice is not different from
    itself. Zero vectors have no direction: pairs with them do not count.
    """
    matches = np.bincount(images, minlength=len(vectors)).astype(float)
    known = vectors.any(axis=2).astype(float)
    known_pairs = known[:, reference : reference + 1] * known
    of_itself = np.einsum("xu,xtu->xt", vectors[:, reference], vectors)
    # The sum over all pairs of images is the product of two sums of vectors: one pass, where a
    # matrix of all pairs would take images times as long.
    total = np.tensordot(matches, vectors, axes=1) @ (matches @ vectors[:, reference])
    n_pairs = (matches @ known[:, reference]) * (matches @ known) - matches**2 @ known_pairs
    apart = np.where(n_pairs > 0, total - matches**2 @ of_itself, 0.0)
    return np.stack([ratio(matches @ of_itself, matches @ known_pairs), ratio(apart, n_pairs)])


def _unit_vectors(grid: np.ndarray, similarity: str) -> np.ndarray:
    """Vectors of length 1 along the last axis; zeros where there is nothing to scale."""
    largest, values = np.abs(grid).max(), grid.astype(np.float32)
    if similarity == "correlation":
        values -= values.mean(axis=-1, keepdims=True, dtype=float)
    length = np.sqrt(np.einsum("xtu,xtu->xt", values, values, dtype=float))[..., None]
    values /= np.where(length > FLAT * largest, length, np.inf)
    return values


def _bounds(
    value: np.ndarray, left: Sequence[np.ndarray], reference: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """An interval below 1, from what the index is with images, and with units, left out."""
    there, back = LINKS["below 1"]
    with np.errstate(all="ignore"):
        found = [there(_index(parts[:, 0], parts[:, 1])) for parts in left]
        variances = [jackknife_variance(parts) for parts in found]
        degrees = degrees_of(variances, [len(parts) - 1 for parts in found])
        ends = t_interval(there(value), np.sqrt(sum(variances)), degrees, level)
        # The reference is like itself whatever is left out: what it lacks to 1 is rounding, of
        # which the logarithm makes an interval.
        itself = (np.arange(len(value)) == reference) | (value >= 1 - FLAT)
        bounds = [np.where(itself, value, back(end)) for end in ends]
    known = np.isfinite(sum(variances))
    high, low = (np.where(known, end, np.nan) for end in bounds)
    return low, high


def _index(same: np.ndarray, different: np.ndarray) -> np.ndarray:
    room = 1 - different
    # Where different images give the same response, there is nothing to be invariant to.
    defined = np.where(room > FLAT, 1.0, np.nan)
    return defined * ratio(same - different, np.where(room > FLAT, room, 0.0))


def checked_responses(responses: xr.DataArray) -> tuple[str, int]:
    """Dimension and reference index, of responses to at least two images.

    Parameters
    ----------
    responses : xarray.DataArray
        Of dims (image, <transformation>, unit).

    Returns
    -------
    str, int
        Name of the transformation's dimension, and index of its reference value.

    Raises
    ------
    ValueError
        If there is one image only.
    """
    name, reference = transformation_of(responses)
    if responses.sizes["image"] < 2:
        msg = "`responses` must be to at least two images, got 1."
        raise ValueError(msg)
    return name, reference


def layer_curves(
    responses: xr.DataArray,
    name: str,
    data: dict[str, np.ndarray],
    definition: Definition,
    resampling: Resampling,
    extra: dict[str, Any],
) -> xr.Dataset:
    """One curve per layer along the transformation.

    Parameters
    ----------
    responses : xarray.DataArray
        Of dims (image, <transformation>, unit).
    name : str
        Of the transformation's dimension.
    data : dict
        Arrays of shape (n_layers, n_values) by name.
    definition : Definition
    resampling : Resampling
    extra : dict
        More attributes.

    Returns
    -------
    xarray.Dataset
        Of dims (layer, <transformation>).
    """
    layers = {layer: len(units) for layer, units in by_layer(responses)}
    coords = {"layer": list(layers), name: responses[name], "image": image_names(responses)}
    curves = {key: (("layer", name), value) for key, value in data.items()}
    made = xr.Dataset(curves, coords=coords).assign(n_units=("layer", list(layers.values())))
    return described(made, responses, definition, resampling, extra)
