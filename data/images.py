"""Pictures on disk.

Decoded right, bounded before they are decoded, or refused with their name and the reason.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hmax_cnn.extraction.pictures import DEEP, PictureError, plain_picture

from .signatures import PICTURE, kind_of

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP")
SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".webp",
)
LARGEST = 64 * 10**6  # pixels
# Tags of TIFF, and what they may say.
_BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 258, 259, 262, 274
_READ_BY_TIFFFILE = (1, 8, 32946)  # none and deflate: without further packages
_PLANES = 2
_WHITE = np.uint16(65535)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_RULES = {
    "none": "the size they have",
    "height": "height:H - H pixels high, shape kept",
    "shorter": "shorter:N - the shorter side N pixels, shape kept",
    "longer": "longer:N - the longer side N pixels, shape kept",
    "stretch": "stretch:HxW - H by W pixels, shape not kept",
    "cover": "cover:HxW - resized, shape kept, until H by W is covered, then cropped at the centre",
    "crop": "crop:HxW - H by W pixels cut out around the centre",
    "pad": "pad:HxW - in the middle of H by W pixels of the colour of its border",
}


class ImageError(PictureError):
    """A picture cannot be read; the text names it and the reason."""


@dataclass(frozen=True)
class Framing:
    """How pictures are resized: a rule, written as on the command line.

    Parameters
    ----------
    rule : str
        'none', 'height:H', 'shorter:N', 'longer:N', 'stretch:HxW', 'cover:HxW', 'crop:HxW' or
        'pad:HxW', in pixels; several in turn, with commas between. Resizing is bicubic with
        antialiasing (Pillow), before colour becomes luminance. 'pad' puts a picture into the middle
        of a larger frame of the median colour of its border.

    Raises
    ------
    ValueError
        If this is no such rule.

    Examples
    --------
    >>> Framing("height:140").apply(Image.new("L", (300, 280))).size
    (150, 140)
    """

    rule: str = "none"

    def __post_init__(self) -> None:
        self.steps()

    def steps(self) -> list[tuple[str, tuple[int, ...]]]:
        """The rule as (name, sides) in turn.

        Returns
        -------
        list of (str, tuple of int)
            Sides in pixels, height first.

        Raises
        ------
        ValueError
            If this is no rule.
        """
        parsed = []
        for step in self.rule.split(","):
            name, _, text = step.strip().partition(":")
            parts = text.split("x")
            if all(part.isdecimal() for part in parts):
                sides = tuple(map(int, parts))
            else:
                sides = ()
            expected = {"none": 0, "height": 1, "shorter": 1, "longer": 1}.get(name, 2)
            if (
                name not in _RULES
                or len(sides) != expected
                or 0 in sides
                or any(side > 20_000 for side in sides)
            ):
                msg = f"`resize` must be one of: {'; '.join(_RULES.values())}. Got {step!r}."
                raise ValueError(msg)
            parsed.append((name, sides))
        return parsed

    def apply(self, picture: Image.Image) -> Image.Image:
        """The picture, resized and cut.

        Parameters
        ----------
        picture : PIL.Image.Image

        Returns
        -------
        PIL.Image.Image

        Raises
        ------
        ImageError
            If it is too small to be cut, or would become too large.
        """
        for name, sides in self.steps():
            if name == "crop":
                picture = _cut(picture, *sides)
                continue
            height, width = sides if name == "pad" else _target(name, sides, *picture.size)
            # An enlargement can be as large a bomb as a file.
            if height * width > LARGEST:
                msg = (
                    f"would have {height} x {width} pixels after {name}, more than "
                    f"{LARGEST // 10**6} million"
                )
                raise ImageError(msg)
            if name == "pad":
                picture = _framed(picture, height, width)
            elif (width, height) != picture.size:
                # Pillow widens the kernel when it reduces: no aliasing, unlike a bicubic of fixed
                # width.
                picture = picture.resize((width, height), Image.Resampling.BICUBIC)
            if name == "cover":
                picture = _cut(picture, *sides)
        return picture


AS_IT_IS = Framing()


def _target(name: str, sides: tuple[int, ...], width: int, height: int) -> tuple[int, int]:
    """Height and width that a picture is resized to."""
    if name == "stretch":
        return sides[0], sides[1]
    if name == "none":
        return height, width
    scale = {
        "height": sides[0] / height,
        "shorter": sides[0] / min(width, height),
        "longer": sides[0] / max(width, height),
        "cover": max(sides[0] / height, sides[-1] / width),
    }[name]
    return max(1, round(height * scale)), max(1, round(width * scale))


def _framed(picture: Image.Image, height: int, width: int) -> Image.Image:
    """The picture in the middle of a frame of the median colour of its border."""
    if height < picture.height or width < picture.width:
        msg = (
            f"has {picture.height} x {picture.width} pixels, too many for a frame of {height} x "
            f"{width}: make it smaller first, such as longer:{min(height, width)},pad:{height}x"
            f"{width}"
        )
        raise ImageError(msg)
    pixels = np.asarray(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fill = np.median(border, axis=0).astype(pixels.dtype)
    colour = tuple(fill.tolist()) if fill.ndim else fill.item()
    framed = Image.new(picture.mode, (width, height), colour)
    framed.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return framed


def _cut(picture: Image.Image, height: int, width: int) -> Image.Image:
    if height > picture.height or width > picture.width:
        msg = (
            f"has {picture.height} x {picture.width} pixels, too few to cut out {height} x "
            f"{width}: use cover instead of crop"
        )
        raise ImageError(msg)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def read_image(
    path: str | os.PathLike[str],
    framing: Framing | str = "none",
    background: str | None = None,
    content: bytes | None = None,
) -> np.ndarray:
    """Decode one picture.

    Parameters
    ----------
    path : path
        PNG, JPEG, BMP, GIF, TIFF, PPM/PGM or WebP; at most 64 million pixels.
    framing : Framing or str
        How to bring it to size.
    background : str or None
        Colour, such as 'white' or '#808080', laid under transparent pixels; None refuses pictures
        that have some.
    content : bytes or None
        Of the file, where it was read already.

    Returns
    -------
    array of shape (height, width) or (height, width, 3)
        uint8; of 16-bit grey pictures, and of 16-bit colour in TIFF (uncompressed or
        deflate), float32 in 0..255; of other 16-bit colour the eight high bits. Palettes and CMYK
        become red, green and blue (Pillow's formula); EXIF rotation is carried out; an alpha
        channel that is opaque everywhere is dropped.

    Raises
    ------
    ImageError
        If the file is missing, corrupt, too large, animated, transparent, or of a kind with no
        standard range.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 20)).save(Path(folder) / "wide.png")
    ...     read_image(Path(folder) / "wide.png", "cover:10x10").shape
    (10, 10, 3)
    """
    if isinstance(framing, str):
        framing = Framing(framing)
    path = Path(path)
    try:
        with warnings.catch_warnings(), _opened(path, content) as file:
            warnings.simplefilter("ignore")  # of harmless faults, such as in EXIF data
            # Pillow only warns at first: here it is an error.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # An open file: of a path Pillow maps grey TIFFs into memory, and turns them wrongly.
            with Image.open(file, formats=FORMATS) as picture:
                _check(picture)
                return _decoded(picture, file, framing, background)
    except PictureError as error:
        msg = f"{path}: {error}"
    except FileNotFoundError:
        msg = f"{path}: there is no such file"
    except UnidentifiedImageError:
        msg = f"{path}: {_unknown(path, content)}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        msg = f"{path}: has more than {LARGEST // 10**6} million pixels; make it smaller first"
    except _DAMAGED as error:
        msg = f"{path}: is corrupt or cannot be decoded ({error})"
    raise ImageError(msg)


# What decoders raise where bytes are not what they should be; found by damaging files at random.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError),
    *(TypeError, LookupError, ArithmeticError, struct.error, zlib.error),
)


def _opened(path: Path, content: bytes | None) -> BinaryIO:
    if content is not None:
        return io.BytesIO(content)
    if not stat.S_ISREG(path.stat().st_mode):
        msg = "is no regular file: a folder, a pipe, a socket or a device"
        raise ImageError(msg)
    return path.open("rb")


def _unknown(path: Path, content: bytes | None) -> str:
    """What a file is that Pillow does not know."""
    kind = kind_of(path, content)
    if kind not in (None, PICTURE):
        return f"is a picture in a format that cannot be read ({kind}); convert it to PNG"
    return f"is empty or not a picture of a known format ({', '.join(FORMATS)})"


def _check(picture: Image.Image) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = picture.size
    if width * height > LARGEST:
        msg = (
            f"has {height} x {width} pixels, more than {LARGEST // 10**6} million; make it "
            "smaller first"
        )
        raise ImageError(msg)
    n_frames = getattr(picture, "n_frames", 1)
    if n_frames > 1 and picture.format != "MPO":  # a photograph with a preview
        msg = f"is animated or has several pages ({n_frames}); save the one that is meant"
        raise ImageError(msg)


def _decoded(
    picture: Image.Image, file: BinaryIO, framing: Framing, background: str | None
) -> np.ndarray:
    """The picture upright, plain and resized."""
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(_BITS, (8,))
    if bits[:3] == (16, 16, 16) and tags.get(_COMPRESSION, 1) in _READ_BY_TIFFFILE:
        return _deep_colour(picture, file, bits, framing)
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "I" and picture.format == "PPM":  # 16 bits, as older versions read them
        upright = Image.fromarray(np.asarray(upright).astype(np.uint16))
    if upright.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0:
        # White is zero: Pillow turns 8 bits round and leaves 16 as they are.
        upright = Image.fromarray(_WHITE - np.asarray(upright).astype(np.uint16))
    values = np.asarray(framing.apply(plain_picture(upright, background)))
    return np.clip(values, 0, 255) if values.dtype == np.float32 else values


def _deep_colour(
    picture: Image.Image, file: BinaryIO, bits: tuple[int, ...], framing: Framing
) -> np.ndarray:
    """A TIFF of 16-bit colour: Pillow keeps 8 bits of it, and confuses planes."""
    import tifffile

    if len(bits) > 3:
        msg = "has 16-bit colour with an alpha channel; save it without, or with 8 bits"
        raise ImageError(msg)
    file.seek(0)
    try:
        with tifffile.TiffFile(file) as opened:
            page = opened.pages.first
            stored = page.asarray()
            if page.planarconfig == _PLANES:
                stored = np.moveaxis(stored, 0, -1)
    except Exception as error:  # tifffile raises errors of many kinds for damaged files
        msg = f"is corrupt or cannot be decoded ({error})"
        raise ImageError(msg) from error
    turned = picture.getexif().get(_ORIENTATION, 1)
    channels = []
    for channel in np.moveaxis(stored, -1, 0):
        one = Image.fromarray(channel.astype(np.float32) / DEEP)
        if turned in _TURNS:
            one = one.transpose(_TURNS[turned])
        channels.append(np.asarray(framing.apply(one)))
    return np.clip(np.stack(channels, axis=-1), 0, 255)
