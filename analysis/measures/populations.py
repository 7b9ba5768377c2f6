"""Invariance of populations: what a layer as a whole keeps of an image that is transformed, by
value of the transformation, with intervals.

Each measure takes responses of dims (image, <transformation>, unit) and returns a dataset of dims
(layer, <transformation>): curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from tqdm.auto import tqdm

from ..results import (
    DEFAULT,
    FLAT,
    Definition,
    Resampling,
    described,
    grid_of,
    needs,
    ratio,
    transformation_of,
)
from ..readout import fitted_classifier
from ..responses import by_layer
from ..statistics import deviation_defined, interval, normal_interval, resampled

SIMILARITIES = ("correlation", "cosine")


@needs("transformation")
def population_similarity(
    responses: xr.DataArray, similarity: str = "correlation", resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """Similarity of a layer's response to an image and to its transformed version, above that to
    other images.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images.
    similarity : {'correlation', 'cosine'}
        Of the vectors of responses of all units of a layer.
    resampling : Resampling
        Over images, units or both.

    Returns
    -------
    xarray.Dataset
        `value` is (same - different) / (1 - different): 1 invariant, 0 as far from itself as from
        other images; undefined where different images give the same response (1 - different = 0) or
        none; `chance` is 0. Beside it `same` and `different`, the mean similarities, and `margin`,
        same minus different, which is 0 for a layer that never changes: not invariant.
    """
    if similarity not in SIMILARITIES:
        msg = (
            f"`similarity` must be one of {', '.join(map(repr, SIMILARITIES))}, got {similarity!r}."
        )
        raise ValueError(msg)
    name, reference = _checked(responses)
    grid = grid_of(responses)

    def of(vectors: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Same and different, of dims (2, value), from unit vectors (image, value, unit); no image
        is different from itself.

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

    layers = tqdm(
        list(by_layer(responses)), desc="Population similarity", unit="layer", delay=2, disable=None
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
    made = _curves(responses, name, data, definition, resampling, {"similarity": similarity})
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


@needs("transformation")
def equivariance(
    responses: xr.DataArray,
    n_components: int = 50,
    n_folds: int = 5,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well a fixed linear map predicts the response to the transformed image from that to the
    image.

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
    name, reference = _checked(responses)
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
    if progress is None:
        shown = None
    else:
        shown = not progress
    for row, (_, units) in enumerate(
        tqdm(list(by_layer(responses)), desc="Equivariance", unit="layer", delay=2, disable=shown)
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
    return _curves(
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
    Where nothing varies it is their mean."""
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


