"""Learning curves and retrieval: how many images, and how many features, a layer needs before its
classes can be told apart."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import t
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import pairwise_distances
from tqdm.auto import tqdm

from ..results import DEFAULT, FLAT, Definition, Resampling, described, needs
from ..readout import fitted_classifier
from ..responses import by_layer, responses
from ..statistics import interval, resampled
from hmax_cnn.data import Dataset
from hmax_cnn.extraction import FeatureExtractor

METRICS = ("correlation", "euclidean", "cosine")


@needs("labels", "no transformation")
def learning_curve(
    model: FeatureExtractor,
    dataset: Dataset,
    n_train: Sequence[int],
    n_features: Sequence[int | None] = (None,),
    layers: Sequence[str] | None = None,
    readout: str = "svm",
    n_repeats: int = 5,
    refit: bool = True,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Accuracy on images never seen, over the number of training images per class and the number of
    features.

    Nothing is learned from a test image: where the model learns (prototypes, weights) it is learned
    anew from each set of training images, and scaling and parameters of the readout too.

    Parameters
    ----------
    model : FeatureExtractor
        A model that must learn is cloned and fitted on each training set.
    dataset : Dataset
        With labels. A given split is kept: training images are drawn from `train`, and all of
        `test` is tested on; without one, all images that are not trained on are tested.
    n_train : sequence of int
        Training images per class.
    n_features : sequence of int or None
        Features drawn at random, the same for every number of images; None is all.
    layers : sequence of str or None
        None is the model's own `layer`.
    readout : {'svm', 'logistic', 'nearest'}
        As in `analysis.readout.classifier`.
    n_repeats : int
        Draws of training images and features.
    refit : bool
        False keeps what the model has learned: from other images than these.
    resampling : Resampling
        Intervals are over repeats, by Student's t, undefined for one; its `random_state` seeds the
        draws.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `accuracy` of dims (layer, n_train, n_features, repeat), and `value`, `low`, `high`, its
        mean over repeats; `n_features` is -1 where all are used; `chance` is an attribute.

    Raises
    ------
    ValueError
        If there are too few images of a class, or fewer than two classes, or no labels.
    """
    if dataset.labels is None or len(np.unique(dataset.labels)) < 2:
        msg = "`dataset` must have labels of at least two classes."
        raise ValueError(msg)
    if dataset.split is None:
        pool = np.arange(len(dataset))
    else:
        pool = np.flatnonzero(dataset.split == "train")
    smallest = int(np.unique(dataset.labels[pool], return_counts=True)[1].min())
    highest = smallest - (1 if dataset.split is None else 0)
    if not len(n_train) or min(n_train) < 1 or max(n_train) > highest:
        msg = (
            f"`n_train` must lie between 1 and {highest}, what the smallest class has to train "
            f"on, got {list(n_train)}."
        )
        raise ValueError(msg)
    if (
        n_repeats < 1
        or not len(n_features)
        or min((limit for limit in n_features if limit is not None), default=1) < 1
    ):
        msg = (
            "`n_repeats` and `n_features` must be at least 1 (or None, for all features), got "
            f"{n_repeats} and {list(n_features)}."
        )
        raise ValueError(msg)
    if dataset.split is not None and not (dataset.split == "test").any():
        msg = (
            "`dataset` has a split without a test image. Name some in its index, or leave the "
            "split out."
        )
        raise ValueError(msg)
    wanted = model.wanted_layers(layers)
    if refit and model.__sklearn_tags__().requires_fit and hasattr(model, "image_shape_"):
        model = clone(model)
    learns = model.must_learn(wanted) and not model.has_learned()
    reader = copy.copy(model).set_params(layer=wanted if len(wanted) > 1 else wanted[0])
    if learns:
        fixed = None
    else:
        fixed = responses(model, dataset, wanted)
    rng = np.random.default_rng(resampling.random_state)
    found = np.full((len(wanted), len(n_train), len(n_features), n_repeats), np.nan)
    if progress is None:
        shown = None
    else:
        shown = not progress
    with tqdm(
        total=n_repeats * len(n_train), desc="Learning curve", unit="set", delay=2, disable=shown
    ) as bar:
        for repeat in range(n_repeats):
            order = {
                label: rng.permutation(pool[dataset.labels[pool] == label])
                for label in np.unique(dataset.labels)
            }
            seed = int(rng.integers(2**31))
            for column, count in enumerate(n_train):
                train = np.sort(np.concatenate([members[:count] for members in order.values()]))
                if dataset.split is not None:
                    test = np.flatnonzero(dataset.split == "test")
                else:
                    test = np.setdiff1d(pool, train)
                if fixed is None:
                    answers = _learned(reader, dataset, train, wanted)
                else:
                    answers = fixed
                for row, (layer, units) in enumerate(by_layer(answers)):
                    if (
                        largest := max(
                            (limit for limit in n_features if limit is not None), default=0
                        )
                    ) > len(units):
                        msg = (
                            f"`n_features` must be at most {len(units)}, the units of layer "
                            f"{layer!r}, got {largest}."
                        )
                        raise ValueError(msg)
                    drawn = np.random.default_rng(seed).permutation(units)
                    for depth, limit in enumerate(n_features):
                        kept = drawn[:limit]
                        values = answers.values[:, kept]
                        fitted = fitted_classifier(
                            readout, values[train], dataset.labels[train], seed
                        )
                        found[row, column, depth, repeat] = fitted.score(
                            values[test], dataset.labels[test]
                        )
                bar.update()
    if n_repeats > 1:
        spread = found.std(axis=-1, ddof=1)
    else:
        spread = np.full(found.shape[:-1], np.nan)
    reach = t.ppf((1 + resampling.level) / 2, max(1, n_repeats - 1)) * spread / np.sqrt(n_repeats)
    low, high = found.mean(axis=-1) - reach, found.mean(axis=-1) + reach
    dims = ("layer", "n_train", "n_features")
    data: dict[str, Any] = {
        "accuracy": ((*dims, "repeat"), found),
        "value": (dims, found.mean(axis=-1)),
        "low": (dims, low),
        "high": (dims, high),
    }
    sizes = [-1 if limit is None else limit for limit in n_features]
    coords = {
        "layer": list(wanted),
        "n_train": list(n_train),
        "n_features": ("n_features", sizes, {"comment": "-1 is all"}),
    }
    definition = Definition(
        "learning curve",
        f"accuracy of a readout ({readout}) on images that nothing was learned from",
        "this package",
    )
    known = {
        "model": model.path(),
        "parameters": repr(model),
        "n_images": len(dataset),
        "readout": readout,
        "n_repeats": n_repeats,
    }
    made = resampling.attributes() | {"resampled_over": "repeats"}
    known["chance"] = 1 / len(np.unique(dataset.labels))
    data["chance"] = ((), known["chance"])
    return xr.Dataset(data, coords=coords).assign_attrs(definition.attributes() | known | made)


