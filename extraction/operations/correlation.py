"""Correlation: how well each place of a map matches each filter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

from extraction.arrays import Array, device_namespace, fourier, namespace, on_gpu, step_bytes, tiles
from extraction.operations.windows import Pullback, columns, look, spread, window_of

_CACHED_PIXELS = 320 * 320  # the 16 banks of HMAX take 50 MB at this size; of larger images spectra are made anew


def correlate(values: Array, weights: Array, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> tuple[Array, Pullback]:
    """Dot products of filters with the windows of a map.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    weights : array of shape (n_filters, n_features, window_height, window_width)
        On the same device as `values`.
    stride, dilation : int or (int, int)
        Along y and x.
    padding : int, (int, int) or ((int, int), (int, int))
        Zeros around the map: on all sides, by axis, or ((top, bottom), (left, right)).

    Returns
    -------
    matches : array of shape (n_images, n_filters, height', width')
    pullback : callable
        Carries a gradient with the shape of `matches` back to `(values, weights)`.

    Raises
    ------
    ValueError
        If the features differ, or the window does not fit.

    Examples
    --------
    >>> matches, _ = correlate(np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 2, 2)), stride=2)
    >>> matches[0, 0]
    array([[10., 18.],
           [42., 50.]])
    """
    xp, window = namespace(values), window_of(values, weights, "weights", stride, padding, dilation)
    views = look(values, window)
    n_images, _, height, width = views.shape[:4]
    matrix = weights.reshape(len(weights), -1)
    row_bytes = sum(matrix.shape) * width * values.itemsize
    matches = xp.empty((n_images, len(weights), height, width), xp.result_type(values, weights))
    for images, rows in tiles(n_images, height, row_bytes, step_bytes(xp)):
        products = xp.matmul(matrix, columns(views[images, :, rows]))
        matches[images, :, rows] = products.reshape(*products.shape[:2], -1, width)

    def pullback(gradient: Array) -> tuple[Array, Array]:
        by_place = gradient.reshape(n_images, len(weights), -1)
        seen = xp.matmul(matrix.T, by_place).reshape(n_images, *weights.shape[1:], height, width)
        to_values = spread(seen.transpose(0, 1, 4, 5, 2, 3), values.shape, window)
        to_weights = xp.matmul(by_place, columns(views).transpose(0, 2, 1)).sum(axis=0)
        return to_values, to_weights.reshape(weights.shape)

    return matches, pullback


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
        """Transform maps of shape (n_images, 1, height, width), in double precision."""
        if values.ndim != 4 or values.shape[1] != 1:
            msg = f"`values` must have the shape (n_images, 1, height, width), got {values.shape}."
            raise ValueError(msg)
        xp = namespace(values)
        shape = tuple(scipy.fft.next_fast_len(n) for n in values.shape[2:])
        return cls(values, fourier(xp).fft2(values[:, 0].astype(xp.float64), s=shape))


def correlate_spectrum(spectrum: Spectrum, weights: np.ndarray) -> tuple[Array, Pullback]:
    """`correlate` at stride 1 without padding, through the Fourier transform: for windows of more than about 5 x 5.

    Two filters share one complex transform, one as its real part, one as its imaginary part. The transform is in double precision:
    in single precision its error, spread evenly over the image, would drown dark places as soon as they are divided by their small norm.

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
    values, transform = spectrum.values, spectrum.transform
    xp = namespace(values)
    n_images, shape = len(values), transform.shape[1:]
    height, width = window_of(values, weights, "weights").count(*values.shape[2:])
    weights = np.ascontiguousarray(weights, np.float64)
    make = _filter_spectra if shape[0] * shape[1] <= _CACHED_PIXELS else _filter_spectra.__wrapped__
    pairs = make(weights.tobytes(), weights.shape, shape, on_gpu(values))
    matches = xp.empty((n_images, len(weights), height, width), values.dtype)
    at_once = len(pairs) if on_gpu(values) else 1
    for images, _ in tiles(n_images, 1, pairs[:at_once].nbytes, step_bytes(xp)):
        room = xp.empty((images.stop - images.start, at_once, *shape), transform.dtype)
        for first in range(0, len(pairs), at_once):
            products = xp.multiply(transform[images, None], pairs[first : first + at_once], out=room)
            both = fourier(xp).ifft2(products, overwrite_x=True)[..., :height, :width]
            into = matches[images, 2 * first : 2 * (first + at_once)]
            into[:, 0::2] = both.real
            into[:, 1::2] = both.imag[:, : into.shape[1] // 2]

    def pullback(gradient: Array) -> tuple[Array, Array]:
        return correlate(values, xp.asarray(weights, values.dtype))[1](gradient)

    return matches, pullback


@lru_cache(maxsize=32)
def _filter_spectra(content: bytes, weights_shape: tuple[int, ...], shape: tuple[int, int], gpu: bool) -> Array:
    """Conjugate transforms of pairs of filters, (n_pairs, height, width); `content` makes equal filters equal keys."""
    weights = np.frombuffer(content).reshape(weights_shape)[:, 0]
    even = weights[0::2].astype(complex)
    even[: len(weights) // 2] -= 1j * weights[1::2]  # conj(F[a - ib]) = conj(F[a]) + i conj(F[b]) with F of real a, b
    spectra = scipy.fft.fft2(even, s=shape).conj()
    return device_namespace("cuda").asarray(spectra) if gpu else spectra
