"""Published parameter tables of HMAX; every entry is an ordinary parameter of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from hmax_cnn.extraction.choices import check_choice

RESPONSES = ("absolute", "half", "signed", "energy")
# The two settings of the MATLAB original: "padded" includes borders, as its own example does,
# "silent" is its INCLUDEBORDERS = 0, which the public PyTorch port copies.
BORDERS = ("silent", "padded")
TUNINGS = ("distance", "gaussian", "gaussian_by_size", "gaussian_by_norm")


@dataclass(frozen=True)
class Anatomy:
    """All parameters that a preset sets. `HMAX` documents each."""

    filter_sizes: Sequence[Sequence[int]]
    wavelengths: Sequence[Sequence[float]]
    sigmas: Sequence[Sequence[float]]
    aspect_ratio: float
    orientations: Sequence[float]
    phases: Sequence[float]
    s1_response: str
    s1_border: str
    bands: Sequence[int]
    pool_sizes: Sequence[int]
    pool_strides: Sequence[int]
    prototype_sizes: Sequence[int]
    n_prototypes: int
    partial_windows: bool
    tuning: str
    sharpness: float
    value_range: tuple[float, float]


def wavelength_of(size: int) -> float:
    """Wavelength of a filter in the published table, in pixels.

    The divisor falls by 0.05 from one filter to the next.

    >>> [round(wavelength_of(size), 3) for size in (7, 9, 37)]
    [3.5, 4.557, 22.769]
    """
    return 2 * size / (4 - 0.025 * (size - 7))


_SIZES = tuple((first, first + 2) for first in range(7, 37, 4))
_GEORGETOWN = Anatomy(
    filter_sizes=_SIZES,
    wavelengths=tuple(tuple(wavelength_of(size) for size in band) for band in _SIZES),
    sigmas=tuple(tuple(0.8 * wavelength_of(size) for size in band) for band in _SIZES),
    aspect_ratio=0.3,
    orientations=(90, -45, 0, 45),
    phases=(0,),
    s1_response="absolute",
    s1_border="silent",
    bands=tuple(range(1, 9)),
    pool_sizes=tuple(range(8, 24, 2)),
    pool_strides=tuple(range(4, 12)),
    prototype_sizes=tuple(range(2, 17, 2)),
    n_prototypes=400,
    partial_windows=True,
    tuning="distance",
    sharpness=0.5,
    value_range=(0, 255),
)

PRESETS = {
    # The code of the Georgetown laboratory with its borders left out: the setting that the public
    # PyTorch port copies.
    "georgetown": _GEORGETOWN,
    # The same code as its own MATLAB example calls it: borders included.
    "georgetown_borders": replace(_GEORGETOWN, s1_border="padded"),
    # Serre et al., PAMI 2007, table 1, digit by digit: at 23 px it has 12.7, where the rule of the
    # other entries gives 12.8. 4 x 250 prototypes. The paper gives no value for beta.
    "serre2007": replace(
        _GEORGETOWN,
        wavelengths=(
            (3.5, 4.6),
            (5.6, 6.8),
            (7.9, 9.1),
            (10.3, 11.5),
            (12.7, 14.1),
            (15.4, 16.8),
            (18.2, 19.7),
            (21.2, 22.8),
        ),
        sigmas=(
            (2.8, 3.6),
            (4.5, 5.4),
            (6.3, 7.3),
            (8.2, 9.2),
            (10.2, 11.3),
            (12.3, 13.4),
            (14.6, 15.8),
            (17.0, 18.2),
        ),
        prototype_sizes=(4, 8, 12, 16),
        n_prototypes=250,
        tuning="gaussian",
        sharpness=1.0,
    ),
}


def resolve(preset: str, given: dict[str, Any]) -> Anatomy:
    """A preset with what the user gave in its place, checked.

    Raises
    ------
    TypeError, ValueError
        If a parameter is impossible; the text names it, its value and the remedy.
    """
    check_choice("preset", preset, PRESETS)
    given = {name: _plain(name, value) for name, value in given.items() if value is not None}
    table = PRESETS[preset]
    if "filter_sizes" in given:
        given = _follow_sizes(table, given)
    if isinstance(given.get("orientations"), Integral):
        given["orientations"] = _evenly(given["orientations"])
    if isinstance(given.get("bands"), Integral):
        n_bands = len(given.get("filter_sizes", table.filter_sizes))
        if given["bands"] > n_bands:  # before a billion is counted out
            msg = f"`bands` must lie between 1 and {n_bands}, got {given['bands']}."
            raise ValueError(msg)
        given["bands"] = tuple(range(1, given["bands"] + 1))
    anatomy = replace(table, **given)
    _check(anatomy)
    return anatomy


_NUMBERS = ("aspect_ratio", "sharpness")
_LISTS = ("phases", "pool_sizes", "pool_strides", "prototype_sizes", "value_range")
_TABLES = ("filter_sizes", "wavelengths", "sigmas")


def _plain(name: str, value: Any) -> Any:
    """Arrays as tuples, single numbers as tuples of one.

    An error names a parameter of the wrong type.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if name in _NUMBERS and not isinstance(value, Real):
        msg = f"`{name}` must be a number, got {value!r}."
        raise TypeError(msg)
    if name in _LISTS:
        if isinstance(value, Real):
            value = (value,)
        if not isinstance(value, Sequence) or not all(isinstance(item, Real) for item in value):
            msg = f"`{name}` must be a sequence of numbers, got {value!r}."
            raise TypeError(msg)
    if name in _TABLES and not (
        isinstance(value, Sequence)
        and all(isinstance(v, Sequence) and all(isinstance(n, Real) for n in v) for v in value)
    ):
        msg = (
            f"`{name}` must be one sequence of numbers per band, such as ((7, 9), (11, 13)), got "
            f"{value!r}."
        )
        raise TypeError(msg)
    if name == "value_range" and len(value) != 2:
        msg = f"`value_range` must be (lowest, highest), got {value!r}."
        raise ValueError(msg)
    if isinstance(value, list):
        return tuple(value)
    return value


