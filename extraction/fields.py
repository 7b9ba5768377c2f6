"""Where in the image a unit looks: windows, and the receptive fields that grow through them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from numbers import Integral
from typing import Any

import numpy as np

EXACT, LARGEST_PATH, WHOLE_IMAGE = "exact", "largest path", "whole image"


def _pair(value: Any, name: str, lowest: int) -> tuple[int, int]:
    """One whole number for both axes, or one for each."""
    # Nearly always plain numbers, many times in every step of a training: asking an abstract class
    # takes as long as a small operation.
    pair = (value, value) if type(value) is int or isinstance(value, Integral) else value
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        first, second = pair
        whole = (type(first) is int and type(second) is int) or (
            isinstance(first, Integral) and isinstance(second, Integral)
        )
        if whole and int(first) >= lowest and int(second) >= lowest:
            return int(first), int(second)
    msg = (
        f"`{name}` must be a whole number of at least {lowest}, or a pair (y, x) of them, got "
        f"{value!r}."
    )
    raise ValueError(msg)


@dataclass(frozen=True)
class Window:
    """A window that slides over a map: parsed once, used by the operation and by the field.

    Attributes
    ----------
    size, stride, dilation : (int, int)
        Along y and x, in units of the map that it looks at; positive. One number stands for both.
    padding : ((int, int), (int, int))
        Units added (top, bottom), (left, right); one number stands for all sides, a pair (y, x) for
        both sides of each axis.

    Examples
    --------
    >>> Window(8, stride=4).count(250, 250)
    (61, 61)
    >>> Window(3, padding=1, dilation=2).extent
    (5, 5)
    """

    size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    extent: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        size, dilation = _pair(self.size, "window", 1), _pair(self.dilation, "dilation", 1)
        if isinstance(self.padding, tuple | list):
            padding = self.padding
        else:
            padding = (self.padding, self.padding)
        sides = tuple(_pair(axis, "padding", 0) for axis in padding)
        if len(sides) != 2:
            msg = (
                "`padding` must be a whole number, a pair (y, x), or ((top, bottom), (left, "
                f"right)), got {self.padding!r}."
            )
            raise ValueError(msg)
        values: dict[str, Any] = {
            "size": size,
            "stride": _pair(self.stride, "stride", 1),
            "padding": sides,
            "dilation": dilation,
        }
        values["extent"] = tuple(d * (s - 1) + 1 for s, d in zip(size, dilation, strict=True))
        # A frozen dataclass that derives its own fields has no other way to set them.
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def count(self, height: int, width: int) -> tuple[int, int]:
        """How many positions fit into a map.

        Parameters
        ----------
        height, width : int
            Of the map, in units.

        Returns
        -------
        (int, int)
            Down and across.

        Raises
        ------
        ValueError
            If not a single one fits.
        """
        rooms = tuple(
            n + sum(p) - e
            for n, p, e in zip((height, width), self.padding, self.extent, strict=True)
        )
        if min(rooms) < 0:
            msg = (
                f"`window` of {self.extent[0]} x {self.extent[1]} must fit into the map of "
                f"{height} x {width} units "
                f"with padding {self.padding}. Use a larger image or a smaller window."
            )
            raise ValueError(msg)
        return rooms[0] // self.stride[0] + 1, rooms[1] // self.stride[1] + 1

    def turned(self) -> Window | None:
        """The window through which a gradient looks back at the map.

        A gradient with respect to the map is a correlation with the filters turned by half a turn.

        Returns
        -------
        Window or None
            None where windows step, or lie wholly in the padding.
        """
        around = tuple(
            (extent - 1 - before, extent - 1 - after)
            for extent, (before, after) in zip(self.extent, self.padding, strict=True)
        )
        if self.stride != (1, 1) or min(min(sides) for sides in around) < 0:
            return None
        return Window(self.size, padding=around, dilation=self.dilation)


def number(value: Fraction) -> int | float:
    """An exact number as people write it: whole where it is whole.

    >>> number(Fraction(4)), number(Fraction(13, 2))
    (4, 6.5)
    """
    if value.denominator == 1:
        return int(value)
    return float(value)


@dataclass(frozen=True)
class Span:
    """The field of a map's units along one axis, exact.

    Attributes
    ----------
    size : Fraction
        Extent of one unit's field, in pixels.
    step : Fraction
        Distance between the fields of neighbouring units, in pixels.
    first : Fraction
        Centre of the first unit's field, in pixels from the centre of the first pixel.

    Examples
    --------
    >>> Span().through(7).through(8, stride=4).size
    Fraction(14, 1)
    """

    # Fractions: steps and centres of deep layers are sums of halves, in which floats would drift.
    size: Fraction = Fraction(1)
    step: Fraction = Fraction(1)
    first: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("size", "step", "first"):
            value = getattr(self, name)
            if type(value) is not Fraction:
                object.__setattr__(self, name, Fraction(value))

    def through(self, extent: int, stride: int = 1, before: int = 0, dilation: int = 1) -> Span:
        """The span of units that look at these through a window of `extent` units.

        The padding at the start is `before`.

        Parameters
        ----------
        extent : int
            Of the window, in units.
        stride : int
        before : int
            Padding at the start, in units.
        dilation : int
            Distance between the window's places, in units.

        Returns
        -------
        Span
        """
        reach = (extent - 1) * dilation
        return Span(
            self.size + reach * self.step,
            self.step * stride,
            self.first + (Fraction(reach, 2) - before) * self.step,
        )

    def cropped(self, before: int) -> Span:
        """The span of what is left when `before` units at the start are cut off.

        Parameters
        ----------
        before : int
            Units.

        Returns
        -------
        Span
        """
        return Span(self.size, self.step, self.first + before * self.step)

    def centres(self, n_units: int) -> np.ndarray:
        """Field centres of neighbouring units, in pixels.

        Parameters
        ----------
        n_units : int

        Returns
        -------
        array of shape (n_units,)
            From the centre of the first pixel.
        """
        return np.array([float(self.first + i * self.step) for i in range(n_units)])

    def edges(self, index: int) -> tuple[int, int]:
        """First pixel that unit `index` sees, and the one after its last.

        Parameters
        ----------
        index : int

        Returns
        -------
        (int, int)
            May lie outside the image.

        Examples
        --------
        >>> Span().through(7).through(8, stride=4).edges(1)
        (4, 18)
        """
        centre = self.first + index * self.step
        # Pixel i covers from i - 1/2 to i + 1/2.
        low, high = centre - self.size / 2 + Fraction(1, 2), centre + self.size / 2 + Fraction(1, 2)
        return floor(low), ceil(high)


@dataclass(frozen=True)
class Field:
    """The part of the image that the units of a map see.

    Attributes
    ----------
    y, x : Span
        Size, step and first centre along each axis, in pixels.
    status : {'exact', 'largest path', 'whole image'}
        'largest path' where branches of a graph are not aligned, so that no one field is right for
        all.

    References
    ----------
    Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", Distill
    2019, equations 2 to 4.

    Examples
    --------
    >>> c1 = Field().through(Window(7)).through(Window(8, stride=4))
    >>> number(c1.x.size), number(c1.x.step), number(c1.x.first)
    (14, 4, 6.5)
    """

    y: Span = Span()
    x: Span = Span()
    status: str = EXACT

    def through(self, window: Window) -> Field:
        """The field of units that look at this map through a window.

        Parameters
        ----------
        window : Window

        Returns
        -------
        Field
        """
        y, x = (
            span.through(size, stride, padding[0], dilation)
            for span, size, stride, padding, dilation in zip(
                (self.y, self.x),
                window.size,
                window.stride,
                window.padding,
                window.dilation,
                strict=True,
            )
        )
        return Field(y, x, self.status)

    def cropped(self, top: int, left: int) -> Field:
        """The field of what is left when rows at the top and columns at the left are cut off.

        Parameters
        ----------
        top, left : int
            Units.

        Returns
        -------
        Field
        """
        return Field(self.y.cropped(top), self.x.cropped(left), self.status)

    @staticmethod
    def whole(height: int, width: int) -> Field:
        """The field of a unit that sees the whole image; it has no neighbours, so its step is 0.

        Parameters
        ----------
        height, width : int
            Of the image, in pixels.

        Returns
        -------
        Field
        """
        y, x = (Span(Fraction(n), Fraction(0), Fraction(n - 1, 2)) for n in (height, width))
        return Field(y, x, WHOLE_IMAGE)


IMAGE = Field()  # what a pixel sees: itself


def join(fields: Iterable[Field]) -> Field:
    """The field of units that read several maps at the same grid position.

    Exact where all share step and centre (then the largest contains the others). Where they share
    the step only, it is the smallest that holds all, and says 'largest path': no one path is right.
    Where steps differ it is the largest of them, and says so too.

    Parameters
    ----------
    fields : iterable of Field

    Returns
    -------
    Field

    Raises
    ------
    ValueError
        If there are none.

    Examples
    --------
    >>> join([Field().through(Window(7, padding=3)), Field().through(Window(9, padding=4))]).y.size
    Fraction(9, 1)
    >>> join([Field(), Field().cropped(1, 0)]).status
    'largest path'
    """
    branches = list(fields)
    if not branches:
        msg = "`fields` must hold at least one field, got none."
        raise ValueError(msg)
    statuses = {branch.status for branch in branches}
    if WHOLE_IMAGE in statuses:
        return next(branch for branch in branches if branch.status == WHOLE_IMAGE)
    largest = max(branches, key=lambda branch: branch.y.size * branch.x.size)
    spans = [(b.y.step, b.y.first, b.x.step, b.x.first) for b in branches]
    # Branches with the same grid see windows around the same centres: the largest holds the others.
    aligned = len(set(spans)) == 1 and statuses == {EXACT}
    contained = all(b.y.size <= largest.y.size and b.x.size <= largest.x.size for b in branches)
    if aligned and contained:
        return Field(largest.y, largest.x, EXACT)
    y, x = (
        _hull([getattr(b, axis) for b in branches], getattr(largest, axis)) for axis in ("y", "x")
    )
    return Field(y, x, LARGEST_PATH)


def _hull(spans: list[Span], largest: Span) -> Span:
    """The smallest span that holds all, where they share a step."""
    # No single interval describes units that move at different steps: the largest path is given,
    # and the status says so.
    if len({span.step for span in spans}) > 1:
        return largest
    low, high = (
        min(span.first - span.size / 2 for span in spans),
        max(span.first + span.size / 2 for span in spans),
    )
    return Span(high - low, largest.step, (low + high) / 2)
