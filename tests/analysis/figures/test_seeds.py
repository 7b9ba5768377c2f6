"""Means over seeds."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.figures.seeds import over_seeds

pytestmark = pytest.mark.quick


def test_over_seeds():
    """Means and Student's t by hand; with one seed the measure's own interval stays; other columns
    are averaged."""
    table = pd.DataFrame(
        {
            "model": "m",
            "layer": ["a", "b"] * 2,
            "seed": [0, 0, 1, 1],
            "value": [1.0, 5.0, 3.0, 5.0],
            "low": 0.0,
            "high": 9.0,
            "n_units": [10, 4, 20, 4],
        }
    )
    mean = over_seeds(table)
    assert mean["value"].tolist() == [2.0, 5.0]
    assert mean["n_units"].tolist() == [15.0, 4.0]
    assert mean["low"].tolist() == pytest.approx(
        [2 - 12.7062 * np.sqrt(2) / np.sqrt(2), 5.0], rel=1e-5
    )
    one = over_seeds(table[table["seed"] == 0])
    assert (one["low"].tolist(), one["n_seeds"].tolist()) == ([0.0, 0.0], [1, 1])


def test_over_seeds_keeps_rows_apart():
    """Numbers that say what a row is of keep rows apart, p-values in another order do not; else it
    is refused."""
    of = pd.DataFrame(
        {
            "model": "m",
            "layer": ["a", "a", "b", "b"] * 2,
            "n_train": [2, 5] * 4,
            "seed": [0] * 4 + [1] * 4,
            "value": np.arange(8.0),
        }
    )
    learned = over_seeds(of.assign(low=0.0, high=1.0))
    assert learned[["layer", "n_train", "value"]].to_numpy().tolist() == [
        ["a", 2, 2.0],
        ["a", 5, 3.0],
        ["b", 2, 4.0],
        ["b", 5, 5.0],
    ]
    p = pd.DataFrame(
        {
            "model": "m",
            "layer": ["a", "b"] * 2,
            "seed": [0, 0, 1, 1],
            "value": 1.0,
            "low": 0.0,
            "high": 1.0,
            "p": [0.001, 0.002, 0.002, 0.001],
        }
    )
    assert over_seeds(p)[["layer", "p", "n_seeds"]].to_numpy().tolist() == [
        ["a", 0.002, 2],
        ["b", 0.002, 2],
    ]
    sized = pd.DataFrame(
        {
            "model": "m",
            "size": [1.5, 3.0] * 2,
            "seed": [0, 0, 1, 1],
            "value": [1.0, 10.0, 3.0, 20.0],
            "low": 0.0,
            "high": 1.0,
        }
    )
    assert over_seeds(sized)[["size", "value"]].to_numpy().tolist() == [[1.5, 2.0], [3.0, 15.0]]
    with pytest.raises(ValueError, match="Rows of one seed cannot be told apart by 'model'"):
        over_seeds(sized.drop(columns="size"))
