"""Normalisation: a response relative to what surrounds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from extraction.arrays import Array, namespace
from extraction.fields import Window
from extraction.operations.correlation import correlate
from extraction.operations.pooling import box_sum, spread_sum
from extraction.operations.windows import Pullback


def divide_by_local_norm(responses: Array, inputs: Array, window: Any) -> tuple[Array, Pullback]:
    """Responses of filters divided by the norm of what each filter saw, as S1 of HMAX does.

    Parameters
    ----------
    responses : array of shape (n_images, n_filters, height', width')
        Of filters that looked through `window` at stride 1, without padding.
    inputs : array of shape (n_images, n_features, height, width)
        What the filters looked at.
    window : int or (int, int)
        Side of the filters. A norm of 0 counts as 1.

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
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007, and its authors' code.
    """
    xp, look_through = namespace(inputs), Window(window)
    if responses.shape[2:] != look_through.count(*inputs.shape[2:]):
        msg = (
            f"`responses` must have {' x '.join(map(str, look_through.count(*inputs.shape[2:])))} places "
            f"for inputs of {inputs.shape[2]} x {inputs.shape[3]} and this window, got {responses.shape[2]} x {responses.shape[3]}."
        )
        raise ValueError(msg)
    energy = box_sum((inputs * inputs).sum(axis=1, keepdims=True), look_through)
    norm = xp.sqrt(xp.where(energy > 0, energy, 1))
    normalised = responses / norm

    def pullback(gradient: Array) -> tuple[Array, Array]:
        to_norm = -(gradient * normalised / norm).sum(axis=1, keepdims=True)
        to_energy = xp.where(energy > 0, to_norm / (2 * norm), 0)
        return gradient / norm, 2 * inputs * spread_sum(to_energy, (len(inputs), 1, *inputs.shape[2:]), look_through)

    return normalised, pullback


def local_contrast_normalisation(values: Array, window: int = 9, sigma: float = 1.591) -> tuple[Array, Pullback]:
    """Subtract the Gaussian-weighted mean around each place, then divide by the deviation there, but by no less than its mean over the map.

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
    Jarrett et al., "What is the best multi-stage architecture for object recognition?", ICCV 2009. At the border the
    weights are those of the places inside, scaled to sum to 1.
    """
    if window % 2 == 0 or sigma <= 0:
        msg = f"`window` must be odd and `sigma` positive, got {window} and {sigma}."
        raise ValueError(msg)
    xp, n_features = namespace(values), values.shape[1]
    offsets = np.arange(window) - window // 2
    profile = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = xp.asarray(np.outer(profile, profile)[None, None] / n_features, values.dtype)
    inside, _ = correlate(xp.full((1, 1, *values.shape[2:]), n_features, values.dtype), kernel, padding=window // 2)

    def blur(maps: Array) -> Array:
        return correlate(maps.sum(axis=1, keepdims=True), kernel, padding=window // 2)[0] / inside

    def blur_back(gradient: Array) -> Array:
        return correlate(gradient / inside, kernel, padding=window // 2)[0]  # the kernel is symmetric, and the same for all features

    centred = values - blur(values)
    deviation = xp.sqrt(blur(centred * centred))
    floor = deviation.mean(axis=(2, 3), keepdims=True)
    divisor = xp.maximum(deviation, floor)
    largest = xp.abs(values).max(axis=(1, 2, 3), keepdims=True)
    divides = divisor > 64 * xp.finfo(values.dtype).eps * largest  # a constant map has only rounding errors to normalise
    divisor = xp.where(divides, divisor, 1)
    normalised = centred / divisor

    def pullback(gradient: Array) -> Array:
        to_divisor = xp.where(divides, -(gradient * normalised / divisor).sum(axis=1, keepdims=True), 0)
        own = deviation > floor
        shared = xp.where(own, 0, to_divisor).sum(axis=(2, 3), keepdims=True) / (values.shape[2] * values.shape[3])
        to_deviation = xp.where(own, to_divisor, 0) + shared
        to_square = xp.where(deviation > 0, to_deviation / (2 * xp.where(deviation > 0, deviation, 1)), 0)
        to_centred = gradient / divisor + 2 * centred * blur_back(to_square)
        return to_centred - blur_back(to_centred.sum(axis=1, keepdims=True))

    return normalised, pullback
