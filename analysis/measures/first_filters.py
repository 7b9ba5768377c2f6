"""The filters through which a model looks at the image first: built in, or learned."""

from __future__ import annotations

import numpy as np
import xarray as xr

from hmax_cnn.extraction import FeatureExtractor

from ..contract import measure
from ..results import Definition


@measure(takes="model", needs=("no transformation",), given=("random_state",))
def first_filters(
    model: FeatureExtractor, n_filters: int = 24, random_state: int = 0
) -> xr.Dataset:
    """Weights of the filters that a model's lowest layer lays over the image.

    Parameters
    ----------
    model : FeatureExtractor
        With filters: HMAX, networks, perceptrons, classical filters.
    n_filters : int
        At most so many of each group (of one size); more are drawn at random.
    random_state : int

    Returns
    -------
    xarray.Dataset
        `weight` of dims (filter, y, x, channel), NaN beyond smaller filters; along `filter` the
        coordinates `group` and `number`, and `height` and `width` in pixels, `lowest` and `highest`
        weight. Channels are 'grey', or 'red', 'green' and 'blue'.

    Raises
    ------
    TypeError
        If the model has no filters on the image.
    """
    banks, groups, numbers = [], [], []
    for group, bank in model.first_filters().items():
        order = np.random.default_rng(random_state).permutation(len(bank))
        kept = np.sort(order[:n_filters])
        banks += [filter_[..., None] if filter_.ndim == 2 else filter_ for filter_ in bank[kept]]
        groups += [group] * len(kept)
        numbers += kept.tolist()
    shape = np.max([filter_.shape for filter_ in banks], axis=0)
    weight = np.full((len(banks), *shape), np.nan, np.float32)
    for row, filter_ in enumerate(banks):
        weight[row, : filter_.shape[0], : filter_.shape[1]] = filter_
    sides = {
        "height": ("filter", [filter_.shape[0] for filter_ in banks]),
        "width": ("filter", [filter_.shape[1] for filter_ in banks]),
        "lowest": ("filter", [float(filter_.min()) for filter_ in banks]),
        "highest": ("filter", [float(filter_.max()) for filter_ in banks]),
    }
    coords = {
        "filter": np.arange(len(banks)),
        "group": ("filter", groups),
        "number": ("filter", numbers),
        "y": np.arange(shape[0]),
        "x": np.arange(shape[1]),
        "channel": ["grey"] if shape[2] == 1 else ["red", "green", "blue"],
    }
    definition = Definition(
        "first filters", "weights of the filters that look at the image", "this package"
    )
    known = {"model": model.path(), "parameters": repr(model)}
    data = {"weight": (("filter", "y", "x", "channel"), weight)} | sides
    return xr.Dataset(data, coords=coords, attrs=definition.attributes() | known)
