"""Invariance of populations.

What a layer as a whole keeps of an image that is transformed, by value of the transformation, with
intervals.

Each measure takes responses of dims (image, <transformation>, unit) and returns a dataset of dims
(layer, <transformation>): curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..per_unit import FLAT, grid_of, ratio, transformation_of
from ..responses import by_layer, image_names
from ..results import DEFAULT, Definition, Resampling, described
from ..statistics import (
    LINKS,
    degrees_of,
    interval,
    jackknife_variance,
    left_out,
    resampled,
    t_interval,
    widening,
)

SIMILARITIES = ("correlation", "cosine")
_UNIT_GROUPS = 20
_MAPS = ("value", "identity_value", "control")  # learned, none, and learned from exchanged images


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
        _bounds(row, left, resampling.level) for row, (_, left) in zip(value, rows, strict=True)
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
    value: np.ndarray, left: Sequence[np.ndarray], level: float
) -> tuple[np.ndarray, np.ndarray]:
    """An interval below 1, from what the index is with images, and with units, left out."""
    there, back = LINKS["below 1"]
    with np.errstate(all="ignore"):
        found = [there(_index(parts[:, 0], parts[:, 1])) for parts in left]
        variances = [jackknife_variance(parts) for parts in found]
        degrees = degrees_of(variances, [len(parts) - 1 for parts in found])
        ends = t_interval(there(value), np.sqrt(sum(variances)), degrees, level)
        # The reference is like itself whatever is left out.
        bounds = [np.where(value >= 1 - FLAT, value, back(end)) for end in ends]
    known = np.isfinite(sum(variances))
    high, low = (np.where(known, end, np.nan) for end in bounds)
    return low, high


def _index(same: np.ndarray, different: np.ndarray) -> np.ndarray:
    room = 1 - different
    # Where different images give the same response, there is nothing to be invariant to.
    defined = np.where(room > FLAT, 1.0, np.nan)
    return defined * ratio(same - different, np.where(room > FLAT, room, 0.0))


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def equivariance(
    responses: xr.DataArray,
    n_components: int = 50,
    n_folds: int = 5,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well a linear map of responses to an image predicts those to its transformed version.

    The map is a ridge regression onto the transformed responses, between principal components that
    are found, like the penalty, in the training folds only.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    n_components : int
        At most so many, of the responses at the reference.
    n_folds : int
        Of images.
    resampling : Resampling
        A bootstrap of held-out images, widened for what their folds share in training (Nadeau &
        Bengio 2003).
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `value`: variance of held-out images explained by phi(t x) ~ A phi(x) + b, 1 is equivariant;
        `identity_value`: by phi(t x) ~ phi(x), 1 is invariant; `control`: by a map learned from
        responses that were exchanged among the training images. Undefined where the transformed
        responses do not vary.

    Raises
    ------
    ValueError
        If there are fewer images than folds.

    References
    ----------
    Lenc & Vedaldi, "Understanding image representations by measuring their equivariance and
    equivalence", CVPR 2015.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> equivariance(found, n_folds=3).identity_value.sel(shift=0).values.tolist()
    [1.0]
    """
    name, reference = checked_responses(responses)
    grid = grid_of(responses)
    if not 2 <= n_folds <= len(grid) // 2:
        msg = f"`n_folds` must lie between 2 and half of the {len(grid)} images, got {n_folds}."
        raise ValueError(msg)
    rng = np.random.default_rng(resampling.random_state)
    folds = list(KFold(n_folds, shuffle=True, random_state=resampling.random_state).split(grid))
    layers = list(by_layer(responses))
    shape = (len(layers), grid.shape[1])
    values = {key: np.full(shape, np.nan) for key in (*_MAPS, "low", "high")}
    bar = progress_bar(layers, name="Equivariance", unit="layer", progress=progress)
    for row, (_, units) in enumerate(bar):
        here = grid[:, reference, units].astype(float)
        for column in range(grid.shape[1]):
            there = grid[:, column, units].astype(float)
            lost = _lost(here, there, folds, n_components, rng)
            everything = np.arange(len(grid))
            for key in _MAPS:
                values[key][row, column] = _explained(lost, there, key, everything)
            if resampling.n_resamples:
                draws = resampled(
                    partial(_explained, lost, there, "value"),
                    len(grid),
                    resampling.n_resamples,
                    resampling.random_state,
                )
                bounds = interval(draws, resampling.level)
                middle = values["value"][row, column]
                for end, bound in zip(("low", "high"), bounds, strict=True):
                    values[end][row, column] = middle + widening(n_folds) * (bound - middle)
    definition = Definition(
        "equivariance",
        "held-out variance explained by phi(t x) ~ A phi(x) + b",
        "Lenc & Vedaldi, CVPR 2015",
    )
    extra = {"n_folds": n_folds, "n_components": n_components}
    return layer_curves(responses, name, values, definition, resampling, extra)


def _lost(
    here: np.ndarray,
    there: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    n_components: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Squared error of each held-out image by each map, and by the mean of the training images."""
    lost = {key: np.zeros(len(here)) for key in (*_MAPS, "mean")}
    for train, test in folds:
        learned = _linear_map(here[train], there[train], n_components)
        # The control has the same freedom to fit, and nothing that could be learned.
        exchanged = _linear_map(here[train], there[rng.permutation(train)], n_components)
        guesses = {
            "value": learned(here[test]),
            "identity_value": here[test],
            "control": exchanged(here[test]),
            "mean": there[train].mean(axis=0),
        }
        for key, guess in guesses.items():
            lost[key][test] = ((there[test] - guess) ** 2).sum(axis=1)
    return lost


def _explained(
    lost: dict[str, np.ndarray], there: np.ndarray, key: str, images: np.ndarray
) -> float:
    """Variance of some images that a map explains; undefined where they hardly vary."""
    whole = lost["mean"][images].sum()
    if whole > FLAT**2 * (there**2).sum():
        return float(1 - lost[key][images].sum() / whole)
    return np.nan


def _linear_map(
    here: np.ndarray, there: np.ndarray, n_components: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression between principal components; what is learned is learned from these images.

    Where nothing varies it is their mean.
    """
    if any(np.ptp(values, axis=0).max() <= FLAT * np.abs(values).max() for values in (here, there)):
        mean = there.mean(axis=0)
        return lambda responses: np.broadcast_to(mean, (len(responses), len(mean)))
    n_kept = max(1, min(n_components, *here.shape, len(here) - 1))
    # The full solver: the randomised one would make results depend on a seed.
    outputs = PCA(max(1, min(there.shape[0] - 1, there.shape[1])), svd_solver="full").fit(there)
    # Penalties relative to the variance, so that the scale of a layer's responses does not matter.
    penalties = np.logspace(-6, 3, 10) * max(here.var(axis=0).sum(), 1e-12)
    ridge = make_pipeline(PCA(n_kept, svd_solver="full"), RidgeCV(alphas=penalties))
    ridge.fit(here, outputs.transform(there))
    return lambda responses: outputs.inverse_transform(
        ridge.predict(responses).reshape(len(responses), -1)
    )


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
