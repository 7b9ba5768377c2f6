"""Shape bias: whether images whose shape and texture disagree are taken for their shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from sklearn.metrics.pairwise import pairwise_distances

from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import jackknife_variance, left_out, mean_defined, wilson_of_clusters
from ..naming import nearest
from ..readout import READOUTS, fitted_classifier
from ..responses import by_layer
from ..results import DEFAULT, Definition, Resampling, described

WAYS = ("decisions", "neighbours")
_METRICS = ("cosine", "correlation", "euclidean")
_FORMULAS = {
    "decisions": "decisions by shape / (decisions by shape + decisions by texture), of a readout "
    "trained on images whose shape and texture agree",
    "neighbours": "share of pairs in which an image of the same shape and another texture is "
    "nearer than one of the same texture and another shape",
}
_CITATIONS = {
    "decisions": "Geirhos et al., ICLR 2019",
    "neighbours": "Ritter et al., ICML 2017",
}


def decided_by_shape(
    decisions: Sequence[Any], shape: Sequence[Any], texture: Sequence[Any]
) -> dict[str, float]:
    """Shape bias of anyone's decisions: of people, of a network of others, of a readout.

    Parameters
    ----------
    decisions, shape, texture : sequence of shape (n_images,)
        What each image was taken for, and what its shape and its texture are of. Images whose shape
        and texture agree say nothing and are left out.

    Returns
    -------
    dict
        `shape_bias`, the share of decisions by shape among those by shape or texture (NaN where
        there are none); `decided`, the share of images decided by either; `n_shape`, `n_texture`
        and `n_images`, the counts.

    Raises
    ------
    ValueError
        If the lengths differ.

    References
    ----------
    Geirhos et al., "ImageNet-trained CNNs are biased towards texture", ICLR 2019.

    Examples
    --------
    >>> found = decided_by_shape(["cat", "cat", "dog", "car"], ["cat"] * 4, ["dog"] * 4)
    >>> round(found["shape_bias"], 2), found["decided"]
    (0.67, 0.75)
    """
    answers, shapes, textures = _as_text(decisions, shape, texture)
    if not answers.shape == shapes.shape == textures.shape or answers.ndim != 1:
        msg = (
            "`decisions`, `shape` and `texture` must have one entry for each image, got "
            f"{answers.shape}, {shapes.shape} and {textures.shape}."
        )
        raise ValueError(msg)
    conflict = shapes != textures
    n_shape = int((answers == shapes)[conflict].sum())
    n_texture = int((answers == textures)[conflict].sum())
    n_images, n_decided = int(conflict.sum()), n_shape + n_texture
    return {
        "shape_bias": n_shape / n_decided if n_decided else np.nan,
        "decided": n_decided / n_images if n_images else np.nan,
        "n_shape": n_shape,
        "n_texture": n_texture,
        "n_images": n_images,
    }


@measure(takes="responses", needs=("no transformation",), given=("resampling", "progress"))
def shape_bias(
    found: xr.DataArray,
    by: str = "decisions",
    shape: str | Sequence[Any] = "stimulus_shape",
    texture: str | Sequence[Any] = "stimulus_texture",
    readout: str = "svm",
    metric: str = "cosine",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Share by which images of one shape and another texture go with their shape.

    1 is shape alone, 0 texture alone. By decisions, a readout learns from images whose shape and
    texture agree (both cues tell the class) and decides on those where they are in conflict; by
    neighbours, nothing is learned, and 0.5 is what a code that has neither gives.

    Parameters
    ----------
    found : xarray.DataArray
        dims (image, unit), such as responses to `hmax_cnn.data.stimuli.textured_shapes`.
    by : {'decisions', 'neighbours'}
    shape, texture : str or sequence of shape (n_images,)
        A coordinate of the images, such as a column of the index with 'stimulus_' before it, or
        what each image is. Shapes and textures share their names.
    readout : {'svm', 'logistic', 'nearest', 'tournament'}
        Of decisions.
    metric : {'cosine', 'correlation', 'euclidean'}
        Of neighbours.
    resampling : Resampling
        Intervals are Wilson's, for as many independent images as a jackknife of the classes finds
        (a shape and the texture of its name are left out together): for new shapes and textures,
        whatever `over` says.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Per layer `layer_value`, `layer_low`, `layer_high` and, of decisions, `decided`: the share
        of images that were taken for their shape or their texture at all. Where few are, the shape
        bias says little.

    Raises
    ------
    ValueError
        If there is no such coordinate, fewer than three classes, or no images of either kind.

    References
    ----------
    Geirhos et al., ICLR 2019 (decisions; their images are of photographs, in the styles of others);
    Ritter et al., "Cognitive psychology for deep neural networks", ICML 2017 (neighbours).

    Examples
    --------
    >>> from hmax_cnn import Pixels, responses
    >>> from hmax_cnn.data.stimuli import textured_shapes
    >>> shapes = textured_shapes((32, 32), n_classes=3, n_variants=2, size=16)
    >>> found = shape_bias(responses(Pixels(grid=(8, 8)), shapes), by="neighbours")
    >>> bool(found["layer_value"] > 0.5)
    True
    """
    check_choice("by", by, WAYS)
    check_choice("readout", readout, READOUTS)
    check_choice("metric", metric, _METRICS)
    columns = _column(found, "shape", shape), _column(found, "texture", texture)
    shapes, textures = _as_text(*columns)
    classes = _checked(found, shapes, textures)
    parameter = readout if by == "decisions" else metric
    layers = list(by_layer(found))
    bar = progress_bar(layers, name="Shape bias", unit="layer", progress=progress)
    how = (by, parameter, resampling)
    rows = [
        _of_layer(found.values[:, units].astype(float), shapes, textures, classes, *how)
        for _, units in bar
    ]
    value, low, high, decided = np.transpose(rows)
    data: dict[str, Any] = {
        "layer_value": ("layer", value),
        "layer_low": ("layer", low),
        "layer_high": ("layer", high),
    }
    if by == "decisions":
        data["decided"] = ("layer", decided)
    definition = Definition("shape bias", _FORMULAS[by], _CITATIONS[by])
    used = _among(classes, shapes, textures)
    conflict = int((used & (shapes != textures)).sum())
    extra = {
        "by": by,
        ("readout" if by == "decisions" else "metric"): parameter,
        "n_classes": len(classes),
        "n_conflict": conflict,
        "n_agreeing": int(used.sum()) - conflict,
        "intervals": "Wilson's by a jackknife of classes, for new shapes and textures",
        "interval_citation": "Aronow et al., Political Analysis 2015",
    }
    dataset = xr.Dataset(data, coords={"layer": [name for name, _ in layers]})
    return described(dataset, found, definition, resampling, extra)


