"""S2 and C2 over all bands of an image, each with the way back for gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import gaussian
from hmax_cnn.extraction.operations.windows import Pullback

from .anatomy import Anatomy
from .cells import Response, as_they_are, best_anywhere, fits, tuned_cells
from .prototypes import SHORTEST


def tuned_maps(
    c1: Sequence[Maps], prototypes: Mapping[int, Array], anatomy: Anatomy
) -> tuple[list[Maps], BandsPullback]:
    """S2: every band of C1 compared with the prototypes of every size.

    Parameters
    ----------
    c1 : sequence of Maps
    prototypes : mapping from int to array of shape (n_prototypes, n_features, size, size)
    anatomy : Anatomy
        Its `is_sparse` says whether elements of prototypes are NaN.

    Returns
    -------
    maps : list of Maps
        One for each size and each band in which it has a place.
    pullback : callable
        From gradients of the maps to those of each band of C1.
    """
    maps, numbers, backs = [], [], []
    for size, patches in prototypes.items():
        # A prototype larger than a small image's coarsest band has no S2 there, and competes in the
        # others.
        for number, band in enumerate(c1):
            if not fits(band, size, anatomy.partial_windows):
                continue
            # Every band is matched with the same prototypes: that is HMAX's tolerance to size.
            respond = response_of(anatomy, patches, min(prototypes))
            tuned, back = tuned_cells(
                band,
                patches,
                anatomy.partial_windows,
                respond,
                is_sparse=anatomy.is_sparse,
            )
            # Prototypes are shared by the bands: they count as parameters once.
            maps.append(of_prototypes(tuned, size, band, shared=number > 0))
            numbers.append(number)
            backs.append(back)

    def pullback(gradients: Sequence[Array]) -> list[Array]:
        to_c1 = _zeros(c1)
        for number, back, gradient in zip(numbers, backs, gradients, strict=True):
            if gradient.any():
                to_c1[number] = to_c1[number] + back(gradient)
        return to_c1

    return maps, pullback


def best_matches(
    c1: Sequence[Maps], prototypes: Mapping[int, Array], anatomy: Anatomy
) -> tuple[list[Maps], BandsPullback]:
    """C2: the best match of every prototype over positions and bands.

    Parameters
    ----------
    c1 : sequence of Maps
    prototypes : mapping from int to array of shape (n_prototypes, n_features, size, size)
    anatomy : Anatomy

    Returns
    -------
    maps : list of Maps
        One for each size; the receptive field is left to the model, which knows the image.
    pullback : callable
        From gradients of the maps to those of each band of C1.

    Raises
    ------
    ValueError
        If prototypes of some size have a place in no band.
    """
    partial = anatomy.partial_windows
    maps, numbers, backs = [], [], []
    for size, patches in prototypes.items():
        respond = response_of(anatomy, patches, min(prototypes))
        best, _, _, back = best_anywhere(
            places(c1, size, partial), patches, partial, respond, is_sparse=anatomy.is_sparse
        )
        maps.append(of_prototypes(best, size))
        numbers.append([number for number, band in enumerate(c1) if fits(band, size, partial)])
        backs.append(back)

    def pullback(gradients: Sequence[Array]) -> list[Array]:
        to_c1 = _zeros(c1)
        for own, back, gradient in zip(numbers, backs, gradients, strict=True):
            if not gradient.any():
                continue
            for number, share in zip(own, back(gradient), strict=True):
                to_c1[number] = to_c1[number] + share
        return to_c1

    return maps, pullback


def through(to_c1: BandsPullback, from_c1: BandsPullback | None) -> BandsPullback | None:
    """From a layer above C1 back to the retina, where the way from C1 was kept.

    Parameters
    ----------
    to_c1 : callable
    from_c1 : callable or None

    Returns
    -------
    callable or None
    """
    if from_c1 is None:
        return None
    return lambda gradients: from_c1(to_c1(gradients))


def _zeros(c1: Sequence[Maps]) -> list[Array]:
    xp = namespace(c1[0].values)
    return [xp.zeros_like(band.values) for band in c1]


def response_of(anatomy: Anatomy, patches: Array, smallest: int) -> Response:
    """How S2 and C2 respond to distances.

    Parameters
    ----------
    anatomy : Anatomy
    patches : array of shape (n_prototypes, n_features, size, size)
        Of one size.
    smallest : int
        Of all sizes.

    Returns
    -------
    callable
        From distances of shape (n_images, n_prototypes, ...) to responses, with the way back.

    References
    ----------
    'gaussian_by_size' and 'gaussian_by_norm': the authors' code for Mutch & Lowe, IJCV 2008, and
    Serre, Oliva & Poggio, PNAS 2007: exp(-d^2 / (2 sigma^2 (n / n_min)^2)), the latter with the
    squared length of the prototype beside it in the divisor.
    """
    if anatomy.tuning == "distance":
        return as_they_are
    if anatomy.tuning == "squared_distance":
        return lambda distances: (distances * distances, lambda g: 2 * distances * g)
    if anatomy.tuning == "gaussian":
        return lambda distances: gaussian(distances, anatomy.sharpness)
    sharpness = anatomy.sharpness / (patches.shape[-1] / smallest) ** 2
    if anatomy.tuning == "gaussian_by_size":
        return lambda distances: gaussian(distances, sharpness)
    xp = namespace(patches)
    squares = xp.maximum(xp.nansum(patches * patches, axis=(1, 2, 3)), SHORTEST)

    def by_norm(distances: Array) -> tuple[Array, Pullback]:
        # One sharpness for each prototype, alike at all places.
        places = (-1, *[1] * (distances.ndim - 2))
        return gaussian(distances, (sharpness / squares).reshape(places))

    return by_norm


def places(c1: Sequence[Maps], size: int, partial: bool) -> list[Maps]:
    """The bands of C1 in which prototypes of this size have a place.

    Parameters
    ----------
    c1 : sequence of Maps
    size : int
        In units of C1.
    partial : bool
        Whether windows that reach beyond C1 count.

    Returns
    -------
    list of Maps

    Raises
    ------
    ValueError
        If there is none.
    """
    bands = [band for band in c1 if fits(band, size, partial)]
    if bands:
        return bands
    largest = max(min(band.shape[1:]) for band in c1)
    msg = (
        f"`prototype_sizes` {size} does not fit into C1 of these images, whose largest band has "
        f"{largest} positions a side. Enlarge the images, leave this size out, or set "
        "partial_windows=True."
    )
    raise ValueError(msg)


def of_prototypes(maps: Maps, size: int, band: Maps | None = None, *, shared: bool = False) -> Maps:
    """S2 or C2 maps under their name, their features numbered.

    Parameters
    ----------
    maps : Maps
    size : int
        Of the prototypes, in units of C1.
    band : Maps or None
        The band of C1 below S2.
    shared : bool
        Whether a lower band has counted these prototypes as parameters.

    Returns
    -------
    Maps
    """
    numbers = list(range(maps.shape[0]))
    labels = {"prototype_size": size, "prototype": numbers}
    name = f"p{size:02d}"
    if band is not None:
        labels["band_number"] = band.labels["band_number"]
        name = f"{band.band}_{name}"
    features = [f"{index:03d}" for index in numbers]
    maps = replace(maps, band=name, features=features, labels=labels)
    if shared:
        return replace(maps, n_parameters=0)
    return maps
