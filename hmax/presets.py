"""Published parameter tables of HMAX; every entry is an ordinary parameter of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from hmax_cnn.extraction.choices import check_choice

from .anatomy import Anatomy, check, wavelength_of, wavelength_of_derivative

_SIZES = tuple((first, first + 2) for first in range(7, 37, 4))
_GEORGETOWN = Anatomy(
    filter_shape="gabor",
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
    prototypes=None,
    prototype_sizes=tuple(range(2, 17, 2)),
    n_prototypes=400,
    source_band=None,
    learning="imprinted",
    is_sparse=False,
    partial_windows=True,
    tuning="distance",
    sharpness=0.5,
    value_range=(0, 255),
)

_FIRST_SIZES = ((7, 9), (11, 13, 15), (17, 19, 21), (23, 25, 27, 29))
# S2 is an arrangement of four complex cells; simple cells see zeros around the image.
_ARRANGED = replace(
    _GEORGETOWN,
    orientations=(0, 45, 90, 135),
    s1_border="padded",
    prototypes="arrangements",
    prototype_sizes=(3,),
    n_prototypes=256,
    is_sparse=True,
    partial_windows=False,
    tuning="gaussian",
    sharpness=0.5,  # sigma 1
)

PRESETS = {
    # The code of the Georgetown laboratory with its borders left out: the setting that the public
    # PyTorch port copies.
    "georgetown": _GEORGETOWN,
    # The same code as its own MATLAB example calls it: borders included.
    "georgetown_borders": replace(_GEORGETOWN, s1_border="padded"),
    # The CBCL release of 2006, whose copies leave borders out: the same code with 250 prototypes of
    # each of four sizes, cut from band 2 of training images; it returns squared distances.
    "cbcl2006": replace(
        _GEORGETOWN,
        prototype_sizes=(4, 8, 12, 16),
        n_prototypes=250,
        source_band=2,
        tuning="squared_distance",
    ),
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
    # Riesenhuber & Poggio, Nature Neuroscience 1999, as in their code of 2004: 12 sizes in four
    # bands, each pool stepped by half its size, rounded up. That a sigma is a quarter of the
    # filter's side is ours: it is in no text that we have read.
    "riesenhuber1999": replace(
        _ARRANGED,
        filter_shape="gaussian_derivative",
        filter_sizes=_FIRST_SIZES,
        # of the grating that such a filter prefers
        wavelengths=tuple(
            tuple(wavelength_of_derivative(size) for size in band) for band in _FIRST_SIZES
        ),
        sigmas=tuple(tuple(size / 4 for size in band) for band in _FIRST_SIZES),
        bands=(1, 2, 3, 4),
        pool_sizes=(4, 6, 9, 12),
        pool_strides=(2, 3, 5, 6),
    ),
    # The same with the Gabors and pools that Serre & Riesenhuber (AI Memo 2004-017) fitted to cells
    # of V1.
    "serre_riesenhuber2004": _ARRANGED,
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
    reshaped = given.get("filter_shape", table.filter_shape) != table.filter_shape
    if "filter_sizes" in given or reshaped:
        given = _follow_sizes(table, {"filter_sizes": table.filter_sizes} | given)
    if isinstance(given.get("orientations"), Integral):
        given["orientations"] = _evenly(given["orientations"])
    if isinstance(given.get("bands"), Integral):
        n_bands = len(given.get("filter_sizes", table.filter_sizes))
        if given["bands"] > n_bands:  # before a billion is counted out
            msg = f"`bands` must lie between 1 and {n_bands}, got {given['bands']}."
            raise ValueError(msg)
        given["bands"] = tuple(range(1, given["bands"] + 1))
    anatomy = replace(table, **given)
    check(anatomy)
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
    shape = given.get("filter_shape", table.filter_shape)
    per_wavelength = 0.8
    if shape == "gaussian_derivative":
        per_wavelength = 0.25 / wavelength_of_derivative(1)  # a quarter of the side
    derived = {
        "wavelengths": _followed(table, "wavelengths", sizes, shape, 1.0),
        "sigmas": _followed(table, "sigmas", sizes, shape, per_wavelength),
        "bands": tuple(range(1, len(sizes) + 1)),
        "pool_sizes": table.pool_sizes[: len(sizes)],
        "pool_strides": table.pool_strides[: len(sizes)],
    }
    # What the user gave goes before what follows from the sizes.
    return derived | given


def _followed(
    table: Anatomy, name: str, sizes: Sequence[Sequence[int]], shape: str, factor: float
) -> tuple[tuple[float, ...], ...]:
    """Wavelengths or sigmas of sizes: the table's where it has them, else by the rule."""
    # Sizes that the table has keep its numbers, which may differ from the rule's by a digit.
    published: dict[int, float] = {}
    if shape == table.filter_shape:
        for band, values in zip(table.filter_sizes, getattr(table, name), strict=True):
            published |= dict(zip(band, values, strict=True))
    decimals, of_size = 15, wavelength_of
    if table.wavelengths[0][1] == round(table.wavelengths[0][1], 1):
        decimals = 1
    if shape == "gaussian_derivative":
        of_size = wavelength_of_derivative
    return tuple(
        tuple(published.get(size, round(factor * of_size(size), decimals)) for size in band)
        for band in sizes
    )


_MOST_ORIENTATIONS = 1000


def _evenly(n_orientations: int) -> tuple[float, ...]:
    if not 1 <= n_orientations <= _MOST_ORIENTATIONS:
        msg = (
            f"`orientations` must lie between 1 and {_MOST_ORIENTATIONS}, or be a sequence of "
            f"degrees, got {n_orientations}."
        )
        raise ValueError(msg)
    return tuple(180 * index / n_orientations for index in range(n_orientations))


# The parameters of HMAX that a preset gives and a user may replace.
ANATOMY_NAMES = tuple(field.name for field in fields(Anatomy))
