"""What users hand in as images.

Arrays, lists of different sizes, flat rows; checked once, read batch by batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from types import ModuleType
from typing import Any

import numpy as np

from .arrays import Array, namespace, on_gpu, to_host
from .pictures import PictureError, is_picture, picture_array

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601: the weights of red, green and blue
_FORMS = (
    "an array of shape (n, height, width) or (n, height, width, 3), or a sequence of images of "
    "shape (height, width[, 3])"
)


class InputWarning(UserWarning):
    """Images are clearly not what a model expects."""


class Images:
    """A checked view of the images that a user handed in; nothing is copied before a batch is read.

    Parameters
    ----------
    images : array or sequence
        As in `FeatureExtractor.transform`, flat rows excepted.
    folded : bool
        Whether flat rows were folded into these images: then even 3 pixels of width are no colours.
    is_part : bool
        Whether these are some of images that were checked already.

    Raises
    ------
    TypeError, ValueError
        If this is nothing that can be read as images.
    """

    def __init__(self, images: Any, folded: bool = False, is_part: bool = False) -> None:
        images = _as_sequence(images)
        is_array = hasattr(images, "ndim") and hasattr(images, "dtype")
        if is_array:
            if on_gpu(images):
                self.whole = images
            else:
                self.whole = _as_array(images, "`images`")
        else:
            self.whole = None
        self.source: Any
        if self.whole is None:
            self.source = images
        else:
            self.source = self.whole
        if len(self.source) == 0:
            msg = (
                "`images` must hold at least one image, got 0 sample(s) while a minimum of 1 is "
                "required."
            )
            raise ValueError(msg)
        if self.whole is not None:
            if self.whole.ndim == 3 and self.whole.shape[2] == 3 and not folded:
                msg = (
                    f"`images` of shape {self.whole.shape} look like a single colour image. It "
                    "needs a first axis: image[None]."
                )
                raise ValueError(msg)
            _check_shape(self.whole.shape[1:], f"`images` of shape {self.whole.shape}")
            _check_dtype(self.whole, "`images`")
            if not (folded or is_part):
                _warn_of_planes(self.whole)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Array:
        """One image, of shape (height, width) or (height, width, 3)."""
        if self.whole is not None:
            return self.whole[index]
        try:
            image = self.source[index]
        except KeyError as error:
            msg = (
                f"`images` must be {_FORMS}, got {type(self.source).__name__}, which has no image "
                f"{index}. Hand in a list."
            )
            raise TypeError(msg) from error
        if not on_gpu(image):
            image = _as_array(image, f"Image {index} of `images`")
        _check_shape(image.shape, f"Image {index} of `images`, of shape {image.shape},")
        _check_dtype(image, f"Image {index} of `images`")
        return image

    def subset(self, indices: Sequence[int]) -> Images:
        """Some of the images, in the given order, still not read."""
        return Images(
            _Chosen(self, indices)
            if self.whole is None
            else self.whole[namespace(self.whole).asarray(indices)],
            is_part=True,
        )

    def batches(self, size_for: Callable[[tuple[int, ...]], int]) -> Iterator[tuple[int, Array]]:
        """Runs of images of one shape.

        Each at most `size_for(shape)` long, with the index of its first image.
        """
        if self.whole is not None:
            # An array is cut without a copy.
            step = size_for(self.whole.shape[1:])
            for first in range(0, len(self), step):
                yield first, _finite(self.whole[first : first + step], first)
            return
        run: list[Array] = []
        most = 0
        for index in range(len(self)):
            image = self[index]
            # Images of one size that follow each other make a batch.
            if run and (image.shape != run[0].shape or len(run) >= most):
                yield index - len(run), self._stacked(run, index - len(run))
                run = []
            if not run:
                most = size_for(image.shape)
            run.append(image)
        yield len(self) - len(run), self._stacked(run, len(self) - len(run))

    def _stacked(self, run: list[Array], first: int) -> Array:
        xp = namespace(run[0])
        return _finite(
            xp.stack(
                [image.astype(xp.float32) if image.dtype != xp.uint8 else image for image in run]
            ),
            first,
        )


def are_images(images: Any) -> bool:
    """Whether these are images already, not flat rows.

    Parameters
    ----------
    images : object

    Returns
    -------
    bool
    """
    if hasattr(images, "ndim"):
        # Rows of two dimensions are flat images, which `image_shape` folds.
        return images.ndim > 2
    if isinstance(images, Mapping) or not hasattr(images, "__getitem__") or not len(images):
        return False
    return is_picture(images[0]) or np.ndim(images[0]) > 1


def _as_sequence(images: Any) -> Any:
    """What a user handed in, if images can be read from it one by one."""
    if hasattr(images, "iloc"):  # pandas: a column of images, or flat rows
        images = images.to_numpy() if images.ndim > 1 else list(images)
    if (
        isinstance(images, str | bytes | Mapping)
        or not hasattr(images, "__len__")
        or not hasattr(images, "__getitem__")
    ):
        msg = (
            f"`images` must be {_FORMS}, got {type(images).__name__}. Read files with "
            "`hmax_cnn.data.read_folder` first, and put a single picture into a list."
        )
        raise TypeError(msg)
    return images


def _as_array(image: Any, what: str) -> np.ndarray:
    """What a user handed in as an array on the host; pictures of Pillow's decoded."""
    if isinstance(image, str | bytes | PurePath):
        msg = (
            f"{what} must be an array, got the name {str(image)!r}. Read files with "
            "`hmax_cnn.data.read_image` or `hmax_cnn.data.open_dataset` first."
        )
        raise TypeError(msg)
    if is_picture(image):
        try:
            return picture_array(image)
        except PictureError as error:
            msg = f"{what} {error}."
            raise ValueError(msg) from error
    if isinstance(image, np.ma.MaskedArray):
        if np.ma.is_masked(image):
            msg = (
                f"{what} has masked values, which no model can leave out. Fill them first: "
                "images.filled(value)."
            )
            raise ValueError(msg)
        return image.data
    try:
        return np.asarray(image)
    except (RuntimeError, TypeError) as error:  # such as a tensor that requires a gradient
        msg = f"{what}, {type(image).__name__}, cannot be read as an array: {error}"
        raise TypeError(msg) from error


