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
from hmax_cnn.extraction.maps import Maps
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
    reader.check_ready((layer,))
    # The strongest match of a distance is the smallest.
    sign = -1 if layer in model.distance_layers() else 1
    strength, place = [], []
    for first, layers in reader.stream(source, (layer,)):
        maps = next(maps for maps in layers[layer] if maps.band == band)
        values = maps.values[:, names.index(feature)]
        if values.shape[1:] != bands[band].shape[1:]:
            msg = (
                f"`images` must have one size, got {source[first].shape} for image {first} after "
                f"{shape}. Resize them to one shape."
            )
            raise ValueError(msg)
        flat = sign * values.reshape(len(values), -1)
        strength += flat.max(axis=1).tolist()
        place += flat.argmax(axis=1).tolist()
    rows = []
    for image in np.argsort(-np.array(strength), kind="stable")[:n_patches]:
        found = {"image": int(image), "response": sign * strength[image]}
        rows.append(found | _patch(bands[band], place[image], shape))
    return pd.DataFrame(rows)


def _patch(maps: Maps, place: int, shape: Sequence[int]) -> dict[str, int]:
    """Field of the unit at a place of a map, cut at the image's border."""
    row, column = divmod(place, maps.shape[2])
    (top, bottom), (left, right) = maps.field.y.edges(row), maps.field.x.edges(column)
    return {
        "top": max(top, 0),
        "left": max(left, 0),
        "bottom": min(bottom, shape[0]),
        "right": min(right, shape[1]),
    }


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
    # The whole image comes first, then a square at each place.
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
        self.fill = float(image.mean()) if fill is None else fill

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
    lowest: bool | None = None,
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
    lowest : bool or None
        Minimise instead. None does so for layers of distances, as S2 and C2 of HMAX are by default.
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
    step = (high - low) / 64 if step is None else step
    if lowest is None:
        lowest = layer in model.distance_layers()
    sign = -1.0 if lowest else 1.0
    shape = (*image_shape, 3) if model.n_channels == 3 else tuple(image_shape)
    noise = np.random.default_rng(random_state).standard_normal(shape)
    image = (low + high) / 2 + (high - low) / 50 * noise
    reader, number = _one_layer(model, layer), model.unit_numbers(layer, unit, image_shape)[0]
    best, responses = image, []
    for _ in progress_bar(range(n_steps), name="Preferred input", unit="step", progress=progress):
        responses.append(float(reader.transform(image[None])[0, number]))
        if sign * responses[-1] >= max(sign * response for response in responses):
            best = image
        gradient = sign * model.image_gradient(image[None], layer, number)[0].astype(float)
        across_pixels = (blur, blur, *([0] if gradient.ndim == 3 else []))  # channels stay apart
        gradient = gaussian_filter(gradient, across_pixels)
        # The step is measured over the unit's receptive field: over the whole image a unit with a
        # small field would take steps that saturate its pixels at once.
        moving = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
        if not moving.any():
            break
        image = np.clip(
            image + step * gradient / np.sqrt((gradient[moving] ** 2).mean()), low, high
        )
    dims = ("y", "x", "channel")[: best.ndim]
    return xr.Dataset(
        {"image": (dims, best.astype(np.float32)), "response": ("step", responses)},
        attrs={"layer": layer, "unit": str(unit)},
    )
