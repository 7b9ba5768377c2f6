"""FeatureExtractor: the one interface of every model."""

from __future__ import annotations

import inspect
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data
from tqdm.auto import tqdm

from extraction.arrays import Array, device_namespace, n_cores, to_host
from extraction.fields import WHOLE_IMAGE
from extraction.images import Images, InputWarning, to_retina
from extraction.labelled import field_table, flatten, names_of, native, summary_table
from extraction.maps import Maps
from extraction.parallel import in_order

Layers = dict[str, list[Maps]]
_LARGEST_BATCH = {"cpu": 4, "cuda": 256}  # images: on the processor more of any size only leave the cache
_CACHED_BATCH = 4 * 2**20  # bytes: so many of small images stay there


class FeatureExtractor(TransformerMixin, BaseEstimator, ABC):
    """A model of vision as a scikit-learn transformer: images in, features of a layer out.

    A subclass stores its parameters in `__init__`, these among them, and says how it learns and how images run through it.

    Parameters
    ----------
    layer : str, sequence of str or None
        Whose units `transform` returns; several are put side by side, from the bottom up. None is the model's own choice.
    image_shape : (int, int), (int, int, 3) or None
        How to fold flat rows of shape (n, height * width) into images; one side may be -1.
    device : {'cpu', 'cuda', 'auto'}
        Where to compute; 'auto' takes the GPU where there is one.
    batch_memory : int
        What the activations of one batch may take, in MiB. Results do not depend on it.
    n_threads : int or None
        Processor cores to use; None is all of them (OMP_NUM_THREADS lowers it).
    progress : bool or None
        A progress bar for work of over two seconds; None shows it on a terminal only.
    """

    n_channels: int = 1  # 1: the model sees luminance; 3: red, green and blue

    layer: str | Sequence[str] | None
    image_shape: Sequence[int] | None
    device: str
    batch_memory: int
    n_threads: int | None
    progress: bool | None

    # What a model says about itself ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, from the image upward."""

    @abstractmethod
    def _forward(self, retina: Maps, wanted: Collection[str]) -> Iterator[tuple[str, Iterable[Maps]]]:
        """Yield (layer name, its bands) from the image upward; a layer that is not `wanted` may be yielded empty.

        A batch of no images runs through it too: that is how shapes, fields and names are found.
        """

    @abstractmethod
    def _learn(self, images: Images, labels: Any) -> None:
        """Derive what `fit` learns from the images, and check parameters."""

    def _must_learn(self, layers: Collection[str]) -> bool:
        """Whether these layers need a `fit`."""
        return False

    def _has_learned(self) -> bool:
        """Whether `fit` has derived what those layers need."""
        return hasattr(self, "image_shape_")

    def _working_bytes(self, height: int, width: int) -> int:
        """About what the model holds of one image while it computes, besides the layers asked for."""
        return 16 * height * width

    def _default_layer(self) -> str:
        """The layer meant by layer=None."""
        return self.layer_names[-1]

    def _natural_shape(self) -> tuple[int, int] | None:
        """Height and width that the model was made for; None where any will do."""
        return None

    def _traced(self, retina: Maps, layer: str) -> tuple[list[Array], Callable[[Sequence[Array]], Array]]:
        """Values of each band of a layer, and what carries gradients on them back to the retina; may be called again and again."""
        msg = f"{type(self).__name__} has no gradients. Use a model with pullbacks, such as hmax.HMAX or cnn.CNN."
        raise TypeError(msg)

    def _value_range(self) -> tuple[float, float] | None:
        """Lowest and highest pixel value that the model expects; None where it does not matter."""
        return None

    # scikit-learn ----------------------------------------------------------------------------------------------------

    def fit(self, images: Any, y: Any = None) -> Self:
        """Learn what there is to learn.

        Parameters
        ----------
        images : array or sequence
            As in `transform`.
        y : array of shape (n_images,) or None
            Labels, for models that learn from them (scikit-learn's rules ask for this name).

        Returns
        -------
        self
        """
        self._wanted()
        source = self._open(images, reset=True)
        self._learn(source, y)
        self.image_shape_ = tuple(int(n) for n in source[0].shape)
        return self

    def transform(self, images: Any) -> np.ndarray:
        """Responses of the units of `layer`.

        Parameters
        ----------
        images : array or sequence
            An array of shape (n, height, width) or (n, height, width, 3), uint8 or float; a sequence of such images, of different
            sizes where the layer allows; with `image_shape` also flat rows (n, height * width).

        Returns
        -------
        array of shape (n_images, n_units), float32
            Units in C order of (layer, band, feature, y, x), named by `get_feature_names_out`.

        Raises
        ------
        TypeError, ValueError
            If the images cannot be read, or images of different size give different numbers of units.
        """
        wanted = self._wanted()
        self._check_ready(wanted)
        source = self._open(images, reset=False)
        features = np.empty((0, 0), np.float32)
        shapes = self._fitted_shapes(wanted)
        with closing(self._stream(source, wanted)) as batches:
            for first, layers in batches:
                bands = [maps for layer in layers.values() for maps in layer]
                found = [maps.shape for maps in bands]
                if shapes is not None and shapes != found:
                    before = "the images before it" if first else f"the images of shape {self.image_shape_} that it was fitted on"
                    msg = (
                        f"`layer` {self.layer!r} has {_listed(found)} units for image {first} of shape {tuple(source[first].shape)}, but "
                        f"{_listed(shapes)} for {before}. Resize the images to one shape, or use a layer that sees the whole image."
                    )
                    raise ValueError(msg)
                rows = np.concatenate([maps.values.reshape(len(maps.values), -1) for maps in bands], axis=1)
                if not len(features):
                    shapes, features = found, np.empty((len(source), rows.shape[1]), rows.dtype)
                features[first : first + len(rows)] = rows
        return features

    def _fitted_shapes(self, wanted: Collection[str]) -> list[tuple[int, int, int]] | None:
        """Shapes of the wanted layers for images like those fitted on."""
        if not hasattr(self, "image_shape_"):
            return None
        return [maps.shape for bands in self._geometry(self.image_shape_, wanted).values() for maps in bands]

    def _check_ready(self, layers: Collection[str]) -> None:
        if self._must_learn(layers) and not self._has_learned():
            needed = [layer for layer in layers if self._must_learn((layer,))]
            names = ", ".join(map(repr, needed))
            msg = f"This {type(self).__name__} is not fitted yet: {names} must be learned. Call `fit` with layer={needed[-1]!r} first."
            raise NotFittedError(msg)

    def __sklearn_is_fitted__(self) -> bool:
        return not self._must_learn(self._wanted()) or self._has_learned()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the units that `transform` returns, such as 'c2_p08_017' or 'c1_b3_o90_y12_x40'.

        Raises
        ------
        NotFittedError
            If the number of units depends on the image size and no images were seen yet: `fit`, or set `image_shape`.
        """
        wanted, shape = self._wanted(), getattr(self, "image_shape_", None)
        if shape is None and self.image_shape is not None and -1 not in self.image_shape:
            shape = self.image_shape
        if shape is not None:
            return np.asarray(names_of(self._geometry(shape, wanted)), dtype=object)
        layers = self._geometry((1024, 1024), wanted)
        if any(maps.field.status != WHOLE_IMAGE for bands in layers.values() for maps in bands):
            msg = f"This {type(self).__name__} has seen no images, and {self.layer!r} depends on their size. Call `fit` or set `image_shape`."
            raise NotFittedError(msg)
        return np.asarray(names_of(layers), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._must_learn((self.layer,) if isinstance(self.layer, str) else self.layer or self.layer_names)
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # Labelled --------------------------------------------------------------------------------------------------------

    def activations(self, images: Any, layers: Sequence[str] | None = None) -> xr.DataTree:
        """Labelled responses of several layers, in one pass.

        Parameters
        ----------
        images : array or sequence
            As in `transform`; of one size. Where it has `names`, they become the coordinate `image`.
        layers : sequence of str or None
            None is all of them.

        Returns
        -------
        xarray.DataTree
            A node per layer and band, /layer/band, with `response` of dims (image, feature, y, x); `y` and `x` are the centres of the
            fields in pixels, and size, step and start of the fields are attributes. `extraction.flatten` makes it (image, unit).
        """
        wanted = self._wanted(layers if layers is not None else self.layer_names)
        self._check_ready(wanted)
        source = self._open(images, reset=False)
        seen: dict[str, list[list[Maps]]] = {}
        with closing(self._stream(source, wanted)) as stream:
            for _, batch in stream:
                for layer, bands in batch.items():
                    seen.setdefault(layer, []).append(bands)
        joined = {layer: [_joined(layer, parts) for parts in zip(*batches, strict=True)] for layer, batches in seen.items()}
        names = getattr(images, "names", range(len(source)))
        return native(joined, list(names), {"model": self.path(), "parameters": repr(self)})

    def fields(self, image_shape: Sequence[int], layers: Sequence[str] | None = None, pixels_per_degree: float | None = None) -> pd.DataFrame:
        """The receptive fields of every layer and band.

        Parameters
        ----------
        image_shape : (int, int)
            Height and width of the images, in pixels.
        layers : sequence of str or None
            None is all of them.
        pixels_per_degree : float or None
            Adds the same columns in degrees of visual angle.

        Returns
        -------
        pandas.DataFrame
            Columns layer, band, size_y, size_x, step_y, step_x, start_y, start_x, status. Start is the centre of the first unit's field,
            in pixels from the centre of the first pixel; a unit that sees the whole image has step 0.
        """
        wanted = self._wanted(layers if layers is not None else self.layer_names)
        return field_table(self._geometry(image_shape, wanted), pixels_per_degree)

    def units(self, image_shape: Sequence[int]) -> pd.DataFrame:
        """One row per unit that `transform` returns for images of this shape: name, layer, band, feature, centre and size of its field, labels."""
        empty = flatten(native(self._geometry(image_shape, self._wanted()), [], {}))
        return pd.DataFrame({str(name): coord.values for name, coord in empty.coords.items() if coord.dims == ("unit",)})

    def summary(self, image_shape: Sequence[int]) -> pd.DataFrame:
        """Output shape, units, parameters and multiply-accumulates per image of every layer and band."""
        return summary_table(self._geometry(image_shape, self._wanted(self.layer_names)))

    def unit_numbers(self, layer: str, units: str | int | Sequence[str | int], image_shape: Sequence[int]) -> list[int]:
        """Units of a layer, by name or index, as indices among what `transform` returns for it and images of this shape.

        Raises
        ------
        ValueError
            If there is no such layer or unit.
        """
        names = names_of(self._geometry(image_shape, self._wanted((layer,))))
        asked: list[Any] = [units] if isinstance(units, str | int | np.integer) else list(units)
        places = {name: index for index, name in enumerate(names)}
        for unit in asked:
            if unit not in places and not (isinstance(unit, int | np.integer) and -len(names) <= unit < len(names)):
                msg = f"`units` must be among {names[0]!r} to {names[-1]!r}, or indices below {len(names)}, got {unit!r}."
                raise ValueError(msg)
        return [places[unit] if isinstance(unit, str) else int(unit) % len(names) for unit in asked]

    def first_filters(self) -> dict[str, np.ndarray]:
        """Weights that the lowest layer lays over the image.

        Returns
        -------
        dict from str to array of shape (n_filters, height, width) or (n_filters, height, width, 3)
            By size, or by name of the layer.

        Raises
        ------
        TypeError
            If the model has none.
        """
        msg = f"{type(self).__name__} lays no filters over the image."
        raise TypeError(msg)

    def image_gradient(self, images: Any, layer: str, units: str | int | Sequence[str | int]) -> np.ndarray:
        """How responses of units change with each pixel.

        Parameters
        ----------
        images : array or sequence
            As in `transform`, of one size.
        layer : str
        units : str, int or sequence of them
            Names, as `get_feature_names_out` gives them for this layer, or indices among them.

        Returns
        -------
        array of shape (n_images, n_units, height, width), float32
            With a last axis of red, green and blue where the model sees colour; without the second axis for a single unit. In units of
            the response per unit of pixel value, as the model sees it: of luminance where it sees luminance.

        Raises
        ------
        TypeError
            If the model has no gradients.
        ValueError
            If there is no such layer or unit.
        """
        (wanted,) = self._wanted((layer,))
        self._check_ready((wanted,))
        source = self._open(images, reset=False)
        shape = tuple(source[0].shape)
        numbers = self.unit_numbers(layer, units, shape)
        xp, found = device_namespace(self.device), []
        for _, batch in source.batches(lambda _: _LARGEST_BATCH["cpu"]):
            retina = Maps(to_retina(batch, xp, self.n_channels))
            values, back = self._traced(retina, wanted)
            edges = np.cumsum([0, *(int(np.prod(band.shape[1:])) for band in values)])
            gradients = []
            for number in numbers:
                towards = [xp.zeros(tuple(band.shape), band.dtype) for band in values]
                band = int(np.searchsorted(edges, number, side="right")) - 1
                towards[band].reshape(len(batch), -1)[:, number - edges[band]] = 1
                gradients.append(to_host(back(towards)))
            found.append(np.stack(gradients, axis=1))
        gradient = np.moveaxis(np.concatenate(found), 2, -1)
        gradient = gradient[..., 0] if self.n_channels == 1 else gradient
        return gradient[:, 0] if isinstance(units, str | int | np.integer) else gradient

    def documentation(self) -> str:
        """What is written of the model, with the papers that it follows."""
        return inspect.getdoc(type(self)) or ""

    @classmethod
    def path(cls) -> str:
        """How the model is named on the command line and in files: package:Class, by the shortest way that leads to it."""
        top = cls.__module__.partition(".")[0]
        short = getattr(sys.modules[top], cls.__name__, None) is cls
        return f"{top if short else cls.__module__}:{cls.__name__}"

    # The walk --------------------------------------------------------------------------------------------------------

    def _wanted(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """The layers asked for, checked, from the bottom up."""
        asked = self.layer if layers is None else layers
        asked = self._default_layer() if asked is None else asked
        asked = (asked,) if isinstance(asked, str) else tuple(asked)
        unknown = [name for name in asked if name not in self.layer_names]
        if unknown or not asked:
            names = ", ".join(map(repr, self.layer_names))
            msg = f"`layer` must be one of {names}, or several of them, got {unknown[0] if unknown else ()!r}."
            raise ValueError(msg)
        return tuple(name for name in self.layer_names if name in asked)

    def _walk(self, retina: Maps, wanted: Collection[str]) -> Layers:
        """Run images upward until the highest layer that is wanted."""
        found: Layers = {}
        for name, bands in self._forward(retina, wanted):
            if name in wanted:
                found[name] = list(bands)
            if len(found) == len(wanted):
                break
        return found

    def _geometry(self, image_shape: Sequence[int], wanted: Collection[str]) -> Layers:
        """The walk with a batch of no images: shapes, fields and labels without the arithmetic on images."""
        if len(image_shape) not in (2, 3) or any(not isinstance(n, int | np.integer) or n < 1 for n in image_shape):
            msg = f"`image_shape` must be (height, width) in pixels, got {image_shape!r}."
            raise ValueError(msg)
        height, width = image_shape[:2]
        return self._walk(Maps(np.empty((0, self.n_channels, height, width), np.float32)), wanted)

    def _open(self, images: Any, reset: bool) -> Images:
        if self.image_shape is None or _are_unflattened(images):
            return Images(images)
        flat = validate_data(self, images, reset=reset, dtype=[np.float32, np.float64, np.uint8])
        try:
            return Images(flat.reshape(len(flat), *self.image_shape), folded=True)
        except ValueError as error:
            msg = f"`image_shape` {tuple(self.image_shape)} does not fit rows of {flat.shape[1]} values. Give height and width whose product this is."
            raise ValueError(msg) from error

    def _stream(self, source: Images, wanted: Sequence[str]) -> Generator[tuple[int, Layers], None, None]:
        """Batches through the model, in order: (index of the first image, layers on the host)."""
        xp = device_namespace(self.device)
        n_threads = self._threads(source) if xp is np else 1
        fair = -(-len(source) // n_threads)
        sizes: dict[tuple[int, ...], int] = {}

        def size_for(shape: tuple[int, ...]) -> int:
            if shape not in sizes:
                kept = 4 * sum(int(np.prod(maps.shape)) for bands in self._geometry(shape, wanted).values() for maps in bands)
                needed = max(1, kept + self._working_bytes(shape[0], shape[1]))
                limit = max(_LARGEST_BATCH["cpu"], _CACHED_BATCH // self._working_bytes(*shape[:2])) if xp is np else _LARGEST_BATCH["cuda"]
                sizes[shape] = max(1, min(limit, fair, self.batch_memory * 2**20 // n_threads // needed))
            return sizes[shape]

        def respond(batch: tuple[int, Array]) -> tuple[int, int, Layers]:
            first, values = batch
            layers = self._walk(Maps(to_retina(values, xp, self.n_channels)), wanted)
            return first, len(values), {name: [replace(maps, values=to_host(maps.values)) for maps in bands] for name, bands in layers.items()}

        batches = self._checked(source.batches(size_for))
        shown = None if self.progress is None else not self.progress
        with tqdm(total=len(source), unit="image", desc=type(self).__name__, delay=2, disable=shown) as bar:
            for first, n_done, layers in in_order(respond, batches, n_threads):
                bar.update(n_done)
                yield first, layers

    def _threads(self, source: Images) -> int:
        """Cores to use: no more than there are images, or than large images leave memory for."""
        if self.n_threads is not None and self.n_threads < 1:
            msg = f"`n_threads` must be at least 1, or None for all cores, got {self.n_threads}."
            raise ValueError(msg)
        height, width = source[0].shape[:2]
        affordable = self.batch_memory * 2**20 // max(1, self._working_bytes(height, width))
        return max(1, min(self.n_threads or n_cores(), len(source), affordable))

    def _checked(self, batches: Iterator[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
        """The batches, with a warning if the first is clearly not in the range that the model expects."""
        expected = self._value_range()
        for first, batch in batches:
            if first == 0 and expected is not None:
                _warn_of_range(float(batch.min()), float(batch.max()), expected, type(self).__name__)
            yield first, batch


def _are_unflattened(images: Any) -> bool:
    """Whether these are images already, not flat rows."""
    if hasattr(images, "ndim"):
        return images.ndim > 2
    return hasattr(images, "__getitem__") and len(images) > 0 and np.ndim(images[0]) > 1


def _listed(shapes: Sequence[tuple[int, int, int]]) -> str:
    return " + ".join("x".join(map(str, shape)) for shape in shapes[:3]) + (" + ..." if len(shapes) > 3 else "")


def _joined(layer: str, parts: Sequence[Maps]) -> Maps:
    """The same band of several batches as one."""
    if len({part.shape for part in parts}) > 1 or len({part.field for part in parts}) > 1:
        msg = f"`images` must have one size for the labelled activations of {layer!r}. Resize them, or call `activations` once per size."
        raise ValueError(msg)
    return replace(parts[0], values=np.concatenate([part.values for part in parts]))


def _warn_of_range(lowest: float, highest: float, expected: tuple[float, float], model: str) -> None:
    low, high = expected
    if not np.isfinite(high - low):
        return
    if lowest < low - 0.02 * (high - low) or (lowest < low and highest < 0.1 * high):
        reason = "Negative values look like z-scores or a removed mean; the offset changes the responses"
    elif high > 2 and low < highest <= 1:
        reason = "They look like 0..1; multiply by 255"
    elif highest > 2 * high:
        reason = f"Divide by {highest / high:.3g}, or hand in uint8 images"
    else:
        return
    msg = f"{model} expects pixel values from {low:g} to {high:g}, but `images` run from {lowest:.4g} to {highest:.4g}. {reason}."
    warnings.warn(msg, InputWarning, stacklevel=2)
