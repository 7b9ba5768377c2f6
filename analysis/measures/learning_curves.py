"""Learning curves.

How many images, and how many features, a layer needs before its classes can be told apart.
"""

from __future__ import annotations

import copy
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
from ..folds import group_labels, in_order, part_of, warn_of_likely_groups
from ..intervals import wilson_interval
from ..readout import checked_features, fitted_classifier
from ..responses import by_layer, responses
from ..results import DEFAULT, NONE, Definition, Resampling

# By how much repeats that share training images raise the variance of their mean accuracy, over
# that of as many independent images as were tested: where Wilson's interval holds 0.93 or more in
# simulation (benchmarks/coverage.py; a fifth to nine tenths trained on, 20 to 100 images).
_SHARED = 1.2


@measure(
    takes="model",
    needs=("labels", "no transformation"),
    given=("images", "layers", "refit", "features", "resampling", "progress"),
    design=("chance",),
)
def learning_curve(
    model: FeatureExtractor,
    images: Dataset,
    n_train: Sequence[int],
    n_features: Sequence[int | None] = (None,),
    layers: Sequence[str] | None = None,
    readout: str = "svm",
    n_repeats: int = 5,
    groups: Any = None,
    refit: bool = True,
    features: xr.DataArray | None = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Accuracy on held-out images over the number of training images and features.

    Training images are counted per class.

    Nothing is learned from a test image: where the model learns (prototypes, weights) it is learned
    anew from each set of training images, and scaling and parameters of the readout too.

    Parameters
    ----------
    model : FeatureExtractor
        A model that must learn is cloned and fitted on each training set.
    images : Dataset
        With labels. A given split is kept: training images are drawn from `train`, and all of
        `test` is tested on; without one, all images that are not trained on are tested.
    n_train : sequence of int
        Training images per class.
    n_features : sequence of int or None
        Features drawn at random, the same for every number of images; None is all.
    layers : sequence of str or None
        None is the model's own `layer`.
    readout : {'svm', 'logistic', 'nearest', 'tournament'}
        As in `hmax_cnn.analysis.readout.classifier`.
    n_repeats : int
        Draws of training images and features.
    groups : str, sequence of shape (n_images,) or None
        As in `hmax_cnn.analysis.measures.classification.classification`: no image is tested that is
        of one group with a training image.
    refit : bool
        False keeps what the model has learned: from other images than these.
    features : xarray.DataArray of dims (image, unit), or None
        Responses of these layers to these images, where they are there already; None computes them.
    resampling : Resampling
        Intervals are Wilson's, for as many images as were tested in any repeat (an image that is
        tested twice is one image; of groups, as many groups), over 1.2 for repeats that share
        training images. The `random_state` seeds the draws.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `accuracy` of dims (layer, n_train, n_features, repeat), and `value`, `low`, `high`, its
        mean over repeats; `n_features` is -1 where all are used; `chance` is an attribute.

    Raises
    ------
    ValueError
        If there are too few images of a class, or fewer than two classes, or no labels. If the
        model has learned from images that it would be tested on.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.data import digits
    >>> found = learning_curve(Pixels(grid=(4, 4)), digits()[:100], (1, 4), readout="nearest")
    >>> found.value.dims
    ('layer', 'n_train', 'n_features')
    """
    images = group_labels(images, groups)
    pool = _pool(images, n_train)
    if images.split is None:
        warn_of_likely_groups(images)
    _check_numbers(n_repeats, n_features)
    wanted = model.wanted_layers(layers)
    if refit and model.__sklearn_tags__().requires_fit and hasattr(model, "image_shape_"):
        # What it learned before may be from the images it is tested on.
        model = clone(model)
    check_unseen(model, images, _tested(images, pool))
    learns = model.must_learn(wanted) and not model.has_learned()
    reader = copy.copy(model).set_params(layer=wanted if len(wanted) > 1 else wanted[0])
    fixed = None
    with silence(progress):
        if not learns:
            # A model that learns nothing answers once for all training sets.
            fixed = checked_features(features, images, wanted)
            if fixed is None:
                fixed = responses(model, images, wanted)
        rng, labels = np.random.default_rng(resampling.random_state), np.asarray(images.labels)
        found = np.full((len(wanted), len(n_train), len(n_features), n_repeats), np.nan)
        seen = np.zeros((len(n_train), len(images)), bool)  # what was tested in any repeat
        total = n_repeats * len(n_train)
        with progress_bar(total=total, name="Learning curve", unit="set", progress=progress) as bar:
            for repeat in range(n_repeats):
                # Larger training sets of one repeat contain the smaller ones.
                order = {
                    label: in_order(pool[labels[pool] == label], images.groups, rng)
                    for label in np.unique(labels)
                }
                seed = int(rng.integers(2**31))
                for column, count in enumerate(n_train):
                    train = np.sort(np.concatenate([some[:count] for some in order.values()]))
                    answers = fixed
                    if answers is None:
                        answers = _learned(reader, images, train, wanted)
                    test = _held_out(images, pool, train)
                    scores = _scores(answers, images, train, test, n_features, readout, seed)
                    found[:, column, :, repeat] = scores
                    seen[column, test] = True
                    bar.update()
    n_tested = _independent(seen, images)
    return _dataset(
        found, n_tested, wanted, images, model, n_train, n_features, readout, resampling
    )


def _independent(seen: np.ndarray, images: Dataset) -> np.ndarray:
    """How many images were tested for each number of training images; of groups, how many groups.

    Images of one group, such as views of one object, are no independent ones.
    """
    if images.groups is None:
        return seen.sum(axis=1)
    return np.array([len(np.unique(images.groups[row])) for row in seen])


def _check_numbers(n_repeats: int, n_features: Sequence[int | None]) -> None:
    if n_repeats < 1 or not len(n_features) or min(_limits(n_features), default=1) < 1:
        msg = (
            "`n_repeats` and `n_features` must be at least 1 (or None, for all features), got "
            f"{n_repeats} and {list(n_features)}."
        )
        raise ValueError(msg)


def _tested(images: Dataset, pool: np.ndarray) -> np.ndarray:
    """Every image that may be tested."""
    if images.given_split is None:
        return pool
    return images.given_split[1]


def _pool(images: Dataset, n_train: Sequence[int]) -> np.ndarray:
    """Images to draw training images from, checked to be enough."""
    if images.labels is None or len(np.unique(images.labels)) < 2:
        msg = "`images` must have labels of at least two classes."
        raise ValueError(msg)
    pool = np.arange(len(images))
    if images.split is not None:
        pool = np.flatnonzero(images.split == "train")
    highest = int(np.unique(images.labels[pool], return_counts=True)[1].min())
    if images.split is None:
        highest -= 1  # one image of each class is left to test on
    if not len(n_train) or min(n_train) < 1 or max(n_train) > highest:
        msg = (
            f"`n_train` must lie between 1 and {highest}, what the smallest class has to train "
            f"on, got {list(n_train)}."
        )
        raise ValueError(msg)
    if images.split is not None and images.given_split is None:
        msg = (
            "`images` has a split without a test image. Name some in its index, or leave the "
            "split out."
        )
        raise ValueError(msg)
    return pool


def _limits(n_features: Sequence[int | None]) -> list[int]:
    return [limit for limit in n_features if limit is not None]


def _held_out(images: Dataset, pool: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Images to test on: the given ones, or all that are not trained on, nor of their groups."""
    if images.given_split is not None:
        return images.given_split[1]
    others = np.setdiff1d(pool, train)
    if images.groups is not None:
        others = others[~np.isin(images.groups[others], images.groups[train])]
    if not len(others):
        msg = (
            "`n_train` leaves no image to test on that is of no group of the training images. Use "
            "a smaller number."
        )
        raise ValueError(msg)
    return others


