"""Normalisation: a response relative to what surrounds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, namespace, step_bytes
from ..compiled import for_kernel
from ..cuda import normalisation as on_cuda
from ..cuda.programs import suits as suits_cuda
from ..fields import Window
from ..parallel import each, shares
from . import by_rows
from .correlation import correlate
from .pooling import box_sum, spread_sum
from .windows import Pullback


def divide_by_local_norm(responses: Array, inputs: Array, window: Any) -> tuple[Array, Pullback]:
    """Responses of filters divided by the norm of what each filter saw, as S1 of HMAX does.

    Parameters
    ----------
    responses : array of shape (n_images, n_filters, height', width')
        Of filters that looked through `window` at stride 1, without padding.
    inputs : array of shape (n_images, n_features, height, width)
        What the filters looked at.
    window : int or (int, int)
        Side of the filters. A norm of 0 counts as 1, and so does one below a millionth of the
        image's largest value: what a filter sees there is the rounding of what was done to the
        image before, and the responses that of a Fourier transform.

    Returns
    -------
    normalised : array with the shape of `responses`
    pullback : callable
        Carries a gradient back to `(responses, inputs)`.

    Raises
    ------
    ValueError
        If the responses are not those of such filters.

    References
    ----------
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007, and its
    authors' code.
    """
    xp, look_through = namespace(inputs), Window(window)
    if responses.shape[2:] != look_through.count(*inputs.shape[2:]):
        msg = (
            "`responses` must have "
            f"{' x '.join(map(str, look_through.count(*inputs.shape[2:])))} places "
            f"for inputs of {inputs.shape[2]} x {inputs.shape[3]} and this window, got "
            f"{responses.shape[2]} x {responses.shape[3]}."
        )
        raise ValueError(msg)
    energy = box_sum((inputs * inputs).sum(axis=1, keepdims=True), look_through)
    floor = (1e-6 * xp.abs(inputs).max(axis=(1, 2, 3), keepdims=True)) ** 2
    norm = xp.sqrt(xp.where(energy > floor, energy, 1))
    normalised = responses / norm

    def pullback(gradient: Array) -> tuple[Array, Array]:
        to_norm = -(gradient * normalised / norm).sum(axis=1, keepdims=True)
        to_energy = xp.where(energy > floor, to_norm / (2 * norm), 0)
        return gradient / norm, 2 * inputs * spread_sum(
            to_energy, (len(inputs), 1, *inputs.shape[2:]), look_through
        )

    return normalised, pullback


def local_contrast_normalisation(
    values: Array, window: int = 9, sigma: float = 1.591
) -> tuple[Array, Pullback]:
    """Subtract the local mean, then divide by the local deviation.

    Both are weighted by a Gaussian; the divisor is at least its mean over the map.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    window : int
        Side of the Gaussian window, in units of the map; odd.
    sigma : float
        Its standard deviation, in units of the map.

    Returns
    -------
    normalised : array with the shape of `values`
    pullback : callable
        Carries a gradient back to `values`.

    Raises
    ------
    ValueError
        If the window is even or sigma is not positive.

    References
    ----------
    Jarrett et al., "What is the best multi-stage architecture for object recognition?", ICCV 2009.
    At the border the weights are those of the places inside, scaled to sum to 1.
    """
    if window % 2 == 0 or sigma <= 0:
        msg = f"`window` must be odd and `sigma` positive, got {window} and {sigma}."
        raise ValueError(msg)
    xp = namespace(values)
    blur, blur_back = _blurs(values, window, sigma)
    centred = values - blur(values)
    deviation = xp.sqrt(blur(centred * centred))
    floor = deviation.mean(axis=(2, 3), keepdims=True)
    divisor = xp.maximum(deviation, floor)
    # A constant map has only rounding errors, which must not be blown up to deviation 1.
    largest = xp.abs(values).max(axis=(1, 2, 3), keepdims=True)
    divides = divisor > 64 * xp.finfo(values.dtype).eps * largest
    divisor = xp.where(divides, divisor, 1)
    normalised = centred / divisor

    def pullback(gradient: Array) -> Array:
        to_divisor = -(gradient * normalised / divisor).sum(axis=1, keepdims=True)
        to_divisor = xp.where(divides, to_divisor, 0)
        # Where the floor was divided by, which is the mean over the map, every place has a share.
        own = deviation > floor
        n_places = values.shape[2] * values.shape[3]
        shared = xp.where(own, 0, to_divisor).sum(axis=(2, 3), keepdims=True) / n_places
        to_deviation = xp.where(own, to_divisor, 0) + shared
        twice = 2 * xp.where(deviation > 0, deviation, 1)
        to_square = xp.where(deviation > 0, to_deviation / twice, 0)
        to_centred = gradient / divisor + 2 * centred * blur_back(to_square)
        return to_centred - blur_back(to_centred.sum(axis=1, keepdims=True))

    return normalised, pullback


def _blurs(
    values: Array, window: int, sigma: float
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """A Gaussian mean over features and places inside the map, and its adjoint."""
    xp, n_features = namespace(values), values.shape[1]
    offsets = np.arange(window) - window // 2
    profile = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = xp.asarray(np.outer(profile, profile)[None, None] / n_features, values.dtype)
    everywhere = xp.full((1, 1, *values.shape[2:]), n_features, values.dtype)
    inside, _ = correlate(everywhere, kernel, padding=window // 2)

    def blur(maps: Array) -> Array:
        return correlate(maps.sum(axis=1, keepdims=True), kernel, padding=window // 2)[0] / inside

    def blur_back(gradient: Array) -> Array:
        # The kernel is symmetric, and the same for all features: it is its own adjoint.
        return correlate(gradient / inside, kernel, padding=window // 2)[0]

    return blur, blur_back


def local_response_normalisation(
    values: Array, size: int = 5, scale: float = 1e-4, power: float = 0.75, offset: float = 2.0
) -> tuple[Array, Pullback]:
    """Each response divided by a power of its neighbours' energy.

    The divisor is (offset + scale * sum of squares of its neighbours among the features) ** power.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    size : int
        How many neighbouring features count, the unit itself among them.
    scale, power, offset : float
        alpha, beta and k of the paper, its values the defaults. PyTorch and Caffe divide alpha by
        `size`: hand that in.

    Returns
    -------
    normalised : array with the shape of `values`
    pullback : callable
        Carries a gradient back to `values`.

    Raises
    ------
    ValueError
        If `size` or `offset` is not positive.

    References
    ----------
    Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012, section 3.3.
    """
    if size < 1 or offset <= 0:
        msg = f"`size` and `offset` must be positive, got {size} and {offset}."
        raise ValueError(msg)
    before, after = size // 2, (size - 1) // 2
    base = offset + scale * _sum_of_neighbours(values * values, before, after)
    divisor = base**power
    normalised = values / divisor

    def pullback(gradient: Array) -> Array:
        to_base = -power * gradient * normalised / base
        return gradient / divisor + 2 * scale * values * _sum_of_neighbours(to_base, after, before)

    return normalised, pullback


def _sum_of_neighbours(values: Array, before: int, after: int) -> Array:
    """Sums over features from `before` below to `after` above, as far as there are any."""
    total = values.copy()
    n_features = values.shape[1]
    for distance in range(1, min(before, n_features - 1) + 1):
        total[:, distance:] += values[:, :-distance]
    for distance in range(1, min(after, n_features - 1) + 1):
        total[:, :-distance] += values[:, distance:]
    return total


def batch_normalisation(
    values: Array, scale: Array, shift: Array, epsilon: float = 1e-5
) -> tuple[Array, Pullback, Array, Array]:
    """Each feature brought to mean `shift` and deviation `scale` over the batch and all places.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
        Of at least two values of each feature.
    scale, shift : array of shape (n_features,)
        gamma and beta of the paper.
    epsilon : float
        Added to the variance.

    Returns
    -------
    normalised : array with the shape of `values`
    pullback : callable
        Carries a gradient back to `(values, scale, shift)`.
    mean, variance : array of shape (n_features,)
        Of the batch; the variance is the mean square deviation.

    Raises
    ------
    ValueError
        If there is only one value of each feature.

    References
    ----------
    Ioffe & Szegedy, "Batch normalization", ICML 2015, algorithm 1.
    """
    xp, n_features = namespace(values), values.shape[1]
    n_values = values.size // max(1, n_features)
    if n_values < 2 and len(values):
        msg = (
            "`values` must hold at least two of each feature for a variance, got shape "
            f"{values.shape}. Use more images per batch."
        )
        raise ValueError(msg)
    if by_rows.suits(values):
        return _batch_by_rows(values, scale, shift, epsilon)
    if suits_cuda(values) and len(values):
        return _batch_by_cuda(values, scale, shift, epsilon)
    mean, variance = xp.empty(n_features, values.dtype), xp.empty(n_features, values.dtype)
    normalised = xp.empty(values.shape, values.dtype)

    def normalise(share: slice) -> None:
        for features in _in_cache(share, values):
            own = values[:, features]
            mean[features] = _sums(xp, own) / max(1, n_values)
            centred = xp.subtract(own, mean[features, None, None], out=normalised[:, features])
            variance[features] = _sums(xp, centred * centred) / max(1, n_values)
            # In place, as all that follows: the maps are read and written once in the cache.
            centred *= (scale[features] / xp.sqrt(variance[features] + epsilon))[:, None, None]
            centred += shift[features, None, None]

    each(normalise, shares(n_features))

    def pullback(gradient: Array) -> tuple[Array, Array, Array]:
        return _batch_back(gradient, values, scale, mean, 1 / xp.sqrt(variance + epsilon))

    return normalised, pullback, mean, variance


def _batch_by_rows(
    values: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float
) -> tuple[np.ndarray, Pullback, np.ndarray, np.ndarray]:
    """`batch_normalisation` by compiled kernels."""
    mean, variance = by_rows.moments(values)
    over = 1 / np.sqrt(variance + np.float32(epsilon))
    normalised = by_rows.scale_and_shift(values, scale * over, shift - mean * scale * over)

    def pullback(gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return by_rows.batch_back(gradient, values, scale, mean, over)

    return normalised, pullback, mean, variance


def _batch_by_cuda(
    values: Array, scale: Array, shift: Array, epsilon: float
) -> tuple[Array, Pullback, Array, Array]:
    """`batch_normalisation` by kernels for the GPU."""
    normalised, found = on_cuda.normalise(values, scale, shift, epsilon)

    def pullback(gradient: Array) -> tuple[Array, Array, Array]:
        return on_cuda.gradients(gradient, values, scale, found)

    return normalised, pullback, found[0], found[1]


def running_statistics(before: Array, measured: Array, share: float, factor: float = 1) -> Array:
    """Running statistics after one more batch.

    Parameters
    ----------
    before, measured : array of shape (n_features,)
        As they were, and of the batch.
    share : float
        Of the newest batch.
    factor : float
        Of what was measured, such as n / (n - 1).

    Returns
    -------
    array of shape (n_features,)
    """
    if suits_cuda(before, measured):
        return on_cuda.running_statistics(before, measured, share, factor)
    return (1 - share) * before + share * (factor * measured)


def _batch_back(
    gradient: Array, values: Array, scale: Array, mean: Array, over: Array
) -> tuple[Array, Array, Array]:
    """Gradients of values, scale and shift; `over` is one over the deviation of each feature."""
    xp, n_values = namespace(gradient), values.size // max(1, len(mean))
    back, to_scale, to_shift = xp.empty_like(gradient), xp.empty_like(mean), xp.empty_like(mean)

    def carry(share: slice) -> None:
        for features in _in_cache(share, values):
            own, centre = gradient[:, features], mean[features, None, None]
            into = xp.subtract(values[:, features], centre, out=back[:, features])
            to_shift[features] = _sums(xp, own)
            to_scale[features] = over[features] * _sums(xp, own * into)
            # The mean and the variance depend on every value: Ioffe & Szegedy, section 3.
            into *= (-over[features] * to_scale[features] / n_values)[:, None, None]
            into += own
            into -= (to_shift[features] / n_values)[:, None, None]
            into *= (scale[features] * over[features])[:, None, None]

    each(carry, shares(len(mean)))
    return back, to_scale, to_shift


def _in_cache(features: slice, values: Array) -> Iterator[slice]:
    """These features, few enough at a time that their values stay in the cache."""
    # A feature's values over all images of the batch.
    bytes_each = max(1, values[:, 0].size * values.itemsize)
    step = max(1, step_bytes(namespace(values)) // 4 // bytes_each)
    for first in range(features.start, features.stop, step):
        yield slice(first, min(first + step, features.stop))


def _sums(xp: Any, maps: Array) -> Array:
    """Sums over images and places, per feature."""
    # A product with ones, which BLAS does faster than a sum over several axes.
    by_place = maps.reshape(*maps.shape[:2], -1)
    return xp.matmul(by_place, xp.ones(by_place.shape[2], maps.dtype)).sum(axis=0)


def scale_and_shift(values: Array, scale: Array, shift: Array) -> tuple[Array, Pullback]:
    """Each feature times its scale, plus its shift.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    scale, shift : array of shape (n_features,)

    Returns
    -------
    moved : array with the shape of `values`
    pullback : callable
        Carries a gradient back to `(values, scale, shift)`.
    """
    if by_rows.suits(values):
        moved = by_rows.scale_and_shift(values, for_kernel(scale), for_kernel(shift))
    elif suits_cuda(values):
        moved = on_cuda.scale_and_shift(values, scale, shift)
    else:
        moved = values * scale[:, None, None] + shift[:, None, None]

    def pullback(gradient: Array) -> tuple[Array, Array, Array]:
        return (
            gradient * scale[:, None, None],
            (gradient * values).sum(axis=(0, 2, 3)),
            gradient.sum(axis=(0, 2, 3)),
        )

    return moved, pullback