@needs("transformation", "labels")
def decoding_generalisation(
    responses: xr.DataArray,
    labels: Any = None,
    readout: str = "svm",
    n_folds: int = 5,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well classes learned at the reference are told apart at other values of the
    transformation.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    labels : sequence of shape (n_images,) or None
        Classes; None takes the coordinate `label`.
    readout : {'svm', 'logistic', 'nearest'}
        As in `analysis.readout.classifier`; scaling and all parameters are learned from the
        training images at the reference only.
    n_folds : int
        Images are trained on in all folds but one and tested in that, at every value. Where every
        class has one image (each object is its own class), the readout is trained on all images at
        the reference, and accuracy there says nothing; `held_out` is then 0.
    resampling : Resampling
        Over images.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `value`: (accuracy_t - chance) / (accuracy_0 - chance), undefined where the reference is at
        chance; `accuracy` with `accuracy_low` and `accuracy_high` (Wilson's interval, which does
        not close on 1 where all are right); and `predicted` of dims (layer, image,
        <transformation>). Chance is one over the number of classes.

    Raises
    ------
    ValueError
        If there are no labels, fewer than two classes, or a class with more than one but fewer
        images than folds.
    """
    name, reference = _checked(responses)
    grid, classes = grid_of(responses), _labels(responses, labels)
    folds = list(_folds(classes, n_folds, resampling.random_state))
    layers = list(by_layer(responses))
    predicted = np.empty((len(layers), *grid.shape[:2]), classes.dtype)
    if progress is None:
        shown = None
    else:
        shown = not progress
    with tqdm(
        total=len(layers) * len(folds), desc="Decoding", unit="fit", delay=2, disable=shown
    ) as bar:
        for row, (_, units) in enumerate(layers):
            for train, test in folds:
                fitted = fitted_classifier(
                    readout,
                    grid[train, reference][:, units],
                    classes[train],
                    resampling.random_state,
                )
                flat = grid[test][:, :, units].reshape(-1, len(units))
                predicted[row, test] = fitted.predict(flat).reshape(len(test), -1)
                bar.update()
    right = (predicted == classes[:, None]).astype(float)
    chance = 1 / len(np.unique(classes))

    def of(images: np.ndarray) -> np.ndarray:
        accuracy = right[:, images].mean(axis=1)
        above = accuracy - chance
        room = above[:, reference : reference + 1]
        return np.stack([np.where(room > 0, above / np.where(room > 0, room, 1), np.nan), accuracy])

    value, accuracy = of(np.arange(len(grid)))
    low, high = (bound[0] for bound in _interval(of, len(grid), resampling))
    wilson = [
        binomtest(int(n), len(grid)).proportion_ci(resampling.level, method="wilson")
        for n in right.sum(axis=1).ravel()
    ]
    bounds = np.array([(bound.low, bound.high) for bound in wilson]).reshape(*accuracy.shape, 2)
    data = {
        "value": value,
        "low": low,
        "high": high,
        "accuracy": accuracy,
        "accuracy_low": bounds[..., 0],
        "accuracy_high": bounds[..., 1],
    }
    definition = Definition(
        "decoding generalisation",
        "(accuracy_t - chance) / (accuracy_0 - chance), trained at the reference",
        "this package",
    )
    extra = {
        "readout": readout,
        "chance": chance,
        "held_out": int(len(folds) > 1),
        "n_folds": len(folds),
    }
    result = _curves(responses, name, data, definition, resampling, extra)
    return result.assign(predicted=(("layer", "image", name), predicted)).assign_coords(
        label=("image", classes)
    )


def shift_consistency(
    predicted: xr.DataArray, labels: Any = None, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """How often the same class is given to two versions of an image, and how often it is right: a
    classifier that always says the same is consistent.

    Parameters
    ----------
    predicted : xarray.DataArray
        Classes given, of dims (image, <transformation>), and (layer) where known: `predicted` of
        `decoding_generalisation`, or what a network itself predicts.
    labels : sequence of shape (n_images,) or None
        True classes; None takes the coordinate `label`.
    resampling : Resampling
        Over images.

    Returns
    -------
    xarray.Dataset
        `layer_value`, `layer_low`, `layer_high`: share of pairs of different values at which the
        prediction agrees; `accuracy`, `accuracy_low`, `accuracy_high` beside it.

    References
    ----------
    Zhang, "Making convolutional networks shift-invariant again", ICML 2019.
    """
    if "layer" in predicted.dims:
        stacked = predicted
    else:
        stacked = predicted.expand_dims(layer=["all"])
    others = [str(dim) for dim in stacked.dims if dim not in ("layer", "image")]
    if len(others) != 1 or "image" not in stacked.dims or stacked.sizes[others[0]] < 2:
        msg = (
            "`predicted` must have the dims image and a transformation of at least two values, "
            f"got {dict(predicted.sizes)}."
        )
        raise ValueError(msg)
    values, truth = (
        stacked.transpose("layer", "image", others[0]).values.astype(str),
        _labels(predicted, labels),
    )
    n_values = values.shape[2]
    agree = sum(
        (values[:, :, a] == values[:, :, b]).astype(float)
        for a in range(n_values)
        for b in range(a)
    ) / (n_values * (n_values - 1) / 2)
    right = (values == truth[:, None]).mean(axis=2)

    def of(images: np.ndarray) -> np.ndarray:
        return np.stack([agree[:, images].mean(axis=1), right[:, images].mean(axis=1)])

    whole, (low, high) = of(np.arange(values.shape[1])), _interval(of, values.shape[1], resampling)
    definition = Definition(
        "shift consistency",
        "P[argmax f(t_a x) = argmax f(t_b x)], accuracy beside it",
        "Zhang, ICML 2019",
    )
    columns = {"layer_value": whole[0], "layer_low": low[0], "layer_high": high[0]}
    columns |= {"accuracy": whole[1], "accuracy_low": low[1], "accuracy_high": high[1]}
    data = xr.Dataset(
        {key: ("layer", column) for key, column in columns.items()},
        coords={"layer": stacked["layer"].values},
    )
    counts = {"n_images": values.shape[1], "n_values": n_values, "transformation": others[0]}
    return data.assign_attrs(definition.attributes() | counts | resampling.attributes())


def _checked(responses: xr.DataArray) -> tuple[str, int]:
    name, reference = transformation_of(responses)
    if responses.sizes["image"] < 2:
        msg = "`responses` must be to at least two images, got 1."
        raise ValueError(msg)
    return name, reference


def _labels(responses: xr.DataArray, labels: Any) -> np.ndarray:
    if labels is None and "label" not in responses.coords:
        msg = "`labels` are needed: these responses have no coordinate label."
        raise ValueError(msg)
    classes = np.asarray(responses["label"].values if labels is None else labels).astype(str)
    if classes.shape != (responses.sizes["image"],) or len(np.unique(classes)) < 2:
        msg = (
            "`labels` must name at least two classes, one for each of the "
            f"{responses.sizes['image']} images, got shape {classes.shape}."
        )
        raise ValueError(msg)
    return classes


def _folds(
    classes: np.ndarray, n_folds: int, random_state: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    counts = np.unique(classes, return_counts=True)[1]
    if counts.max() == 1:
        yield np.arange(len(classes)), np.arange(len(classes))
        return
    if counts.min() == 1:
        msg = (
            "`labels` must have one image of every class, or several of every class: add images, "
            "or leave out the classes of one."
        )
        raise ValueError(msg)
    if n_folds < 2 or counts.min() < n_folds:
        msg = (
            f"`n_folds` must lie between 2 and {counts.min()}, the images of the smallest class, "
            f"got {n_folds}."
        )
        raise ValueError(msg)
    yield from StratifiedKFold(n_folds, shuffle=True, random_state=random_state).split(
        classes, classes
    )


def _interval(
    statistic: Callable[[np.ndarray], np.ndarray], n: int, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a statistic of images, each of its shape."""
    if not resampling.n_resamples:
        return (np.full_like(statistic(np.arange(n)), np.nan),) * 2
    return interval(
        resampled(statistic, n, resampling.n_resamples, resampling.random_state), resampling.level
    )


def _curves(
    responses: xr.DataArray,
    name: str,
    data: dict[str, np.ndarray],
    definition: Definition,
    resampling: Resampling,
    extra: dict[str, Any],
) -> xr.Dataset:
    """One curve per layer along the transformation."""
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
