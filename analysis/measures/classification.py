"""Classification.

How well a readout of each layer tells classes apart on images that nothing was learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from sklearn.base import clone

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.digests import check_unseen
from hmax_cnn.extraction.progress import progress_bar, silence

from ..contract import measure
from ..folds import group_labels, groups_by_name, part_of, splits
from ..readout import Readout, checked_features, fitted_classifier
from ..responses import by_layer, responses
from ..results import Definition


@measure(
    takes="model",
    needs=("labels", "no transformation"),
    given=("images", "layers", "units", "refit", "features", "random_state", "progress"),
    design=("chance",),
)
def classification(
    model: FeatureExtractor,
    images: Dataset,
    layers: Sequence[str] | None = None,
    readout: str = "svm",
    n_folds: int = 5,
    groups: Any = None,
    units: int | None = None,
    refit: bool = True,
    features: xr.DataArray | None = None,
    random_state: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    """Accuracy of a readout of each layer: over the given split, or over stratified folds.

    Parameters
    ----------
    model : FeatureExtractor
        One that learns is fitted anew on the training images of each fold.
    images : Dataset
        With labels.
    layers : sequence of str or None
        None is all.
    readout : {'svm', 'logistic', 'nearest', 'tournament'}
        As in `hmax_cnn.analysis.readout.classifier`.
    n_folds : int
        Where there is no split.
    groups : str, sequence of shape (n_images,) or None
        A column of the index, or a group for each image: those of one group, such as views of one
        object, are all trained on or all tested. None takes the groups of the set, if it has any.
    units : int or None
        At most so many units of each layer, drawn at random; None is all.
    refit : bool
        False keeps what the model has learned: from other images than these.
    features : xarray.DataArray of dims (image, unit), or None
        Responses of these layers to these images, where they are there already; None computes them.
    random_state : int
        Of folds and units.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value` (accuracy), `layer_low`, `layer_high` (Wilson's 95 % interval),
        `n_units`; `correct` of dims (layer, image); `n_pictures` of dims (layer, label, predicted),
        the confusion matrix. Attributes have chance and n.

    Raises
    ------
    ValueError
        If there are no labels, or too few images of a class; see
        `hmax_cnn.analysis.folds.splits`. If the model has learned from images that it would be
        tested on.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.data import digits
    >>> found = classification(Pixels(grid=(4, 4)), digits()[:60], readout="nearest", n_folds=2)
    >>> found.attrs["chance"]
    0.1
    """
    images = group_labels(images, groups)
    folds = list(splits(images, n_folds, random_state))
    wanted = model.wanted_layers(tuple(layers or model.layer_names))
    # Prototypes or weights learned from the test images would leak: the model is refitted in each
    # fold, unless it learned from other images.
    refitted = refit and model.__sklearn_tags__().requires_fit and model.must_learn(wanted)
    refitted = refitted and not clone(model).has_learned()
    tested = clone(model) if refitted else model
    check_unseen(tested, images, np.concatenate([test for _, test in folds]))
    labels = np.asarray(images.labels).astype(str)
    classes = np.unique(np.asarray(images.labels))
    together = groups_by_name(images)
    done = {layer: Readout(layer, classes, groups=together) for layer in wanted}
    sizes: dict[str, int] = {}
    answers = None
    with silence(progress):
        if not refitted:
            answers = checked_features(features, images, wanted)
            if answers is None:
                answers = responses(model, images, wanted, units, random_state)
        bar = progress_bar(folds, name="Classification", unit="fold", progress=progress)
        for number, (train, test) in enumerate(bar):
            found = answers
            if found is None:
                found = _refitted(model, images, train, wanted, units, random_state)
            for layer, members in by_layer(found):
                values = found.values[:, members]
                fitted = fitted_classifier(
                    readout, values[train], labels[train], random_state, part_of(images, train)
                )
                names = [images.names[index] for index in test]
                done[layer].add(names, number, labels[test], fitted.predict(values[test]))
                sizes[layer] = len(members)
    known = {
        "readout": readout,
        "n_folds": len(folds),
        "learned_anew": int(refitted),
        "grouped_by": images.grouped_by or "",
        "random_state": random_state,
        "model": model.path(),
        "parameters": repr(model),
    }
    return _dataset(done, sizes, known)


def _refitted(
    model: FeatureExtractor,
    images: Dataset,
    train: np.ndarray,
    layers: Sequence[str],
    units: int | None,
    seed: int,
) -> xr.DataArray:
    """Responses to all images of a model that was fitted on the training images only."""
    some = images.subset(train)
    return responses(clone(model).fit(some, some.labels), images, layers, units, seed)


_READOUTS = {
    "svm": "linear SVM, C chosen by cross-validation within the training images",
    "logistic": "logistic regression, C chosen by cross-validation within the training images",
    "nearest": "nearest neighbour",
    "tournament": "linear SVM of features that survive a tournament within the training images",
}


def _how_intervals(*, folds: bool, grouped: bool) -> dict[str, str]:
    """How intervals were made, and whose ways these are."""
    how, whose = "Wilson's", ["Wilson, JASA 1927"]
    if grouped:
        how += ", for images that are right or wrong together"
        whose.append("Korn & Graubard, Survey Methodology 1998")
    if folds:
        how += ", for n / 1.75: folds share images"
        whose.append("Nadeau & Bengio, Machine Learning 2003")
    return {"intervals": how, "interval_citation": "; ".join(whose)}


def _dataset(done: dict[str, Readout], sizes: dict[str, int], known: dict[str, Any]) -> xr.Dataset:
    """Accuracy of each layer, which images were right, and the confusion matrix."""
    every = list(done.values())
    classes = every[0].classes.astype(str)
    names = every[0].table["image"].to_numpy(str)
    bounds = np.array([found.interval() for found in every])
    correct = [(found.table["label"] == found.table["predicted"]).to_numpy() for found in every]
    counts = [found.confusion().to_numpy() for found in every]
    chance = 1 / len(classes)
    data: dict[str, Any] = {
        "layer_value": ("layer", [found.accuracy for found in every]),
        "layer_low": ("layer", bounds[:, 0]),
        "layer_high": ("layer", bounds[:, 1]),
        "n_units": ("layer", [sizes[layer] for layer in done]),
        "correct": (("layer", "image"), np.stack(correct)),
        "n_pictures": (("layer", "label", "predicted"), np.stack(counts)),
        "chance": ((), chance),
    }
    coords = {"layer": list(done), "image": names, "label": classes, "predicted": classes}
    # As it stands in the Methods.
    how = f"{known['n_folds']}-fold stratified cross-validation"
    if known["n_folds"] == 1:
        how = "the given split"
    if known["grouped_by"]:
        how += f", images of one {known['grouped_by']} in one fold"
    if known["learned_anew"]:
        how += ", the model fitted on the training images of each fold"
    formula = f"proportion correct on held-out images ({_READOUTS[known['readout']]}; {how})"
    definition = Definition("accuracy", formula, "this package")
    folds = known["n_folds"] > 1
    about = {
        "chance": chance,
        "n_images": len(names),
        **_how_intervals(folds=folds, grouped=bool(known["grouped_by"])),
        "level": 0.95,
    }
    return xr.Dataset(data, coords=coords).assign_attrs(definition.attributes() | known | about)
