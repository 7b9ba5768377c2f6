"""Augmentation: the same images seen a little differently in every epoch, reproducibly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from hmax_cnn.extraction.parallel import each

_MOST_OCTAVES = 4


@dataclass(frozen=True)
class Augmentation:
    """Random changes, each drawn evenly up to its limit.

    Attributes
    ----------
    mirror : bool
        Half of the images are exchanged left for right.
    crop : float
        A window of the image's size is moved by up to this many pixels along each axis; the border
        is repeated outside.
    rotation, shear : float
        In the plane, up to so many degrees either way.
    warp : float
        Smooth local displacements, of this standard deviation in pixels.
    scale : float
        Enlarged or made smaller by up to so many octaves about the middle, without smoothing.
    colour : float
        Each channel, or luminance, is multiplied by 1 plus or minus up to this share.

    References
    ----------
    Simard, Steinkraus & Platt, "Best practices for convolutional neural networks", ICDAR 2003
    (local warping).
    """

    mirror: bool = False
    crop: float = 0.0
    rotation: float = 0.0
    shear: float = 0.0
    warp: float = 0.0
    colour: float = 0.0
    scale: float = 0.0

    def __post_init__(self) -> None:
        for name in ("crop", "rotation", "shear", "warp", "colour", "scale"):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not 0 <= value < np.inf
            ):
                msg = (
                    f"`augmentation` needs a number that is not negative for {name!r}, got "
                    f"{value!r}."
                )
                raise ValueError(msg)
        if not isinstance(self.mirror, bool):
            msg = f"`augmentation` needs True or False for 'mirror', got {self.mirror!r}."
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that it may be
        if self.shear >= 90 or self.colour > 1 or self.scale > _MOST_OCTAVES:
            msg = (
                "`augmentation` needs a shear below 90 degrees, a colour of at most 1 and a scale "
                f"of at most {_MOST_OCTAVES} octaves, got {self.shear}, {self.colour} and "
                f"{self.scale}."
            )
            raise ValueError(msg)

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Augmentation | None:
        """From a mapping such as {'mirror': True, 'crop': 4}.

        Parameters
        ----------
        settings : mapping or None
            Attributes by name.

        Returns
        -------
        Augmentation or None

        Raises
        ------
        ValueError
            If it names a change that there is not, or a limit is out of range.
        """
        if settings is None:
            return None
        if not isinstance(settings, Mapping):
            msg = (
                f"`augmentation` must be a mapping such as {{'mirror': True, 'crop': 4}}, got "
                f"{settings!r}."
            )
            raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that it may be
        known = [one.name for one in fields(cls)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            msg = f"`augmentation` knows {', '.join(known)}, got {unknown[0]!r}."
            raise ValueError(msg)
        return cls(**settings)

    def apply(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Images changed at random.

        Parameters
        ----------
        images : array of shape (n_images, height, width) or (n_images, height, width, n_channels)
        rng : numpy Generator

        Returns
        -------
        float32 array with the shape of `images`
        """
        # float32 also from bytes: colour changes make fractions.
        changed = np.empty(images.shape, np.float32)
        # A seed for each image, so that it does not matter which worker changes which.
        seeds = rng.integers(0, 2**63, len(images))

        def change(index: int) -> None:
            changed[index] = self._one(images[index], np.random.default_rng(seeds[index]))

        def change_all(first: int) -> None:
            for index in range(first, len(images), 2):
                change(index)

        each(change_all, [0, 1])
        highest = 255 if images.dtype == np.uint8 else np.inf
        return np.clip(changed, None, highest, out=changed)

    def _one(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sides = image.shape[:2]
        if self.mirror and rng.random() < 0.5:
            flipped = -1
        else:
            flipped = 1
        angle, lean = np.deg2rad(rng.uniform(-1, 1, 2) * (self.rotation, self.shear))
        shift = rng.uniform(-self.crop, self.crop, 2)
        gain = 1 + rng.uniform(-self.colour, self.colour, image.shape[2:])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        # One matrix for mirror, shear and rotation, and one interpolation for all changes: each
        # would blur the image a little more.
        matrix = turn @ np.array([[1, 0], [np.tan(lean), 1]]) @ np.diag([1, flipped])
        if self.scale:
            # Drawn only where it is wanted: without it a seed draws what it always has.
            matrix = matrix / 2 ** rng.uniform(-self.scale, self.scale)
        centre = (np.array(sides)[:, None, None] - 1) / 2
        places = (
            np.einsum("ij,jyx->iyx", matrix, np.indices(sides) - centre)
            + centre
            + shift[:, None, None]
        )
        if self.warp:
            # Smooth random displacements, after Simard, Steinkraus & Platt, ICDAR 2003.
            rough = rng.standard_normal((2, *sides))
            smooth = np.stack(
                [gaussian_filter(one, min(sides) / 12, mode="nearest") for one in rough]
            )
            places = places + self.warp * smooth / max(smooth.std(), 1e-12)
        planes = image.reshape(*sides, -1).astype(np.float32)
        seen = [
            map_coordinates(planes[..., channel], places, order=1, mode="nearest")
            for channel in range(planes.shape[2])
        ]
        return (np.stack(seen, axis=-1).reshape(image.shape) * gain).astype(np.float32)
