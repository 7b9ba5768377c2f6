"""Decoding under transformation: classes learned at the reference, read out at other values."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction.digests import SeenBeforeError
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..folds import Fold, stratified
from ..intervals import interval, resampled, widening, wilson_interval
from ..pairing import class_labels, image_groups
from ..per_unit import grid_of
from ..readout import fitted_classifier
from ..responses import SEEN, by_layer, image_names
from ..results import DEFAULT, Definition, Resampling
from .populations import checked_responses, layer_curves

_GENERALISATION = Definition(
    "decoding generalisation",
    "(accuracy_t - chance) / (accuracy_0 - chance), trained at the reference",
    "this package",
)
_BOOTSTRAP = "bootstrap of images"
_CONSISTENCY = Definition(
    "shift consistency",
    "P[argmax f(t_a x) = argmax f(t_b x)], accuracy beside it",
    "Zhang, ICML 2019",
)


@measure(takes="responses", needs=("transformation", "labels"), given=("resampling", "progress"))
def decoding_generalisation(
    responses: xr.DataArray,
    labels: Any = None,
    readout: str = "svm",
    n_folds: int = 5,
    groups: Any = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Decoding of classes, learned at the reference, at other values of the transformation.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    labels : sequence, Series or DataArray of shape (n_images,), or None
        Classes, paired by the names of images where they have them; None takes the coordinate
        `label`.
    readout : {'svm', 'logistic', 'nearest', 'tournament'}
        As in `hmax_cnn.analysis.readout.classifier`; scaling and all parameters are learned from
        the training images at the reference only.
    n_folds : int
        Images are trained on in all folds but one and tested in that, at every value. Where every
        class has one image (each object is its own class), the readout is trained on all images at
        the reference, and accuracy there says nothing; `held_out` is then 0.
    groups : sequence, Series or DataArray of shape (n_images,), or None
        Images of one group, such as pictures of one object, are all trained on or all tested. None
        takes the coordinate `group`, where there is one.
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
        images than folds; if the model has learned from any of the images that are held out.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> coords["label"] = ("image", ["a", "b"] * 6)
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> decoding_generalisation(found, n_folds=3).attrs["chance"]
    0.5
    """
    name, reference = checked_responses(responses)
    grid, classes = grid_of(responses), _labels(responses, labels)
    together = image_groups(responses, groups)
    folds = _folds(classes, n_folds, resampling.random_state, together)
    if len(folds) > 1:  # where each object is its own class, all are known at the reference
        _check_unseen(responses)
    predicted = _predicted(
        responses, classes, folds, readout, resampling.random_state, together, progress
    )
    right = (predicted == classes[:, None]).astype(float)
    chance = 1 / len(np.unique(classes))

    def generalisation_and_accuracy(images: np.ndarray) -> np.ndarray:
        accuracy = right[:, images].mean(axis=1)
        above = accuracy - chance
        room = above[:, reference : reference + 1]
        # Undefined where nothing was learned at the reference: nothing could generalise.
        share = np.where(room > 0, above / np.where(room > 0, room, 1), np.nan)
        return np.stack([share, accuracy])

    value, accuracy = generalisation_and_accuracy(np.arange(len(grid)))
    # Folds share training images: what a bootstrap of held-out ones shows is too narrow.
    bounds = [
        value + widening(len(folds)) * (end[0] - value)
        for end in _interval(generalisation_and_accuracy, len(grid), resampling)
    ]
    # Wilson's interval does not close on 1 where all are right.
    wilson = np.array(
        [
            wilson_interval(n, len(grid), resampling.level, len(folds))
            for n in right.sum(axis=1).ravel()
        ]
    ).reshape(*accuracy.shape, 2)
    data = {
        "value": value,
        "low": bounds[0],
        "high": bounds[1],
        "accuracy": accuracy,
        "accuracy_low": wilson[..., 0],
        "accuracy_high": wilson[..., 1],
    }
    extra: dict[str, Any] = {"readout": readout, "chance": chance, "n_folds": len(folds)}
    extra |= {"held_out": int(len(folds) > 1), **_intervals_of(len(folds))}
    extra["formula"] = _formula(readout, len(folds), chance)
    result = layer_curves(responses, name, data, _GENERALISATION, resampling, extra)
    # What a readout that guesses would have.
    result = result.assign(no_effect=0.0)
    return result.assign(predicted=(("layer", "image", name), predicted)).assign_coords(
        label=("image", classes)
    )


def _predicted(
    responses: xr.DataArray,
    classes: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    readout: str,
    random_state: int,
    groups: np.ndarray | None,
    progress: bool | None,
) -> np.ndarray:
    """Classes given to every image at every value, by readouts trained at the reference.

    Of shape (n_layers, n_images, n_values).
    """
    _, reference = checked_responses(responses)
    grid, layers = grid_of(responses), list(by_layer(responses))
    predicted = np.empty((len(layers), *grid.shape[:2]), classes.dtype)
    n_fits = len(layers) * len(folds)
    with progress_bar(total=n_fits, name="Decoding", unit="fit", progress=progress) as bar:
        for row, (_, units) in enumerate(layers):
            for train, test in folds:
                learned = grid[train, reference][:, units]
                fitted = fitted_classifier(
                    readout,
                    learned,
                    classes[train],
                    random_state,
                    None if groups is None else groups[train],
                )
                # All values of the transformation in one call: a row for each image and value.
                flat = grid[test][:, :, units].reshape(-1, len(units))
                predicted[row, test] = fitted.predict(flat).reshape(len(test), -1)
                bar.update()
    return predicted


