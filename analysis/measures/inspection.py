"""Looking inside a model.

What its filters look like, what drives a unit, and what it depends on.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.progress import progress_bar


def strongest_patches(
    model: FeatureExtractor,
    images: Any,
    layer: str,
    feature: str,
    n_patches: int = 9,
    band: str = "",
) -> pd.DataFrame:
    """The patches that drive a feature most: its largest response in each image, wherever that is.

    Parameters
    ----------
    model : FeatureExtractor
        Fitted, where it must be.
    images : array or sequence
        As in `transform`, of one size.
    layer, feature, band : str
        Such as 'conv2', 'c05', and for HMAX the band 'b3'.
    n_patches : int
        How many, from the strongest down; at most one per image.

    Returns
    -------
    pandas.DataFrame
        Columns image (index), response, top, left, bottom, right: the field of the unit, in pixels,
        cut at the image's border; the last two are one past the end.

    Raises
    ------
    ValueError
        If there is no such layer, band or feature.

    References
    ----------
    Girshick et al., "Rich feature hierarchies for accurate object detection", CVPR 2014, section
    3.1 (patches of maximal response).
    """
    reader, source = _one_layer(model, layer), Images(images)
    shape = source[0].shape
    bands = {maps.band: maps for maps in reader.geometry(shape, reader.wanted_layers())[layer]}
    if band not in bands:
        msg = (
            f"`band` must be one of {', '.join(map(repr, bands))} in layer {layer!r}, got {band!r}."
        )
        raise ValueError(msg)
    names = bands[band].feature_names
    if feature not in names:
        msg = f"`feature` must be one of {names[0]!r} to {names[-1]!r}, got {feature!r}."
        raise ValueError(msg)
    strongest: list[tuple[float, int]] = []
    reader.check_ready((layer,))
    for first, layers in reader.stream(source, (layer,)):
        values = next(maps.values for maps in layers[layer] if maps.band == band)[
            :, names.index(feature)
        ]
        if values.shape[1:] != bands[band].shape[1:]:
            msg = (
                f"`images` must have one size, got {source[first].shape} for image {first} after "
                f"{shape}. Resize them to one shape."
            )
            raise ValueError(msg)
        flat = values.reshape(len(values), -1)
        strongest += [(float(row.max()), int(row.argmax())) for row in flat]
    (strength, best), (field, width) = (
        np.array(strongest).T,
        (bands[band].field, bands[band].shape[2]),
    )
    best = best.astype(int)
    rows = []
    for image in np.argsort(-strength, kind="stable")[:n_patches]:
        (top, bottom), (left, right) = (
            field.y.edges(int(best[image] // width)),
            field.x.edges(int(best[image] % width)),
        )
        box = {
            "top": max(top, 0),
            "left": max(left, 0),
            "bottom": min(bottom, shape[0]),
            "right": min(right, shape[1]),
        }
        rows.append({"image": int(image), "response": float(strength[image])} | box)
    return pd.DataFrame(rows)


def occlusion_map(
    model: FeatureExtractor,
    image: np.ndarray,
    layer: str,
    unit: str | int,
    window: int = 16,
    stride: int = 8,
    fill: float | None = None,
) -> xr.DataArray:
    """How far a unit's response falls when a square of the image is covered.

    Parameters
    ----------
    model : FeatureExtractor
        Fitted, where it must be.
    image : array of shape (height, width) or (height, width, 3)
    layer : str
    unit : str or int
        Its name, or its index in the layer.
    window, stride : int
        Side of the square, and distance between its places, in pixels.
    fill : float or None
        What covers; None is the image's mean.

    Returns
    -------
    xarray.DataArray
        dims (y, x), the centres of the squares in pixels; response to the whole image minus
        response with the square covered.

    Raises
    ------
    ValueError
        If the square does not fit into the image, or there is no such layer or unit.

    References
    ----------
    Zeiler & Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2.
    """
    height, width = image.shape[:2]
    if not 1 <= window <= min(height, width) or stride < 1:
        msg = (
            f"`window` must lie between 1 and the image's {min(height, width)} pixels and "
            f"`stride` be at least 1, got {window} and {stride}."
        )
        raise ValueError(msg)
    reader = _one_layer(model, layer)
    column = model.unit_numbers(layer, unit, (height, width))[0]
    tops, lefts = (np.arange(0, side - window + 1, stride) for side in (height, width))
    covered = _Covered(
        np.asarray(image), [(int(top), int(left)) for top in tops for left in lefts], window, fill
    )
    responses = reader.transform(covered)[:, column]
    drop = (responses[0] - responses[1:]).reshape(len(tops), len(lefts))
    middle = (window - 1) / 2
    attributes = {"long_name": "response lost", "layer": layer, "unit": str(unit), "window": window}
    return xr.DataArray(
        drop, dims=("y", "x"), coords={"y": tops + middle, "x": lefts + middle}, attrs=attributes
    )


class _Covered:
    """An image, and then the same with a square covered at each place; made when looked at."""

    def __init__(
        self, image: np.ndarray, corners: Sequence[tuple[int, int]], window: int, fill: float | None
    ) -> None:
        self.image, self.corners, self.window = image.astype(np.float32), corners, window
        if fill is None:
            self.fill = float(image.mean())
        else:
            self.fill = fill

    def __len__(self) -> int:
        return 1 + len(self.corners)

    def __getitem__(self, index: int) -> np.ndarray:
        if index == 0:
            return self.image
        top, left = self.corners[index - 1]
        covered = self.image.copy()
        covered[top : top + self.window, left : left + self.window] = self.fill
        return covered


def _one_layer(model: FeatureExtractor, layer: str) -> FeatureExtractor:
    """The same fitted model, answering with this layer."""
    return copy.copy(model).set_params(layer=layer)


def preferred_input(
    model: FeatureExtractor,
    layer: str,
    unit: str | int,
    image_shape: tuple[int, int],
    n_steps: int = 100,
    step: float | None = None,
    blur: float = 0.5,
    lowest: bool = False,
    value_range: tuple[float, float] = (0.0, 255.0),
    random_state: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    """An image that maximises a unit's response, by gradient ascent from faint noise.

    Parameters
    ----------
    model : FeatureExtractor
        With gradients: `hmax_cnn.hmax.HMAX`, `hmax_cnn.cnn.CNN` and others.
    layer : str
    unit : str or int
        Its name, or its index in the layer.
    image_shape : (int, int)
        In pixels.
    n_steps : int
    step : float or None
        Root mean square change of the pixels that have any gradient, in pixel values, in one step;
        None is 1/64 of the range.
    blur : float
        Standard deviation of the Gaussian that each gradient is smoothed with, in pixels: keeps out
        checkerboards.
    lowest : bool
        Minimise instead: for units that measure a distance, as S2 and C2 of HMAX do by default.
    value_range : (float, float)
        Of pixels.
    random_state : int
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        `image` of dims (y, x[, channel]), the best one seen, and `response` of dim step, 0 being
        that to the noise.

    References
    ----------
    Erhan, Bengio, Courville & Vincent, "Visualizing higher-layer features of a deep network", 2009.
    """
    low, high = value_range
    if step is None:
        step = (high - low) / 64
    if model.n_channels == 3:
        shape = (*image_shape, 3)
    else:
        shape = tuple(image_shape)
    image = (low + high) / 2 + (high - low) / 50 * np.random.default_rng(
        random_state
    ).standard_normal(shape)
    sign, reader, responses = -1.0 if lowest else 1.0, _one_layer(model, layer), []
    number = model.unit_numbers(layer, unit, image_shape)[0]
    best = image
    for _ in progress_bar(
        range(n_steps),
        name="Preferred input",
        unit="step",
        progress=progress,
    ):
        responses.append(float(reader.transform(image[None])[0, number]))
        if sign * responses[-1] >= sign * max(responses, key=lambda r: sign * r):
            best = image
        gradient = sign * model.image_gradient(image[None], layer, number)[0].astype(float)
        gradient = gaussian_filter(gradient, (blur, blur, *([0] if gradient.ndim == 3 else [])))
        moving = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
        if moving.any():
            size = np.sqrt((gradient[moving] ** 2).mean())
        else:
            size = 0.0
        if size == 0:
            break
        image = np.clip(image + step * gradient / size, low, high)
    dims = ("y", "x", "channel")[: best.ndim]
    return xr.Dataset(
        {"image": (dims, best.astype(np.float32)), "response": ("step", responses)},
        attrs={"layer": layer, "unit": str(unit)},
    )
