"""Correlation with large filters, through the Fourier transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

from ..arrays import Array, device_namespace, fourier, namespace, on_gpu, step_bytes, tiles
from .windows import Pullback, window_of

# The 16 banks of HMAX take 50 MB at this size; of larger images spectra are made anew.
_CACHED_PIXELS = 320 * 320


@dataclass(frozen=True)
class Spectrum:
    """The Fourier transform of single-feature maps, computed once and shared by many filters.

    Attributes
    ----------
    values : array of shape (n_images, 1, height, width)
        What was transformed.
    transform : complex128 array of shape (n_images, height', width')
        Sizes are rounded up to what the transform is fast for.
    """

    values: Array
    transform: Array

    @classmethod
    def of(cls, values: Array) -> Spectrum:
        """Transform maps of shape (n_images, 1, height, width), in double precision.

        Parameters
        ----------
        values : array of shape (n_images, 1, height, width)

        Returns
        -------
        Spectrum

        Raises
        ------
        ValueError
            If this is not their shape.
        """
        if values.ndim != 4 or values.shape[1] != 1:
            msg = f"`values` must have the shape (n_images, 1, height, width), got {values.shape}."
            raise ValueError(msg)
        xp = namespace(values)
        shape = tuple(scipy.fft.next_fast_len(n) for n in values.shape[2:])
        return cls(values, fourier(xp).fft2(values[:, 0].astype(xp.float64), s=shape))


def correlate_spectrum(spectrum: Spectrum, weights: np.ndarray) -> tuple[Array, Pullback]:
    """`correlate` at stride 1 without padding, through the Fourier transform.

    For windows of more than about 5 x 5.

    Two filters share one complex transform, one as its real part, one as its imaginary part. The
    transform is in double precision: in single precision its error, spread evenly over the image,
    would drown dark places as soon as they are divided by their small norm.

    Parameters
    ----------
    spectrum : Spectrum
        Of values of shape (n_images, 1, height, width).
    weights : numpy array of shape (n_filters, 1, window_height, window_width)
        On the host, since their own transforms are kept for the next call.

    Returns
    -------
    matches : array of shape (n_images, n_filters, height', width'), of the precision of the values
    pullback : callable
        Carries a gradient back to `(values, weights)`.
    """
    values = spectrum.values
    xp = namespace(values)
    size = window_of(values, weights, "weights").count(*values.shape[2:])
    weights = np.ascontiguousarray(weights, np.float64)
    matches = xp.empty((len(values), len(weights), *size), values.dtype)
    pairs = _pairs_of(weights, spectrum)
    # On a GPU all pairs at once, in few launches; on a processor pair by pair, in its cache.
    at_once = len(pairs) if on_gpu(values) else 1
    for images, _ in tiles(len(values), 1, pairs[:at_once].nbytes, step_bytes(xp)):
        transform = spectrum.transform[images, None]
        room = xp.empty((len(transform), at_once, *transform.shape[2:]), transform.dtype)
        for first in range(0, len(pairs), at_once):
            products = xp.multiply(transform, pairs[first : first + at_once], out=room)
            both = fourier(xp).ifft2(products, overwrite_x=True)[..., : size[0], : size[1]]
            into = matches[images, 2 * first : 2 * (first + at_once)]
            into[:, 0::2] = both.real
            into[:, 1::2] = both.imag[:, : into.shape[1] // 2]

    def pullback(gradient: Array) -> tuple[Array, Array]:
        return _back(gradient, spectrum, weights)

    return matches, pullback


def _pairs_of(weights: np.ndarray, spectrum: Spectrum) -> Array:
    """Conjugate transforms of pairs of filters, kept for the next call unless they are large."""
    shape = spectrum.transform.shape[1:]
    make: Callable[..., Any] = filter_spectra
    if shape[0] * shape[1] > _CACHED_PIXELS:
        make = filter_spectra.__wrapped__
    return make(weights.tobytes(), weights.shape, shape, on_gpu(spectrum.values))


def _back(gradient: Array, spectrum: Spectrum, weights: np.ndarray) -> tuple[Array, Array]:
    """Gradients of values and filters as products of transforms.

    A convolution of the gradient with the filters, and a correlation of the values with it.
    """
    values, transform = spectrum.values, spectrum.transform
    xp, shape = namespace(values), transform.shape[1:]
    backward = fourier(xp).ifft2
    of_gradient = fourier(xp).fft2(gradient.astype(xp.float64), s=shape)
    of_weights = fourier(xp).fft2(xp.asarray(weights[:, 0]), s=shape)
    to_values = backward((of_gradient * of_weights).sum(axis=1)).real[:, None]
    to_values = to_values[..., : values.shape[2], : values.shape[3]]
    to_weights = backward((transform[:, None] * of_gradient.conj()).sum(axis=0)).real[:, None]
    to_weights = to_weights[..., : weights.shape[2], : weights.shape[3]]
    return to_values.astype(values.dtype), to_weights.astype(values.dtype)


@lru_cache(maxsize=32)
def filter_spectra(
    content: bytes, weights_shape: tuple[int, ...], shape: tuple[int, int], gpu: bool
) -> Array:
    """Conjugate transforms of pairs of filters, (n_pairs, height, width).

    `content` makes equal filters equal keys.
    """
    weights = np.frombuffer(content).reshape(weights_shape)[:, 0]
    # conj(F[a - ib]) = conj(F[a]) + i conj(F[b]) where a and b are real.
    even = weights[0::2].astype(complex)
    even[: len(weights) // 2] -= 1j * weights[1::2]
    spectra = scipy.fft.fft2(even, s=shape).conj()
    return device_namespace("cuda").asarray(spectra) if gpu else spectra
