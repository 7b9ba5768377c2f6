"""HMAX: simple cells tune, complex cells pool, twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, final

import numpy as np
import xarray as xr

from extraction.arrays import Array, namespace
from extraction.extractor import FeatureExtractor
from extraction.fields import Field
from extraction.images import Images
from extraction.maps import Maps
from extraction.operations import Spectrum
from hmax.cells import best_anywhere, complex_cells, fits, simple_cells, tuned_cells, window_of_prototypes
from hmax.gabor import gabor_bank
from hmax.presets import ANATOMY_NAMES, Anatomy, resolve
from hmax.prototypes import Draws, Prototypes, as_prototypes

_WINNERS = "c2 winners"  # not a layer: walked only for `HMAX.winners`


@final
class HMAX(FeatureExtractor):
    """The standard model of the ventral stream.

    A parameter left at None takes the preset's value.

    Parameters
    ----------
    preset : {'georgetown', 'serre2007'}
        The published parameter table that the model starts from.
    layer : {'s1', 'c1', 's2', 'c2'} or a sequence of them
        Whose units `transform` returns.
    prototypes : None, 'photographs', path, Prototypes or mapping from size to array
        What S2 is tuned to: imprinted from C1 of the training images in `fit` (None), our own dictionary ('photographs'), a file
        (`.npz`, or `.mat` as the public universal patch set), or arrays of shape (count, n_features, size, size) by size. All that is
        given is used, unless `prototype_sizes` or `n_prototypes` choose from it.
    filter_sizes : sequence of sequences of int
        Sides of the S1 filters of each band, in pixels; odd. Other sizes than the preset's bring wavelengths and sigmas by its rule.
    wavelengths, sigmas : sequence of sequences of float
        Period and envelope of each filter, in pixels.
    aspect_ratio : float
        Width over length of the filters' envelope.
    orientations : int or sequence of float
        How many, evenly spaced, or which, in degrees.
    phases : sequence of float
        Of the filters, in degrees; (0, 90) is a quadrature pair.
    s1_response : {'absolute', 'half', 'signed', 'energy'}
        Full-wave rectified, half-wave rectified, not rectified, or the root of the sum of squares of a quadrature pair.
    s1_border : {'silent', 'padded'}
        Filters that reach beyond the image are silent, or see zeros there, so that an image of any size will do.
    bands : int or sequence of int
        The first so many bands, or which, counted from 1.
    pool_sizes, pool_strides : sequence of int
        Of C1, in pixels, one per band of `filter_sizes`.
    prototype_sizes : sequence of int
        In units of C1.
    n_prototypes : int
        Of each size.
    partial_windows : bool
        Whether S2 windows that reach beyond C1 count, with zeros outside.
    tuning : {'distance', 'gaussian'}
        Responses of S2 and C2: the Euclidean distance d (small is similar), or exp(-sharpness d^2).
    sharpness : float
        Of the Gaussian: beta of the 2007 paper, 1 / (2 sigma^2) elsewhere. The paper gives no value; 1 is `serre2007`'s, at which responses
        to the best match in a photograph lie around 0.9 for prototypes of 4 x 4 and around 0.01 for 16 x 16.
    value_range : (float, float)
        What pixel values should be like: a warning is given where they clearly are not.
    random_state : int, Generator or None
        Seed of imprinting.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`.

    Attributes
    ----------
    prototypes_ : Prototypes
        After `fit`: what S2 is tuned to, and where each prototype comes from.
    image_shape_ : tuple of int
        Shape of the images fitted on.

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience 1999.
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 64, 64))
    >>> HMAX(prototypes="photographs", bands=2).transform(images).shape
    (2, 800)
    """

    layer_names = ("s1", "c1", "s2", "c2")

    def __init__(
        self,
        preset: str = "georgetown",
        *,
        layer: str | Sequence[str] = "c2",
        prototypes: str | PathLike[str] | Prototypes | Mapping[int, np.ndarray] | None = None,
        filter_sizes: Sequence[Sequence[int]] | None = None,
        wavelengths: Sequence[Sequence[float]] | None = None,
        sigmas: Sequence[Sequence[float]] | None = None,
        aspect_ratio: float | None = None,
        orientations: int | Sequence[float] | None = None,
        phases: Sequence[float] | None = None,
        s1_response: str | None = None,
        s1_border: str | None = None,
        bands: int | Sequence[int] | None = None,
        pool_sizes: Sequence[int] | None = None,
        pool_strides: Sequence[int] | None = None,
        prototype_sizes: Sequence[int] | None = None,
        n_prototypes: int | None = None,
        partial_windows: bool | None = None,
        tuning: str | None = None,
        sharpness: float | None = None,
        value_range: tuple[float, float] | None = None,
        random_state: int | np.random.Generator | None = 0,
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.preset = preset
        self.layer = layer
        self.prototypes = prototypes
        self.filter_sizes = filter_sizes
        self.wavelengths = wavelengths
        self.sigmas = sigmas
        self.aspect_ratio = aspect_ratio
        self.orientations = orientations
        self.phases = phases
        self.s1_response = s1_response
        self.s1_border = s1_border
        self.bands = bands
        self.pool_sizes = pool_sizes
        self.pool_strides = pool_strides
        self.prototype_sizes = prototype_sizes
        self.n_prototypes = n_prototypes
        self.partial_windows = partial_windows
        self.tuning = tuning
        self.sharpness = sharpness
        self.value_range = value_range
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    # Learning --------------------------------------------------------------------------------------------------------

    def _anatomy(self) -> Anatomy:
        return resolve(self.preset, {name: getattr(self, name) for name in ANATOMY_NAMES})

    def _must_learn(self, layers: Collection[str]) -> bool:
        return self.prototypes is None and not {"s2", "c2"}.isdisjoint(layers)

    def _has_learned(self) -> bool:
        return hasattr(self, "prototypes_")

    def _working_bytes(self, height: int, width: int) -> int:
        anatomy = self._anatomy()
        n_filters = len(anatomy.orientations) * len(anatomy.phases) * max(len(anatomy.filter_sizes[band - 1]) for band in anatomy.bands)
        return (64 + 16 * n_filters) * height * width  # two complex spectra, and a band of S1 in about four copies

    def _value_range(self) -> tuple[float, float] | None:
        return self._anatomy().value_range

    def _learn(self, images: Images, labels: Any) -> None:
        anatomy = self._anatomy()
        if hasattr(self, "prototypes_"):
            del self.prototypes_
        self._geometry(images[0].shape, self._wanted())
        if self.prototypes is not None:
            self.prototypes_ = self._dictionary(anatomy)
        if not self._must_learn(self._wanted()):
            return
        draws = Draws.of(len(images), anatomy.prototype_sizes, anatomy.n_prototypes, self.random_state)
        needed = draws.images_needed()
        names = getattr(images.source, "names", None)
        for first, layers in self._stream(images.subset(needed), ("c1",)):
            for offset in range(len(layers["c1"][0].values)):
                draws.imprint(
                    int(needed[first + offset]),
                    [(m.band, m.field, m.values[offset]) for m in layers["c1"]],
                    images[int(needed[first + offset])].shape,
                    names,
                )
        self.prototypes_ = draws.prototypes(anatomy.orientations)

    def _dictionary(self, anatomy: Anatomy) -> Prototypes:
        """The prototypes that S2 is tuned to; blank ones of the right shapes where they are still to be learned."""
        n_features = len(anatomy.orientations) * (1 if anatomy.s1_response == "energy" else len(anatomy.phases))
        if self.prototypes is not None:
            chosen = as_prototypes(self.prototypes).chosen(self.prototype_sizes, self.n_prototypes)
            chosen.check(n_features, anatomy.orientations)
            return chosen
        if hasattr(self, "prototypes_"):
            return self.prototypes_
        return Prototypes.blank(anatomy.prototype_sizes, anatomy.n_prototypes, n_features)

    # The model -------------------------------------------------------------------------------------------------------

    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps]]]:
        anatomy = self._anatomy()
        s1, c1 = [], []
        for simple, complex_, _ in self._bands(retina, anatomy):
            s1.extend(simple if "s1" in wanted else [])
            c1.append(complex_)
        yield "s1", s1
        yield "c1", c1

        xp, partial = namespace(retina.values), anatomy.partial_windows
        prototypes = {size: xp.asarray(patches) for size, patches in self._dictionary(anatomy).patches.items()}
        sharpness = anatomy.sharpness if anatomy.tuning == "gaussian" else None
        yield (
            "s2",
            [
                _of_prototypes(tuned_cells(band, patches, partial, sharpness)[0], size, band, shared=number > 0)
                for size, patches in prototypes.items()
                for number, band in enumerate(c1)
                if "s2" in wanted and fits(band, size, partial)
            ],
        )
        best = {size: best_anywhere(_places(c1, size, partial), patches, partial, sharpness) for size, patches in prototypes.items()}
        whole = Field.whole(*retina.values.shape[2:])
        yield "c2", [replace(_of_prototypes(maps, size), field=whole) for size, (maps, *_) in best.items()]
        yield _WINNERS, [Maps(xp.stack(where, axis=-1)[..., None]) for _, *where, _ in best.values()]

    def _traced(self, retina: Maps, layer: str) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        xp, anatomy = namespace(retina.values), self._anatomy()
        bands = list(self._bands(retina, anatomy))
        c1 = [complex_ for _, complex_, _ in bands]
        if layer in ("s1", "c1"):
            n_maps = [len(simple) if layer == "s1" else 1 for simple, _, _ in bands]
            values = [maps.values for simple, complex_, _ in bands for maps in (simple if layer == "s1" else [complex_])]

            def below(gradients: Sequence[Array]) -> Array:
                left = iter(gradients)
                return sum(to_retina([next(left) for _ in range(n)], layer) for n, (_, _, to_retina) in zip(n_maps, bands, strict=True))

            return values, below

        partial, sharpness = anatomy.partial_windows, anatomy.sharpness if anatomy.tuning == "gaussian" else None
        values, backs = [], []  # of each map, and what carries its gradient to which bands of C1
        for size, patches in self._dictionary(anatomy).patches.items():
            chosen = [number for number, band in enumerate(c1) if fits(band, size, partial)]
            if layer == "s2":
                for number in chosen:
                    maps, back = tuned_cells(c1[number], xp.asarray(patches), partial, sharpness)
                    values.append(maps.values)
                    backs.append(([number], lambda gradient, back=back: [back(gradient)]))
            else:
                maps, _, _, back = best_anywhere(_places(c1, size, partial), xp.asarray(patches), partial, sharpness)
                values.append(maps.values)
                backs.append((chosen, back))

        def pullback(gradients: Sequence[Array]) -> Array:
            to_c1 = [xp.zeros_like(band.values) for band in c1]
            for (numbers, back), gradient in zip(backs, gradients, strict=True):
                for number, share in zip(numbers, back(gradient), strict=True):
                    to_c1[number] = to_c1[number] + share
            return sum(to_retina([gradient], "c1") for gradient, (_, _, to_retina) in zip(to_c1, bands, strict=True))

        return values, pullback

    def _bands(self, retina: Maps, anatomy: Anatomy) -> Iterator[tuple[list[Maps], Maps, Callable[[Sequence[Array], str], Array]]]:
        """S1 and C1, band by band, with what carries gradients on either back to the retina."""
        margin = max(max(sizes) for sizes in anatomy.filter_sizes) // 2 if anatomy.s1_border == "padded" else 0
        around = ((0, 0), (0, 0), (margin, margin), (margin, margin))
        spectrum = Spectrum.of(namespace(retina.values).pad(retina.values, around) if margin else retina.values)
        features, labels = _orientations(anatomy)
        for band in anatomy.bands:
            simple, backs = [], []
            for size, wavelength, sigma in zip(
                *(table[band - 1] for table in (anatomy.filter_sizes, anatomy.wavelengths, anatomy.sigmas)), strict=True
            ):
                _check_size(retina.values.shape[2:], size, band, margin, anatomy.bands)
                filters = gabor_bank(size, wavelength, anatomy.orientations, sigma, anatomy.phases, anatomy.aspect_ratio)
                cells, back = simple_cells(spectrum, filters, anatomy.s1_response, margin)
                backs.append(back)
                own = {"filter_size": size, "wavelength": wavelength}
                again = f"_w{wavelength:g}" if list(anatomy.filter_sizes[band - 1]).count(size) > 1 else ""
                simple.append(replace(cells, band=f"b{band}_s{size:02d}{again}", features=features, labels=labels | own))
            pooled, unpool = complex_cells(simple, anatomy.pool_sizes[band - 1], anatomy.pool_strides[band - 1])

            def to_retina(gradients: Sequence[Array], layer: str, unpool: Any = unpool, backs: Any = tuple(backs)) -> Array:
                shares = unpool(gradients[0]) if layer == "c1" else gradients
                total = sum(back(share) for back, share in zip(backs, shares, strict=True))
                return total[:, :, margin : total.shape[2] - margin, margin : total.shape[3] - margin]

            yield simple, replace(pooled, band=f"b{band}", features=features, labels=labels | {"band_number": band}), to_retina

    # Looking inside --------------------------------------------------------------------------------------------------

    def first_filters(self) -> dict[str, np.ndarray]:
        """The Gabor filters of S1, by size."""
        anatomy = self._anatomy()
        banks = {}
        for band in anatomy.bands:
            tables = (anatomy.filter_sizes, anatomy.wavelengths, anatomy.sigmas)
            for size, wavelength, sigma in zip(*(table[band - 1] for table in tables), strict=True):
                name = f"{size} px" if f"{size} px" not in banks else f"{size} px, wavelength {wavelength:g}"
                banks[name] = gabor_bank(size, wavelength, anatomy.orientations, sigma, anatomy.phases, anatomy.aspect_ratio)
        return banks

    def winners(self, images: Any) -> xr.Dataset:
        """Where each C2 unit found its best match.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.

        Returns
        -------
        xarray.Dataset
            dims (image, unit): `response` (what C2 returns), `band` (its number), `row` and `column` (of the S2 unit in its band, from
            0), and `top`, `left`, `bottom`, `right`: the part of the image that this S2 unit sees, in pixels from 0, the last two one
            past the end, cut at the image's border.
        """
        self._check_ready(("c2",))
        source, anatomy = self._open(images, reset=False), self._anatomy()
        found = []
        for first, layers in self._stream(source, ("c2", _WINNERS)):
            shape = source[first].shape
            spans = _spans(self._geometry(shape, ("c1",))["c1"], self._dictionary(anatomy), anatomy.partial_windows)
            found.append(
                [_located(maps, where.values, spans[size], shape) for maps, where, size in zip(layers["c2"], layers[_WINNERS], spans, strict=True)]
            )
        columns = {name: np.concatenate([np.concatenate([size[name] for size in batch], axis=1) for batch in found]) for name in found[0][0]}
        units = [name for maps in layers["c2"] for name in (f"c2_{maps.band}_{feature}" for feature in maps.feature_names)]
        names = list(getattr(images, "names", range(len(source))))
        return xr.Dataset({name: (("image", "unit"), values) for name, values in columns.items()}, {"image": names, "unit": units})


def _check_size(sides: tuple[int, ...], size: int, band: int, margin: int, bands: Sequence[int]) -> None:
    if min(sides) <= size and not margin:
        before = tuple(bands[: list(bands).index(band)])
        fewer = len(before) if before == tuple(range(1, len(before) + 1)) else before
        remedy = f"use fewer `bands` (bands={fewer}), " if before else ""
        msg = (
            f"`images` of {sides[0]} x {sides[1]} pixels are too small for band {band}, whose filters are {size} x {size}: they must be at least "
            f"{size + 1} pixels high and wide. Enlarge the images, {remedy}or set s1_border='padded'."
        )
        raise ValueError(msg)


def _orientations(anatomy: Anatomy) -> tuple[list[str], dict[str, list[float]]]:
    """Names and labels of the features of S1 and C1."""
    phases = [None] if anatomy.s1_response == "energy" or len(anatomy.phases) == 1 else list(anatomy.phases)
    pairs = [(angle, phase) for angle in anatomy.orientations for phase in phases]
    turn = 180 if anatomy.s1_response in ("absolute", "energy") else 360  # half a turn flips the sign of odd filters
    names = [f"o{angle % turn:g}" + ("" if phase is None else f"_ph{phase % 360:g}") for angle, phase in pairs]
    if len(set(names)) < len(names):
        msg = f"`orientations` and `phases` must not name a filter twice, got {tuple(anatomy.orientations)} and {tuple(anatomy.phases)}."
        raise ValueError(msg)
    labels = {"orientation": [float(angle) for angle, _ in pairs]}
    return names, labels if phases == [None] else labels | {"phase": [float(phase or 0) for _, phase in pairs]}


def _places(c1: Sequence[Maps], size: int, partial: bool) -> list[Maps]:
    """The bands that have a place for prototypes of this size."""
    bands = [band for band in c1 if fits(band, size, partial)]
    if bands:
        return bands
    largest = max(min(band.shape[1:]) for band in c1)
    msg = (
        f"`prototype_sizes` {size} does not fit into C1 of these images, whose largest band has {largest} positions a side. "
        "Enlarge the images, leave this size out, or set partial_windows=True."
    )
    raise ValueError(msg)


def _of_prototypes(maps: Maps, size: int, band: Maps | None = None, shared: bool = False) -> Maps:
    """S2 or C2 maps under their name, their features numbered; parameters `shared` with a lower band are counted there."""
    numbers = list(range(maps.shape[0]))
    name = "_".join(filter(None, (band.band if band else "", f"p{size:02d}")))
    labels = {"prototype_size": size, "prototype": numbers} | ({"band_number": band.labels["band_number"]} if band else {})
    maps = replace(maps, band=name, features=[f"{index:03d}" for index in numbers], labels=labels)
    return replace(maps, n_parameters=0) if shared else maps


def _spans(c1: Sequence[Maps], dictionary: Prototypes, partial: bool) -> dict[int, list[tuple[Maps, Field, int]]]:
    """For each prototype size the bands that it is compared with, the field of its units there, and the places per row."""
    spans: dict[int, list[tuple[Maps, Field, int]]] = {}
    for size in dictionary.patches:
        window = window_of_prototypes(size, partial)
        spans[size] = [(band, band.field.through(window), window.count(*band.shape[1:])[1]) for band in _places(c1, size, partial)]
    return spans


def _located(maps: Maps, where: Array, bands: Sequence[tuple[Maps, Field, int]], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Winners of prototypes of one size, as columns of shape (image, unit)."""
    winner, place = where[:, :, 0, 0], where[:, :, 1, 0]
    row, column = np.divmod(place, np.array([width for _, _, width in bands])[winner])
    edges = np.empty((*winner.shape, 4), int)
    for index in np.ndindex(winner.shape):
        field = bands[winner[index]][1]
        (top, bottom), (left, right) = field.y.edges(int(row[index])), field.x.edges(int(column[index]))
        edges[index] = max(top, 0), max(left, 0), min(bottom, shape[0]), min(right, shape[1])
    sides = dict(zip(("top", "left", "bottom", "right"), np.moveaxis(edges, -1, 0), strict=True))
    numbers = np.array([band.labels["band_number"] for band, _, _ in bands])[winner]
    return {"response": maps.values[:, :, 0, 0], "band": numbers, "row": row, "column": column} | sides