def shift_consistency(
    predicted: xr.DataArray, labels: Any = None, resampling: Resampling = DEFAULT
) -> xr.Dataset:
    """How often two versions of an image are given the same class, and the correct one.

    A classifier that always gives the same class is consistent: accuracy stands beside it.

    Parameters
    ----------
    predicted : xarray.DataArray
        Classes given, of dims (image, <transformation>), and (layer) where known: `predicted` of
        `decoding_generalisation`, or what a network itself predicts.
    labels : sequence, Series or DataArray of shape (n_images,), or None
        True classes, paired by the names of images where they have them; None takes the coordinate
        `label`.
    resampling : Resampling
        Over images.

    Returns
    -------
    xarray.Dataset
        `layer_value`, `layer_low`, `layer_high`: share of pairs of different values at which the
        prediction agrees; `accuracy`, `accuracy_low`, `accuracy_high` beside it.

    Raises
    ------
    ValueError
        If there are no two values to compare, no labels, or fewer than two classes.

    References
    ----------
    Zhang, "Making convolutional networks shift-invariant again", ICML 2019.
    """
    stacked = predicted if "layer" in predicted.dims else predicted.expand_dims(layer=["all"])
    others = [str(dim) for dim in stacked.dims if dim not in ("layer", "image")]
    if len(others) != 1 or "image" not in stacked.dims or stacked.sizes[others[0]] < 2:
        msg = (
            "`predicted` must have the dims image and a transformation of at least two values, "
            f"got {dict(predicted.sizes)}."
        )
        raise ValueError(msg)
    values = stacked.transpose("layer", "image", others[0]).values.astype(str)
    _, n_images, n_values = values.shape
    agree = np.zeros(values.shape[:2])
    for a, b in combinations(range(n_values), 2):
        agree += values[:, :, a] == values[:, :, b]
    agree /= n_values * (n_values - 1) / 2
    right = (values == _labels(predicted, labels)[:, None]).mean(axis=2)

    def consistency_and_accuracy(images: np.ndarray) -> np.ndarray:
        return np.stack([agree[:, images].mean(axis=1), right[:, images].mean(axis=1)])

    whole = consistency_and_accuracy(np.arange(n_images))
    low, high = _interval(consistency_and_accuracy, n_images, resampling)
    columns = {"layer_value": whole[0], "layer_low": low[0], "layer_high": high[0]}
    columns |= {"accuracy": whole[1], "accuracy_low": low[1], "accuracy_high": high[1]}
    data = xr.Dataset(
        {key: ("layer", column) for key, column in columns.items()},
        coords={"layer": stacked["layer"].values},
    )
    counts = {"n_images": n_images, "n_values": n_values, "transformation": others[0]}
    how = {"resampled_over": "images", "intervals": _BOOTSTRAP}
    return data.assign_attrs(_CONSISTENCY.attributes() | counts | resampling.attributes() | how)


def _formula(readout: str, n_folds: int, chance: float) -> str:
    """What was decoded, how it was trained and tested."""
    if n_folds > 1:
        tested = f"trained at the reference and tested on held-out images ({n_folds} folds)"
    else:
        tested = "trained on all images at the reference and tested on their other versions"
    return (
        f"(accuracy_t - chance) / (accuracy_0 - chance) of a readout ({readout}) {tested}; chance "
        f"is {chance:.3g}"
    )


def _intervals_of(n_folds: int) -> dict[str, str]:
    """How the intervals of generalisation and of accuracy are made."""
    widened = shared = ""
    if n_folds > 1:
        widened = ", widened since folds share training images"
        shared = ", for n / 1.75: folds share images"
    return {
        "resampled_over": "images",
        "intervals": f"{_BOOTSTRAP}{widened}",
        "intervals_accuracy": f"Wilson's{shared}",
    }


def _labels(responses: xr.DataArray, labels: Any) -> np.ndarray:
    classes = class_labels(responses, labels)
    if len(np.unique(classes)) < 2:
        msg = f"`labels` must name at least two classes, got only {classes[0]!r}."
        raise ValueError(msg)
    return classes


def _check_unseen(responses: xr.DataArray) -> None:
    """Refuse responses of a model that learned from these images, which are all tested."""
    if SEEN in responses.coords and responses[SEEN].values.any():
        seen = np.flatnonzero(responses[SEEN].values)
        msg = (
            f"The model has learned from {len(seen)} of the {responses.sizes['image']} images that "
            f"are decoded, such as {image_names(responses)[seen[0]]!r}: how well it does there "
            "says nothing. Let it learn from other images."
        )
        raise SeenBeforeError(msg)


def _folds(
    classes: np.ndarray, n_folds: int, random_state: int, groups: np.ndarray | None
) -> list[Fold]:
    counts = np.unique(classes, return_counts=True)[1]
    # Each object its own class: trained on its image at the reference, tested at other values.
    if counts.max() == 1:
        return [(np.arange(len(classes)), np.arange(len(classes)))]
    if counts.min() == 1:
        msg = (
            "`labels` must have one image of every class, or several of every class: add images, "
            "or leave out the classes of one."
        )
        raise ValueError(msg)
    return stratified(classes, n_folds, random_state, groups)


def _interval(
    statistic: Callable[[np.ndarray], np.ndarray], n: int, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a statistic of images, each of its shape."""
    if not resampling.n_resamples:
        return (np.full_like(statistic(np.arange(n)), np.nan),) * 2
    draws = resampled(statistic, n, resampling.n_resamples, resampling.random_state)
    return interval(draws, resampling.level)
