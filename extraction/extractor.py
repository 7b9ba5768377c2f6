"""FeatureExtractor: the one interface of every model."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import TransformerMixin
from sklearn.exceptions import NotFittedError

from .fields import WHOLE_IMAGE
from .gradients import gradients_of_units
from .images import Images
from .labelled import field_table, flatten, joined, names_of, native, numbers_of, summary_table
from .layered import LayeredModel
from .maps import Maps


class FeatureExtractor(TransformerMixin, LayeredModel):
    """A model of vision as a scikit-learn transformer: images in, features of a layer out.

    A subclass stores its parameters in `__init__`, these among them, and writes two methods:
    `walk`, its forward pass, and `learn`. Those that `LayeredModel` lists under "What a model says
    about itself" have defaults that it may replace; all others are shared by every model.

    Parameters
    ----------
    layer : str, sequence of str or None
        Whose units `transform` returns; several are put side by side, from the bottom up. None is
        the model's own choice.
    image_shape : (int, int), (int, int, 3) or None
        How to fold flat rows of shape (n, height * width) into images; one side may be -1.
    device : {'cpu', 'cuda', 'auto'}
        Where to compute; 'auto' takes the GPU where there is one.
    batch_memory : int
        What the activations of one batch may take, in MiB; an image that takes more, and more than
        2,048, is refused. Results depend on it in their last bits at most.
    n_threads : int or None
        Processor cores to use; None is all of them (OMP_NUM_THREADS lowers it).
    progress : bool or None
        A progress bar for work of over two seconds; None shows it on a terminal and in a notebook
        only.
    """

    # scikit-learn --------------------------------------------------------------------------------

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
        self.wanted_layers()
        source = self.open_images(images, reset=True)
        self.__dict__.pop("learned_from_", None)
        self.learn(source, y)
        self.remember(source)
        # Set last: it says that the model is fitted.
        self.image_shape_ = tuple(int(n) for n in source[0].shape)
        return self

    def transform(self, images: Any) -> np.ndarray:
        """Responses of the units of `layer`.

        Parameters
        ----------
        images : array or sequence
            An array of shape (n, height, width) or (n, height, width, 3), uint8 or float; a
            sequence of such images, of different sizes where the layer allows; with `image_shape`
            also flat rows (n, height * width).

        Returns
        -------
        array of shape (n_images, n_units), float32
            Units in C order of (layer, band, feature, y, x), named by `get_feature_names_out`.

        Raises
        ------
        TypeError
            If the images are not numbers.
        ValueError
            If the images cannot be read, or images of different size give different numbers of
            units.
        """
        wanted = self.wanted_layers()
        self.check_ready(wanted)
        source = self.open_images(images)
        features = np.empty((0, 0), np.float32)
        shapes = None
        if hasattr(self, "image_shape_"):
            shapes = _shapes(self.geometry(self.image_shape_, wanted))
        # Closed where an error breaks off the loop: threads under way end there.
        with closing(self.stream(source, wanted)) as stream:
            for first, layers in stream:
                found = _shapes(layers)
                if shapes is not None and shapes != found:
                    raise ValueError(self._misfit(source, first, found, shapes))
                bands = [maps.values for layer in layers.values() for maps in layer]
                rows = np.concatenate([band.reshape(len(band), -1) for band in bands], axis=1)
                # Allocated when the first batch tells how many units there are: no second copy.
                if not len(features):
                    shapes = found
                    features = np.empty((len(source), rows.shape[1]), rows.dtype)
                features[first : first + len(rows)] = rows
        return features

    def _misfit(self, source: Images, first: int, found: list[Any], shapes: list[Any]) -> str:
        before = f"the images of shape {getattr(self, 'image_shape_', None)} that it was fitted on"
        if first:
            before = "the images before it"
        return (
            f"`layer` {self.layer!r} has {_listed(found)} units for image {first} of shape "
            f"{tuple(source[first].shape)}, but {_listed(shapes)} for {before}. Resize the images "
            "to one shape, or use a layer that sees the whole image."
        )

    def __sklearn_is_fitted__(self) -> bool:
        return not self.must_learn(self.wanted_layers()) or self.has_learned()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the units that `transform` returns.

        Parameters
        ----------
        input_features : object
            Ignored; scikit-learn hands it over.

        Returns
        -------
        array of str of shape (n_units,)
            Such as 'c2_p08_017' or 'c1_b3_o90_y12_x40'.

        Raises
        ------
        NotFittedError
            If the number of units depends on the image size and no images were seen yet: `fit`,
            or set `image_shape`.
        """
        wanted = self.wanted_layers()
        shape = getattr(self, "image_shape_", None)
        if shape is None and self.image_shape is not None and -1 not in self.image_shape:
            shape = self.image_shape
        if shape is not None:
            return np.asarray(names_of(self.geometry(shape, wanted)), dtype=object)
        # Where every unit sees the whole image, their number is the same for images of any size.
        layers = self.geometry((1024, 1024), wanted)
        bands = [maps for layer in layers.values() for maps in layer]
        if any(maps.field.status != WHOLE_IMAGE for maps in bands):
            msg = (
                f"This {type(self).__name__} has seen no images, and {self.layer!r} depends on "
                "their size. Call `fit` or set `image_shape`."
            )
            raise NotFittedError(msg)
        return np.asarray(names_of(layers), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        layers = self.layer or self.layer_names
        if isinstance(layers, str):
            layers = (layers,)
        tags.requires_fit = self.must_learn(layers)
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # Labelled ------------------------------------------------------------------------------------

    def activations(self, images: Any, layers: Sequence[str] | None = None) -> xr.DataTree:
        """Labelled responses of several layers, in one pass.

        Parameters
        ----------
        images : array or sequence
            As in `transform`; of one size. Where it has `names`, they become the coordinate
            `image`.
        layers : sequence of str or None
            None is all of them.

        Returns
        -------
        xarray.DataTree
            A node per layer and band, /layer/band, with `response` of dims (image, feature, y, x);
            `y` and `x` are the centres of the receptive fields in pixels, and size, step and start
            of the fields are attributes. `hmax_cnn.extraction.flatten` makes it (image, unit).

        Raises
        ------
        NotFittedError
            If a layer must be learned first.
        ValueError
            If images differ in size, or there is no such layer.
        """
        wanted = self.wanted_layers(self.layer_names if layers is None else layers)
        self.check_ready(wanted)
        source = self.open_images(images)
        with closing(self.stream(source, wanted)) as stream:
            found = joined([batch for _, batch in stream])
        names = getattr(images, "names", range(len(source)))
        return native(found, list(names), {"model": self.path(), "parameters": repr(self)})

    def fields(
        self,
        image_shape: Sequence[int],
        layers: Sequence[str] | None = None,
        pixels_per_degree: float | None = None,
    ) -> pd.DataFrame:
        """The theoretical receptive fields of every layer and band.

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
            Columns layer, band, size_y, size_x, step_y, step_x, start_y, start_x, status. Start is
            the centre of the first unit's field, in pixels from the centre of the first pixel; a
            unit that sees the whole image has step 0.

        References
        ----------
        Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks",
        Distill 2019.
        """
        wanted = self.wanted_layers(self.layer_names if layers is None else layers)
        return field_table(self.geometry(image_shape, wanted), pixels_per_degree)

    def units(self, image_shape: Sequence[int]) -> pd.DataFrame:
        """What is known of each unit that `transform` returns.

        Parameters
        ----------
        image_shape : (int, int)
            Height and width of the images, in pixels.

        Returns
        -------
        pandas.DataFrame
            One row per unit: its name, layer, band, feature, the centre and size of its receptive
            field in pixels, and the labels of its feature.
        """
        empty = flatten(native(self.geometry(image_shape, self.wanted_layers()), [], {}))
        columns = {
            str(name): coord.values
            for name, coord in empty.coords.items()
            if coord.dims == ("unit",)
        }
        return pd.DataFrame(columns)

    def summary(self, image_shape: Sequence[int]) -> pd.DataFrame:
        """Size and cost of every layer and band.

        Parameters
        ----------
        image_shape : (int, int)
            Height and width of the images, in pixels.

        Returns
        -------
        pandas.DataFrame
            Columns layer, band, features, height, width, units, parameters and
            multiply_accumulates (per image).
        """
        return summary_table(self.geometry(image_shape, self.layer_names))

    def unit_numbers(
        self, layer: str, units: str | int | Sequence[str | int], image_shape: Sequence[int]
    ) -> list[int]:
        """Units of a layer as indices among what `transform` returns for it.

        Parameters
        ----------
        layer : str
        units : str, int or sequence of them
            Names or indices; a negative index counts from the end.
        image_shape : (int, int)
            Height and width of the images, in pixels.

        Returns
        -------
        list of int

        Raises
        ------
        ValueError
            If there is no such layer or unit.
        """
        layers = self.geometry(image_shape, self.wanted_layers((layer,)))
        if isinstance(units, str | int | np.integer):
            return numbers_of(layers, [units])
        return numbers_of(layers, list(units))

    def first_filters(self) -> dict[str, np.ndarray]:
        """Weights of the lowest layer, which the model lays over the image.

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

    def image_gradient(
        self, images: Any, layer: str, units: str | int | Sequence[str | int]
    ) -> np.ndarray:
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
            With a last axis of red, green and blue where the model sees colour; without the second
            axis for a single unit. In units of the response per unit of pixel value, as the model
            sees it: of luminance where it sees luminance.

        Raises
        ------
        NotFittedError
            If the layer must be learned first.
        TypeError
            If the model's `walk` yields no pullbacks.
        ValueError
            If there is no such layer or unit.
        """
        (wanted,) = self.wanted_layers((layer,))
        self.check_ready((wanted,))
        source = self.open_images(images)
        numbers = self.unit_numbers(layer, units, tuple(source[0].shape))
        gradient = gradients_of_units(self, source, {wanted: numbers})
        if isinstance(units, str | int | np.integer):
            return gradient[:, 0]
        return gradient

    def documentation(self) -> str:
        """The class's documentation, with the papers that it follows.

        Returns
        -------
        str
        """
        return inspect.getdoc(type(self)) or ""

    @classmethod
    def path(cls) -> str:
        """The path by which the class is imported, named on the command line and in files.

        Returns
        -------
        str
            package.module:Class, by the shortest package that has the class.
        """
        parts = cls.__module__.split(".")
        # The face of the package has our models as well, but their own packages say more.
        first = 2 if parts[0] == "hmax_cnn" else 1
        for depth in range(first, len(parts)):
            package = ".".join(parts[:depth])
            if getattr(sys.modules.get(package), cls.__name__, None) is cls:
                return f"{package}:{cls.__name__}"
        return f"{cls.__module__}:{cls.__name__}"


def _shapes(layers: Mapping[str, Sequence[Maps]]) -> list[tuple[int, int, int]]:
    return [maps.shape for bands in layers.values() for maps in bands]


def _listed(shapes: Sequence[tuple[int, int, int]]) -> str:
    known = ["x".join(map(str, shape)) for shape in shapes[:3]]
    return " + ".join([*known, *(["..."] if len(shapes) > 3 else [])])