def _follow_sizes(table: Anatomy, given: dict[str, Any]) -> dict[str, Any]:
    """Wavelengths, sigmas and bands that follow from new filter sizes.

    By the table's rule; pools of the first bands stay.
    """
    sizes = given["filter_sizes"]
    if not sizes or not all(
        band and all(isinstance(n, Integral) and 3 <= int(n) < 167 for n in band) for band in sizes
    ):
        msg = (
            "`filter_sizes` must be whole numbers from 3 to 166, at least one per band, got "
            f"{sizes!r}. Larger ones need `wavelengths` and `sigmas`."
        )
        if "wavelengths" not in given or "sigmas" not in given:
            raise ValueError(msg)
        return given
    if table.wavelengths[0][1] == round(table.wavelengths[0][1], 1):
        decimals = 1
    else:
        decimals = 15

    def followed(name: str, factor: float) -> tuple[tuple[float, ...], ...]:
        # Sizes that the table has keep its numbers, which may differ from the rule's by a digit.
        published = {
            size: value
            for band, values in zip(table.filter_sizes, getattr(table, name), strict=True)
            for size, value in zip(band, values, strict=True)
        }
        return tuple(
            tuple(
                published.get(size, round(factor * wavelength_of(size), decimals)) for size in band
            )
            for band in sizes
        )

    derived = {
        "wavelengths": followed("wavelengths", 1.0),
        "sigmas": followed("sigmas", 0.8),
        "bands": tuple(range(1, len(sizes) + 1)),
        "pool_sizes": table.pool_sizes[: len(sizes)],
        "pool_strides": table.pool_strides[: len(sizes)],
    }
    # What the user gave goes before what follows from the sizes.
    return derived | given


_MOST_ORIENTATIONS = 1000


def _evenly(n_orientations: int) -> tuple[float, ...]:
    if not 1 <= n_orientations <= _MOST_ORIENTATIONS:
        msg = (
            f"`orientations` must lie between 1 and {_MOST_ORIENTATIONS}, or be a sequence of "
            f"degrees, got {n_orientations}."
        )
        raise ValueError(msg)
    return tuple(180 * index / n_orientations for index in range(n_orientations))