# Edges coincide in the channels of a colour photograph: correlations of 0.90 and more in 95 % of
# 491 of caltech101; at most 0.87 among three grey images of one object, face or scene.
_SAME_EDGES = 0.9


def _warn_of_planes(images: Array) -> None:
    """Warn of three grey images that look like the channels of one colour picture."""
    if images.ndim != 3 or len(images) != 3 or images.shape[2] < 2 or on_gpu(images):
        return
    step = max(1, images.shape[1] // 256)  # some rows tell enough
    edges = np.abs(np.diff(images[:, ::step].astype(np.float64), axis=2)).reshape(3, -1)
    if (edges.std(axis=1) == 0).any() or not np.isfinite(edges).all():
        return
    if np.corrcoef(edges)[np.triu_indices(3, 1)].min() < _SAME_EDGES:
        return
    warnings.warn(
        f"`images` of shape {images.shape} are read as three grey images, but look like the "
        "channels of one colour picture: that is np.moveaxis(images, 0, -1)[None]. Three grey "
        "images in a list are read without this warning.",
        InputWarning,
        stacklevel=4,
    )


class _Chosen:
    def __init__(self, images: Images, indices: Sequence[int]) -> None:
        self.images, self.indices = images, [int(index) for index in indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Array:
        return self.images[self.indices[index]]


def _check_shape(shape: tuple[int, ...], what: str) -> None:
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3)):
        if min(shape[:2]) == 0:
            msg = f"{what} holds an image without pixels. Leave it out."
            raise ValueError(msg)
        return
    remedy = {
        1: "Flat rows need `image_shape`, and a single image needs a first axis: image[None].",
        3: (
            "The last axis must be 1 or 3 (grey or red, green, blue): drop an alpha channel, and "
            "move channels last."
        ),
    }.get(len(shape), "")
    msg = f"{what} cannot be read: images must be {_FORMS}. {remedy}"
    raise ValueError(msg)


def _check_dtype(array: Array, what: str) -> None:
    if array.dtype.kind in "buif":
        return
    if array.dtype.kind == "c":
        msg = f"{what}: Complex data not supported. Hand in the magnitude or the real part."
        raise ValueError(msg)
    msg = (
        f"{what} must hold numbers, got dtype {array.dtype}. Convert with .astype('float32'), or "
        "decode the files first."
    )
    raise TypeError(msg)


def _finite(batch: Array, first: int) -> Array:
    """The batch, unless it holds NaN or infinity, also after rounding to single precision."""
    if batch.dtype.kind != "f":
        return batch
    xp = namespace(batch)
    # A double beyond the range of float32 becomes infinite, and is refused below.
    with np.errstate(over="ignore"):
        good = xp.isfinite(batch.astype(xp.float32)).reshape(len(batch), -1).all(axis=1)
    if bool(good.all()):
        return batch
    index = int((~to_host(good)).argmax())
    msg = (
        f"Image {first + index} of `images` contains NaN, infinity or a value too large for "
        "float32. Mask or replace it first."
    )
    raise ValueError(msg)


def luminance(image: np.ndarray) -> np.ndarray:
    """Luminance of one image: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, 3)

    Returns
    -------
    array of shape (height, width), float32

    Examples
    --------
    >>> luminance(np.full((1, 1, 3), 10.0)).round(3)
    array([[10.]], dtype=float32)
    """
    if image.ndim == 3:
        image = image @ np.array(LUMINANCE)
    return image.astype(np.float32)


def to_retina(batch: Array, xp: ModuleType, n_channels: int) -> Array:
    """A batch on a device as float32 of shape (n, channels, height, width).

    Luminance, or red, green and blue.

    Luminance is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), of the values as they are, not
    rounded.
    """
    if on_gpu(batch) and xp is np:
        msg = (
            "`images` are on the GPU, but `device` is 'cpu'. Use device='cuda', or hand in "
            "images.get()."
        )
        raise TypeError(msg)
    batch = xp.asarray(batch)
    if batch.ndim == 3:
        batch = batch[..., None]
    # Channels in front, as in all layers: (image, channel, y, x).
    values = xp.moveaxis(batch, 3, 1).astype(xp.float32)
    if values.shape[1] == n_channels:
        return xp.ascontiguousarray(values)
    # A grey image for a network that sees colour: the three channels are alike.
    if n_channels == 3:
        return xp.repeat(values, 3, axis=1)
    red, green, blue = LUMINANCE
    return (red * values[:, :1] + green * values[:, 1:2] + blue * values[:, 2:]).astype(xp.float32)