def _learned(
    reader: FeatureExtractor, images: Dataset, train: np.ndarray, layers: Sequence[str]
) -> xr.DataArray:
    """Responses to all images of a model fitted on the training images only."""
    some = images.subset(train)
    fitted = clone(reader).fit(some, some.labels)
    return responses(fitted, images, layers)


def _scores(
    answers: xr.DataArray,
    images: Dataset,
    train: np.ndarray,
    test: np.ndarray,
    n_features: Sequence[int | None],
    readout: str,
    seed: int,
) -> np.ndarray:
    """Accuracy on the held-out images, of shape (layer, n_features)."""
    labels, groups = np.asarray(images.labels), part_of(images, train)
    rows = []
    for layer, units in by_layer(answers):
        largest = max(_limits(n_features), default=0)
        if largest > len(units):
            msg = (
                f"`n_features` must be at most {len(units)}, the units of layer {layer!r}, got "
                f"{largest}."
            )
            raise ValueError(msg)
        # The same seed at every number of images, so that the same features are drawn.
        drawn = np.random.default_rng(seed).permutation(units)
        row = []
        for limit in n_features:
            values = answers.values[:, drawn[:limit]]
            fitted = fitted_classifier(readout, values[train], labels[train], seed, groups)
            row.append(fitted.score(values[test], labels[test]))
        rows.append(row)
    return np.array(rows)


def _dataset(
    found: np.ndarray,
    n_tested: np.ndarray,
    layers: Sequence[str],
    images: Dataset,
    model: FeatureExtractor,
    n_train: Sequence[int],
    n_features: Sequence[int | None],
    readout: str,
    resampling: Resampling,
) -> xr.Dataset:
    """Accuracy of every repeat, its mean, and Wilson's interval for the images that were tested."""
    mean = found.mean(axis=-1)
    bounds = np.full((2, *mean.shape), np.nan)
    for place in np.ndindex(mean.shape) if resampling.n_resamples else ():
        n = float(n_tested[place[1]]) / (_SHARED if found.shape[-1] > 1 else 1.0)
        bounds[(slice(None), *place)] = wilson_interval(mean[place].item() * n, n, resampling.level)
    dims = ("layer", "n_train", "n_features")
    chance = 1 / len(np.unique(np.asarray(images.labels)))
    data: dict[str, Any] = {
        "accuracy": ((*dims, "repeat"), found),
        "value": (dims, mean),
        "low": (dims, bounds[0]),
        "high": (dims, bounds[1]),
        "n_tested": ("n_train", n_tested),
        "chance": ((), chance),
    }
    sizes = [-1 if limit is None else limit for limit in n_features]
    coords = {
        "layer": list(layers),
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
        "n_images": len(images),
        "readout": readout,
        "n_repeats": found.shape[-1],
        "chance": chance,
        "level": resampling.level,
        "random_state": resampling.random_state,
    }
    made = {"intervals": NONE}
    if resampling.n_resamples:
        what = "images" if images.groups is None else "groups"
        shared = ", over 1.2" if found.shape[-1] > 1 else ""
        made = {
            "intervals": f"Wilson's, for the {what} tested in any repeat{shared}",
            "interval_citation": "Wilson, JASA 1927",
        }
    return xr.Dataset(data, coords=coords).assign_attrs(definition.attributes() | known | made)
