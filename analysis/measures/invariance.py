"""Invariance of units.

What stays of a response when its image is transformed, by definitions that can be cited.

Each measure takes responses of dims (image, <transformation>, unit), as
`hmax_cnn.analysis.responses.responses` returns them for a transformed set, and returns a dataset as
`hmax_cnn.analysis.per_unit.per_unit` does: per unit and per layer, with intervals and a control.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from hmax_cnn.extraction.choices import check_choice

from ..contract import measure
from ..per_unit import (
    FLAT,
    per_unit,
    ratio,
    transformation_of,
)
from ..results import DEFAULT, Definition, Resampling

_ARTICLE = "Quiroga et al., Measuring (in)variances in convolutional networks, 2019"
# Symbol in the formula, and the power of a variance that it is.
_DISPERSIONS = {"variance": ("var", 1.0), "standard deviation": ("std", 0.5)}
_SOURCES = {
    "variance": _ARTICLE,
    "standard deviation": f"{_ARTICLE}; tmeasures 1.2",
}


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def normalised_variance(
    responses: xr.DataArray,
    dispersion: str = "variance",
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Variance over the transformation divided by variance between images.

    A value of 0 is invariant, 1 is no better than chance.

    Both are unbiased (n - 1). A unit that never changes is undefined (0 / 0); one that changes with
    the transformation but is the same for all images is infinite, and does not count in the mean of
    its layer.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images and two values.
    dispersion : {'variance', 'standard deviation'}
        Of what the ratio is: of mean variances, as the article defines the measure, or of mean
        standard deviations, which its authors' software (tmeasures 1.2) computes. The two are
        different numbers: of a unit with equal spread everywhere the second is the root of the
        first.
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        Named 'normalised variance' or 'normalised standard deviation' in its attributes.

    Raises
    ------
    ValueError
        If `dispersion` is another, or nothing was transformed.

    References
    ----------
    Quiroga, Torrents-Barrena, Lanzarini & Puig-Valls, "Measuring (in)variances in convolutional
    networks", 2019. Their software: tmeasures, NormalizedVarianceInvariance.

    Examples
    --------
    >>> values = np.array([[[1.0], [1.0]], [[3.0], [3.0]]])
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1]}
    >>> unit = xr.DataArray(values, dims=dims, coords=coords, attrs={"identity": 0})
    >>> normalised_variance(unit).value.item()
    0.0
    """
    checked_transformation(responses)
    check_choice("dispersion", dispersion, _DISPERSIONS)
    symbol, power = _DISPERSIONS[dispersion]
    definition = Definition(
        f"normalised {dispersion}",
        f"mean_x {symbol}_t a(t x) / mean_t {symbol}_x a(t x)",
        _SOURCES[dispersion],
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        drawn = block[images]
        # Sums of squares over both are ratios of means, not means of ratios: a quiet image does not
        # count as much as a loud one.
        within, between = (_variance(drawn, axis) ** power for axis in (1, 0))
        return ratio(within.mean(axis=0), between.mean(axis=0))

    return per_unit(responses, definition, statistic, resampling, progress=progress)


def _variance(block: np.ndarray, axis: int) -> np.ndarray:
    """Unbiased variance along an axis; 0 where there is only rounding."""
    size = np.abs(block).max(axis=(0, 1))
    found = block.var(axis=axis, ddof=1)
    return np.where(found > (FLAT * size) ** 2, found, 0.0)


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def response_similarity(
    responses: xr.DataArray, resampling: Resampling = DEFAULT, progress: bool | None = None
) -> xr.Dataset:
    """How much more similar a unit's responses to versions of one image are than to other images.

    Similarity is by squared differences.

    1 where responses do not change, 0 where a transformed image is as far from itself as from
    others; a unit that is the same for all images and values is undefined (0 / 0), not invariant.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit); at least two images and two values.
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> response_similarity(found).layer.values.tolist()
    ['c1']
    """
    _, reference = checked_transformation(responses)
    definition = Definition(
        "response similarity",
        (
            "1 - mean_x,t (a(t x) - a(x))^2 / mean_x!=y,t (a(t x) - a(y))^2, t other than the "
            "reference"
        ),
        "this package",
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        # By weights: an image that was drawn twice counts twice, and not as different from itself.
        names, counts = np.unique(images, return_counts=True)
        drawn = block[names]
        weight = (counts / counts.sum())[:, None, None]
        here, there = drawn[:, reference : reference + 1], np.delete(drawn, reference, axis=1)
        same = (weight * (there - here) ** 2).sum(axis=0).mean(axis=0)
        # Over all pairs of different images, from moments: pairs of an image with itself are out.
        mean_here, mean_there = (weight * here).sum(axis=0), (weight * there).sum(axis=0)
        squares = (weight * here**2).sum(axis=0) + (weight * there**2).sum(axis=0)
        pairs = squares - 2 * mean_here * mean_there - (weight**2 * (there - here) ** 2).sum(axis=0)
        share = 1 - (weight[:, 0, 0] ** 2).sum()
        if share > 0:
            different = pairs.mean(axis=0) / share
        else:
            different = np.full(block.shape[2], np.nan)
        tiny = (FLAT * np.abs(block).max(axis=(0, 1))) ** 2
        return 1 - ratio(
            np.where(same > tiny, same, 0.0), np.where(different > tiny, different, 0.0)
        )

    return per_unit(responses, definition, statistic, resampling, progress=progress)


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def separability(
    responses: xr.DataArray, resampling: Resampling = DEFAULT, progress: bool | None = None
) -> xr.Dataset:
    """How far responses are the product of a preference among images and a tuning.

    The tuning is to the value of the transformation.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit).
    resampling : Resampling
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        The share of the first singular value: 1 is separable. Undefined for a unit that is silent.
        No intervals are given: noise adds to the first singular value, and no method tried held its
        95 % (jackknife with bias correction: 0.36 to 0.85 for noisy units, 10 to 100 images).

    References
    ----------
    Depireux, Simon, Klein & Shamma, "Spectro-temporal response field characterization with dynamic
    ripples in ferret primary auditory cortex", J Neurophysiol 2001 (one minus their alpha_SVD).

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> bool((separability(found).value > 0.5).all())  # two values have two singular values
    True
    """
    checked_transformation(responses)
    definition = Definition(
        "separability",
        "sigma_1^2 / sum_i sigma_i^2 of the matrix images x values",
        "Depireux et al., J Neurophysiol 2001",
    )

    def statistic(block: np.ndarray, images: np.ndarray, _: slice) -> np.ndarray:
        # All units at once: a matrix of images by values for each.
        squares = np.linalg.svd(np.moveaxis(block[images], 2, 0), compute_uv=False) ** 2
        return ratio(squares[:, 0], squares.sum(axis=1))

    return per_unit(
        responses, definition, statistic, resampling, intervals=False, progress=progress
    )


def checked_transformation(responses: xr.DataArray) -> tuple[str, int]:
    """Dimension and reference index, of responses to at least two images at two values.

    Parameters
    ----------
    responses : xarray.DataArray
        Of dims (image, <transformation>, unit).

    Returns
    -------
    str, int
        Name of the transformation's dimension, and index of its reference value.

    Raises
    ------
    ValueError
        If there is one image or one value only.
    """
    name, reference = transformation_of(responses)
    if responses.sizes["image"] < 2 or responses.sizes[name] < 2:
        msg = (
            f"`responses` must be to at least two images at two values of {name}, got "
            f"{dict(responses.sizes)}."
        )
        raise ValueError(msg)
    return name, reference
