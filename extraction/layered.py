"""LayeredModel: layers that images walk through, and what a model says about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data

from . import batches
from .arrays import Array
from .choices import check_choice, check_memory, check_random_state
from .digests import NOTHING, picture_digests
from .images import Images, are_images
from .maps import Maps
from .notebook import model_html

BandsPullback = Callable[[Sequence[Array]], Array]  # gradients of a layer's bands -> of the retina
LayerBands = dict[str, list[Maps]]


class LayeredModel(BaseEstimator, ABC):
    """Layers that images walk through; `FeatureExtractor` answers with them."""

    n_channels: int = 1  # 1: the model sees luminance; 3: red, green and blue
    libraries: tuple[str, ...] = ()  # that compute its numbers, beside NumPy, SciPy, scikit-learn

    layer: str | Sequence[str] | None
    image_shape: Sequence[int] | None
    device: str
    batch_memory: int
    n_threads: int | None
    progress: bool | None

    def _repr_html_(self) -> str:
        return model_html(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # In place of scikit-learn's diagram, which knows no layers.
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    # What a model says about itself --------------------------------------------------------------

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, from the image upward."""

    @abstractmethod
    def walk(
        self, retina: Maps, wanted: Collection[str]
    ) -> Iterator[tuple[str, Sequence[Maps], BandsPullback | None]]:
        """Run a batch of images through the layers: the forward pass, written once.

        Responses, shapes, receptive fields, names of units and image gradients all come from it.

        Parameters
        ----------
        retina : Maps
            Images of shape (n_images, n_channels, height, width). A batch of no images runs
            through, too: that is how shapes and fields are found. Where `retina.traced` is true,
            gradients will be asked for; where it is false, nothing need be kept for them.
        wanted : collection of str
            Layers whose bands are used; those of any other layer may be left empty.

        Yields
        ------
        name : str
            Of each layer, from the image upward.
        bands : sequence of Maps
        pullback : callable or None
            Carries gradients, one array for each band, back to the retina, as often as it is
            called. None for a model without gradients.
        """

    @abstractmethod
    def learn(self, images: Images, labels: Any) -> None:
        """Derive what `fit` learns from the images, and check parameters.

        Parameters
        ----------
        images : Images
        labels : array of shape (n_images,) or None
        """

    def must_learn(self, layers: Collection[str]) -> bool:
        """Whether these layers need a `fit`.

        Parameters
        ----------
        layers : collection of str

        Returns
        -------
        bool
        """
        return False

    def has_learned(self) -> bool:
        """Whether `fit` has derived what those layers need.

        Returns
        -------
        bool
        """
        return hasattr(self, "image_shape_")

    def held(self) -> Mapping[str, np.ndarray]:
        """Arrays that shape the responses and that neither a parameter nor a fit accounts for.

        Such as the weights of a network that a function makes. Results are kept as long as they
        stay the same.

        Returns
        -------
        mapping from str to array
        """
        return {}

    def remember(self, images: Images) -> None:
        """Keep the digests of the pictures of a `fit`, where something was learned from them.

        Parameters
        ----------
        images : Images
        """
        # A model that looks at some of the images only has said at which.
        if self.must_learn(self.wanted_layers()) and "learned_from_" not in vars(self):
            self.learned_from_ = np.unique(picture_digests(images.source))

    def learned_from(self) -> np.ndarray:
        """Digests of the pictures that the model has learned from; see `extraction.digests`.

        Those of a `fit`, and of the files that it reads.

        Returns
        -------
        array of uint64
        """
        return vars(self).get("learned_from_", NOTHING)

    def distance_layers(self) -> tuple[str, ...]:
        """Layers whose responses are distances: the smaller, the stronger.

        Returns
        -------
        tuple of str
        """
        return ()

    def working_bytes(self, height: int, width: int) -> int:
        """About what the model holds of one image while it computes, besides the wanted layers.

        Parameters
        ----------
        height, width : int
            Of the image, in pixels.

        Returns
        -------
        int
        """
        return 16 * height * width

    def default_layer(self) -> str:
        """The layer meant by layer=None.

        Returns
        -------
        str
        """
        return self.layer_names[-1]

    def intended_shape(self) -> tuple[int, int] | None:
        """Height and width that the model was made for, in pixels; None where any will do.

        Returns
        -------
        (int, int) or None
        """
        return None

    def expected_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; None where it does not matter.

        Returns
        -------
        (float, float) or None
        """
        return None

    def expected_moments(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the pixel values that the model learned with.

        Returns
        -------
        (float, float) or None
            None where it has learned no such thing.
        """
        return None

    # What measures and commands use --------------------------------------------------------------

    def wanted_layers(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Layers by name, checked.

        Parameters
        ----------
        layers : str, sequence of str or None
            None is the parameter `layer`, or the model's own choice.

        Returns
        -------
        tuple of str
            From the bottom up.

        Raises
        ------
        ValueError
            If there is no such layer, or none is named.
        """
        check_random_state(getattr(self, "random_state", None))
        check_memory(self.batch_memory)
        if layers is None:
            asked = self.layer
        else:
            asked = layers
        if asked is None:
            asked = self.default_layer()
        if isinstance(asked, str):
            asked = (asked,)
        else:
            asked = tuple(asked)
        if not asked:
            msg = "`layer` must name at least one layer, got ()."
            raise ValueError(msg)
        for name in asked:
            check_choice("layer", name, self.layer_names)
        return tuple(name for name in self.layer_names if name in asked)

    def geometry(self, image_shape: Sequence[int], layers: Collection[str]) -> LayerBands:
        """Shapes, receptive fields and labels of layers, without the arithmetic on images.

        Parameters
        ----------
        image_shape : (int, int)
            Height and width of the images, in pixels.
        layers : collection of str

        Returns
        -------
        dict from layer to list of Maps
            Of no images: the walk with an empty batch.

        Raises
        ------
        ValueError
            If this is no shape of an image.
        """
        whole = all(isinstance(n, int | np.integer) and n >= 1 for n in image_shape)
        if len(image_shape) not in (2, 3) or not whole:
            msg = f"`image_shape` must be (height, width) in pixels, got {image_shape!r}."
            raise ValueError(msg)
        height, width = image_shape[:2]
        batches.check_affordable(self, image_shape)
        # A pass without images costs no time, and knows every shape and field.
        empty = Maps(np.empty((0, self.n_channels, height, width), np.float32))
        return batches.walked(self, empty, layers)

    def open_images(self, images: Any, *, reset: bool = False) -> Images:
        """Images as users hand them in, checked; nothing is copied before a batch is read.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.
        reset : bool
            Whether the number of values in flat rows is set, as in `fit`, or compared with that.

        Returns
        -------
        Images

        Raises
        ------
        TypeError
            If they are not numbers.
        ValueError
            If they cannot be read as images.
        """
        if self.image_shape is None or are_images(images):
            return Images(images)
        flat = validate_data(self, images, reset=reset, dtype=[np.float32, np.float64, np.uint8])
        try:
            return Images(flat.reshape(len(flat), *self.image_shape), folded=True)
        except ValueError as error:
            msg = (
                f"`image_shape` {tuple(self.image_shape)} does not fit rows of {flat.shape[1]} "
                "values. Give height and width whose product this is."
            )
            raise ValueError(msg) from error

    def stream(
        self, images: Images, layers: Sequence[str]
    ) -> Generator[tuple[int, LayerBands], None, None]:
        """Batches of images through the model, in order, on as many threads as it may use.

        Parameters
        ----------
        images : Images
            From `open_images`.
        layers : sequence of str

        Yields
        ------
        first : int
            Index of the first image of the batch.
        layers : dict from layer to list of Maps
            Their values on the host.
        """
        yield from batches.stream(self, images, layers)

    def check_ready(self, layers: Collection[str]) -> None:
        """Refuse layers that must be learned and are not.

        Parameters
        ----------
        layers : collection of str

        Raises
        ------
        NotFittedError
            If one of these layers needs a `fit` first.
        """
        if self.must_learn(layers) and not self.has_learned():
            needed = [layer for layer in layers if self.must_learn((layer,))]
            msg = (
                f"This {type(self).__name__} is not fitted yet: {', '.join(map(repr, needed))} "
                f"must be learned. Call `fit` with layer={needed[-1]!r} first."
            )
            raise NotFittedError(msg)
