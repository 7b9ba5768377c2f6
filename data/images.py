"""Pictures on disk.

Decoded right, bounded before they are decoded, or refused with their name and the reason.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

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

_RULES = {
    "none": "the size they have",
    "height": "height:H - H pixels high, shape kept",
    "shorter": "shorter:N - the shorter side N pixels, shape kept",
    "longer": "longer:N - the longer side N pixels, shape kept",
    "stretch": "stretch:HxW - H by W pixels, shape not kept",
    "cover": "cover:HxW - resized, shape kept, until H by W is covered, then cropped at the centre",
    "crop": "crop:HxW - H by W pixels cut out around the centre",
}


class ImageError(ValueError):
    """A picture cannot be read; the text names it and the reason."""


@dataclass(frozen=True)
class Framing:
    """How pictures are resized: a rule, written as on the command line.

    Parameters
    ----------
    rule : str
        'none', 'height:H', 'shorter:N', 'longer:N', 'stretch:HxW', 'cover:HxW' or 'crop:HxW', in
        pixels; several in turn, with commas between. Resizing is bicubic with antialiasing
        (Pillow), before colour becomes luminance.

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
            height, width = _target(name, sides, *picture.size)
            # An enlargement can be as large a bomb as a file.
            if height * width > LARGEST:
                msg = (
                    f"would have {height} x {width} pixels after {name}, more than "
                    f"{LARGEST // 10**6} million"
                )
                raise ImageError(msg)
            if (width, height) != picture.size:
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
    path: str | os.PathLike[str], framing: Framing | str = "none", background: str | None = None
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

    Returns
    -------
    array of shape (height, width) or (height, width, 3)
        uint8; of 16-bit pictures float32 in 0..255. Palettes and CMYK become red, green and blue
        (Pillow's formula); EXIF rotation is carried out; an alpha channel that is opaque everywhere
        is dropped.

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of harmless faults, such as in EXIF data
            # Pillow only warns at first: here it is an error.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                _check(picture)
                picture.load()
                return _as_array(
                    framing.apply(_plain(ImageOps.exif_transpose(picture), background))
                )
    except ImageError as error:
        msg = f"{path}: {error}"
    except FileNotFoundError:
        msg = f"{path}: there is no such file"
    except UnidentifiedImageError:
        msg = f"{path}: is empty or not a picture of a known format ({', '.join(FORMATS)})"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        msg = f"{path}: has more than {LARGEST // 10**6} million pixels; make it smaller first"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        msg = f"{path}: is corrupt or cannot be decoded ({error})"
    raise ImageError(msg)


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
    if picture.mode in ("I", "F", "LAB", "HSV") and (picture.mode, picture.format) != ("I", "PPM"):
        msg = (
            f"has pixels of mode {picture.mode}, which has no standard range; save it with 8 or "
            "16 bits, or hand an array to Python"
        )
        raise ImageError(msg)


def _plain(picture: Image.Image, background: str | None) -> Image.Image:
    """Grey, 16-bit grey or red-green-blue, without alpha."""
    if picture.mode.startswith("I"):  # 16 bits; PGM is read as mode I
        return Image.fromarray(np.asarray(picture).astype(np.float32) / 257)
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
            raise ImageError(msg)
        under = Image.new("RGBA", picture.size, background)
        return Image.alpha_composite(under, layers).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _as_array(picture: Image.Image) -> np.ndarray:
    values = np.asarray(picture)
    if values.dtype == np.float32:
        return np.clip(values, 0, 255)
    return values
