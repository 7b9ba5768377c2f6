"""The stages of HMAX over all bands of an image, each with the way back for gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import Spectrum

from .cells import best_anywhere, complex_cells, fits, simple_cells, tuned_cells
from .gabor import gabor_bank
from .presets import Anatomy


@dataclass(frozen=True)
class Band:
    """One band of S1 and C1.

    Attributes
    ----------
    simple : list of Maps
        S1, one for each filter size.
    pooled : Maps
        C1.
    from_simple, from_pooled : callable
        Carry gradients on either back to the retina.
    """

    simple: list[Maps]
    pooled: Maps
    from_simple: BandsPullback
    from_pooled: Callable[[Array], Array]


def s1_and_c1(retina: Maps, anatomy: Anatomy) -> Iterator[Band]:
    """S1 and C1, band by band.

    Parameters
    ----------
    retina : Maps
        Luminance, of shape (n_images, 1, height, width).
    anatomy : Anatomy

    Yields
    ------
    Band

    Raises
    ------
    ValueError
        If the image is too small for a filter.
    """
    # Padded once by half the largest filter, so that the maps of all filters are as large as the
    # image.
    margin = 0
    if anatomy.s1_border == "padded":
        margin = max(max(sizes) for sizes in anatomy.filter_sizes) // 2
    # One forward transform of the image is shared by the filters of all bands.
    spectrum = Spectrum.of(_padded(retina.values, margin))
    for band in anatomy.bands:
        simple, backs = _simple_maps(spectrum, band, anatomy, margin)
        pool_size, pool_stride = anatomy.pool_sizes[band - 1], anatomy.pool_strides[band - 1]
        pooled, unpool = complex_cells(simple, pool_size, pool_stride)
        labels = features_of(anatomy)[1] | {"band_number": band}
        pooled = replace(pooled, band=f"b{band}", labels=labels)
        from_simple = _cropped_sum(backs, margin)
        yield Band(simple, pooled, from_simple, _then(unpool, from_simple))


def _padded(values: Array, margin: int) -> Array:
    if not margin:
        return values
    around = ((0, 0), (0, 0), (margin, margin), (margin, margin))
    return namespace(values).pad(values, around)


def _simple_maps(
    spectrum: Spectrum, band: int, anatomy: Anatomy, margin: int
) -> tuple[list[Maps], list[Callable[[Array], Array]]]:
    """S1 of one band, a map for each filter size."""
    features, labels = features_of(anatomy)
    sizes = list(anatomy.filter_sizes[band - 1])
    sides = tuple(side - 2 * margin for side in spectrum.values.shape[2:])
    maps, backs = [], []
    for index, size in enumerate(sizes):
        _check_size(sides, size, band, anatomy)
        wavelength = anatomy.wavelengths[band - 1][index]
        sigma = anatomy.sigmas[band - 1][index]
        filters = gabor_bank(
            size, wavelength, anatomy.orientations, sigma, anatomy.phases, anatomy.aspect_ratio
        )
        cells, back = simple_cells(spectrum, filters, anatomy.s1_response, margin)
        name = f"b{band}_s{size:02d}"
        # Two filters of one size and different wavelengths need names of their own.
        if sizes.count(size) > 1:
            name += f"_w{wavelength:g}"
        own = {"filter_size": size, "wavelength": wavelength}
        maps.append(replace(cells, band=name, features=features, labels=labels | own))
        backs.append(back)
    return maps, backs


def _cropped_sum(backs: Sequence[Callable[[Array], Array]], margin: int) -> BandsPullback:
    """Gradients of the simple maps of a band, added up on the retina without its margin."""

    def pullback(gradients: Sequence[Array]) -> Array:
        total = sum(back(gradient) for back, gradient in zip(backs, gradients, strict=True))
        height, width = total.shape[2:]
        return total[:, :, margin : height - margin, margin : width - margin]

    return pullback


def _then(first: Callable[[Array], list[Array]], second: BandsPullback) -> Callable[[Array], Array]:
    return lambda gradient: second(first(gradient))


def summed(bands: Sequence[Band]) -> tuple[BandsPullback, BandsPullback]:
    """The ways back from all of S1 and from all of C1.

    Parameters
    ----------
    bands : sequence of Band

    Returns
    -------
    from_s1, from_c1 : callable
        Carry gradients of every map of the layer back to the retina.
    """

    def from_s1(gradients: Sequence[Array]) -> Array:
        left = iter(gradients)
        parts = [band.from_simple([next(left) for _ in band.simple]) for band in bands]
        return sum(parts)

    def from_c1(gradients: Sequence[Array]) -> Array:
        pairs = zip(bands, gradients, strict=True)
        return sum(band.from_pooled(gradient) for band, gradient in pairs)

    return from_s1, from_c1


def tuned_maps(
    c1: Sequence[Maps], prototypes: Mapping[int, Array], anatomy: Anatomy
) -> tuple[list[Maps], BandsPullback]:
    """S2: every band of C1 compared with the prototypes of every size.

    Parameters
    ----------
    c1 : sequence of Maps
    prototypes : mapping from int to array of shape (n_prototypes, n_features, size, size)
    anatomy : Anatomy

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
            tuned, back = tuned_cells(band, patches, anatomy.partial_windows, sharpness_of(anatomy))
            # Prototypes are shared by the bands: they count as parameters once.
            maps.append(of_prototypes(tuned, size, band, shared=number > 0))
            numbers.append(number)
            backs.append(back)

    def pullback(gradients: Sequence[Array]) -> list[Array]:
        to_c1 = _zeros(c1)
        for number, back, gradient in zip(numbers, backs, gradients, strict=True):
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
    partial, sharpness = anatomy.partial_windows, sharpness_of(anatomy)
    maps, numbers, backs = [], [], []
    for size, patches in prototypes.items():
        best, _, _, back = best_anywhere(places(c1, size, partial), patches, partial, sharpness)
        maps.append(of_prototypes(best, size))
        numbers.append([number for number, band in enumerate(c1) if fits(band, size, partial)])
        backs.append(back)

    def pullback(gradients: Sequence[Array]) -> list[Array]:
        to_c1 = _zeros(c1)
        for own, back, gradient in zip(numbers, backs, gradients, strict=True):
            for number, share in zip(own, back(gradient), strict=True):
                to_c1[number] = to_c1[number] + share
        return to_c1

    return maps, pullback