def _learned(
    reader: FeatureExtractor, dataset: Dataset, train: np.ndarray, layers: Sequence[str]
) -> xr.DataArray:
    """Responses to all images of a model that has learned from the training images only."""
    fitted = clone(reader).fit(dataset.subset(train), dataset.labels[train])
    return responses(fitted, dataset, layers)


def retrieve(
    found: xr.DataArray, query: int, n_images: int = 5, metric: str = "correlation"
) -> pd.DataFrame:
    """The images whose responses are closest to those to one image.

    Parameters
    ----------
    found : xarray.DataArray
        dims (image, unit).
    query : int
        Number of the image.
    n_images : int
    metric : {'correlation', 'euclidean', 'cosine'}

    Returns
    -------
    pandas.DataFrame
        Columns layer, rank (from 1), image (number), name, distance, and label where known; the
        query itself is left out.
    """
    _checked(found, metric)
    if not 0 <= query < len(found):
        msg = f"`query` must be the number of one of {len(found)} images, got {query}."
        raise ValueError(msg)
    rows = []
    for layer, units in by_layer(found):
        distances = _distances(layer, found.values[:, units], metric, [query])[0]
        order = [index for index in np.argsort(distances, kind="stable") if index != query][
            :n_images
        ]
        for rank, index in enumerate(order, start=1):
            row = {
                "layer": layer,
                "rank": rank,
                "image": int(index),
                "name": str(found["image"].values[index]),
                "distance": float(distances[index]),
            }
            rows.append(
                row
                | ({"label": str(found["label"].values[index])} if "label" in found.coords else {})
            )
    return pd.DataFrame(rows)


