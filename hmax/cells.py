"""Simple, complex and tuned cells, and the best match anywhere: pure functions from Maps to Maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from extraction.arrays import Array, namespace
from extraction.fields import Field, Window, join
from extraction.maps import Maps
from extraction.operations import (
    Spectrum,
    correlate_spectrum,
    divide_by_local_norm,
    euclidean_distance,
    feature_l2_pool,
    gaussian,
    max_pool,
    nearest_distance,
)


def simple_cells(spectrum: Spectrum, filters: np.ndarray, response: str, margin: int = 0) -> Maps:
    """S1: contrast-normalised matches of filters at every pixel of the image.

    Parameters
    ----------
    spectrum : Spectrum
        Of luminance, of shape (n_images, 1, height, width).
    filters : numpy array of shape (n_filters, size, size)
        Phases of one orientation beside each other.
    response : {'absolute', 'half', 'signed', 'energy'}
        'energy' takes the root of the sum of squares of each pair of neighbours.
    margin : int
        Zeros that were put around the image; filters then also see windows that reach beyond it. Without them, places whose window is
        not inside the image are silent, and, as in the original code, so is the first row and column whose window is inside.

    Returns
    -------
    Maps
        Of the height and width of the image.
    """
    values, size = spectrum.values, filters.shape[-1]
    half, (height, width) = size // 2, (side - 2 * margin for side in values.shape[2:])
    matches, _ = correlate_spectrum(spectrum, filters[:, None])
    responses, _ = divide_by_local_norm(matches, values, size)
    responses = _rectified(responses, response)
    if margin:
        first = margin - half
        everywhere = responses[:, :, first : first + height, first : first + width]
    else:
        everywhere = namespace(values).zeros((*responses.shape[:2], height, width), responses.dtype)
        everywhere[:, :, half + 1 : height - half, half + 1 : width - half] = responses[:, :, 1:, 1:]
    return Maps(
        everywhere,
        Field().through(Window(size, padding=half)),
        n_parameters=filters.size,
        n_multiply_adds=filters.size * height * width,
    )


def _rectified(responses: Array, response: str) -> Array:
    xp = namespace(responses)
    if response == "energy":
        return feature_l2_pool(responses, 2)[0]
    return {"absolute": xp.abs, "half": lambda r: xp.maximum(r, 0), "signed": lambda r: r}[response](responses)


def complex_cells(simple: Sequence[Maps], window: int, stride: int) -> Maps:
    """C1: the strongest simple cell over the sizes of a band and over position.

    Windows start at the first place; those at the end are cut off by the border, so that there are ceil(n / stride) of them.
    """
    xp = namespace(simple[0].values)
    strongest = reduce(xp.maximum, [maps.values for maps in simple])
    padding = tuple((0, (-(-side // stride) - 1) * stride + window - side) for side in strongest.shape[2:])
    around = Window(window, stride, tuple((0, max(0, end)) for _, end in padding))
    pooled, _ = max_pool(strongest, window, stride, around.padding)
    field = join([maps.field for maps in simple]).through(around)
    return Maps(pooled, field, features=simple[0].features, labels=simple[0].labels)


def window_of_prototypes(size: int, partial: bool) -> Window:
    """The window of prototypes on C1: centred as in the original code, [r - (n - 1) // 2, r + n // 2]; with or without cut-off windows."""
    before, after = (size - 1) // 2, size // 2
    return Window(size, padding=((before, after), (before, after)) if partial else 0)


def fits(maps: Maps, size: int, partial: bool) -> bool:
    """Whether a map has any place for prototypes of this size."""
    return partial or size <= min(maps.shape[1:])


def tuned_cells(complex_maps: Maps, prototypes: Array, partial: bool, sharpness: float | None) -> Maps:
    """S2: the distance of every neighbourhood of C1 to every prototype, or its Gaussian where a sharpness is given.

    Parameters
    ----------
    prototypes : array of shape (n_prototypes, n_features, size, size)
    partial : bool
        Whether neighbourhoods that reach beyond C1 count, with zeros outside.
    """
    window = window_of_prototypes(prototypes.shape[-1], partial)
    distances, _ = euclidean_distance(complex_maps.values, prototypes, window.padding)
    return Maps(
        _tuned(distances, sharpness),
        complex_maps.field.through(window),
        n_parameters=prototypes.size,
        n_multiply_adds=prototypes.size * int(np.prod(distances.shape[2:])),
    )


def best_anywhere(bands: Sequence[Maps], prototypes: Array, partial: bool, sharpness: float | None) -> tuple[Maps, Array, Array]:
    """C2: the best match of each prototype over positions and bands.

    Returns
    -------
    maps : Maps
        Values of shape (n_images, n_prototypes, 1, 1); the field is left to the model, which knows the image.
    band, place : integer arrays of shape (n_images, n_prototypes)
        Index into `bands` of the winner (the lowest where several tie), and index of its window in that band, row * width + column.
    """
    window = window_of_prototypes(prototypes.shape[-1], partial)
    distances, band, place, _ = nearest_distance([maps.values for maps in bands], prototypes, window.padding)
    return Maps(_tuned(distances, sharpness)[..., None, None]), band, place


def _tuned(distances: Array, sharpness: float | None) -> Array:
    return distances if sharpness is None else gaussian(distances, sharpness)[0]
