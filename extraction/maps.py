"""Maps: the responses of one band of a layer, with the part of the image that each unit sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .arrays import Array
from .fields import IMAGE, Field


@dataclass(frozen=True)
class Maps:
    """Responses of one band of a layer.

    Attributes
    ----------
    values : array of shape (n_images, n_features, height, width)
    field : Field
        What the units see of the image.
    band : str
        Short name of these maps within their layer ('b3'); empty where a layer has only one.
    features : sequence of str
        Short name of each feature ('o90'); the index where none are given.
    labels : mapping from str to a value, or to one value per feature
        What else is known of the features: orientation in degrees, filter size in pixels, prototype
        size in units of C1.
    n_parameters, n_multiply_adds : int
        Numbers held to make these maps, and multiply-accumulates per image; None where these
        cannot be counted.
    traced : bool
        Of the retina: whether gradients with respect to the image will be asked for. What a
        pullback needs is kept only then.

    Examples
    --------
    >>> import numpy as np
    >>> Maps(np.zeros((1, 4, 8, 8), np.float32)).feature_names
    ['f00', 'f01', 'f02', 'f03']
    """

    values: Array
    field: Field = IMAGE
    band: str = ""
    features: Sequence[str] = ()
    labels: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    n_parameters: int = 0
    n_multiply_adds: int | None = 0
    traced: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Features, rows and columns."""
        return tuple(self.values.shape[1:])

    @property
    def feature_names(self) -> list[str]:
        """One short name per feature."""
        if self.features:
            return list(self.features)
        n_digits = max(2, len(str(self.shape[0] - 1)))
        return [f"f{index:0{n_digits}d}" for index in range(self.shape[0])]
