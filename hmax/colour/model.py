"""HMAX that sees colour, through single- and double-opponent cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, final

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.choices import check_number, check_whole
from hmax_cnn.extraction.digests import picture_digests
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.fields import Field, Window
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.maps import Maps

from ..anatomy import Anatomy
from ..cells import complex_cells, field_of_simple
from ..dictionaries import as_dictionary, shown_to
from ..imprinting import Draws, imprint_all
from ..presets import PRESETS, resolve
from ..prototype_files import as_prototypes
from ..prototypes import Prototypes
from ..stages import best_matches, tuned_maps
from .filters import PAIRS, SIGNS, opponent_filters
from .stages import double_opponent, joined_pairs, normalised, single_opponent, with_borders

_CHANNELS = {"single": tuple(SIGNS), "double": PAIRS}
_STREAMS = tuple(_CHANNELS)
_TABLE = PRESETS["georgetown"]  # of filter sizes and pools, which colour HMAX shares


@final
class ColourHMAX(FeatureExtractor):
    """HMAX with channels for opponent colours and luminance.

    Single-opponent cells compare two colours and normalise over channels; double-opponent cells
    look for edges among them. Each has its own C1, S2 and C2. As in the authors' code, which
    differs from their paper: see the documentation of the family.

    Parameters
    ----------
    layer : str, sequence of str or None
        'so_s1', 'so_c1', 'so_s2', 'so_c2' of single-opponent cells, 'do_s1', 'do_c1', 'do_s2',
        'do_c2' of double-opponent ones; None is both C2.
    prototypes : mapping from 'single' and 'double' to Prototypes or to arrays by size, path or None
        What S2 is tuned to: arrays of shape (count, n_channels * n_orientations, size, size), the
        orientations of a channel beside each other; or a file that `write_dictionary` has written.
        None imprints them in `fit`.
    orientations : sequence of float
        In degrees.
    bands : int
        The first so many of eight bands of two filter sizes, 7 to 37 pixels.
    semi_saturation : float
        Of the normalisation over channels, and before double-opponent cells over orientations.
    prototype_sizes : sequence of int
        In units of C1.
    n_prototypes : int
        Of each size.
    source_band : int
        The band that prototypes are cut from.
    random_state : int, Generator or None
        Seed of imprinting.
    image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`.

    Attributes
    ----------
    prototypes_ : dict from str to Prototypes
        After `fit`.

    References
    ----------
    Zhang, Barhomi & Serre, "A new biologically inspired color image descriptor", ECCV 2012.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    >>> model = ColourHMAX(bands=2, prototype_sizes=(4,), n_prototypes=5).fit(images)
    >>> model.transform(images).shape
    (2, 10)
    """

    layer_names = ("so_s1", "so_c1", "so_s2", "so_c2", "do_s1", "do_c1", "do_s2", "do_c2")
    n_channels = 3
    prototypes_: dict[str, Prototypes]

    def __init__(
        self,
        layer: str | Sequence[str] | None = None,
        *,
        prototypes: Mapping[str, Prototypes | Mapping[int, np.ndarray]]
        | str
        | PathLike[str]
        | None = None,
        orientations: Sequence[float] = (0, 90),
        bands: int = 8,
        semi_saturation: float = 0.225,
        prototype_sizes: Sequence[int] = (4, 8, 12, 16),
        n_prototypes: int = 250,
        source_band: int = 2,
        random_state: int | np.random.Generator | None = 0,
        image_shape: Sequence[int] | None = None,
        device: str = "cpu",
        batch_memory: int = 256,
        n_threads: int | None = None,
        progress: bool | None = None,
    ) -> None:
        self.layer = layer
        self.prototypes = prototypes
        self.orientations = orientations
        self.bands = bands
        self.semi_saturation = semi_saturation
        self.prototype_sizes = prototype_sizes
        self.n_prototypes = n_prototypes
        self.source_band = source_band
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    def wanted_layers(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Layers by name, checked; see `FeatureExtractor.wanted_layers`."""
        self._anatomy()
        if layers is None and self.layer is None:
            layers = ("so_c2", "do_c2")
        return super().wanted_layers(layers)

    def _anatomy(self) -> Anatomy:
        """Sizes and number of prototypes, checked with all other parameters."""
        check_whole("bands", self.bands, 1, 8)
        check_whole("source_band", self.source_band, 1, 8)
        check_number("semi_saturation", self.semi_saturation, 0)
        angles = np.asarray(self.orientations)
        is_list = angles.ndim == 1 and angles.dtype.kind in "iuf" and np.isfinite(angles).all()
        if not is_list or not len(angles) or len(set((angles % 180).tolist())) < len(angles):
            msg = f"`orientations` must be different angles in degrees, got {self.orientations!r}."
            raise ValueError(msg)
        names = ("prototype_sizes", "n_prototypes")
        given = {name: getattr(self, name) for name in names}
        return resolve("georgetown", given | {"tuning": "squared_distance"})

    # Learning ------------------------------------------------------------------------------------

    def must_learn(self, layers: Collection[str]) -> bool:
        """Whether prototypes must be imprinted first; see `FeatureExtractor.must_learn`."""
        return self.prototypes is None and any(name[3:] in ("s2", "c2") for name in layers)

    def has_learned(self) -> bool:
        """Whether there are prototypes from a `fit`; see `FeatureExtractor.has_learned`."""
        return hasattr(self, "prototypes_")

    def distance_layers(self) -> tuple[str, ...]:
        """S2 and C2, squared distances to prototypes; see `FeatureExtractor`."""
        return ("so_s2", "so_c2", "do_s2", "do_c2")

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures that prototypes were cut from; see `FeatureExtractor`."""
        given = as_dictionary(self.prototypes)
        if given is None:
            return super().learned_from()
        return shown_to(given)

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image of so many pixels takes; see `FeatureExtractor`."""
        # Double-opponent cells: transforms of eight channels, and responses before and after.
        return (8 * (16 + 4 * 4) * len(self.orientations) + 64) * (height + 36) * (width + 36)

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; see `FeatureExtractor`."""
        return 0.0, 255.0

    def learn(self, images: Images, labels: Any) -> None:
        """Imprint prototypes from C1 of one band of images drawn at random, where none are given.

        Parameters
        ----------
        images : Images
        labels : object
            Ignored.
        """
        self.__dict__.pop("prototypes_", None)
        self.geometry(images[0].shape, self.wanted_layers())
        if self.prototypes is not None:
            self.prototypes_ = {stream: self._dictionary(stream) for stream in _STREAMS}
        if not self.must_learn(self.wanted_layers()):
            return
        if self.source_band > self.bands:
            msg = (
                f"`source_band` {self.source_band} is not among the {self.bands} `bands`. Use more "
                "bands, or cut prototypes from a lower one."
            )
            raise ValueError(msg)
        rng, anatomy = np.random.default_rng(self.random_state), self._anatomy()
        found, seen = {}, []
        for stream in _STREAMS:
            draws = Draws.of(len(images), anatomy.prototype_sizes, anatomy.n_prototypes, rng)
            seen.append(draws.images_needed())
            imprint_all(self, images, f"{stream[0]}o_c1", draws, self.source_band - 1)
            found[stream] = replace(draws.prototypes(self.orientations), orientations=None)
        shown = np.unique(np.concatenate(seen))
        self.learned_from_ = np.unique(picture_digests(images.source, shown))
        self.prototypes_ = {
            stream: replace(own, learned_from=self.learned_from_) for stream, own in found.items()
        }

    def _dictionary(self, stream: str) -> Prototypes:
        n_features = len(self.orientations) * len(_CHANNELS[stream])
        given = as_dictionary(self.prototypes)
        if given is not None:
            if not isinstance(given, Mapping) or set(given) != set(_STREAMS):
                what = list(given) if isinstance(given, Mapping) else type(given).__name__
                msg = f"`prototypes` must have the keys 'single' and 'double', got {what}."
                raise ValueError(msg)
            prototypes = as_prototypes(given[stream], n_features)
            prototypes.check(n_features, self.orientations)
            return prototypes
        if hasattr(self, "prototypes_"):
            return self.prototypes_[stream]
        anatomy = self._anatomy()
        return Prototypes.blank(anatomy.prototype_sizes, anatomy.n_prototypes, n_features)

    # The model -----------------------------------------------------------------------------------

    def walk(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, list[Maps], None]]:
        """All layers of a batch of images; see `FeatureExtractor.walk`. There are no pullbacks.

        Parameters
        ----------
        retina : Maps
            Red, green and blue, of shape (n_images, 3, height, width).
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, None)
        """
        shown = [stream for stream in _STREAMS if any(n.startswith(stream[0]) for n in wanted)]
        anatomy, xp = self._anatomy(), namespace(retina.values)
        whole = Field.whole(*retina.values.shape[2:])
        found = self._simple_and_complex(retina.values, shown, wanted)
        for stream in shown:
            prefix, (simple, c1) = f"{stream[0]}o", found[stream]
            yield f"{prefix}_s1", simple, None
            yield f"{prefix}_c1", c1, None
            dictionary = self._dictionary(stream)
            own = replace(anatomy, is_sparse=dictionary.has_gaps)
            patches = {size: xp.asarray(p) for size, p in dictionary.patches.items()}
            s2, _ = tuned_maps(c1, patches if f"{prefix}_s2" in wanted else {}, own)
            yield f"{prefix}_s2", s2, None
            c2, _ = best_matches(c1, patches, own)
            yield f"{prefix}_c2", [replace(maps, field=whole) for maps in c2], None

    def _simple_and_complex(
        self, values: Array, streams: Sequence[str], wanted: Collection[str]
    ) -> dict[str, tuple[list[Maps], list[Maps]]]:
        """S1 (where it is wanted) and C1 of each stream, band by band."""
        n_images, _, height, width = values.shape
        largest = _TABLE.filter_sizes[self.bands - 1][-1]
        scaled = values * np.float32(2 / 255) - np.float32(1)
        planes = with_borders(scaled.reshape(3 * n_images, height, width), largest)
        angles = tuple(float(angle) for angle in self.orientations)
        found: dict[str, tuple[list[Maps], list[Maps]]] = {name: ([], []) for name in streams}
        for band in range(1, self.bands + 1):
            of_band: dict[str, list[Maps]] = {name: [] for name in streams}
            for size in _TABLE.filter_sizes[band - 1]:
                # Both streams begin with the same responses.
                raw = single_opponent(planes, n_images, size, angles, largest)
                for name in streams:
                    of_band[name].append(self._simple(raw, name, band, size))
            for name, maps in of_band.items():
                simple, c1 = found[name]
                if f"{name[0]}o_s1" in wanted:
                    simple += maps
                pool, stride = _TABLE.pool_sizes[band - 1], _TABLE.pool_strides[band - 1]
                pooled, _ = complex_cells(maps, pool, stride)
                kept = {key: maps[0].labels[key] for key in ("channel", "orientation")}
                labels = kept | {"band_number": band}
                c1.append(replace(pooled, band=f"b{band}", labels=labels))
        return found

    def _simple(self, raw: Array, stream: str, band: int, size: int) -> Maps:
        """S1 of a stream, of one filter size, from what both streams begin with."""
        angles = tuple(float(angle) for angle in self.orientations)
        field, n_numbers = field_of_simple(size), 6 * len(angles) * size * size
        if stream == "single":
            responses = normalised(raw, 1, self.semi_saturation)
        else:
            responses = joined_pairs(double_opponent(raw, size, angles, self.semi_saturation))
            # A filter over filters of the same size, of eight channels.
            field = field.through(Window(size, padding=size // 2))
            n_numbers = 8 * len(angles) * size * size
        n_images, _, _, height, width = responses.shape
        pairs = [(channel, angle) for channel in _CHANNELS[stream] for angle in angles]
        return Maps(
            responses.reshape(n_images, len(pairs), height, width),
            field,
            f"b{band}_s{size:02d}",
            [f"{channel}_o{angle % 180:g}" for channel, angle in pairs],
            {
                "channel": [channel for channel, _ in pairs],
                "orientation": [angle for _, angle in pairs],
                "filter_size": size,
            },
            n_parameters=n_numbers,
            n_multiply_adds=n_numbers * height * width,
        )

    def first_filters(self) -> dict[str, np.ndarray]:
        """The opponent filters of S1, by size, as pictures of red, green and blue."""
        found = {}
        for size in [size for band in _TABLE.filter_sizes[: self.bands] for size in band]:
            filters = opponent_filters(size, tuple(self.orientations))
            found[f"{size} px"] = np.moveaxis(filters, 1, -1).reshape(-1, size, size, 3)
        return found