def _as_text(*columns: Any) -> list[np.ndarray]:
    """Columns as text; where all are numbers, 2 and 2.0 are the same."""
    arrays = [np.asarray(column) for column in columns]
    if all(np.issubdtype(array.dtype, np.number) for array in arrays):
        arrays = [array.astype(float) for array in arrays]
    return [array.astype(str) for array in arrays]


def _column(found: xr.DataArray, what: str, given: str | Sequence[Any]) -> np.ndarray:
    """What each image is of."""
    if found.dims != ("image", "unit"):
        msg = f"`found` must have the dims (image, unit), got {dict(found.sizes)}."
        raise ValueError(msg)
    if isinstance(given, str):
        known = [str(name) for name, of in found.coords.items() if of.dims == ("image",)]
        if given not in known:
            meant = nearest(given, known) or f" They are: {', '.join(known) or 'none'}."
            msg = f"`{what}` must be a coordinate of the images, got {given!r}.{meant}"
            raise ValueError(msg)
        return found[given].values
    column = np.asarray(given)
    if column.shape != (len(found),):
        msg = f"`{what}` must have one entry for each of {len(found)} images, got {column.shape}."
        raise ValueError(msg)
    return column


def _checked(found: xr.DataArray, shapes: np.ndarray, textures: np.ndarray) -> np.ndarray:
    """The classes: names that are both a shape and a texture, with images of both kinds."""
    agree = shapes == textures
    classes = np.unique(shapes[agree])
    n_conflict = int((_among(classes, shapes, textures) & ~agree).sum())
    if len(classes) < 3 or not n_conflict:
        msg = (
            "`found` must hold images whose shape and texture agree, of at least 3 classes, and "
            f"images of these in conflict, got {int(agree.sum())} of {len(classes)} classes and "
            f"{n_conflict}."
        )
        raise ValueError(msg)
    return classes


