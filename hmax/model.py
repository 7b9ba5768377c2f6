"""HMAX: simple cells tune, complex cells pool, twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, final

import numpy as np
import xarray as xr

from hmax_cnn.extraction.arrays import device_namespace
from hmax_cnn.extraction.digests import picture_digests
from hmax_cnn.extraction.extractor import FeatureExtractor
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from .anatomy import Anatomy
from .bands import filters_by_size
from .costs import bytes_of_image
from .errors import c1_of, check_errors, trained
from .imprinting import Draws, checked_labels, imprint_all
from .learning import learned, n_patches
from .noise import Noise
from .presets import ANATOMY_NAMES, resolve
from .prototype_files import as_prototypes
from .prototypes import Prototypes
from .upward import all_layers
from .winners import located_winners


@final
class HMAX(FeatureExtractor):
    """The standard model of the ventral stream.

    A parameter left at None takes the preset's value.

    Parameters
    ----------
    preset : {'georgetown', 'georgetown_borders', 'cbcl2006', 'serre2007', 'riesenhuber1999', \
'serre_riesenhuber2004'}
        The published parameter table that the model starts from. The first two are the code of the
        Georgetown laboratory: its MATLAB example includes borders, its PyTorch port
        ('georgetown') leaves them out. A third of the C2 units differ, by up to 0.17 on one
        photograph: say which was used. The last two learn nothing.
    layer : {'s1', 'c1', 's2', 'c2'} or a sequence of them
        Whose units `transform` returns.
    prototypes : None, 'imprinted', 'photographs', 'arrangements', path, Prototypes or mapping
        What S2 is tuned to: imprinted from C1 of the training images in `fit` (None, except where
        the preset has its own), our own dictionary, all 2 x 2 arrangements of orientations, a file
        (`.npz`, or `.mat` as the public universal patch set), or arrays of shape (count,
        n_features, size, size) by size. All that is given is used, unless `prototype_sizes` or
        `n_prototypes` choose from it.
    filter_shape : {'gabor', 'gaussian_derivative'}
        The latter is the second derivative of a round Gaussian: `sigmas` alone shape it, and
        `wavelengths`, those of gratings that match it best at the preset's sigmas, name it.
    filter_sizes : sequence of sequences of int
        Sides of the S1 filters of each band, in pixels; odd. Other sizes than the preset's bring
        wavelengths and sigmas by its rule.
    wavelengths, sigmas : sequence of sequences of float
        Period and envelope of each filter, in pixels.
    aspect_ratio : float
        Width over length of the filters' envelope.
    orientations : int or sequence of float
        How many, evenly spaced, or which, in degrees.
    phases : sequence of float
        Of the filters, in degrees; (0, 90) is a quadrature pair.
    s1_response : {'absolute', 'half', 'signed', 'energy'}
        Full-wave rectified, half-wave rectified, not rectified, or the root of the sum of squares
        of a quadrature pair.
    s1_border : {'silent', 'padded'}
        Filters that reach beyond the image are silent (INCLUDEBORDERS = 0 of the MATLAB code), or
        see zeros there (INCLUDEBORDERS = 1, its default), so that an image of any size will do.
    bands : int or sequence of int
        The first so many bands, or which, counted from 1.
    pool_sizes, pool_strides : sequence of int
        Of C1, in pixels, one per band of `filter_sizes`.
    prototype_sizes : sequence of int
        In units of C1.
    n_prototypes : int
        Of each size.
    source_band : int
        The band that prototypes are cut from; None is all, or the preset's.
    learning : {'imprinted', 'balanced', 'errors', 'kmeans', 'nmf', 'shuffled', 'random'}
        How `fit` makes prototypes: patches of random images, or as many of each class; these moved
        by the errors of a linear readout; centres of clusters, or parts by non-negative matrix
        factorisation, of ten times as many patches; controls, patches whose numbers are shuffled,
        or noise of their mean and deviation.
    is_sparse : bool
        Whether only the strongest feature at each place of a prototype counts (Mutch & Lowe).
        Inputs that are NaN in given prototypes never count.
    partial_windows : bool
        Whether S2 windows that reach beyond C1 count, with zeros outside. False leaves them out of
        the maximum or minimum; IGNOREPARTIALS = 1 of the MATLAB code is something else, and C2
        differs from it by up to 1.5.
    tuning : {'distance', 'squared_distance', 'gaussian', 'gaussian_by_size', 'gaussian_by_norm'}
        Responses of S2 and C2: the Euclidean distance d (small is similar); exp(-sharpness d^2);
        with d^2 over (n / n_min)^2, n_min the smallest prototype size, so that large ones answer
        too (Mutch & Lowe); or also over the squared length of the prototype (PNAS 2007).
    sharpness : float
        Of the Gaussian: beta of the 2007 paper (which gives no value), 1 / (2 sigma^2) elsewhere.
        At 1 best matches in a photograph have about 0.9 for 4 x 4 and 0.01 for 16 x 16.
    noise : mapping from layer to float, or None
        Layers whose responses are spike counts, and the spikes of a response of 1: their variance
        is their mean. A picture has noise of its own, the same each time; another `random_state`
        brings another. Also while prototypes are learned.
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

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience
    1999. Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007. Mutch &
    Lowe, IJCV 2008. Serre, Oliva & Poggio, PNAS 2007.

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 64, 64))
    >>> HMAX(prototypes="photographs", bands=2).transform(images).shape
    (2, 800)
    """

    layer_names = ("s1", "c1", "s2", "c2")
    prototypes_: Prototypes

    def __init__(
        self,
        preset: str = "georgetown",
        *,
        layer: str | Sequence[str] = "c2",
        prototypes: str | PathLike[str] | Prototypes | Mapping[int, np.ndarray] | None = None,
        filter_shape: str | None = None,
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
        source_band: int | None = None,
        learning: str | None = None,
        is_sparse: bool | None = None,
        partial_windows: bool | None = None,
        tuning: str | None = None,
        sharpness: float | None = None,
        noise: Mapping[str, float] | None = None,
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
        self.filter_shape = filter_shape
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
        self.source_band = source_band
        self.learning = learning
        self.is_sparse = is_sparse
        self.partial_windows = partial_windows
        self.tuning = tuning
        self.sharpness = sharpness
        self.noise = noise
        self.value_range = value_range
        self.random_state = random_state
        self.image_shape = image_shape
        self.device = device
        self.batch_memory = batch_memory
        self.n_threads = n_threads
        self.progress = progress

    # Learning ------------------------------------------------------------------------------------

    def _anatomy(self) -> Anatomy:
        return resolve(self.preset, {name: getattr(self, name) for name in ANATOMY_NAMES})

    def _given(self) -> Any:
        """What `prototypes` or the preset gives; None where they are imprinted."""
        given = self._anatomy().prototypes
        return None if isinstance(given, str) and given == "imprinted" else given

    def dictionary(self) -> Prototypes | None:
        """What S2 is tuned to, given or learned.

        Returns
        -------
        Prototypes or None
            None where they are still to be learned.
        """
        given, anatomy = self._given(), self._anatomy()
        if given is None:
            return getattr(self, "prototypes_", None)
        prototypes = as_prototypes(given, anatomy.n_features)
        chosen = prototypes.chosen(self.prototype_sizes, self.n_prototypes)
        chosen.check(anatomy.n_features, anatomy.orientations)
        return chosen

    def must_learn(self, layers: Collection[str]) -> bool:
        """Whether prototypes must be imprinted first; see `FeatureExtractor.must_learn`.

        Parameters
        ----------
        layers : collection of str

        Returns
        -------
        bool
        """
        return self._given() is None and not {"s2", "c2"}.isdisjoint(layers)

    def has_learned(self) -> bool:
        """Whether there are prototypes from a `fit`; see `FeatureExtractor.has_learned`."""
        return hasattr(self, "prototypes_")

    def distance_layers(self) -> tuple[str, ...]:
        """S2 and C2, where they are distances to prototypes; see `FeatureExtractor`."""
        return ("s2", "c2") if self._anatomy().is_distance else ()

    def working_bytes(self, height: int, width: int) -> int:
        """About what one image of so many pixels takes; see `FeatureExtractor`."""
        on_gpu, anatomy = device_namespace(self.device) is not np, self._anatomy()
        own = bytes_of_image(anatomy, height, width, on_gpu=on_gpu)
        noise = Noise.of(self.noise, self.random_state, anatomy)
        n_prototypes = 0
        if "s2" in noise.spikes:
            n_prototypes = sum(map(len, self._dictionary(anatomy).patches.values()))
        return own + noise.bytes_of_image(anatomy, n_prototypes, height, width)

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; see `FeatureExtractor`."""
        return self._anatomy().value_range

    def learn(self, images: Images, labels: Any) -> None:
        """Learn prototypes from C1 of images drawn at random, where none are given.

        Parameters
        ----------
        images : Images
        labels : array of shape (n_images,) or None
            Needed where `learning` is 'balanced' or 'errors'.

        References
        ----------
        Serre et al., PAMI 2007, section 2.2: patches of C1 at random places of random images.
        """
        anatomy = self._anatomy()
        # A fit that fails must not leave the prototypes of an earlier one.
        if hasattr(self, "prototypes_"):
            del self.prototypes_
        self.geometry(images[0].shape, self.wanted_layers())
        given = self.dictionary()
        if given is not None:
            self.prototypes_ = given
        if not self.must_learn(self.wanted_layers()):
            return
        sizes, count = anatomy.prototype_sizes, anatomy.n_prototypes
        rng = np.random.default_rng(self.random_state)
        by_class = checked_labels(anatomy.learning, labels, len(images))
        if anatomy.learning == "errors":
            check_errors(anatomy, self.geometry(images[0].shape, ("c1",))["c1"], len(images))
        n_cut = n_patches(anatomy.learning, count)
        draws = Draws.of(len(images), sizes, n_cut, rng, by_class)
        self.learned_from_ = np.unique(picture_digests(images.source, draws.images_needed()))
        imprint_all(self, images, "c1", draws, anatomy.source_index)
        cut = draws.prototypes(anatomy.orientations)
        found = learned(cut, anatomy.learning, count, int(rng.integers(2**31)))
        if anatomy.learning == "errors":
            self.learned_from_ = np.unique(picture_digests(images.source))
            found = trained(found, c1_of(self, images), np.asarray(labels), anatomy, rng)
        self.prototypes_ = replace(found, learned_from=self.learned_from_)

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures that prototypes were cut from; see `FeatureExtractor`."""
        given = self.dictionary()
        if given is None or self._given() is None:
            return super().learned_from()
        return given.learned_from

    def _dictionary(self, anatomy: Anatomy) -> Prototypes:
        """The prototypes that S2 is tuned to; blank ones where they are still to be learned."""
        found = self.dictionary()
        if found is not None:
            return found.sparse if anatomy.is_sparse else found
        n_features = anatomy.n_features
        return Prototypes.blank(anatomy.prototype_sizes, anatomy.n_prototypes, n_features)

    # The model -----------------------------------------------------------------------------------

    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
        """S1, C1, S2 and C2 of a batch of images; see `FeatureExtractor.walk`.

        Parameters
        ----------
        retina : Maps
            Luminance, of shape (n_images, 1, height, width).
        wanted : collection of str

        Yields
        ------
        (str, list of Maps, callable or None)
            A pullback only where `retina.traced`.

        Raises
        ------
        ValueError
            If the image is too small for a filter or prototype.
        """
        anatomy = self._anatomy()
        noise = Noise.of(self.noise, self.random_state, anatomy)
        yield from all_layers(retina, wanted, anatomy, self._dictionary, noise)

    # Looking inside ------------------------------------------------------------------------------

    def first_filters(self) -> dict[str, np.ndarray]:
        """The filters of S1, by size."""
        return filters_by_size(self._anatomy())

    def winners(self, images: Any) -> xr.Dataset:
        """Where each C2 unit found its best match.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.

        Returns
        -------
        xarray.Dataset
            dims (image, unit): `response` (what C2 returns), `band` (its number), `row` and
            `column` (of the S2 unit in its band, from 0), and `top`, `left`, `bottom`, `right`: the
            part of the image that this S2 unit sees, in pixels from 0, the last two one past the
            end, cut at the image's border.

        Raises
        ------
        NotFittedError
            If prototypes must be learned first.
        ValueError
            If S2 has noise, which C2 then looks for.
        """
        self.check_ready(("c2",))
        if "s2" in (self.noise or {}):
            msg = f"`winners` are those of S2 without noise, got noise={self.noise!r}."
            raise ValueError(msg)
        source, anatomy = self.open_images(images), self._anatomy()
        dictionary = self._dictionary(anatomy)
        anatomy = replace(anatomy, is_sparse=dictionary.has_gaps)
        parts = []
        for first, layers in self.stream(source, ("c1", "c2")):
            shape = source[first].shape[:2]
            parts.append(
                located_winners(layers["c1"], layers["c2"], dictionary.patches, anatomy, shape)
            )
        found = xr.concat(parts, dim="image")
        names = list(getattr(images, "names", range(len(source))))
        return found.assign_coords(image=names)
