"""Stimuli: images that are drawn when they are looked at, with the parameters that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.extraction.notebook import pictures_html

_LARGEST = 16 * 10**6  # pixels of a screen


@dataclass(frozen=True)
class Screen:
    """What stimuli are drawn on.

    Attributes
    ----------
    height, width : int
        In pixels.
    pixels_per_degree : float or None
        Where given, lengths and positions are in degrees of visual angle and frequencies in cycles
        per degree; where None, in pixels.
    background : float
        Luminance where nothing is drawn: 127.5 for models that expect 0..255, 0.5 for 0..1.
    amplitude : float or None
        Luminance by which a pattern at contrast 1 lies above or below it; None is the background
        itself. 255 for light shapes on a background of 0.

    Examples
    --------
    >>> Screen(160, 160, pixels_per_degree=40).pixel
    0.025
    """

    height: int
    width: int
    pixels_per_degree: float | None = None
    background: float = 127.5
    amplitude: float | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                msg = f"`{name}` must be a whole number of pixels, at least 1, got {value!r}."
                raise ValueError(msg)
        if self.height * self.width > _LARGEST:
            msg = (
                f"`height` and `width` make {self.height} x {self.width} pixels, more than "
                f"{_LARGEST // 10**6} million. Use a smaller screen."
            )
            raise ValueError(msg)
        if self.pixels_per_degree is not None and not 0 < self.pixels_per_degree < np.inf:
            msg = (
                "`pixels_per_degree` must be positive, or None for lengths in pixels, got "
                f"{self.pixels_per_degree!r}."
            )
            raise ValueError(msg)

        if not 0 <= self.background < np.inf:
            msg = f"`background` must be a luminance of at least 0, got {self.background!r}."
            raise ValueError(msg)
        if self.amplitude is None and self.background == 0:
            msg = (
                "`amplitude` must be given where `background` is 0: contrast has nothing to be "
                "relative to. Such as amplitude=255."
            )
            raise ValueError(msg)
        if self.amplitude is not None and not 0 < self.amplitude < np.inf:
            msg = (
                f"`amplitude` must be positive, or None for the background, got {self.amplitude!r}."
            )
            raise ValueError(msg)

    @staticmethod
    def of(given: Screen | Sequence[int]) -> Screen:
        """A screen, or one of (height, width) pixels.

        Parameters
        ----------
        given : Screen or (int, int)

        Returns
        -------
        Screen

        Raises
        ------
        ValueError
            If it is neither.
        """
        if isinstance(given, Screen):
            return given
        if not isinstance(given, Sequence | np.ndarray) or len(given) != 2:
            msg = f"`screen` must be a Screen or (height, width) in pixels, got {given!r}."
            raise ValueError(msg)
        return Screen(*given)

    @property
    def length(self) -> str:
        """The unit of lengths."""
        if self.pixels_per_degree is None:
            return "pixels"
        return "degrees"

    @property
    def frequency(self) -> str:
        """The unit of spatial frequencies."""
        if self.pixels_per_degree is None:
            return "cycles per pixel"
        return "cycles per degree"

    @property
    def pixel(self) -> float:
        """Side of a pixel, in the unit of lengths."""
        if self.pixels_per_degree is None:
            return 1.0
        return 1 / self.pixels_per_degree

    @property
    def centre(self) -> tuple[float, float]:
        """The middle (y, x), in the unit of lengths.

        From the centre of the first pixel, as receptive fields are placed.
        """
        return (self.height - 1) / 2 * self.pixel, (self.width - 1) / 2 * self.pixel

    def around(self, y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Distances down and to the right of a place, in the unit of lengths.

        Of shape (height, 1) and (1, width).

        Parameters
        ----------
        y, x : float
            The place, in the unit of lengths.

        Returns
        -------
        down : array of shape (height, 1)
        right : array of shape (1, width)
        """
        down, right = (
            np.arange(self.height)[:, None] * self.pixel - y,
            np.arange(self.width)[None] * self.pixel - x,
        )
        return down, right

    def shown(self, pattern: np.ndarray, contrast: float = 1.0) -> np.ndarray:
        """A pattern from -1 to 1 as luminance, float32.

        Parameters
        ----------
        pattern : array
            Of shape (height, width), or one that is broadcast to it.
        contrast : float

        Returns
        -------
        array of float32 of shape (height, width)
        """
        if self.amplitude is None:
            # Contrast relative to the background, as Michelson's of a grating.
            reach = self.background
        else:
            reach = self.amplitude
        return (
            self.background + contrast * reach * np.broadcast_to(pattern, (self.height, self.width))
        ).astype(np.float32)

    def settings(self) -> dict[str, float | int]:
        """What stands in the attributes of stimuli that are drawn on it.

        Returns
        -------
        dict
        """
        known = {"height": self.height, "width": self.width, "background": self.background}
        more = {"pixels_per_degree": self.pixels_per_degree, "amplitude": self.amplitude}
        return known | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, eq=False, repr=False)