def _check(anatomy: Anatomy) -> None:
    """Refuse what no model can be built from."""
    # Checked after the preset and the user's own values were put together.
    for name, allowed in (("s1_response", RESPONSES), ("s1_border", BORDERS), ("tuning", TUNINGS)):
        check_choice(name, getattr(anatomy, name), allowed)
    for name in ("pool_sizes", "pool_strides", "prototype_sizes", "bands"):
        _check_whole_numbers(name, getattr(anatomy, name))
    _check_bands(anatomy)
    _check_angles(anatomy)
    count = anatomy.n_prototypes
    if not isinstance(count, Integral) or int(count) < 1:
        msg = f"`n_prototypes` must be a whole number of at least 1 per size, got {count!r}."
        raise ValueError(msg)
    _check_size(anatomy)
    if not anatomy.sharpness > 0:
        msg = f"`sharpness` must be positive, got {anatomy.sharpness!r}."
        raise ValueError(msg)


_MOST_VALUES = 2**28  # numbers in filters or prototypes: 1 GiB in single precision


def _check_size(anatomy: Anatomy) -> None:
    """Refuse filters or prototypes that would fill memory, before they are made."""
    n_filters = len(anatomy.orientations) * len(anatomy.phases)
    areas = sum(int(size) ** 2 for band in anatomy.filter_sizes for size in band)
    patches = sum(int(size) ** 2 for size in anatomy.prototype_sizes)
    in_filters = n_filters * areas
    in_prototypes = n_filters * patches * int(anatomy.n_prototypes)
    for what, count in (("orientations", in_filters), ("n_prototypes", in_prototypes)):
        if count > _MOST_VALUES:
            msg = (
                f"`{what}` ask for {count / 2**28:.3g} GiB of filters or prototypes, more than "
                f"{_MOST_VALUES // 2**28}. Use fewer orientations, prototypes or sizes."
            )
            raise ValueError(msg)


def _check_whole_numbers(name: str, values: Sequence[Any]) -> None:
    if not values or not all(isinstance(value, Integral) and int(value) >= 1 for value in values):
        msg = f"`{name}` must be whole numbers of at least 1, got {values!r}."
        raise ValueError(msg)
    # Two bands may pool alike, but a prototype size or a band stands there once.
    if name in ("prototype_sizes", "bands") and len(set(values)) < len(values):
        msg = f"`{name}` must not name a value twice, got {values!r}."
        raise ValueError(msg)


def _check_bands(anatomy: Anatomy) -> None:
    """Tables by band must have a row, and a number, for each filter size."""
    n_filters = [len(band) for band in anatomy.filter_sizes]
    for name in ("wavelengths", "sigmas"):
        shape = [len(band) for band in getattr(anatomy, name)]
        if shape != n_filters:
            msg = (
                f"`{name}` must have one number per filter of `filter_sizes`, {n_filters} by "
                f"band, got {shape}."
            )
            raise ValueError(msg)
    n_bands = len(n_filters)
    for name in ("pool_sizes", "pool_strides"):
        count = len(getattr(anatomy, name))
        if count != n_bands:
            msg = (
                f"`{name}` must have one number for each of the {n_bands} bands of "
                f"`filter_sizes`, got {count}."
            )
            raise ValueError(msg)
    if max(anatomy.bands) > n_bands:
        msg = f"`bands` must lie between 1 and {n_bands}, got {max(anatomy.bands)}."
        raise ValueError(msg)


def _check_angles(anatomy: Anatomy) -> None:
    for name in ("orientations", "phases"):
        values = getattr(anatomy, name)
        is_list = isinstance(values, Sequence) and len(values) > 0
        if not is_list or not all(isinstance(value, Real) for value in values):
            msg = f"`{name}` must be a sequence of degrees, got {values!r}."
            raise ValueError(msg)
    if anatomy.s1_response == "energy" and len(anatomy.phases) != 2:
        msg = (
            "`s1_response` 'energy' needs a quadrature pair, such as `phases` (0, 90), got "
            f"{anatomy.phases!r}."
        )
        raise ValueError(msg)


# The parameters of HMAX that a preset gives and a user may replace.
ANATOMY_NAMES = tuple(field.name for field in fields(Anatomy))
