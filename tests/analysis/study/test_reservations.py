"""What is not significant or undefined is listed."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.figures.tables import tidy
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.reservations import with_reservations

pytestmark = pytest.mark.quick

FEW = Resampling(5)


def test_what_is_in_doubt(found):
    """Undefined units are counted and told, of measures with and without a `value`; an interval
    that holds chance, and a p of 0.05, too."""
    silent = found.copy(data=np.where(np.arange(6) == 4, 0.0, found.values))
    told = with_reservations(tidy(selectivity_and_tolerance(silent, resampling=FEW))["table"])
    assert told[["layer", "why"]].to_numpy().tolist() == [
        ["b", "1 of 3 units undefined; undefined"]
    ]  # no correlation of two
    rows = pd.DataFrame(
        {
            "value": [0.5, 0.5, np.nan, 0.9],
            "low": [0.4, 0.0, np.nan, 0.8],
            "high": [0.6, 1.0, np.nan, 1.0],
            "chance": 0.1,
            "p": [0.01, 0.05, np.nan, 0.01],
        }
    )
    assert with_reservations(rows)["why"].tolist() == [
        "the interval holds chance; p = 0.05",
        "undefined",
    ]
    tuned = pd.DataFrame({"layer": ["s1"], "n_units": [4], "n_defined_bandwidth_octaves": [3]})
    assert with_reservations(tuned)["why"].tolist() == ["bandwidth_octaves: 1 of 4 units undefined"]
    assert with_reservations(pd.DataFrame({"value": ["text"], "p": ["<0.05"]})).empty
