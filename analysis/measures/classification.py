"""Classification.

How well a readout of each layer tells classes apart on images that nothing was learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import clone

from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor

from ..contract import Cost, measure
from ..readout import Readout, fitted_classifier, splits
from ..responses import by_layer, responses
from ..results import Definition


def _cost(parameters: Mapping[str, Any], n_images: int) -> Cost:
    return Cost(fits=int(parameters.get("n_folds", 5)))


@measure(
    takes="model",
    needs=("labels", "no transformation"),
    given=("images", "layers", "units", "refit", "random_state", "progress"),
    design=("chance",),
    cost=_cost,
)
def classification(
    model: FeatureExtractor,
    images: Dataset,
    layers: Sequence[str] | None = None,
    readout: str = "svm",
    n_folds: int = 5,
    units: int | None = None,
    refit: bool = True,
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
    readout : {'svm', 'logistic', 'nearest'}
        As in `hmax_cnn.analysis.readout.classifier`.
    n_folds : int
        Where there is no split.
    units : int or None
        At most so many units of each layer, drawn at random; None is all.
    refit : bool
        False keeps what the model has learned: from other images than these.
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
        `hmax_cnn.analysis.readout.splits`.
    """
    folds = list(splits(images, n_folds, random_state))
    wanted = model.wanted_layers(tuple(layers or model.layer_names))
    learns = (
        refit
        and model.__sklearn_tags__().requires_fit
        and model.must_learn(wanted)
        and not clone(model).has_learned()
    )
    labels, done = (
        np.asarray(images.labels).astype(str),
        {layer: Readout(layer, np.unique(images.labels)) for layer in wanted},
    )
    if learns:
        fixed = None
    else:
        fixed = responses(model, images, wanted, units, random_state)
    sizes: dict[str, int] = {}
    for number, (train, test) in enumerate(folds):
        if fixed is not None:
            answers = fixed
        else:
            answers = _learned(model, images, train, wanted, units, random_state)
        for layer, members in by_layer(answers):
            values = answers.values[:, members]
            fitted = fitted_classifier(readout, values[train], labels[train], random_state)
            rows = {
                "image": [images.names[i] for i in test],
                "fold": number,
                "label": labels[test],
                "predicted": fitted.predict(values[test]),
            }
            if number:
                done[layer].table = pd.concat(
                    [done[layer].table, pd.DataFrame(rows)], ignore_index=True
                )
            else:
                done[layer].table = pd.DataFrame(rows)
            sizes[layer] = len(members)
    known = {
        "readout": readout,
        "n_folds": len(folds),
        "learned_anew": int(learns),
        "random_state": random_state,
        "model": model.path(),
        "parameters": repr(model),
    }
    return _dataset(done, sizes, known)


def _learned(
    model: FeatureExtractor,
    images: Dataset,
    train: np.ndarray,
    layers: Sequence[str],
    units: int | None,
    seed: int,
) -> xr.DataArray:
    """Responses to all images of a model that has learned from the training images only."""
    some = images.subset(train)
    return responses(clone(model).fit(some, some.labels), images, layers, units, seed)


def _dataset(done: dict[str, Readout], sizes: dict[str, int], known: dict[str, Any]) -> xr.Dataset:
    first = next(iter(done.values()))
    names = first.table["image"].to_numpy(str)
    intervals = np.array([found.interval() for found in done.values()])
    data: dict[str, Any] = {
        "layer_value": ("layer", [found.accuracy for found in done.values()]),
        "layer_low": ("layer", intervals[:, 0]),
        "layer_high": ("layer", intervals[:, 1]),
        "n_units": ("layer", [sizes[layer] for layer in done]),
        "correct": (
            ("layer", "image"),
            np.stack(
                [
                    (found.table["label"] == found.table["predicted"]).to_numpy()
                    for found in done.values()
                ]
            ),
        ),
        "n_pictures": (
            ("layer", "label", "predicted"),
            np.stack([found.confusion().to_numpy() for found in done.values()]),
        ),
    }
    data["chance"] = ((), 1 / len(first.classes))
    coords = {
        "layer": list(done),
        "image": names,
        "label": first.classes.astype(str),
        "predicted": first.classes.astype(str),
    }
    reader = {
        "svm": "linear SVM, C chosen among training images",
        "logistic": "logistic regression",
        "nearest": "nearest neighbour",
    }[known["readout"]]
    if known["n_folds"] == 1:
        folds = "the given split"
    else:
        folds = f"{known['n_folds']} stratified folds"
    if known["learned_anew"]:
        again = "; what the model learns is learned anew from the training images"
    else:
        again = ""
    definition = Definition(
        "accuracy",
        (
            f"share of test images told right by a readout of all units asked for ({reader}; "
            f"{folds}{again})"
        ),
        "this package",
    )
    attributes = (
        definition.attributes()
        | known
        | {
            "chance": 1 / len(first.classes),
            "n_images": len(names),
            "intervals": "Wilson's",
            "interval_citation": "Wilson, JASA 1927",
        }
    )
    return xr.Dataset(data, coords=coords).assign_attrs(attributes | {"level": 0.95})
