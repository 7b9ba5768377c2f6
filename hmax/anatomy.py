"""The parameters of a member of the HMAX family, and what no model can be built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from hmax_cnn.extraction.choices import check_choice, check_flag

from .learning import LEARNING

RESPONSES = ("absolute", "half", "signed", "energy")
# The two settings of the MATLAB original: "padded" includes borders, as its own example does,
# "silent" is its INCLUDEBORDERS = 0, which the public PyTorch port copies.
BORDERS = ("silent", "padded")
FILTER_SHAPES = ("gabor", "gaussian_derivative")
TUNINGS = ("distance", "squared_distance", "gaussian", "gaussian_by_size", "gaussian_by_norm")


@dataclass(frozen=True)
class Anatomy:
    """All parameters that a preset sets. `HMAX` documents each."""

    filter_shape: str
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
    prototypes: Any
    prototype_sizes: Sequence[int]
    n_prototypes: int
    source_band: int | None
    learning: str
    is_sparse: bool
    partial_windows: bool
    tuning: str
    sharpness: float
    value_range: tuple[float, float]

    @property
    def is_distance(self) -> bool:
        """Whether S2 and C2 respond with distances: the smaller, the stronger."""
        return self.tuning in ("distance", "squared_distance")

    @property
    def source_index(self) -> int | None:
        """Of the band that prototypes are cut from, among those in use; None is all."""
        return None if self.source_band is None else list(self.bands).index(self.source_band)

    @property
    def n_features(self) -> int:
        """Of C1: orientations times phases, which 'energy' joins in one."""
        n_phases = 1 if self.s1_response == "energy" else len(self.phases)
        return len(self.orientations) * n_phases


def wavelength_of(size: int) -> float:
    """Wavelength of a filter in the published table, in pixels.

    The divisor falls by 0.05 from one filter to the next.

    >>> [round(wavelength_of(size), 3) for size in (7, 9, 37)]
    [3.5, 4.557, 22.769]
    """
    return 2 * size / (4 - 0.025 * (size - 7))


def wavelength_of_derivative(size: int) -> float:
    """Of the grating that matches a second derivative of a Gaussian best, in pixels.

    As measured of `gaussian_derivative` with a sigma of a quarter of its side, which cuts it at two
    sigmas and takes off its mean: without that it would be pi sqrt(2) sigma, a third longer.

    >>> round(wavelength_of_derivative(7), 2)
    5.92
    """
    return 0.845 * size


_CHOICES = (
    ("filter_shape", FILTER_SHAPES),
    ("s1_response", RESPONSES),
    ("s1_border", BORDERS),
    ("tuning", TUNINGS),
    ("learning", LEARNING),
)


def check(anatomy: Anatomy) -> None:
    """Refuse what no model can be built from."""
    # Checked after the preset and the user's own values were put together.
    for name, allowed in _CHOICES:
        check_choice(name, getattr(anatomy, name), allowed)
    for name in ("pool_sizes", "pool_strides", "prototype_sizes", "bands"):
        _check_whole_numbers(name, getattr(anatomy, name))
    for name in ("is_sparse", "partial_windows"):
        check_flag(name, getattr(anatomy, name))
    _check_bands(anatomy)
    if anatomy.source_band is not None and anatomy.source_band not in tuple(anatomy.bands):
        msg = (
            f"`source_band` must be one of the bands in use, {tuple(anatomy.bands)}, got "
            f"{anatomy.source_band!r}."
        )
        raise ValueError(msg)
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
                f"`{what}` would take {count / 2**28:.3g} GiB for filters or prototypes, more than "
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
    if anatomy.learning == "nmf" and anatomy.s1_response == "signed":
        msg = (
            "`learning` 'nmf' is of responses that are not negative: use another `s1_response` "
            "than 'signed', or another `learning`."
        )
        raise ValueError(msg)
    if anatomy.filter_shape == "gaussian_derivative" and tuple(anatomy.phases) != (0,):
        msg = (
            "`filter_shape` 'gaussian_derivative' has one phase, `phases` (0,), got "
            f"{anatomy.phases!r}. Use 'gabor' for others."
        )
        raise ValueError(msg)
