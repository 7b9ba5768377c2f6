"""Simple, complex and tuned cells, and the best match anywhere.

Pure functions from Maps to Maps, with their pullbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.fields import Field, Window, join
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import (
    Spectrum,
    correlate_spectrum,
    divide_by_local_norm,
    euclidean_distance,
    feature_l2_pool,
    max_pool,
    nearest_distance,
    nearest_sparse,
    relu,
    sparse_distance,
)
from hmax_cnn.extraction.operations.windows import Pullback


def simple_cells(
    spectrum: Spectrum, filters: np.ndarray, response: str, margin: int = 0
) -> tuple[Maps, Pullback]:
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
        Zeros that were put around the image; filters then also see windows that reach beyond it.
        Without them, places whose window is not inside the image are silent, and, as in the
        original code, so is the first row and column whose window is inside.

    Returns
    -------
    maps : Maps
        Of the height and width of the image.
    pullback : callable
        Carries a gradient on the maps back to the luminance, margin included.
    """
    values, size = spectrum.values, filters.shape[-1]
    half, (height, width) = size // 2, (side - 2 * margin for side in values.shape[2:])
    matches, to_image = correlate_spectrum(spectrum, filters[:, None])
    normalised, unnormalise = divide_by_local_norm(matches, values, size)
    responses, unrectify = rectified(normalised, response)
    # where the responses lie in the maps, or the maps in the responses
    if margin:
        first, skipped = (margin - half, 0)
    else:
        first, skipped = (half + 1, 1)
    if margin:
        everywhere = responses[:, :, first : first + height, first : first + width]
    else:
        everywhere = namespace(values).zeros((*responses.shape[:2], height, width), responses.dtype)
        everywhere[:, :, first : height - half, first : width - half] = responses[
            :, :, skipped:, skipped:
        ]

    def pullback(gradient: Array) -> Array:
        to_responses = namespace(values).zeros(responses.shape, gradient.dtype)
        if margin:
            to_responses[:, :, first : first + height, first : first + width] = gradient
        else:
            to_responses[:, :, skipped:, skipped:] = gradient[
                :, :, first : height - half, first : width - half
            ]
        to_matches, to_values = unnormalise(unrectify(to_responses))
        return to_image(to_matches)[0] + to_values

    return as_simple(everywhere, filters), pullback


def as_simple(responses: Array, filters: np.ndarray) -> Maps:
    """Responses of S1 at every pixel, with what they see of the image.

    Parameters
    ----------
    responses : array of shape (n_images, n_features, height, width)
    filters : numpy array of shape (n_filters, size, size)

    Returns
    -------
    Maps
    """
    height, width = responses.shape[2:]
    return Maps(
        responses,
        field_of_simple(filters.shape[-1]),
        n_parameters=filters.size,
        n_multiply_adds=filters.size * height * width,
    )


