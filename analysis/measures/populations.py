"""Invariance of populations.

What a layer as a whole keeps of an image that is transformed, by value of the transformation, with
intervals.

Each measure takes responses of dims (image, <transformation>, unit) and returns a dataset of dims
(layer, <transformation>): curves.
"""

from __future__ import annotations

from collections.abc import Callable
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
from ..responses import by_layer
from ..results import DEFAULT, Definition, Resampling, described
from ..statistics import deviation_defined, interval, normal_interval, resampled

SIMILARITIES = ("correlation", "cosine")


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

    How similar the response to an image and to its transformed version are, above the similarity to
    other images.

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
    """
    check_choice("similarity", similarity, SIMILARITIES)
    name, reference = checked(responses)
    grid = grid_of(responses)

    def of(vectors: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Same and different, of dims (2, value), from unit vectors (image, value, unit).

        No image is different from itself.

        Zero vectors have no direction: pairs with them do not count.
        """
        matches = np.bincount(images, minlength=len(vectors)).astype(float)
        known = vectors.any(axis=2).astype(float)
        known_pairs = known[:, reference : reference + 1] * known
        pairs = np.einsum("xu,xtu->xt", vectors[:, reference], vectors)  # of an image with itself
        total = np.tensordot(matches, vectors, axes=1) @ (matches @ vectors[:, reference])
        n_pairs = (matches @ known[:, reference]) * (matches @ known) - matches**2 @ known_pairs
        apart = np.where(n_pairs > 0, total - matches**2 @ pairs, 0.0)
        return np.stack([ratio(matches @ pairs, matches @ known_pairs), ratio(apart, n_pairs)])

    def curves(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(resampling.random_state)
        draws, vectors = [], _unit_vectors(grid[:, :, units], similarity)
        whole = of(vectors, np.arange(len(grid)))
        for _ in range(resampling.n_resamples):
            if resampling.over == "units":
                images = np.arange(len(grid))
            else:
                images = rng.integers(len(grid), size=len(grid))
            if resampling.over != "images":
                vectors = _unit_vectors(grid[:, :, rng.choice(units, len(units))], similarity)
            draws.append(of(vectors, images))
        return whole, np.array(draws).reshape(-1, *whole.shape)

    layers = progress_bar(
        list(by_layer(responses)), name="Population similarity", unit="layer", progress=progress
    )
    rows = [curves(units) for _, units in layers]
    same, different = (np.stack([whole[i] for whole, _ in rows]) for i in (0, 1))
    value = _index(same, different)
    errors = np.stack([deviation_defined(_index(draws[:, 0], draws[:, 1])) for _, draws in rows])
    low, high = normal_interval(value, errors, resampling.level)
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


def _unit_vectors(grid: np.ndarray, similarity: str) -> np.ndarray:
    """Vectors of length 1 along the last axis; zeros where there is nothing to scale."""
    largest, values = np.abs(grid).max(), grid.astype(np.float32)
    if similarity == "correlation":
        values -= values.mean(axis=-1, keepdims=True, dtype=float)
    length = np.sqrt(np.einsum("xtu,xtu->xt", values, values, dtype=float))[..., None]
    values /= np.where(length > FLAT * largest, length, np.inf)
    return values


def _index(same: np.ndarray, different: np.ndarray) -> np.ndarray:
    room = 1 - different
    return ratio(same - different, np.where(room > FLAT, room, 0.0)) * np.where(
        room > FLAT, 1.0, np.nan
    )


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def equivariance(
    responses: xr.DataArray,
    n_components: int = 50,
    n_folds: int = 5,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well a linear map predicts responses to the transformed image.

    From those to the image.

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
        Over held-out images.
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
    """
    name, reference = checked(responses)
    grid = grid_of(responses)
    if not 2 <= n_folds <= len(grid) // 2:
        msg = f"`n_folds` must lie between 2 and half of the {len(grid)} images, got {n_folds}."
        raise ValueError(msg)
    rng = np.random.default_rng(resampling.random_state)
    folds = list(KFold(n_folds, shuffle=True, random_state=resampling.random_state).split(grid))
    shape = (len(list(by_layer(responses))), grid.shape[1])
    values = {
        key: np.full(shape, np.nan) for key in ("value", "low", "high", "identity_value", "control")
    }
    for row, (_, units) in enumerate(
        progress_bar(
            list(by_layer(responses)), name="Equivariance", unit="layer", progress=progress
        )
    ):
        for column in range(grid.shape[1]):
            here, there = (
                grid[:, reference, units].astype(float),
                grid[:, column, units].astype(float),
            )
            lost = {
                key: np.zeros(len(grid)) for key in ("value", "identity_value", "control", "whole")
            }
            for train, test in folds:
                fits = (
                    _linear_map(here[train], there[train], n_components),
                    _linear_map(here[train], there[rng.permutation(train)], n_components),
                )
                guesses = {
                    "value": fits[0](here[test]),
                    "identity_value": here[test],
                    "control": fits[1](here[test]),
                    "whole": there[train].mean(axis=0),
                }
                for key, guess in guesses.items():
                    lost[key][test] = ((there[test] - guess) ** 2).sum(axis=1)

            def explained(
                images: np.ndarray,
                key: str,
                lost: dict[str, np.ndarray] = lost,
                there: np.ndarray = there,
            ) -> float:
                whole = lost["whole"][images].sum()
                if whole > FLAT**2 * (there**2).sum():
                    return float(1 - lost[key][images].sum() / whole)
                return np.nan

            everything = np.arange(len(grid))
            for key in ("value", "identity_value", "control"):
                values[key][row, column] = explained(everything, key)
            if resampling.n_resamples:
                draws = resampled(
                    lambda images: explained(images, "value"),
                    len(grid),
                    resampling.n_resamples,
                    resampling.random_state,
                )
                values["low"][row, column], values["high"][row, column] = interval(
                    draws, resampling.level
                )
    definition = Definition(
        "equivariance",
        "held-out variance explained by phi(t x) ~ A phi(x) + b",
        "Lenc & Vedaldi, CVPR 2015",
    )
    return layer_curves(
        responses,
        name,
        values,
        definition,
        resampling,
        {"n_folds": n_folds, "n_components": n_components},
    )


def _linear_map(
    here: np.ndarray, there: np.ndarray, n_components: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression between principal components; what is learned is learned from these images.

    Where nothing varies it is their mean.
    """
    if any(np.ptp(values, axis=0).max() <= FLAT * np.abs(values).max() for values in (here, there)):
        return lambda responses: np.broadcast_to(
            there.mean(axis=0), (len(responses), there.shape[1])
        )
    n_kept = max(1, min(n_components, *here.shape, len(here) - 1))
    outputs = PCA(max(1, min(there.shape[0] - 1, there.shape[1])), svd_solver="full").fit(there)
    ridge = make_pipeline(
        PCA(n_kept, svd_solver="full"),
        RidgeCV(alphas=np.logspace(-6, 3, 10) * max(here.var(axis=0).sum(), 1e-12)),
    )
    ridge.fit(here, outputs.transform(there))
    return lambda responses: outputs.inverse_transform(
        ridge.predict(responses).reshape(len(responses), -1)
    )


def checked(responses: xr.DataArray) -> tuple[str, int]:
    """Dimension and reference index, of responses to at least two images.

    Parameters
    ----------
    responses : xarray.DataArray
        Of dims (image, <transformation>, unit).

    Returns
    -------
    str, int
        Name of the transformation's dimension, and index of its reference value.
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
    coords = {
        "layer": list(layers),
        name: responses[name],
        "image": responses["image"].values
        if "image" in responses.coords
        else range(responses.sizes["image"]),
    }
    dataset = xr.Dataset(
        {key: (("layer", name), value) for key, value in data.items()}, coords=coords
    )
    return described(
        dataset.assign(n_units=("layer", list(layers.values()))),
        responses,
        definition,
        resampling,
        extra,
    )
