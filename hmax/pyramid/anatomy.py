"""Parameter tables of the members of the HMAX family that look at an image pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any

import numpy as np

from hmax_cnn.extraction.choices import check_choice, check_flag, check_number, check_whole

from ..gabor import gabor_bank

TUNINGS = ("gaussian_by_size", "gaussian_by_norm")


@dataclass(frozen=True)
class PyramidAnatomy:
    """All parameters that a preset sets. `PyramidHMAX` documents each."""

    base_size: int
    n_levels: int
    orientations: int
    filter_size: int
    wavelength: float
    sigma: float
    aspect_ratio: float
    inhibition: float
    pool_size: int
    pool_stride: int
    pool_scales: int
    prototype_sizes: Sequence[int]
    n_prototypes: int
    is_sparse: bool
    tuning: str
    sharpness: float
    searched_scales: int | None
    searched_reach: float | None
    bypass_sizes: Sequence[int]
    n_bypass: int
    n_third: int

    @property
    def is_deep(self) -> bool:
        """Whether S3 and C3 follow, beside S2b and C2b."""
        return bool(self.bypass_sizes)

    @property
    def angles(self) -> list[float]:
        """Of the filters, in degrees."""
        return [180 * number / self.orientations for number in range(self.orientations)]

    def bank(self) -> np.ndarray:
        """The filters of S1.

        Returns
        -------
        array of shape (orientations, filter_size, filter_size)
        """
        return gabor_bank(
            self.filter_size, self.wavelength, self.angles, self.sigma, (0,), self.aspect_ratio
        )


_BASE = PyramidAnatomy(
    base_size=140,
    n_levels=9,
    orientations=4,
    filter_size=11,
    wavelength=5.6410,
    sigma=4.5128,
    aspect_ratio=0.3,
    inhibition=0.0,
    pool_size=10,
    pool_stride=5,
    pool_scales=2,
    prototype_sizes=(4, 8, 12, 16),
    n_prototypes=250,
    is_sparse=False,
    tuning="gaussian_by_size",
    sharpness=0.5,  # sigma 1
    searched_scales=None,
    searched_reach=None,
    bypass_sizes=(),
    n_bypass=0,
    n_third=0,
)

PYRAMIDS: Mapping[str, PyramidAnatomy] = {
    # Mutch & Lowe, IJCV 2008, as in their code, which differs from the paper: 9 levels, and the
    # longer side of the image fills the window. The paper has 4,075 prototypes; 4 x 250 are ours.
    "mutch_lowe2008_base": _BASE,
    "mutch_lowe2008": replace(
        _BASE,
        orientations=12,
        inhibition=0.5,
        is_sparse=True,
        searched_scales=1,
        searched_reach=0.0575,
    ),
    # Serre, Oliva & Poggio, PNAS 2007, as its authors' later code has it: one filter size on a
    # pyramid, where the paper has many sizes on one image. How many prototypes is ours.
    "pnas2007": replace(
        _BASE,
        base_size=256,
        n_levels=10,
        wavelength=3.5,
        sigma=2.8,
        pool_size=8,
        pool_stride=3,
        prototype_sizes=(3,),
        is_sparse=True,
        tuning="gaussian_by_norm",
        sharpness=4.5,  # sigma 1/3
        bypass_sizes=(5, 7, 9, 11, 13, 15),
        n_bypass=100,
        n_third=250,
    ),
}
NAMES = tuple(field.name for field in fields(PyramidAnatomy))
_WHOLE = (
    ("base_size", 16, 2048),
    ("n_levels", 2, 40),
    ("orientations", 1, 1000),
    ("pool_size", 1, 1000),
    ("pool_stride", 1, 1000),
    ("n_prototypes", 1, 10**6),
)


def resolve(preset: str, given: Mapping[str, Any]) -> PyramidAnatomy:
    """A preset with what the user gave in its place, checked.

    Parameters
    ----------
    preset : str
    given : mapping from str to value
        None takes the preset's.

    Returns
    -------
    PyramidAnatomy

    Raises
    ------
    ValueError
        If a parameter is impossible; the text names it, its value and the remedy.
    """
    check_choice("preset", preset, PYRAMIDS)
    chosen = {name: value for name, value in given.items() if value is not None}
    found = replace(PYRAMIDS[preset], **chosen)
    for name, low, high in _WHOLE:
        check_whole(name, getattr(found, name), low, high)
    check_whole("pool_scales", found.pool_scales, 1, found.n_levels)
    if found.is_deep:
        for name in ("n_bypass", "n_third"):
            check_whole(name, getattr(found, name), 1, 10**6)
        check_sizes("bypass_sizes", found.bypass_sizes)
    check_sizes("prototype_sizes", found.prototype_sizes)
    check_choice("tuning", found.tuning, TUNINGS)
    check_flag("is_sparse", found.is_sparse)
    check_number("sharpness", found.sharpness, 0)
    check_number("inhibition", found.inhibition, 0, 1, or_equal=True)
    if (found.searched_scales is None) != (found.searched_reach is None):
        msg = (
            "`searched_scales` and `searched_reach` go together, got "
            f"{found.searched_scales!r} and {found.searched_reach!r}. Give both or neither."
        )
        raise ValueError(msg)
    if found.searched_scales is not None:
        check_whole("searched_scales", found.searched_scales, 0, 40)
        check_number("searched_reach", found.searched_reach, 0)
    return found


def check_sizes(name: str, sizes: Any) -> None:
    """Refuse sizes that cannot lie on the same positions.

    Parameters
    ----------
    name : str
        Of what has them.
    sizes : sequence of int

    Raises
    ------
    ValueError
    """
    is_list = isinstance(sizes, Sequence) and len(sizes) > 0
    if (
        is_list
        and all(isinstance(size, Integral) and int(size) >= 1 for size in sizes)
        and len({int(size) % 2 for size in sizes}) == 1
        and len(set(sizes)) == len(sizes)
    ):
        return
    msg = (
        f"`{name}` must be different whole numbers, all even or all odd, since prototypes of all "
        f"sizes lie on the same positions, got {sizes!r}."
    )
    raise ValueError(msg)