def field_of_simple(size: int) -> Field:
    """What S1 at every pixel sees through filters of this size."""
    return Field().through(Window(size, padding=size // 2))


# 'half' keeps the positive part only, as the rate of a simple cell does; 'absolute' is Serre et
# al.'s.
def rectified(responses: Array, response: str) -> tuple[Array, Pullback]:
    """Responses of simple cells from signed matches.

    Parameters
    ----------
    responses : array of shape (n_images, n_filters, height, width)
    response : {'absolute', 'half', 'signed', 'energy'}
        As in `simple_cells`.

    Returns
    -------
    rectified : array of shape (n_images, n_features, height, width)
    pullback : callable
    """
    xp = namespace(responses)
    # Adelson & Bergen 1985: the root of the sum of squares of a quadrature pair.
    if response == "energy":
        return feature_l2_pool(responses, 2)
    if response == "absolute":
        return xp.abs(responses), lambda gradient: gradient * xp.sign(responses)
    if response == "half":
        return relu(responses)
    return (responses, lambda gradient: gradient)


def complex_cells(
    simple: Sequence[Maps], window: int, stride: int
) -> tuple[Maps, Callable[[Array], list[Array]]]:
    """C1: the strongest simple cell over the sizes of a band and over position.

    Windows start at the first place; those at the end are cut off by the border, so that there are
    ceil(n / stride) of them. The pullback returns a gradient for each of the simple maps; where
    sizes tie, the first takes all.
    """
    xp = namespace(simple[0].values)
    # The maximum over the band's scales first: pooling one map costs less than pooling each.
    strongest = reduce(xp.maximum, [maps.values for maps in simple])
    around = window_of_complex(strongest.shape[2:], window, stride)
    pooled, unpool = max_pool(strongest, window, stride, around.padding)
    field = join([maps.field for maps in simple]).through(around)

    def pullback(gradient: Array) -> list[Array]:
        left, shares = unpool(gradient), []
        for maps in simple:
            shares.append(left * (maps.values == strongest))
            left = left - shares[-1]
        return shares

    return Maps(pooled, field, features=simple[0].features, labels=simple[0].labels), pullback


def window_of_complex(sides: Sequence[int], window: int, stride: int) -> Window:
    """The window of C1 on S1 maps of these sides.

    It hangs over the lower and right border, so that every position of S1 is pooled.
    """
    ends = ((-(-side // stride) - 1) * stride + window - side for side in sides)
    return Window(window, stride, tuple((0, max(0, end)) for end in ends))


def window_of_prototypes(size: int, partial: bool) -> Window:
    """The window of prototypes on C1.

    Centred as in the original code, [r - (n - 1) // 2, r + n // 2]; with or without cut-off
    windows.
    """
    # An even window has its extra place after the centre.
    before, after = (size - 1) // 2, size // 2
    return Window(size, padding=((before, after), (before, after)) if partial else 0)


def fits(maps: Maps, size: int, partial: bool) -> bool:
    """Whether a map has any place for prototypes of this size."""
    return partial or size <= min(maps.shape[1:])


# From distances to responses, with the way back.
Response = Callable[[Array], tuple[Array, Pullback]]


def as_they_are(distances: Array) -> tuple[Array, Pullback]:
    """Responses that are distances: the smaller, the stronger."""
    return distances, lambda gradient: gradient


def tuned_cells(
    complex_maps: Maps,
    prototypes: Array,
    partial: bool,
    respond: Response,
    *,
    is_sparse: bool = False,
) -> tuple[Maps, Pullback]:
    """S2: the match of every neighbourhood of C1 to every prototype.

    Parameters
    ----------
    prototypes : array of shape (n_prototypes, n_features, size, size)
    partial : bool
        Whether neighbourhoods that reach beyond C1 count, with zeros outside.
    respond : callable
        From distances of shape (n_images, n_prototypes, ...) to responses, with the way back.
    is_sparse : bool
        Whether some elements of prototypes are NaN, and do not count.

    Returns
    -------
    maps : Maps
    pullback : callable
        Carries a gradient on the maps back to C1.
    """
    window = window_of_prototypes(prototypes.shape[-1], partial)
    measured = euclidean_distance
    if is_sparse:
        measured = sparse_distance
    distances, to_c1 = measured(complex_maps.values, prototypes, window.padding)
    responses, untune = respond(distances)
    maps = Maps(
        responses,
        complex_maps.field.through(window),
        n_parameters=prototypes.size,
        n_multiply_adds=prototypes.size * int(np.prod(distances.shape[2:])),
    )
    return maps, lambda gradient: to_c1(untune(gradient))[0]


def best_anywhere(
    bands: Sequence[Maps],
    prototypes: Array,
    partial: bool,
    respond: Response,
    *,
    is_sparse: bool = False,
) -> tuple[Maps, Array, Array, Callable[[Array], list[Array]]]:
    """C2: the best match of each prototype over positions and bands.

    Returns
    -------
    maps : Maps
        Values of shape (n_images, n_prototypes, 1, 1); the field is left to the model, which knows
        the image.
    band, place : integer arrays of shape (n_images, n_prototypes)
        Index into `bands` of the winner (the lowest where several tie), and index of its window in
        that band, row * width + column.
    pullback : callable
        Carries a gradient on the maps back to each band.
    """
    window = window_of_prototypes(prototypes.shape[-1], partial)
    searched = nearest_distance
    if is_sparse:
        searched = nearest_sparse
    distances, band, place, to_bands = searched(
        [maps.values for maps in bands], prototypes, window.padding
    )
    responses, untune = respond(distances)
    return (
        Maps(responses[..., None, None]),
        band,
        place,
        lambda gradient: to_bands(untune(gradient[..., 0, 0]))[0],
    )
