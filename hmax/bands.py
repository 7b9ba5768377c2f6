"""S1 and C1 over all bands of an image, each with the way back for gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.fields import join
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import Spectrum, max_pool
from hmax_cnn.extraction.operations.symmetric import Quadrants, block_maxima, suits

from .anatomy import Anatomy
from .cells import (
    as_simple,
    complex_cells,
    field_of_simple,
    rectified,
    simple_cells,
    window_of_complex,
)
from .costs import largest_filter, pools_blocks
from .gabor import gabor_bank, gaussian_derivative

Way = TypeVar("Way")


def _untraced(_: Any) -> Array:
    msg = "Gradients are known only where the retina was traced."
    raise RuntimeError(msg)


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
        Carry gradients on either back to the retina, where they were traced.
    """

    simple: list[Maps]
    pooled: Maps
    from_simple: BandsPullback = _untraced
    from_pooled: Callable[[Array], Array] = _untraced


def s1_and_c1(retina: Maps, anatomy: Anatomy, *, needs_simple: bool = True) -> Iterator[Band]:
    """S1 and C1, band by band.

    Parameters
    ----------
    retina : Maps
        Luminance, of shape (n_images, 1, height, width).
    anatomy : Anatomy
    needs_simple : bool
        Whether S1 itself is looked at. Where it is not, nor gradients are, it need never be held.

    Yields
    ------
    Band

    Raises
    ------
    ValueError
        If the image is too small for a filter.
    """
    for band in anatomy.bands:
        for size in anatomy.filter_sizes[band - 1]:
            _check_size(retina.values.shape[2:], size, band, anatomy)
    # Kernels know no way back.
    if retina.traced or not suits(retina.values, largest_filter(anatomy)):
        yield from _by_transform(retina.values, anatomy)
    elif needs_simple or not pools_blocks(anatomy):
        yield from _by_quadrants(retina.values, anatomy)
    else:
        yield from _at_once(retina.values, anatomy)


# By the Fourier transform -----------------------------------------------------------------------


def _by_transform(values: Array, anatomy: Anatomy) -> Iterator[Band]:
    """Filters of any size, on any device, with the way back."""
    # Padded once by half the largest filter, so that the maps of all filters are as large as the
    # image.
    margin = 0
    if anatomy.s1_border == "padded":
        margin = max(max(sizes) for sizes in anatomy.filter_sizes) // 2
    # One forward transform of the image is shared by the filters of all bands.
    spectrum = Spectrum.of(_padded(values, margin))
    for band in anatomy.bands:
        simple, backs = [], []
        for filters in _filters_of(anatomy, band):
            cells, back = simple_cells(spectrum, filters.bank, anatomy.s1_response, margin)
            simple.append(filters.named(cells))
            backs.append(back)
        pool_size, pool_stride = anatomy.pool_sizes[band - 1], anatomy.pool_strides[band - 1]
        pooled, unpool = complex_cells(simple, pool_size, pool_stride)
        from_simple = _cropped_sum(backs, margin)
        yield Band(simple, _named(pooled, band, anatomy), from_simple, _then(unpool, from_simple))


def _padded(values: Array, margin: int) -> Array:
    if not margin:
        return values
    around = ((0, 0), (0, 0), (margin, margin), (margin, margin))
    return namespace(values).pad(values, around)


# By compiled kernels ----------------------------------------------------------------------------


def _by_quadrants(values: Array, anatomy: Anatomy) -> Iterator[Band]:
    """S1 and C1, the maps of one band at a time."""
    # A root of squares is taken of signed responses, two filters at a time.
    response = "signed" if anatomy.s1_response == "energy" else anatomy.s1_response
    for band in anatomy.bands:
        chosen = _filters_of(anatomy, band)
        maps = block_maxima(
            values,
            _quadrants(_Key.of(anatomy, (band,))),
            response,
            range(len(chosen)),
            [1] * len(chosen),
            silent=anatomy.s1_border == "silent",
        )
        simple = []
        for filters, responses in zip(chosen, maps, strict=True):
            if anatomy.s1_response == "energy":
                responses = rectified(responses, "energy")[0]
            simple.append(filters.named(as_simple(responses, filters.bank)))
        pooled, _ = complex_cells(
            simple, anatomy.pool_sizes[band - 1], anatomy.pool_strides[band - 1]
        )
        yield Band(simple, _named(pooled, band, anatomy))


def _at_once(values: Array, anatomy: Anatomy) -> Iterator[Band]:
    """C1 of all bands in one pass over the image, S1 never held."""
    strides = [anatomy.pool_strides[band - 1] for band in anatomy.bands]
    sizes = [anatomy.filter_sizes[band - 1] for band in anatomy.bands]
    blocks = block_maxima(
        values,
        _quadrants(_Key.of(anatomy, tuple(anatomy.bands))),
        anatomy.s1_response,
        [index for index, own in enumerate(sizes) for _ in own],
        strides,
        silent=anatomy.s1_border == "silent",
    )
    for band, own, stride, maxima in zip(anatomy.bands, sizes, strides, blocks, strict=True):
        # A window of C1 is so many blocks; those beyond the border are left out of the maximum.
        n_blocks = anatomy.pool_sizes[band - 1] // stride
        beyond = ((0, n_blocks - 1), (0, n_blocks - 1))
        window = window_of_complex(values.shape[2:], anatomy.pool_sizes[band - 1], stride)
        field = join([field_of_simple(size) for size in own]).through(window)
        features, _ = features_of(anatomy)
        pooled = Maps(max_pool(maxima, n_blocks, 1, beyond)[0], field, features=features)
        yield Band([], _named(pooled, band, anatomy))


