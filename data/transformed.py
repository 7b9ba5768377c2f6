"""Transformed sets: every image at every value of a transformation, made when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from hmax_cnn.extraction.digests import digest, picture_digests

from .seeds import generator

MOST_VALUES = 1000  # of a transformation


@dataclass(frozen=True)
class Transformation:
    """A change of an image, by a value with a unit.

    Attributes
    ----------
    name : str
        Such as 'rotation'.
    units : str
    identity : float
        The value that changes nothing.
    change : callable
        change(image, value, rng) returns the changed image, of shape (height, width) or (height,
        width, 3), as float.
    inverse : callable or None
        From a value to the one that undoes it; None where nothing does.
    outside : callable or None
        outside(shape, value) tells which share of each pixel of the result comes from beyond the
        image's border; None where nothing can.
    border : str
        What was put there.
    low, high : float
        Least and largest value that there is.
    whole : bool
        Whether values are whole numbers.

    Examples
    --------
    >>> from hmax_cnn.data.transformations import shift
    >>> right = shift(fill=0)
    >>> right(np.eye(3), 1).tolist(), right.inverse(1)
    ([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], -1)
    """

    name: str
    units: str
    identity: float
    change: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    inverse: Callable[[float], float] | None = None
    outside: Callable[[tuple[int, int], float], np.ndarray] | None = None
    border: str = "none"
    low: float = -np.inf
    high: float = np.inf
    whole: bool = False

    def check(self, value: float) -> float:
        """The value, if there is such a one.

        Raises
        ------
        ValueError
            If it is out of range, or not a whole number where it must be.
        """
        good = (
            isinstance(value, int | float | np.number)
            and np.isfinite(value)
            and self.low <= value <= self.high
        )
        if not good or (self.whole and value != round(value)):
            kind = "a whole number" if self.whole else "a finite number"
            span = ""
            if np.isfinite(self.low) and np.isfinite(self.high):
                span = f" from {self.low:g} to {self.high:g}"
            elif np.isfinite(self.low):
                span = f" of at least {self.low:g}"
            msg = f"`value` of {self.name} must be {kind}{span}, in {self.units}, got {value}."
            raise ValueError(msg)
        return float(value)

    def __call__(self, image: np.ndarray, value: float, random_state: Any = 0) -> np.ndarray:
        """The image, of shape (height, width) or (height, width, 3), changed; float32.

        The identity returns it as it is.
        """
        picture = np.asarray(image)
        if picture.ndim not in (2, 3):
            msg = (
                "`image` must have shape (height, width) or (height, width, 3), got "
                f"{picture.shape}."
            )
            raise ValueError(msg)
        if self.check(value) == self.identity:
            # Exactly the image itself: what would be interpolated by zero changes in its last bits.
            return picture.astype(np.float32)
        return self.change(
            picture.astype(float), float(value), generator(self.name, *np.atleast_1d(random_state))
        ).astype(np.float32)

    def border_only(self, image: np.ndarray, value: float, random_state: Any = 0) -> np.ndarray:
        """The image left where it is, but for what comes in from beyond the border.

        It is the transformation's side effect alone.
        """
        picture = np.asarray(image).astype(np.float32)
        if self.outside is None or value == self.identity:
            return picture
        # How much of each pixel came from beyond the border: only there the image is replaced.
        share = self.outside(picture.shape[:2], self.check(value)).astype(np.float32)
        return picture + (share if picture.ndim == 2 else share[..., None]) * (
            self(image, value, random_state) - picture
        )


@dataclass(frozen=True, eq=False)
class Transformed:
    """Images by values of a transformation, as one sequence, the value varying fastest.

    None is kept.

    Attributes
    ----------
    names : sequence of str
        One per image.
    values : array of shape (n_values,)
    read : callable
        read(image number, value number) returns an image.
    name, units : str
        Of the transformation.
    identity : float
        The value of the reference.
    labels : array of shape (n_images,) or None
        Classes of the images.
    groups : array of shape (n_images,) or None
        Which of them belong together, such as pictures of one object.
    attributes : mapping
        What else is known, such as the handling of the border.
    original : callable or None
        original(image number, value number) returns the digest of the picture that was transformed;
        see `hmax_cnn.extraction.digests`.
    """

    names: Sequence[str]
    values: np.ndarray
    read: Callable[[int, int], np.ndarray]
    name: str
    units: str
    identity: float
    labels: np.ndarray | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    original: Callable[[int, int], int] | None = field(default=None, repr=False)
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not len(self.names) or not len(self.values):
            msg = (
                f"There must be at least one image and one value of {self.name}, got "
                f"{len(self.names)} and {len(self.values)}."
            )
            raise ValueError(msg)
        if len(set(np.asarray(self.values).tolist())) < len(self.values):
            msg = f"`values` of {self.name} must differ, got {np.asarray(self.values).tolist()}."
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.names) * len(self.values)

    def __getitem__(self, index: int) -> np.ndarray:
        """One image, of shape (height, width) or (height, width, 3)."""
        if not -len(self) <= index < len(self):
            msg = f"There are {len(self)} images, got index {index}."
            raise IndexError(msg)
        # Images are made when they are looked at, all values of one image after another.
        return self.read(*divmod(index % len(self), len(self.values)))

    def digest(self, number: int) -> int:
        """Of the picture behind an image, as it was before it was transformed.

        Parameters
        ----------
        number : int

        Returns
        -------
        int
        """
        if self.original is None:
            return digest(self[number])
        return self.original(*divmod(number, len(self.values)))

    def subset(self, images: Any) -> Transformed:
        """Some of the images, at all values."""
        chosen = np.arange(len(self.names))[images]
        labels = None if self.labels is None else self.labels[chosen]
        original = self.original
        return replace(
            self,
            original=original and (lambda image, value: original(int(chosen[image]), value)),
            names=[self.names[i] for i in chosen],
            labels=labels,
            groups=None if self.groups is None else self.groups[chosen],
            read=lambda image, value: self.read(int(chosen[image]), value),
        )


def transformed(
    images: Any,
    transformation: Transformation,
    values: Sequence[float],
    labels: Any = None,
    border_only: bool = False,
    random_state: int = 0,
) -> Transformed:
    """Every image at every value of a transformation.

    Parameters
    ----------
    images : array or sequence
        Of shape (n, height, width[, 3]), or anything of which images can be read one by one:
        `Stimuli`, a `Dataset`.
    transformation : Transformation
    values : sequence of float
        In its units. The identity must be among them: it is what all measures refer to.
    labels : array of shape (n,) or None
        Classes; None takes those of the images where they have some.
    border_only : bool
        Make only what the transformation brings in from beyond the border; see
        `hmax_cnn.analysis.measures.tolerance.border_share`.
    random_state : int
        Seed of what is random. An image has the same noise, places or angles at every value and
        whichever others are asked for: noise is one pattern that grows, clutter keeps its first
        distractors, scrambling turns phases ever further.

    Returns
    -------
    Transformed

    Raises
    ------
    ValueError
        If the identity is not among the values, one is out of range, labels are not one per image,
        or nothing of the border is changed.

    Examples
    --------
    >>> from hmax_cnn.data.transformations import shift
    >>> moved = transformed(np.zeros((2, 8, 8)), shift(), (-2, 0, 2))
    >>> len(moved), moved[0].shape
    (6, (8, 8))
    """
    points = _with_identity(values, transformation)
    for value in points:
        transformation.check(value)
    if border_only and transformation.outside is None:
        msg = (
            f"`border_only` has no meaning for {transformation.name}: it brings in nothing from "
            "beyond the border."
        )
        raise ValueError(msg)
    change = transformation.border_only if border_only else transformation
    names = list(getattr(images, "names", range(len(images))))
    given = getattr(images, "labels", None) if labels is None else labels
    if given is not None and len(given) != len(names):
        msg = f"`labels` must be one for each of the {len(names)} images, got {len(given)}."
        raise ValueError(msg)

    @cache
    def original(image: int) -> int:
        return int(picture_digests(images, [image])[0])

    def read(image: int, value: int) -> np.ndarray:
        # The seed is of the image, not of the value: see `random_state`.
        return change(np.asarray(images[image]), float(points[value]), (random_state, image))

    return Transformed(
        names,
        points,
        read,
        transformation.name,
        transformation.units,
        transformation.identity,
        None if given is None else np.asarray(given),
        {"border": transformation.border, "border_only": int(border_only)},
        lambda image, value: original(image),
        getattr(images, "groups", None),
    )


def _with_identity(values: Sequence[float], transformation: Transformation) -> np.ndarray:
    """The values, with the identity among them as exactly itself."""
    points = np.atleast_1d(np.asarray(values, dtype=float))
    if points.size > MOST_VALUES:
        msg = (
            f"`values` must be at most {MOST_VALUES}, got {points.size}: every image is made and "
            "answered at each of them."
        )
        raise ValueError(msg)
    # np.arange(-0.3, 0.4, 0.1) holds 5.6e-17 where 0 is meant.
    near = np.isclose(points, transformation.identity, rtol=0, atol=1e-9)
    points = np.where(near, transformation.identity, points)
    if transformation.identity not in points:
        msg = (
            f"`values` must hold {transformation.identity:g}, at which {transformation.name} "
            f"changes nothing, got {points.tolist()}."
        )
        raise ValueError(msg)
    return points
