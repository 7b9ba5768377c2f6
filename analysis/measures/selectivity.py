"""Selectivity: sparseness of units and of populations, and dimensionality.

How few images a unit responds to, and how few units an image drives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..contract import measure
from ..intervals import deviation_defined, jackknife, mean_defined, t_interval
from ..per_unit import per_unit, ratio
from ..responses import by_layer, check_strengths, image_names
from ..results import DEFAULT, Definition, Resampling, described, unit_coords

_SPARSENESS = "(1 - (mean r)^2 / mean r^2) / (1 - 1 / n)"
_VINJE = "Vinje & Gallant, Science 2000"


def sparseness(responses: np.ndarray) -> np.ndarray:
    """Sparseness along the first axis.

    0 where all are equal, 1 where only one is not zero; undefined (NaN) where all are zero.

    Parameters
    ----------
    responses : array of shape (n, ...)
        At least 0; n at least 2.

    Returns
    -------
    array of shape (...)

    Raises
    ------
    ValueError
        If a response is negative, or there are fewer than two.

    References
    ----------
    Vinje & Gallant, "Sparse coding and decorrelation in primary visual cortex during natural
    vision", Science 2000.

    Examples
    --------
    >>> sparseness(np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 0.0]])).tolist()
    [0.0, 1.0, nan]
    """
    responses, n = np.asarray(responses, dtype=float), len(responses)
    if n < 2 or (responses < 0).any():
        msg = (
            f"`responses` must be at least two, none of them negative, got {n}, least "
            f"{responses.min(initial=np.inf):g}. Rectify them first."
        )
        raise ValueError(msg)
    # The activity fraction of Rolls & Tovee 1995, turned round and scaled to reach 0 and 1.
    activity = ratio(responses.mean(axis=0) ** 2, (responses**2).mean(axis=0))
    return np.where(np.isnan(activity), np.nan, np.clip((1 - activity) / (1 - 1 / n), 0, 1))


@measure(takes="responses", needs=("strengths",), given=("resampling", "progress"))
def lifetime_sparseness(
    responses: xr.DataArray, resampling: Resampling = DEFAULT, progress: bool | None = None
) -> xr.Dataset:
    """Sparseness of each unit over images.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit), at least 0.
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        As `hmax_cnn.analysis.per_unit.per_unit`; undefined for silent units.

    References
    ----------
    Vinje & Gallant, Science 2000.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> lifetime_sparseness(found).value.shape
    (8,)
    """
    _images_by_units(responses)
    check_strengths(responses, "Sparseness")
    definition = Definition("lifetime sparseness", f"{_SPARSENESS} over images", _VINJE)
    return per_unit(
        responses,
        definition,
        lambda block, images, _: sparseness(block[images, 0]),
        resampling,
        control=False,
        progress=progress,
    )


@measure(takes="responses", needs=("no transformation", "strengths"), given=("resampling",))
def population_sparseness(responses: xr.DataArray, resampling: Resampling = DEFAULT) -> xr.Dataset:
    """Sparseness of each image's responses over the units of a layer.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit), at least 0.
    resampling : Resampling
        Intervals of layers are over images.

    Returns
    -------
    xarray.Dataset
        `value` of dims (layer, image), and `layer_value`, `layer_low`, `layer_high`.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> population_sparseness(found).value.shape
    (1, 12)
    """
    _images_by_units(responses)
    check_strengths(responses, "Sparseness")
    found = np.stack(
        [sparseness(responses.values[:, units].T.astype(float)) for _, units in by_layer(responses)]
    )
    n_defined = np.isfinite(found).sum(axis=1)
    error = deviation_defined(found.T) / np.sqrt(np.maximum(n_defined, 1))
    if not resampling.n_resamples:
        error = np.full_like(error, np.nan)
    definition = Definition("population sparseness", f"{_SPARSENESS} over units", _VINJE)
    return _of_layers(
        responses,
        definition,
        resampling,
        mean_defined(found, axis=1),
        t_interval(mean_defined(found, axis=1), error, n_defined - 1, resampling.level),
        {"value": (("layer", "image"), found)},
    )


@measure(takes="responses", needs=("no transformation",), given=("resampling",))
def dimensionality(responses: xr.DataArray, resampling: Resampling = DEFAULT) -> xr.Dataset:
    """The number of dimensions over which the responses of a layer spread.

    It is the participation ratio of the eigenvalues of their covariance, both moments of it
    estimated without bias: with few images the ratio of the sample's own eigenvalues comes out far
    too low.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, unit), at least four images.
    resampling : Resampling
        Intervals are by a jackknife of images, on a logarithmic scale.

    Returns
    -------
    xarray.Dataset
        `layer_value`, `layer_low`, `layer_high`; undefined where nothing varies, or so few images
        show no dimension.

    References
    ----------
    Gao et al., "A theory of multineuronal dimensionality, dynamics and measurement", bioRxiv 2017;
    (sum lambda)^2 / sum lambda^2. Chen, Zhang & Zhong, "Tests for high-dimensional covariance
    matrices", JASA 2010 (unbiased estimates of both).

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> coords = {"layer": ("unit", ["c1"] * 8), "label": ("image", ["a", "b"] * 6)}
    >>> coords["image"] = [f"{index:02d}" for index in range(12)]
    >>> found = xr.DataArray(noise.random((12, 8)), coords, ("image", "unit"))
    >>> bool(dimensionality(found).layer_value[0] < 8)
    True
    """
    _images_by_units(responses)
    grams, scale = [], []
    for _, units in by_layer(responses):
        values = responses.values[:, units].astype(float)
        centred = values - values.mean(axis=0)
        # Images times images: resampling takes parts of it, and the number of units does not
        # matter.
        grams.append(centred @ centred.T)
        scale.append(float((values**2).sum()))

    names, n_images = [name for name, _ in by_layer(responses)], responses.sizes["image"]
    whole, low, high = np.full((3, len(names)), np.nan)
    for index, (gram, size) in enumerate(zip(grams, scale, strict=True)):

        def of(images: np.ndarray, gram: np.ndarray = gram, size: float = size) -> float:
            return _participation(gram[np.ix_(images, images)], size)

        whole[index] = of(np.arange(n_images))
        low[index], high[index] = jackknife(
            of, n_images, resampling.n_resamples, resampling.level, resampling.random_state, "log"
        )
    definition = Definition(
        "dimensionality",
        "(sum lambda)^2 / sum lambda^2, lambda the eigenvalues of the covariance",
        "Gao et al., bioRxiv 2017",
    )
    return _of_layers(responses, definition, resampling, whole, (low, high), {})


def _participation(gram: np.ndarray, scale: float) -> float:
    """Of a Gram matrix of images, centred here; both moments without bias."""
    n = len(gram)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    total, squares = np.trace(centred), (centred**2).sum()
    if n < 4 or not total > 1e-12 * scale:
        return np.nan
    own = (np.diag(centred) ** 2).sum()
    # Estimates of tr(C)^2 and tr(C^2), up to the same factor: Himeno & Yamada 2014, theorem 1,
    # which equal the U-statistics of Chen et al. 2010.
    square_of_sum = 2 * squares + (n * n - 3 * n + 1) * total**2 - n * (n - 1) * own
    sum_of_squares = (n - 1) * (n - 2) * squares + total**2 - n * (n - 1) * own
    if sum_of_squares > 0 and square_of_sum > 0:
        return float(square_of_sum / sum_of_squares)
    return np.nan


def _images_by_units(responses: xr.DataArray) -> None:
    if responses.dims != ("image", "unit"):
        msg = (
            f"`responses` must have the dims (image, unit), got {responses.dims}. Select one "
            "value of the transformation with .sel(...)."
        )
        raise ValueError(msg)


def _of_layers(
    responses: xr.DataArray,
    definition: Definition,
    resampling: Resampling,
    whole: np.ndarray,
    bounds: tuple[Any, Any],
    more: dict[str, Any],
) -> xr.Dataset:
    low, high = bounds
    data = {
        "layer_value": ("layer", whole),
        "layer_low": ("layer", low),
        "layer_high": ("layer", high),
    }
    counts = {"n_units": ("layer", [len(units) for _, units in by_layer(responses)])}
    coords = {
        "layer": unit_coords(responses)["layer"],
        "image": image_names(responses),
    }
    return described(
        xr.Dataset(more | data | counts, coords=coords), responses, definition, resampling
    )
