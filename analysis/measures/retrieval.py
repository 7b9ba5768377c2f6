"""Retrieval: how well the nearest images, by their responses, are of the same class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import pairwise_distances

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.progress import progress_bar, silence

from ..contract import measure
from ..intervals import jackknife, mean_defined
from ..pairing import class_labels, image_groups
from ..per_unit import FLAT
from ..responses import by_layer, image_names
from ..results import DEFAULT, Definition, Resampling, described

METRICS = ("correlation", "euclidean", "cosine")
_GROUPS = 20  # of images that the jackknife leaves out: each is a ranking of all others
_BLOCK = 256  # queries at a time


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

    Raises
    ------
    ValueError
        If there is no such image or metric.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> retrieve(found, query=0, n_images=2)["rank"].tolist()
    [1, 2]
    """
    _checked(found, metric)
    if not 0 <= query < len(found):
        msg = f"`query` must be the number of one of {len(found)} images, got {query}."
        raise ValueError(msg)
    rows = []
    for layer, units in by_layer(found):
        distances = _distances(layer, found.values[:, units], metric, [query])[0]
        nearest = np.argsort(distances, kind="stable")
        nearest = nearest[nearest != query][:n_images]
        for rank, index in enumerate(nearest.tolist(), start=1):
            row = {
                "layer": layer,
                "rank": rank,
                "image": index,
                "name": str(image_names(found)[index]),
                "distance": float(distances[index]),
            }
            if "label" in found.coords:
                row["label"] = str(found["label"].values[index])
            rows.append(row)
    return pd.DataFrame(rows)


@measure(takes="responses", needs=("labels", "no transformation"), given=("resampling", "progress"))
def retrieval(
    found: xr.DataArray,
    labels: Any = None,
    metric: str = "correlation",
    groups: Any = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How many of the images with the nearest responses are of the same class.

    The measure is mean average precision; beside it stands the share of images whose nearest
    neighbour is of their class.

    Parameters
    ----------
    found : xarray.DataArray
        dims (image, unit).
    labels : sequence, Series or DataArray of shape (n_images,), or None
        Classes, paired by the names of images where they have them; None takes the coordinate
        `label`. Images that are alone in their class are no queries.
    metric : {'correlation', 'euclidean', 'cosine'}
    groups : sequence, Series or DataArray of shape (n_images,), or None
        Images of the query's group, such as other views of one object, are not looked for. None
        takes the coordinate `group`, where there is one.
    resampling : Resampling
        Intervals are by a jackknife of at most 20 groups of images, which are left out as queries
        and as what is found.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value` (mean average precision), `layer_low`, `layer_high`, and `nearest`,
        the share; `value` of dims (layer, image), the average precision of each query
        (scikit-learn's).

    Raises
    ------
    ValueError
        If there are no labels, none that two images share, or no such metric.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> retrieval(found, metric="euclidean").attrs["n_queries"]
    12
    """
    _checked(found, metric)
    classes, together = class_labels(found, labels), image_groups(found, groups)
    if together is None:
        together = np.arange(len(found)).astype(str)  # each image by itself
    layers = list(by_layer(found))
    precision, nearest = np.full((2, len(layers), len(found)), np.nan)
    bar = progress_bar(layers, name="Retrieval", unit="layer", progress=progress)
    for row, (layer, units) in enumerate(bar):
        values = found.values[:, units].astype(float)
        precision[row], nearest[row] = _ranked(layer, values, classes, together, metric)
    queries = np.flatnonzero(np.isfinite(precision[0]))
    if not len(queries):
        msg = (
            "`labels` must have a class with at least two images, so that there is something to "
            "find."
        )
        raise ValueError(msg)
    low, high = _bounds(found, layers, classes, together, metric, resampling, progress)
    data: dict[str, Any] = {
        "layer_value": ("layer", precision[:, queries].mean(axis=1)),
        "layer_low": ("layer", low),
        "layer_high": ("layer", high),
        "nearest": ("layer", nearest[:, queries].mean(axis=1)),
        "value": (("layer", "image"), precision),
    }
    definition = Definition(
        "retrieval",
        "mean average precision of images ranked by distance to a query",
        "Manning et al., Introduction to Information Retrieval, 2008",
    )
    coords = {"layer": [name for name, _ in layers], "image": image_names(found)}
    extra = {"metric": metric, "n_queries": len(queries)}
    return described(xr.Dataset(data, coords=coords), found, definition, resampling, extra)


def _bounds(
    found: xr.DataArray,
    layers: Sequence[tuple[str, np.ndarray]],
    classes: np.ndarray,
    groups: np.ndarray,
    metric: str,
    resampling: Resampling,
    progress: bool | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the layers, over images that are asked and found."""

    def with_images(kept: np.ndarray) -> np.ndarray:
        """Mean average precision when only these images are there."""
        values = found.values[kept].astype(float)
        precision = [
            _ranked(layer, values[:, units], classes[kept], groups[kept], metric)[0]
            for layer, units in layers
        ]
        return mean_defined(np.stack(precision), axis=1)

    n_groups = min(_GROUPS, resampling.n_resamples)
    with silence(progress):
        return jackknife(
            with_images, len(found), n_groups, resampling.level, resampling.random_state
        )


def _ranked(
    layer: str, values: np.ndarray, classes: np.ndarray, groups: np.ndarray, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision of each query, and whether its nearest image is of its class.

    Undefined for an image that has no other of its class to be found.
    """
    n_images = len(values)
    precision, nearest = np.full((2, n_images), np.nan)
    # Some queries at a time: all distances of 50,000 images would take 20 GB.
    for first in range(0, n_images, _BLOCK):
        block = range(first, min(first + _BLOCK, n_images))
        for query, distances in zip(block, _distances(layer, values, metric, block), strict=True):
            others = groups != groups[query]
            same = classes[others] == classes[query]
            if same.any():
                precision[query] = average_precision_score(same, -distances[others])
                nearest[query] = same[distances[others].argmin()]
    return precision, nearest


def _checked(found: xr.DataArray, metric: str) -> None:
    if found.dims != ("image", "unit") or len(found) < 2:
        msg = (
            "`found` must have the dims (image, unit) and at least two images, got "
            f"{dict(found.sizes)}."
        )
        raise ValueError(msg)
    check_choice("metric", metric, METRICS)


def _distances(layer: str, values: np.ndarray, metric: str, queries: Sequence[int]) -> np.ndarray:
    """Distances of some images to all.

    Raises
    ------
    ValueError
        If one has no direction for a correlation or cosine: all its responses are the same, or
        zero.
    """
    values = values.astype(float)
    # A correlation needs responses that differ, a cosine one that is not zero.
    spread = np.ptp(values, axis=1) if metric == "correlation" else np.abs(values).max(axis=1)
    flat = spread <= FLAT * np.abs(values).max()
    if metric != "euclidean" and flat.any():
        image = int(flat.argmax())
        msg = (
            f"`metric` {metric!r} is undefined in layer {layer!r}: image {image} has the same "
            "response in all units. Use metric='euclidean'."
        )
        raise ValueError(msg)
    return pairwise_distances(values[list(queries)], values, metric=metric)
