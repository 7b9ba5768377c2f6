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
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..per_unit import FLAT
from ..responses import by_layer
from ..results import DEFAULT, Definition, Resampling, described
from ..statistics import interval, resampled

METRICS = ("correlation", "euclidean", "cosine")


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


@measure(takes="responses", needs=("labels", "no transformation"), given=("resampling", "progress"))
def retrieval(
    found: xr.DataArray,
    labels: Any = None,
    metric: str = "correlation",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How well the nearest images are of the same class.

    Mean average precision, and the share whose nearest neighbour is.

    Parameters
    ----------
    found : xarray.DataArray
        dims (image, unit).
    labels : sequence of shape (n_images,) or None
        None takes the coordinate `label`. Images that are alone in their class are no queries.
    metric : {'correlation', 'euclidean', 'cosine'}
    resampling : Resampling
        Over queries.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

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
        progress_bar(list(by_layer(found)), name="Retrieval", unit="layer", progress=progress)
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