class Stimuli:
    """A set of stimuli.

    A sequence of images for every model, drawn one by one, so that a set of any length takes no
    memory.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per image: the parameters that it is drawn from.
    draw : callable
        From a row, by keyword, to an image of shape (height, width), float32.
    units : mapping from str to str
        Of the columns.
    name : str
        What these are.
    settings : mapping
        What all of them share, such as the background and the seed.

    Examples
    --------
    >>> from hmax_cnn.data.stimuli import gratings
    >>> found = gratings((32, 32), orientations=(0, 45), frequencies=(0.1, 0.2))
    >>> len(found), found[3].shape, found.load().orientation.values.tolist()
    (4, (32, 32), [0.0, 0.0, 45.0, 45.0])
    """

    table: pd.DataFrame
    draw: Callable[..., np.ndarray]
    units: Mapping[str, str] = field(default_factory=dict)
    name: str = "stimuli"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.table):
            msg = f"There must be at least one {self.name}: a list of parameters is empty."
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        columns = ", ".join(map(str, self.table.columns))
        return f"Stimuli({len(self)} of {self.name!r}, drawn from {columns})"

    def _repr_html_(self) -> str:
        return pictures_html(repr(self), self, self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        """One image, of shape (height, width), float32."""
        if not isinstance(index, int | np.integer) or not -len(self) <= index < len(self):
            msg = (
                f"`index` must be a whole number below {len(self)}, got {index!r}. Several are "
                "had by `subset`."
            )
            # Python's own loops over a sequence end at this error.
            raise IndexError(msg)
        # Drawn when it is looked at: a set of 100,000 stimuli costs a table.
        return self.draw(
            **{column: self.table[column].iloc[index] for column in self.table.columns}
        )

    @property
    def names(self) -> list[str]:
        """One per image."""
        n_digits = len(str(len(self) - 1))
        return [f"{self.name}{index:0{n_digits}d}" for index in range(len(self))]

    @property
    def labels(self) -> np.ndarray | None:
        """The column `label`, where there is one."""
        if "label" in self.table:
            return self.table["label"].to_numpy(str)
        return None

    def subset(self, indices: Any) -> Stimuli:
        """Some of them, in the given order.

        Parameters
        ----------
        indices : array, list or slice

        Returns
        -------
        Stimuli
        """
        return replace(
            self, table=self.table.iloc[np.arange(len(self))[indices]].reset_index(drop=True)
        )

    def load(self) -> xr.DataArray:
        """All images at once.

        Dims (image, y, x), with the parameters as coordinates along `image`.

        Returns
        -------
        xarray.DataArray
        """
        images = np.stack([self[index] for index in range(len(self))])
        return xr.DataArray(
            images,
            dims=("image", "y", "x"),
            coords={"image": self.names} | self.coords(),
            name=self.name,
            attrs=dict(self.settings),
        )

    def coords(self, prefix: str = "") -> dict[str, Any]:
        """The parameters as xarray's coordinates along `image`, with their units.

        `y` and `x`, the axes of pixels, become `y_` and `x_`.

        Parameters
        ----------
        prefix : str
            Before each name.

        Returns
        -------
        dict
        """
        columns = {str(column): self.table[column].to_numpy() for column in self.table}
        values = {
            name: value.astype(str) if value.dtype == object else value
            for name, value in columns.items()
        }
        return {
            # `y` and `x` are the pixels' own axes: a stimulus's place gets another name.
            (f"{name}_" if not prefix and name in ("y", "x") else f"{prefix}{name}"): (
                "image",
                value,
                {"units": self.units[name]} if name in self.units else {},
            )
            for name, value in values.items()
        }


def crossed(**lists: Any) -> pd.DataFrame:
    """One row for every combination, the last list varying fastest.

    Numbers as floats, but for ranges, which count things.

    >>> crossed(size=(1, 2), phase=(0, 90)).values.tolist()
    [[1.0, 0.0], [1.0, 90.0], [2.0, 0.0], [2.0, 90.0]]
    """
    columns = {
        name: values if isinstance(values, range) else np.atleast_1d(values).tolist()
        for name, values in lists.items()
    }
    for name, values in columns.items():
        if any(
            isinstance(value, int | float | np.number) and not np.isfinite(value)
            for value in values
        ):
            msg = f"`{name}` must be finite, got {values!r}."
            raise ValueError(msg)
    table = pd.DataFrame(list(product(*columns.values())), columns=list(columns))
    # Measured values are floats, also where they are whole: 4 and 4.0 are the same width.
    measured = [
        name
        for name, values in columns.items()
        if not isinstance(values, range) and pd.api.types.is_integer_dtype(table[name])
    ]
    return table.astype(dict.fromkeys(measured, float))


def placed(
    table: pd.DataFrame, screen: Screen, positions: Sequence[tuple[float, float]] | None
) -> pd.DataFrame:
    """The table once for every position (y, x); None is the middle of the screen."""
    pairs = np.asarray([screen.centre] if positions is None else positions, dtype=float)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.isfinite(pairs).all():
        msg = f"`positions` must be a list of pairs (y, x), got {positions!r}."
        raise ValueError(msg)
    # All stimuli at the first place, then at the next.
    places = pd.DataFrame(pairs, columns=["y", "x"])
    return places.merge(table, how="cross")


def positive(name: str, values: Any) -> list[float]:
    """The values, all of them finite and above zero.

    Raises
    ------
    ValueError
        If one is not.
    """
    checked = [float(value) for value in np.atleast_1d(values)]
    wrong = [value for value in checked if not (np.isfinite(value) and value > 0)]
    if wrong:
        msg = f"`{name}` must be positive, got {wrong[0]!r}."
        raise ValueError(msg)
    return checked


def within(name: str, values: Any, low: float, high: float) -> list[float]:
    """The values, all of them from `low` to `high`.

    Raises
    ------
    ValueError
        If one is not.
    """
    checked = [float(value) for value in np.atleast_1d(values)]
    wrong = [value for value in checked if not low <= value <= high]
    if wrong:
        msg = f"`{name}` must lie between {low:g} and {high:g}, got {wrong[0]!r}."
        raise ValueError(msg)
    return checked