@dataclass(frozen=True)
class _Key:
    """All that decides the filters of some bands."""

    shape: str
    sizes: tuple[int, ...]
    wavelengths: tuple[float, ...]
    sigmas: tuple[float, ...]
    orientations: tuple[float, ...]
    phases: tuple[float, ...]
    aspect_ratio: float

    @classmethod
    def of(cls, anatomy: Anatomy, bands: tuple[int, ...]) -> _Key:
        return cls(
            anatomy.filter_shape,
            tuple(chain(*(anatomy.filter_sizes[band - 1] for band in bands))),
            tuple(chain(*(anatomy.wavelengths[band - 1] for band in bands))),
            tuple(chain(*(anatomy.sigmas[band - 1] for band in bands))),
            tuple(anatomy.orientations),
            tuple(anatomy.phases),
            anatomy.aspect_ratio,
        )


# Made anew, they would cost every batch 5 ms.
@lru_cache(maxsize=64)
def _quadrants(key: _Key) -> Quadrants:
    return Quadrants.of(_banks(key))


@lru_cache(maxsize=64)
def _banks(key: _Key) -> list[np.ndarray]:
    """The filters of each size."""
    if key.shape == "gaussian_derivative":
        return [
            np.stack([gaussian_derivative(size, angle, sigma) for angle in key.orientations])
            for size, sigma in zip(key.sizes, key.sigmas, strict=True)
        ]
    return [
        gabor_bank(size, wavelength, key.orientations, sigma, key.phases, key.aspect_ratio)
        for size, wavelength, sigma in zip(key.sizes, key.wavelengths, key.sigmas, strict=True)
    ]


def filters_by_size(anatomy: Anatomy) -> dict[str, np.ndarray]:
    """The filters of S1, by size.

    Parameters
    ----------
    anatomy : Anatomy

    Returns
    -------
    dict from str to array of shape (n_filters, size, size)
        Two of one size and different wavelengths by both.
    """
    key, found = _Key.of(anatomy, tuple(anatomy.bands)), dict[str, np.ndarray]()
    rows = zip(_banks(key), key.sizes, key.wavelengths, key.sigmas, strict=True)
    for bank, size, wavelength, sigma in rows:
        name = f"{size} px"
        if name in found:
            name += f", wavelength {wavelength:g}"
        if name in found:
            name += f", sigma {sigma:g}"
        found[name] = bank.copy()
    return found


# Filters, names, ways back -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Filters:
    """Filters of one size, and what their maps are called."""

    bank: np.ndarray
    band: str
    features: list[str]
    labels: dict[str, Any]

    def named(self, maps: Maps) -> Maps:
        return replace(maps, band=self.band, features=self.features, labels=self.labels)


def _filters_of(anatomy: Anatomy, band: int) -> list[_Filters]:
    """The filters of one band, by size."""
    features, labels = features_of(anatomy)
    sizes = list(anatomy.filter_sizes[band - 1])
    banks, found = _banks(_Key.of(anatomy, (band,))), []
    rows = list(zip(sizes, anatomy.wavelengths[band - 1], anatomy.sigmas[band - 1], strict=True))
    if len(set(rows)) < len(rows):
        msg = (
            f"`filter_sizes` of band {band} name a filter twice: size, wavelength and sigma are "
            f"{rows}. Leave one out."
        )
        raise ValueError(msg)
    for bank, (size, wavelength, sigma) in zip(banks, rows, strict=True):
        name = f"b{band}_s{size:02d}"
        # Two filters of one size need names of their own.
        if sizes.count(size) > 1:
            name += f"_w{wavelength:g}"
        if [row[:2] for row in rows].count((size, wavelength)) > 1:
            name += f"_g{sigma:g}"
        own = {"filter_size": size, "wavelength": wavelength}
        found.append(_Filters(bank, name, features, labels | own))
    return found


def _named(pooled: Maps, band: int, anatomy: Anatomy) -> Maps:
    labels = features_of(anatomy)[1] | {"band_number": band}
    return replace(pooled, band=f"b{band}", labels=labels)


def _cropped_sum(backs: Sequence[Callable[[Array], Array]], margin: int) -> BandsPullback:
    """Gradients of the simple maps of a band, added up on the retina without its margin."""

    def pullback(gradients: Sequence[Array]) -> Array:
        total = sum(back(gradient) for back, gradient in _heard(backs, gradients))
        height, width = total.shape[2:]
        return total[:, :, margin : height - margin, margin : width - margin]

    return pullback


def _heard(ways: Sequence[Way], gradients: Sequence[Array]) -> list[tuple[Way, Array]]:
    """Those whose gradient is not zero everywhere, or the first: most are not, of a single unit."""
    pairs = list(zip(ways, gradients, strict=True))
    return [pair for pair in pairs if pair[1].any()] or pairs[:1]


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
        of_bands = [[next(left) for _ in band.simple] for band in bands]
        pairs = list(zip(bands, of_bands, strict=True))
        heard = [pair for pair in pairs if any(own.any() for own in pair[1])] or pairs[:1]
        return sum(band.from_simple(own) for band, own in heard)

    def from_c1(gradients: Sequence[Array]) -> Array:
        return sum(band.from_pooled(gradient) for band, gradient in _heard(bands, gradients))

    return from_s1, from_c1


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