@needs("labels", "no transformation")
def retrieval(
    found: xr.DataArray,
    labels: Any = None,
    metric: str = "correlation",
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """How well the nearest images are of the same class: mean average precision, and the share
    whose nearest neighbour is.

    Parameters
    ----------
    found : xarray.DataArray
        dims (image, unit).
    labels : sequence of shape (n_images,) or None
        None takes the coordinate `label`. Images that are alone in their class are no queries.
    metric : {'correlation', 'euclidean', 'cosine'}
    resampling : Resampling
        Over queries.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value` (mean average precision), `layer_low`, `layer_high`, and `nearest`,
        the share; `value` of dims (layer, image), the average precision of each query
        (scikit-learn's).
    """
    _checked(found, metric)
    if labels is None and "label" not in found.coords:
        msg = "`labels` are needed: these responses have no coordinate label."
        raise ValueError(msg)
    classes = np.asarray(found["label"].values if labels is None else labels).astype(str)
    if classes.shape != (len(found),):
        msg = (
            f"`labels` must be one for each of the {len(found)} images, got shape {classes.shape}."
        )
        raise ValueError(msg)
    names = [name for name, _ in by_layer(found)]
    precision, nearest = np.full((2, len(names), len(found)), np.nan)
    for row, (layer, units) in enumerate(
        tqdm(list(by_layer(found)), desc="Retrieval", unit="layer", delay=2, disable=None)
    ):
        values = found.values[:, units].astype(float)
        for first in range(0, len(found), 256):
            block = range(first, min(first + 256, len(found)))
            for query, distances in zip(
                block, _distances(layer, values, metric, block), strict=True
            ):
                others = np.arange(len(found)) != query
                same = classes[others] == classes[query]
                if same.any():
                    precision[row, query] = average_precision_score(same, -distances[others])
                    nearest[row, query] = same[distances[others].argmin()]
    queries = np.flatnonzero(np.isfinite(precision[0]))
    if not len(queries):
        msg = (
            "`labels` must have a class with at least two images, so that there is something to "
            "find."
        )
        raise ValueError(msg)
    draws = resampled(
        lambda drawn: precision[:, queries[drawn]].mean(axis=1),
        len(queries),
        resampling.n_resamples,
        resampling.random_state,
    )
    low, high = interval(draws, resampling.level)
    columns = {
        "layer_value": precision[:, queries].mean(axis=1),
        "layer_low": low,
        "layer_high": high,
        "nearest": nearest[:, queries].mean(axis=1),
    }
    data: dict[str, Any] = {name: ("layer", values) for name, values in columns.items()} | {
        "value": (("layer", "image"), precision)
    }
    definition = Definition(
        "retrieval",
        "mean average precision of images ranked by distance to a query",
        "Manning et al., Introduction to Information Retrieval, 2008",
    )
    coords = {"layer": names, "image": found["image"].values}
    return described(
        xr.Dataset(data, coords=coords),
        found,
        definition,
        resampling,
        {"metric": metric, "n_queries": len(queries)},
    )


def _checked(found: xr.DataArray, metric: str) -> None:
    if found.dims != ("image", "unit") or len(found) < 2:
        msg = (
            "`found` must have the dims (image, unit) and at least two images, got "
            f"{dict(found.sizes)}."
        )
        raise ValueError(msg)
    if metric not in METRICS:
        msg = f"`metric` must be one of {', '.join(map(repr, METRICS))}, got {metric!r}."
        raise ValueError(msg)


def _distances(layer: str, values: np.ndarray, metric: str, queries: Sequence[int]) -> np.ndarray:
    """Distances of some images to all.

    Raises
    ------
    ValueError
        If one has no direction for a correlation or cosine: all its responses are the same, or
        zero.
    """
    values = values.astype(float)
    if metric == "correlation":
        spread = np.ptp(values, axis=1)
    else:
        spread = np.abs(values).max(axis=1)
    flat = spread <= FLAT * np.abs(values).max()
    if metric != "euclidean" and flat.any():
        image = int(flat.argmax())
        msg = (
            f"`metric` {metric!r} is undefined in layer {layer!r}: image {image} has the same "
            "response in all units. Use metric='euclidean'."
        )
        raise ValueError(msg)
    return pairwise_distances(values[list(queries)], values, metric=metric)
