"""Pillow's pictures as arrays: grey, or red, green and blue, whatever they are stored as."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = 257  # 65,535 / 255: 16 bits as values of 0 to 255
_NO_STANDARD_RANGE = ("I", "F", "LAB")


class PictureError(ValueError):
    """A picture has no one meaning as an array; the text says why, without its name."""


def is_picture(thing: Any) -> TypeGuard[Image]:
    """Whether this is a picture of Pillow's, which is not imported to find out.

    Parameters
    ----------
    thing : object

    Returns
    -------
    bool
    """
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(thing, pillow.Image)


def picture_array(picture: Image) -> np.ndarray:
    """A picture as an array.

    Parameters
    ----------
    picture : PIL.Image.Image

    Returns
    -------
    array of shape (height, width) or (height, width, 3)
        As `plain_picture` makes it: uint8, or float32 in 0..255 where it has 16 bits.

    Raises
    ------
    PictureError
        As `plain_picture`.

    Examples
    --------
    >>> from PIL import Image
    >>> picture_array(Image.new("P", (2, 1))).shape
    (1, 2, 3)
    """
    values = np.asarray(plain_picture(picture))
    if values.dtype == np.float32:
        return np.clip(values, 0, 255)
    return values


def plain_picture(picture: Image, background: str | None = None) -> Image:
    """A picture in grey, 16-bit grey (as float) or red, green and blue, without alpha.

    Parameters
    ----------
    picture : PIL.Image.Image
        Palettes, CMYK, HSV and YCbCr are converted by Pillow's formulas.
    background : str or None
        Colour laid under transparent pixels; None refuses pictures that have some.

    Returns
    -------
    PIL.Image.Image
        Of mode L, F or RGB.

    Raises
    ------
    PictureError
        If pixels are transparent and no background is given, or the mode has no standard range.
    """
    from PIL import Image

    if picture.mode in _NO_STANDARD_RANGE:
        msg = (
            f"has pixels of mode {picture.mode}, which has no standard range; save it with 8 or "
            "16 bits, or hand an array to Python"
        )
        raise PictureError(msg)
    if picture.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(picture).astype(np.float32) / DEEP)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        # An alpha channel that is opaque everywhere says nothing.
        if layers.getchannel("A").getextrema()[0] == 255:
            return layers.convert("L" if picture.mode in ("LA", "La") else "RGB")
        if background is None:
            msg = (
                "has transparent pixels, whose colour is not defined; give a `background`, such "
                "as 'white'"
            )
            raise PictureError(msg)
        under = Image.new("RGBA", picture.size, background)
        return Image.alpha_composite(under, layers).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
