"""Winners: the place in the image at which each C2 unit found its best match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.maps import Maps

from .anatomy import Anatomy
from .cells import as_they_are, best_anywhere, window_of_prototypes
from .stages import places


def located_winners(
    c1: Sequence[Maps],
    c2: Sequence[Maps],
    prototypes: Mapping[int, np.ndarray],
    anatomy: Anatomy,
    image_shape: tuple[int, ...],
) -> xr.Dataset:
    """Winners of a batch of images of one shape.

    Parameters
    ----------
    c1 : sequence of Maps
    c2 : sequence of Maps
        The responses, in the order of the prototypes' sizes.
    prototypes : mapping from int to array of shape (n_prototypes, n_features, size, size)
    anatomy : Anatomy
    image_shape : (int, int)
        Height and width, in pixels.

    Returns
    -------
    xarray.Dataset
        dims (image, unit): `response`, `band`, `row`, `column`, `top`, `left`, `bottom`, `right`;
        see `HMAX.winners`.
    """
    partial, parts = anatomy.partial_windows, []
    for maps, (size, patches) in zip(c2, prototypes.items(), strict=True):
        window = window_of_prototypes(size, partial)
        bands = places(c1, size, partial)
        _, winner, place, _ = best_anywhere(
            bands, patches, partial, as_they_are, is_sparse=anatomy.is_sparse
        )
        fields = [band.field.through(window) for band in bands]
        widths = np.array([window.count(*band.shape[1:])[1] for band in bands])
        # `place` counts positions of the winning band row by row.
        row, column = np.divmod(place, widths[winner])
        numbers = np.array([band.labels["band_number"] for band in bands])
        columns = {
            "response": maps.values[:, :, 0, 0],
            "band": numbers[winner],
            "row": row,
            "column": column,
        }
        columns |= _rectangles(fields, winner, row, column, image_shape)
        units = [f"c2_{maps.band}_{feature}" for feature in maps.feature_names]
        data = {name: (("image", "unit"), values) for name, values in columns.items()}
        parts.append(xr.Dataset(data, {"unit": units}))
    return xr.concat(parts, dim="unit")


def _rectangles(
    fields: Sequence[Field],
    winner: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    image_shape: tuple[int, ...],
) -> dict[str, np.ndarray]:
    """What the winning S2 units see of the image, cut at its border; of shape (image, unit)."""
    edges = np.empty((4, *winner.shape), int)
    for index in np.ndindex(winner.shape):
        field = fields[int(winner[index])]
        top, bottom = field.y.edges(int(row[index]))
        left, right = field.x.edges(int(column[index]))
        # Fields of units near the border reach beyond the image.
        bottom, right = min(bottom, image_shape[0]), min(right, image_shape[1])
        edges[(slice(None), *index)] = max(top, 0), max(left, 0), bottom, right
    return dict(zip(("top", "left", "bottom", "right"), edges, strict=True))
