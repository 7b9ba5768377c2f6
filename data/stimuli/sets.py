"""Stimuli: images that are drawn when they are looked at, with the parameters that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr


@dataclass(frozen=True)
class Screen:
    """What stimuli are drawn on.

    Attributes
    ----------
    height, width : int
        In pixels.
    pixels_per_degree : float or None
        Where given, lengths and positions are in degrees of visual angle and frequencies in cycles per degree; where None, in pixels.
    background : float
        Luminance where nothing is drawn; contrast is relative to it. 127.5 for models that expect 0..255, 0.5 for 0..1.

    Examples
    --------
    >>> Screen(160, 160, pixels_per_degree=40).pixel
    0.025
    """

    height: int
    width: int
    pixels_per_degree: float | None = None
    background: float = 127.5

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                msg = f"`{name}` must be a whole number of pixels, at least 1, got {value!r}."
                raise ValueError(msg)
        if self.pixels_per_degree is not None and not self.pixels_per_degree > 0:
            msg = f"`pixels_per_degree` must be positive, or None for lengths in pixels, got {self.pixels_per_degree!r}."
            raise ValueError(msg)

    @staticmethod
    def of(given: Screen | Sequence[int]) -> Screen:
        """A screen, or one of (height, width) pixels."""
        if isinstance(given, Screen):
            return given
        if len(given) != 2:
            msg = f"`screen` must be a Screen or (height, width) in pixels, got {given!r}."
            raise ValueError(msg)
        return Screen(*given)

    @property
    def length(self) -> str:
        """The unit of lengths."""
        return "pixels" if self.pixels_per_degree is None else "degrees"

    @property
    def frequency(self) -> str:
        """The unit of spatial frequencies."""
        return "cycles per pixel" if self.pixels_per_degree is None else "cycles per degree"

    @property
    def pixel(self) -> float:
        """Side of a pixel, in the unit of lengths."""
        return 1.0 if self.pixels_per_degree is None else 1 / self.pixels_per_degree

    @property
    def centre(self) -> tuple[float, float]:
        """The middle (y, x), in the unit of lengths from the centre of the first pixel, as receptive fields are placed."""
        return (self.height - 1) / 2 * self.pixel, (self.width - 1) / 2 * self.pixel

    def around(self, y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Distances down and to the right of a place, of shape (height, 1) and (1, width), in the unit of lengths."""
        down, right = np.arange(self.height)[:, None] * self.pixel - y, np.arange(self.width)[None] * self.pixel - x
        return down, right

    def shown(self, pattern: np.ndarray, contrast: float = 1.0) -> np.ndarray:
        """A pattern from -1 to 1 as luminance, float32."""
        return (self.background * (1 + contrast * np.broadcast_to(pattern, (self.height, self.width)))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Stimuli:
    """A set of stimuli; a sequence of images for every model, drawn one by one, so that a set of any length takes no memory.

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

    Examples
    --------
    >>> from data.stimuli import gratings
    >>> found = gratings((32, 32), orientations=(0, 45), frequencies=(0.1, 0.2))
    >>> len(found), found[3].shape, found.load().orientation.values.tolist()
    (4, (32, 32), [0.0, 0.0, 45.0, 45.0])
    """

    table: pd.DataFrame
    draw: Callable[..., np.ndarray]
    units: Mapping[str, str] = field(default_factory=dict)
    name: str = "stimuli"

    def __post_init__(self) -> None:
        if not len(self.table):
            msg = f"There must be at least one of the {self.name}: one of the lists of parameters is empty."
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> np.ndarray:
        """One image, of shape (height, width), float32."""
        return self.draw(**{column: self.table[column].iloc[index] for column in self.table.columns})

    @property
    def names(self) -> list[str]:
        """One per image."""
        n_digits = len(str(len(self) - 1))
        return [f"{self.name}{index:0{n_digits}d}" for index in range(len(self))]

    def subset(self, indices: Any) -> Stimuli:
        """Some of them, in the order asked for."""
        return replace(self, table=self.table.iloc[np.arange(len(self))[indices]].reset_index(drop=True))

    def load(self) -> xr.DataArray:
        """All images at once: dims (image, y, x), with the parameters as coordinates along `image`."""
        images = np.stack([self[index] for index in range(len(self))])
        return xr.DataArray(images, dims=("image", "y", "x"), coords={"image": self.names} | self.coords(), name=self.name)

    def coords(self, prefix: str = "") -> dict[str, Any]:
        """The parameters as xarray's coordinates along `image`, with their units; `y` and `x`, the axes of pixels, become `y_` and `x_`."""
        columns = {str(column): self.table[column].to_numpy() for column in self.table}
        values = {name: value.astype(str) if value.dtype == object else value for name, value in columns.items()}
        return {
            (f"{name}_" if not prefix and name in ("y", "x") else f"{prefix}{name}"): (
                "image",
                value,
                {"units": self.units[name]} if name in self.units else {},
            )
            for name, value in values.items()
        }


def crossed(**lists: Iterable[Any]) -> pd.DataFrame:
    """One row for every combination, the last list varying fastest; numbers as floats.

    >>> crossed(size=(1, 2), phase=(0, 90)).values.tolist()
    [[1.0, 0.0], [1.0, 90.0], [2.0, 0.0], [2.0, 90.0]]
    """
    columns = {name: list(values) for name, values in lists.items()}
    for name, values in columns.items():
        if any(isinstance(value, int | float | np.number) and not np.isfinite(value) for value in values):
            msg = f"`{name}` must be finite, got {values!r}."
            raise ValueError(msg)
    table = pd.DataFrame(list(product(*columns.values())), columns=list(columns))
    numeric = [name for name in table if pd.api.types.is_integer_dtype(table[name])]
    return table.astype(dict.fromkeys(numeric, float))


def placed(table: pd.DataFrame, screen: Screen, positions: Sequence[tuple[float, float]] | None) -> pd.DataFrame:
    """The table once for every position (y, x); None is the middle of the screen."""
    places = pd.DataFrame([screen.centre] if positions is None else list(positions), columns=["y", "x"], dtype=float)
    return places.merge(table, how="cross")


def positive(name: str, values: Iterable[float]) -> list[float]:
    """The values, all of them finite and above zero.

    Raises
    ------
    ValueError
        If one is not.
    """
    checked = [float(value) for value in values]
    wrong = [value for value in checked if not (np.isfinite(value) and value > 0)]
    if wrong:
        msg = f"`{name}` must be positive, got {wrong[0]!r}."
        raise ValueError(msg)
    return checked


def within(name: str, values: Iterable[float], low: float, high: float) -> list[float]:
    """The values, all of them from `low` to `high`.

    Raises
    ------
    ValueError
        If one is not.
    """
    checked = [float(value) for value in values]
    wrong = [value for value in checked if not low <= value <= high]
    if wrong:
        msg = f"`{name}` must lie between {low:g} and {high:g}, got {wrong[0]!r}."
        raise ValueError(msg)
    return checked
