"""The filters through which a model looks at the image first: built in, or learned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..results import needs
from hmax_cnn.extraction import FeatureExtractor


@needs("no transformation")
def first_filters(
    model: FeatureExtractor, n_filters: int = 24, random_state: int = 0
) -> pd.DataFrame:
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
    pandas.DataFrame
        One row per weight: group, filter, side (of the filter, in pixels), y, x, channel ('grey',
        or 'red', 'green', 'blue') and value.

    Raises
    ------
    TypeError
        If the model has no filters on the image.
    """
    parts = []
    for group, bank in model.first_filters().items():
        kept = np.sort(np.random.default_rng(random_state).permutation(len(bank))[:n_filters])
        if bank.ndim == 3:
            channels = ("grey",)
        else:
            channels = ("red", "green", "blue")
        values = bank[kept].reshape(len(kept), *bank.shape[1:3], -1)
        number, y, x, channel = (index.ravel() for index in np.indices(values.shape))
        columns = {
            "filter": kept[number],
            "side": bank.shape[1],
            "y": y,
            "x": x,
            "channel": np.array(channels)[channel],
            "value": values.ravel(),
        }
        parts.append(pd.DataFrame({"group": group} | columns))
    return pd.concat(parts, ignore_index=True)
