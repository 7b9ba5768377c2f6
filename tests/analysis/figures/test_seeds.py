"""Means over seeds."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.figures.seeds import over_seeds

pytestmark = pytest.mark.quick


def test_over_seeds():
    """Means by hand; with one seed the measure's own interval stays; other columns are averaged."""
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
    np.testing.assert_array_equal(mean["low"], [np.nan, 0])  # of two seeds; of what is the same
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


def test_what_does_not_depend_on_the_seed_keeps_its_interval():
    """A deterministic model has no spread over seeds: its interval is the one over images. Two
    seeds of another give none, three give Student's t."""
    rows = [(seed, "fixed", 3.0, 2.0 + 0.1 * seed, 4.0 + 0.1 * seed) for seed in range(3)] + [
        (seed, "learned", float(seed), 0.0, 9.0) for seed in range(3)
    ]
    table = pd.DataFrame(rows, columns=["seed", "model", "value", "low", "high"])
    fixed, learned = over_seeds(table).itertuples()
    assert (fixed.value, fixed.low, fixed.high) == pytest.approx((3, 2.1, 4.1))
    assert learned.high - learned.value == pytest.approx(4.303 / np.sqrt(3), rel=1e-3)
    fixed, learned = over_seeds(table[table["seed"] < 2]).itertuples()
    assert (fixed.low, fixed.high) == pytest.approx((2.05, 4.05))
    assert (learned.value, np.isnan(learned.low), np.isnan(learned.high)) == (0.5, True, True)
