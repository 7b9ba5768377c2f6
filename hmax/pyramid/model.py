"""HMAX on an image pyramid: Mutch & Lowe 2008, and Serre, Oliva & Poggio 2007."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, final

import numpy as np

from hmax_cnn.extraction.arrays import to_host
from hmax_cnn.extraction.digests import picture_digests
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import LARGEST_PATH, Field, Span
from hmax_cnn.extraction.images import Images, to_retina
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from ..dictionaries import as_dictionary, shown_to
from ..placed import PlacedPrototypes
from .anatomy import NAMES, PyramidAnatomy, resolve
from .axes import Fit, levels
from .layers import layers_of
from .prototypes import PlacedDraws, checked
from .stages import Scale
from .ways_back import from_best, from_scales

_SHALLOW = ("s1", "c1", "s2", "c2")
_DEEP = ("s1", "c1", "s2", "s2b", "c2", "c2b", "s3", "c3")
_LEARNED = ("s2", "s2b", "c2", "c2b", "s3", "c3")  # layers above S2, which needs prototypes


@final
class PyramidHMAX(FeatureExtractor):
    """Members of the HMAX family that look at an image pyramid through filters of one size.

    The image is fitted into a square window, and resampled to levels a fourth of an octave apart.
    Complex cells pool over neighbouring scales. S2 is a Gaussian that widens with the size of
    the prototype. A parameter left at None takes the preset's value. Units for which there is no
    image, beside one that is not square, are NaN below C2; a C2 that found none is 0.

    Parameters
    ----------
    preset : {'mutch_lowe2008', 'mutch_lowe2008_base', 'pnas2007'}
        The parameter table that the model starts from. Code and papers differ; the presets are as
        in the authors' code.
    layer : str, sequence of str or None
        's1', 'c1', 's2', 'c2'; with `bypass_sizes` also 's2b' and 'c2b' (larger patches, straight
        from C1) and 's3' and 'c3', on a C2 that pools locally. None is 'c2', or 'c2b' and 'c3'.
    prototypes : mapping from 's2', 's2b', 's3' to PlacedPrototypes, path or None
        What these layers are tuned to, or a file that `write_dictionary` has written; None imprints
        them in `fit`.
    base_size, n_levels : int
        Side of the window, in pixels of the finest level, and how many levels.
    orientations, filter_size, wavelength, sigma, aspect_ratio
        Of the Gabor filters: how many, evenly spaced; the others in pixels of a level.
    inhibition : float
        Share of the way from the weakest to the strongest orientation at a position, in S1 and
        again in C1, below which a response is 0.
    pool_size, pool_stride : int
        Of C1 and of a local C2, in units of the finest of their scales.
    pool_scales : int
        Over how many neighbouring levels C1 and a local C2 pool. 1 makes a scale channel of each
        level, which meets the others in the last maximum only; all of them, unless
        `searched_scales` limits it.
    prototype_sizes, n_prototypes
        Of S2: in units of C1, all even or all odd, and how many of each.
    is_sparse : bool
        Whether only the strongest feature at each position of a prototype counts.
    tuning : {'gaussian_by_size', 'gaussian_by_norm'}
        exp(-sharpness d^2 / (n / n_min)^2), the latter with the squared length of the prototype in
        the divisor.
    sharpness : float
        1 / (2 sigma^2).
    searched_scales, searched_reach : int, float
        How far from where a prototype came from it is looked for: so many scales above and below,
        and this share of the window along each side. None is everywhere.
    bypass_sizes, n_bypass, n_third
        Sizes of the prototypes of S2b, how many of each, and how many of S3 (3 x 3 units of C2).
    random_state : int, Generator or None
        Seed of imprinting.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`.

    References
    ----------
    Mutch & Lowe, "Object class recognition and localization using sparse features with limited
    receptive fields", IJCV 2008. Serre, Oliva & Poggio, "A feedforward architecture accounts for
    rapid categorization", PNAS 2007. Scale channels: Jansson & Lindeberg, "Scale-invariant
    scale-channel networks: deep networks that generalise to previously unseen scales", JMIV 2022.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 64, 64))
    >>> model = PyramidHMAX(base_size=80, n_levels=4, prototype_sizes=(4,), n_prototypes=5)
    >>> model.fit(images).transform(images).shape
    (2, 5)
    """

    prototypes_: Mapping[str, PlacedPrototypes]

    def __init__(
        self,
        preset: str = "mutch_lowe2008",
        *,
        layer: str | Sequence[str] | None = None,
        prototypes: Mapping[str, PlacedPrototypes] | str | PathLike[str] | None = None,
        base_size: int | None = None,
        n_levels: int | None = None,
        orientations: int | None = None,
        filter_size: int | None = None,
        wavelength: float | None = None,
        sigma: float | None = None,
        aspect_ratio: float | None = None,
        inhibition: float | None = None,
        pool_size: int | None = None,
        pool_stride: int | None = None,
        pool_scales: int | None = None,
        prototype_sizes: Sequence[int] | None = None,
        n_prototypes: int | None = None,
        is_sparse: bool | None = None,
        tuning: str | None = None,
        sharpness: float | None = None,
        searched_scales: int | None = None,
        searched_reach: float | None = None,
        bypass_sizes: Sequence[int] | None = None,
        n_bypass: int | None = None,
        n_third: int | None = None,
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
        self.base_size = base_size
        self.n_levels = n_levels
        self.orientations = orientations
        self.filter_size = filter_size
        self.wavelength = wavelength
        self.sigma = sigma
        self.aspect_ratio = aspect_ratio
        self.inhibition = inhibition
        self.pool_size = pool_size
        self.pool_stride = pool_stride
        self.pool_scales = pool_scales
        self.prototype_sizes = prototype_sizes
        self.n_prototypes = n_prototypes
        self.is_sparse = is_sparse
        self.tuning = tuning
        self.sharpness = sharpness
        self.searched_scales = searched_scales
        self.searched_reach = searched_reach
        self.bypass_sizes = bypass_sizes
        self.n_bypass = n_bypass
        self.n_third = n_third
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def _anatomy(self) -> PyramidAnatomy:
        return resolve(self.preset, {name: getattr(self, name) for name in NAMES})

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, from the image upward."""
        return _DEEP if self._anatomy().is_deep else _SHALLOW

    def wanted_layers(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Layers by name, checked; see `FeatureExtractor.wanted_layers`."""
        if layers is None and self.layer is None and self._anatomy().is_deep:
            layers = ("c2b", "c3")
        return super().wanted_layers(layers)

    # Learning ------------------------------------------------------------------------------------

    def must_learn(self, layers: Collection[str]) -> bool:
        """Whether prototypes must be imprinted first; see `FeatureExtractor.must_learn`."""
        return self.prototypes is None and not set(_LEARNED).isdisjoint(layers)

    def has_learned(self) -> bool:
        """Whether there are prototypes from a `fit`; see `FeatureExtractor.has_learned`."""
        return hasattr(self, "prototypes_")

    def _given(self) -> Mapping[str, PlacedPrototypes] | None:
        given = as_dictionary(self.prototypes)
        if given is None:
            return None
        return checked(given, self._anatomy())

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures that prototypes were cut from; see `FeatureExtractor`."""
        given = self._given()
        if given is None:
            return super().learned_from()
        return shown_to(given)

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image of so many pixels takes; see `FeatureExtractor`."""
        anatomy = self._anatomy()
        pixels = sum(axis.n**2 for axis in levels(anatomy.base_size, anatomy.n_levels))
        widest = max(anatomy.n_prototypes * len(anatomy.prototype_sizes), anatomy.n_bypass)
        # S1 with what normalises it, columns of the largest product, and maps of prototypes.
        return 4 * (4 * anatomy.orientations + 121) * pixels + 8 * widest * (pixels // 25)

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; see `FeatureExtractor`."""
        return 0.0, 255.0

    def learn(self, images: Images, labels: Any) -> None:
        """Imprint prototypes at random places of images drawn at random, where none are given.

        Each size has the same number; of the scales that are large enough each is as likely as any
        other.

        Parameters
        ----------
        images : Images
        labels : object
            Ignored.
        """
        anatomy = self._anatomy()
        self.__dict__.pop("prototypes_", None)
        self.geometry(images[0].shape, self.wanted_layers())
        given = self._given()
        if given is not None:
            self.prototypes_ = given
        if not self.must_learn(self.wanted_layers()):
            return
        rng = np.random.default_rng(self.random_state)
        asked = {"s2": ("c1", anatomy.prototype_sizes, anatomy.n_prototypes)}
        if anatomy.is_deep:
            asked["s2b"] = ("c1", anatomy.bypass_sizes, anatomy.n_bypass)
            asked["s3"] = ("c2", (3,), anatomy.n_third)
        found: dict[str, PlacedPrototypes] = {}
        seen: list[np.ndarray] = []
        for name, (below, sizes, count) in asked.items():
            draws = PlacedDraws.of(len(images), sizes, count, rng)
            needed = draws.images_needed()
            seen.append(needed)
            for number in needed:
                values = to_host(images[int(number)])
                layers = self._scales(_luminance(values), below, found)
                draws.imprint(int(number), 0, layers, anatomy.base_size)
            found[name] = draws.prototypes()
        shown = np.unique(picture_digests(images.source, np.unique(np.concatenate(seen))))
        self.learned_from_ = shown
        self.prototypes_ = {name: replace(own, learned_from=shown) for name, own in found.items()}

    def _scales(
        self, image: np.ndarray, below: str, found: Mapping[str, PlacedPrototypes]
    ) -> list[Scale]:
        """C1 or C2 of one image, on the host, with what was learned so far."""
        anatomy, n_features = self._anatomy(), self._anatomy().orientations
        blank = PlacedPrototypes.blank(anatomy.prototype_sizes, 1, n_features)
        retina = Maps(image[None, None].astype(np.float32))
        for name, layers in layers_of(retina, anatomy, {"s2": blank, **found}):
            if name == below:
                return list(layers)
        raise LookupError(below)

    def _dictionary(self, anatomy: PyramidAnatomy) -> Mapping[str, PlacedPrototypes]:
        given = self._given()
        if given is not None:
            return given
        if hasattr(self, "prototypes_"):
            return self.prototypes_
        n_features = anatomy.orientations
        blank = PlacedPrototypes.blank
        found = {"s2": blank(anatomy.prototype_sizes, anatomy.n_prototypes, n_features)}
        if anatomy.is_deep:
            n_c2 = anatomy.n_prototypes * len(anatomy.prototype_sizes)
            found["s2b"] = blank(anatomy.bypass_sizes, anatomy.n_bypass, n_features)
            found["s3"] = blank((3,), anatomy.n_third, n_c2)
        return found

    # The model -----------------------------------------------------------------------------------

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
        """All layers of a batch of images; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
            Luminance, of shape (n_images, 1, height, width).
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable or None)
            A pullback only where `retina.traced`.
        """
        anatomy = self._anatomy()
        height, width = retina.values.shape[2:]
        fit = Fit.of(anatomy.base_size, height, width)
        for name, found in layers_of(retina, anatomy, self._dictionary(anatomy)):
            if name not in wanted:
                yield name, [], None
            elif isinstance(found, list):
                maps = self._named(name, found, fit)
                yield name, maps, from_scales(found, maps)
            else:
                best, back = found
                whole = Maps(best[..., None, None], Field.whole(height, width))
                yield name, self._by_size(name, whole, {}), from_best(back)

    # Names ---------------------------------------------------------------------------------------

    def _named(self, layer: str, scales: list[Scale], fit: Fit) -> list[Maps]:
        angles = self._anatomy().angles
        features, found = [f"o{angle:g}" for angle in angles], list[Maps]()
        for number, scale in enumerate(scales):
            maps = Maps(scale.blanked(), _field(scale, fit), f"l{number}")
            labels: dict[str, Any] = {"level": number}
            if layer in ("s1", "c1"):
                labels["orientation"] = angles
                maps = replace(maps, features=features, labels=labels)
                if layer == "s1":
                    maps = _counted(maps, self._anatomy().bank().size, shared=number > 0)
                found.append(maps)
            else:
                found += self._by_size(layer, maps, labels, shared=number > 0)
        return found

    def _by_size(
        self, layer: str, maps: Maps, labels: Mapping[str, Any], *, shared: bool = False
    ) -> list[Maps]:
        """Maps of prototypes, those of each size on their own."""
        stage = {"c2": "s2", "c2b": "s2b", "c3": "s3"}.get(layer, layer)
        found, first = list[Maps](), 0
        for size, patches in self._dictionary(self._anatomy())[stage].patches.items():
            numbers = list(range(len(patches)))
            own = replace(
                maps,
                values=maps.values[:, first : first + len(patches)],
                band="_".join(filter(None, (maps.band, f"p{size:02d}"))),
                features=[f"{number:03d}" for number in numbers],
                labels={**labels, "prototype_size": size, "prototype": numbers},
            )
            if layer == stage:
                own = _counted(own, patches.size, shared=shared)
            found.append(own)
            first += len(patches)
        return found

    def first_filters(self) -> dict[str, np.ndarray]:
        """The Gabor filters of S1."""
        anatomy = self._anatomy()
        return {f"{anatomy.filter_size} px": anatomy.bank()}


def _counted(maps: Maps, n_numbers: int, *, shared: bool) -> Maps:
    """With what filters or prototypes hold and cost; those of all levels are held once."""
    n_places = int(np.prod(maps.values.shape[2:]))
    counted = replace(maps, n_parameters=n_numbers, n_multiply_adds=n_numbers * n_places)
    if shared:
        return replace(counted, n_parameters=0)
    return counted


def _luminance(image: np.ndarray) -> np.ndarray:
    return np.asarray(to_retina(image[None], np, 1)[0, 0])


def _field(scale: Scale, fit: Fit) -> Field:
    """What units of a scale see, in pixels of the image."""
    size, step = scale.extent / fit.scale, scale.axis.space / fit.scale
    y, x = (
        Span(size, step, scale.axis.start / fit.scale + (n - 1) / 2)  # type: ignore[arg-type]
        for n in (fit.height, fit.width)
    )
    return Field(y, x, LARGEST_PATH)