def _zeros(c1: Sequence[Maps]) -> list[Array]:
    xp = namespace(c1[0].values)
    return [xp.zeros_like(band.values) for band in c1]


def sharpness_of(anatomy: Anatomy) -> float | None:
    """The sharpness of the Gaussian of S2; None where S2 responds with distances.

    Parameters
    ----------
    anatomy : Anatomy

    Returns
    -------
    float or None
    """
    if anatomy.tuning == "gaussian":
        return anatomy.sharpness
    return None


def features_of(anatomy: Anatomy) -> tuple[list[str], dict[str, list[float]]]:
    """Names and labels of the features of S1 and C1.

    Parameters
    ----------
    anatomy : Anatomy

    Returns
    -------
    names : list of str
        Such as 'o45', or 'o45_ph90' where there are several phases.
    labels : dict from str to list of float
        Orientation, and phase where there are several, in degrees.

    Raises
    ------
    ValueError
        If two filters would have the same name.
    """
    phases: list[float | None] = list(anatomy.phases)
    if anatomy.s1_response == "energy" or len(phases) == 1:
        phases = [None]
    # Half a turn flips the sign of odd filters only.
    if anatomy.s1_response in ("absolute", "energy"):
        turn = 180
    else:
        turn = 360
    names, orientation_labels, phase_labels = [], [], []
    for angle in anatomy.orientations:
        for phase in phases:
            names.append(
                f"o{angle % turn:g}" if phase is None else f"o{angle % turn:g}_ph{phase % 360:g}"
            )
            orientation_labels.append(float(angle))
            phase_labels.append(float(phase or 0))
    if len(set(names)) < len(names):
        msg = (
            "`orientations` and `phases` must not name a filter twice, got "
            f"{tuple(anatomy.orientations)} and {tuple(anatomy.phases)}."
        )
        raise ValueError(msg)
    labels = {"orientation": orientation_labels}
    if phases != [None]:
        labels["phase"] = phase_labels
    return names, labels


def _check_size(sides: tuple[int, ...], size: int, band: int, anatomy: Anatomy) -> None:
    if min(sides) > size or anatomy.s1_border == "padded":
        return
    before = tuple(anatomy.bands[: list(anatomy.bands).index(band)])
    remedy = ""
    if before:
        # The first so many bands are named by their number alone.
        is_start = before == tuple(range(1, len(before) + 1))
        remedy = f"use fewer `bands` (bands={len(before) if is_start else before}), "
    msg = (
        f"`images` of {sides[0]} x {sides[1]} pixels are too small for band {band}, whose filters "
        f"are {size} x {size}: they must be at least {size + 1} pixels high and wide. Enlarge the "
        f"images, {remedy}or set s1_border='padded'."
    )
    raise ValueError(msg)


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
