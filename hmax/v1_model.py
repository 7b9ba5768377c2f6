"""HMAX on simple and complex cells that are drawn from measured distributions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.choices import check_flag, check_number, check_whole
from hmax_cnn.extraction.digests import picture_digests
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field, Window
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps
from hmax_cnn.extraction.operations import correlate, feature_l2_pool, relu

from .anatomy import Anatomy
from .cells import complex_cells
from .imprinting import Draws, imprint_all
from .noise import noisy
from .presets import resolve
from .prototype_files import as_prototypes
from .prototypes import Prototypes
from .stages import best_matches, through, tuned_maps
from .v1 import drawn_filters


@final
class V1HMAX(FeatureExtractor):
    """HMAX whose first cells are drawn from what was measured in macaque V1.

    Orientation, frequency, phase and size of each cell are drawn from histograms. Half of the cells
    are simple (half-wave rectified), half complex (energy of a quadrature pair). C1, S2 and C2
    follow as in `HMAX`, at one scale.

    Parameters
    ----------
    layer : {'v1', 'c1', 's2', 'c2'} or a sequence of them
    n_simple, n_complex : int
        Cells at each place.
    pixels_per_degree : float
        28 is 224 pixels over 8 degrees.
    size, stride : int
        Of the filters, and between cells, in pixels.
    highest_frequency : float
        That a cell prefers, in cycles per degree.
    correlation : float
        Of frequency and width, as ranks.
    gain : float
        Of all responses, in spikes.
    noise : bool
        Whether responses have noise whose variance grows with them. The same image has the same
        noise, wherever it stands; other seeds have other noise.
    noise_scale, noise_level : float
        Spikes per unit of response, and without a stimulus, before noise is added.
    prototypes : None, path, Prototypes or mapping from size to array
        What S2 is tuned to; None imprints it in `fit`.
    pool_size, pool_stride : int
        Of C1, in units of `stride`.
    prototype_sizes, n_prototypes
        In units of C1, and how many of each.
    tuning, sharpness
        As in `HMAX`.
    random_state : int
        Seed of cells, noise and imprinting.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`.

    Attributes
    ----------
    prototypes_ : Prototypes
        After `fit`.

    References
    ----------
    Dapello et al., "Simulating a primary visual cortex at the front of CNNs improves robustness to
    image perturbations", NeurIPS 2020: their front end, on luminance where they have a random one
    of three colours. C1, S2 and C2 are ours.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 64, 64))
    >>> V1HMAX(layer="c1", n_simple=8, n_complex=8).transform(images).shape
    (2, 256)
    """

    layer_names = ("v1", "c1", "s2", "c2")
    prototypes_: Prototypes

    def __init__(
        self,
        layer: str | Sequence[str] = "c2",
        *,
        n_simple: int = 64,
        n_complex: int = 64,
        pixels_per_degree: float = 28.0,
        size: int = 25,
        stride: int = 4,
        highest_frequency: float = 6.0,
        correlation: float = 0.75,
        gain: float = 25.0,
        noise: bool = False,
        noise_scale: float = 0.35,
        noise_level: float = 0.07,
        prototypes: Any = None,
        pool_size: int = 4,
        pool_stride: int = 4,
        prototype_sizes: Sequence[int] = (2, 4),
        n_prototypes: int = 250,
        tuning: str = "distance",
        sharpness: float = 0.5,
        random_state: int = 0,
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.layer = layer
        self.n_simple = n_simple
        self.n_complex = n_complex
        self.pixels_per_degree = pixels_per_degree
        self.size = size
        self.stride = stride
        self.highest_frequency = highest_frequency
        self.correlation = correlation
        self.gain = gain
        self.noise = noise
        self.noise_scale = noise_scale
        self.noise_level = noise_level
        self.prototypes = prototypes
        self.pool_size = pool_size
        self.pool_stride = pool_stride
        self.prototype_sizes = prototype_sizes
        self.n_prototypes = n_prototypes
        self.tuning = tuning
        self.sharpness = sharpness
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def wanted_layers(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Layers by name, checked; see `FeatureExtractor.wanted_layers`."""
        self._anatomy()
        return super().wanted_layers(layers)

    def _anatomy(self) -> Anatomy:
        """How S2 and C2 respond, checked with all other numbers."""
        for name, lowest, highest in (
            ("n_simple", 0, 4096),
            ("n_complex", 0, 4096),
            ("size", 3, 255),
            ("stride", 1, 255),
            ("pool_size", 1, 1000),
            ("pool_stride", 1, 1000),
            ("random_state", 0, 2**32 - 1),
        ):
            check_whole(name, getattr(self, name), lowest, highest)
        if not self.size % 2 or self.n_simple + self.n_complex < 1:
            msg = (
                "`size` must be odd, and `n_simple` and `n_complex` one cell at least together, "
                f"got {self.size}, {self.n_simple} and {self.n_complex}."
            )
            raise ValueError(msg)
        for name in ("pixels_per_degree", "gain", "noise_scale"):
            check_number(name, getattr(self, name), 0)
        check_flag("noise", self.noise)
        check_number("noise_level", self.noise_level, 0, or_equal=True)
        names = ("prototype_sizes", "n_prototypes", "tuning", "sharpness")
        return resolve("georgetown", {name: getattr(self, name) for name in names})

    # Learning ------------------------------------------------------------------------------------

    def must_learn(self, layers: Collection[str]) -> bool:
        """Whether prototypes must be imprinted first; see `FeatureExtractor.must_learn`."""
        return self.prototypes is None and not {"s2", "c2"}.isdisjoint(layers)

    def has_learned(self) -> bool:
        """Whether there are prototypes from a `fit`; see `FeatureExtractor.has_learned`."""
        return hasattr(self, "prototypes_")

    def distance_layers(self) -> tuple[str, ...]:
        """S2 and C2, where they are distances to prototypes; see `FeatureExtractor`."""
        return ("s2", "c2") if self._anatomy().is_distance else ()

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures that prototypes were cut from; see `FeatureExtractor`."""
        if self.prototypes is None:
            return super().learned_from()
        return as_prototypes(self.prototypes).learned_from

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image of so many pixels takes; see `FeatureExtractor`."""
        n_places = (height // self.stride + 1) * (width // self.stride + 1)
        return 4 * (self.size**2 + 6 * (self.n_simple + self.n_complex)) * n_places

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; see `FeatureExtractor`."""
        return 0.0, 255.0

    def learn(self, images: Images, labels: Any) -> None:
        """Imprint prototypes from C1 of images drawn at random, where none are given.

        Parameters
        ----------
        images : Images
        labels : object
            Ignored.
        """
        self.__dict__.pop("prototypes_", None)
        self.geometry(images[0].shape, self.wanted_layers())
        if self.prototypes is not None:
            self.prototypes_ = self._dictionary()
        if not self.must_learn(self.wanted_layers()):
            return
        anatomy = self._anatomy()
        sizes, count = anatomy.prototype_sizes, anatomy.n_prototypes
        draws = Draws.of(len(images), sizes, count, int(self.random_state))
        imprint_all(self, images, "c1", draws)
        self.learned_from_ = np.unique(picture_digests(images.source, draws.images_needed()))
        cut = replace(draws.prototypes(()), orientations=None)
        self.prototypes_ = replace(cut, learned_from=self.learned_from_)

    def _dictionary(self) -> Prototypes:
        n_features = self.n_simple + self.n_complex
        if self.prototypes is not None:
            given = as_prototypes(self.prototypes, n_features)
            # They have no orientations of their own: cells prefer what was drawn.
            replace(given, orientations=None).check(n_features, ())
            return given
        if hasattr(self, "prototypes_"):
            return self.prototypes_
        anatomy = self._anatomy()
        return Prototypes.blank(anatomy.prototype_sizes, anatomy.n_prototypes, n_features)

    # The model -----------------------------------------------------------------------------------

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
        """V1, C1, S2 and C2 of a batch of images; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
            Luminance, of shape (n_images, 1, height, width).
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable)
        """
        anatomy = self._anatomy()
        v1, to_retina = self._cells(retina.values)
        yield "v1", [v1], lambda gradients: to_retina(gradients[0])
        pooled, unpool = complex_cells([v1], self.pool_size, self.pool_stride)
        c1 = replace(pooled, labels={**v1.labels, "band_number": 1})

        def from_c1(gradients: Sequence[Array]) -> Array:
            return to_retina(unpool(gradients[0])[0])

        yield "c1", [c1], from_c1
        xp = namespace(retina.values)
        dictionary = self._dictionary()
        anatomy = replace(anatomy, is_sparse=dictionary.has_gaps)
        prototypes = {size: xp.asarray(own) for size, own in dictionary.patches.items()}
        s2, s2_to_c1 = tuned_maps([c1], prototypes if "s2" in wanted else {}, anatomy)
        yield "s2", s2, through(s2_to_c1, from_c1)
        c2, c2_to_c1 = best_matches([c1], prototypes, anatomy)
        whole = Field.whole(*retina.values.shape[2:])
        yield "c2", [replace(maps, field=whole) for maps in c2], through(c2_to_c1, from_c1)

    def _cells(self, luminance: Array) -> tuple[Maps, Callable[[Array], Array]]:
        """Simple and complex cells, with the way back to luminance."""
        filters, _ = self._filters()
        n_simple, half = self.n_simple, self.size // 2
        xp = namespace(luminance)
        values = luminance * np.float32(2 / 255) - np.float32(1)
        # Simple cells see one filter each, complex ones a pair: theirs lie beside each other.
        both = filters[n_simple:].reshape(2 * self.n_complex, *filters.shape[2:])
        weights = xp.asarray(np.concatenate([filters[:n_simple, 0], both])[:, None])
        matches, to_values = correlate(values, weights, self.stride, half)
        simple, from_simple = relu(matches[:, :n_simple])
        energy, from_energy = feature_l2_pool(matches[:, n_simple:], 2)
        # The root of a mean square of the pair, not of its sum.
        responses = np.float32(self.gain) * xp.concatenate(
            [simple, energy / np.float32(np.sqrt(2))], axis=1
        )
        unnoise: Callable[[Array], Array] | None = None
        if self.noise:
            seed, scale, level = int(self.random_state), self.noise_scale, self.noise_level
            responses, unnoise = noisy(responses, luminance, scale, level, (seed,))

        def pullback(gradient: Array) -> Array:
            if unnoise is not None:
                gradient = unnoise(gradient)
            scaled = gradient * np.float32(self.gain)
            to_energy = scaled[:, n_simple:] / np.float32(np.sqrt(2))
            parts = [from_simple(scaled[:, :n_simple]), from_energy(to_energy)]
            to_matches = xp.concatenate(parts, axis=1)
            return to_values(to_matches)[0] * np.float32(2 / 255)

        return self._named(responses, int(weights.size)), pullback

    def _named(self, responses: Array, n_weights: int) -> Maps:
        """Responses with what is known of each cell."""
        _, tuning = self._filters()
        kinds = ["s"] * self.n_simple + ["c"] * self.n_complex
        return Maps(
            responses,
            Field().through(Window(self.size, self.stride, self.size // 2)),
            features=[f"{kind}{number:03d}" for number, kind in enumerate(kinds)],
            labels={
                "orientation": tuning.orientations.tolist(),
                "phase": tuning.phases.tolist(),
                "frequency": tuning.frequencies.tolist(),
            },
            n_parameters=n_weights,
            n_multiply_adds=n_weights * int(np.prod(responses.shape[2:])),
        )

    def _filters(self) -> Any:
        return drawn_filters(
            self.n_simple + self.n_complex,
            int(self.size),
            float(self.pixels_per_degree),
            float(self.highest_frequency),
            float(self.correlation),
            int(self.random_state),
        )

    def first_filters(self) -> dict[str, np.ndarray]:
        """The filters of all cells, at their own phase."""
        return {f"{self.size} px": self._filters()[0][:, 0].copy()}