def _among(classes: np.ndarray, shapes: np.ndarray, textures: np.ndarray) -> np.ndarray:
    """Which images have both a shape and a texture of these classes."""
    return np.isin(shapes, classes) & np.isin(textures, classes)


def _of_layer(
    features: np.ndarray,
    shapes: np.ndarray,
    textures: np.ndarray,
    classes: np.ndarray,
    by: str,
    parameter: str,
    resampling: Resampling,
) -> tuple[float, float, float, float]:
    """Shape bias of a layer, its interval, and the share of images that went by either cue."""

    def by_image(kept: np.ndarray) -> np.ndarray:
        """How far each image in conflict, of some classes alone, goes by its shape."""
        some = _among(classes[kept], shapes, textures)
        of = _decisions if by == "decisions" else _neighbours
        return of(features[some], shapes[some], textures[some], parameter)

    n = len(classes)
    each = by_image(np.arange(n))
    decided = each[np.isfinite(each)]
    value = float(mean_defined(each))
    groups = left_out(n, n if resampling.n_resamples else 0)
    parts = [mean_defined(by_image(kept)) for kept in groups]
    # An image is left out twice, with its shape and with its texture: what varies from image to
    # image is counted once too often (Aronow et al. 2015, of pairs).
    alone = decided.var() / len(decided) if len(decided) else np.nan
    variance = float(np.maximum(jackknife_variance(np.array(parts)) - alone, alone))
    low, high = wilson_of_clusters(value, variance, n, n * (n - 1), resampling.level)
    share = len(decided) / len(each)
    return value, low, high, share


def _decisions(
    features: np.ndarray, shapes: np.ndarray, textures: np.ndarray, readout: str
) -> np.ndarray:
    """1 where a readout of images that agree decides by shape, 0 by texture, NaN by neither."""
    agree = shapes == textures
    if agree.all():  # where a class is left out
        return np.empty(0)
    fitted = fitted_classifier(readout, features[agree], shapes[agree])
    decisions = fitted.predict(features[~agree])
    answers = np.full(len(decisions), np.nan)
    answers[decisions == textures[~agree]] = 0.0
    answers[decisions == shapes[~agree]] = 1.0
    return answers


def _neighbours(
    features: np.ndarray, shapes: np.ndarray, textures: np.ndarray, metric: str
) -> np.ndarray:
    """Of each image in conflict, how often one of its shape is nearer than one of its texture."""
    distances = pairwise_distances(features, metric=metric)
    shares = []
    for probe in np.flatnonzero(shapes != textures):
        same_shape = (shapes == shapes[probe]) & (textures != textures[probe])
        same_texture = (textures == textures[probe]) & (shapes != shapes[probe])
        if same_shape.any() and same_texture.any():
            ahead = distances[probe, same_texture] - distances[probe, same_shape][:, None]
            # Responses that are the same in all units have no direction, and are near to nothing.
            shares.append(mean_defined(np.where(np.isnan(ahead), np.nan, 0.5 + np.sign(ahead) / 2)))
    return np.array(shares)
