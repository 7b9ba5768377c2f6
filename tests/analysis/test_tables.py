"""Tidy tables: every number of a result in a row of its own, with what it is of."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from synthetic import VALUES, grid

from hmax_cnn.analysis.figures.seeds import over_seeds
from hmax_cnn.analysis.figures.tables import read_table, tables, tidy
from hmax_cnn.analysis.measures import invariance, populations, selectivity, similarity
from hmax_cnn.analysis.measures.alignment import cka
from hmax_cnn.analysis.measures.firing_rates import firing_rate_invariance
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance, tolerance_range
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.reservations import with_reservations

pytestmark = pytest.mark.quick

FEW = Resampling(5)
LAYERED = {"layer": ("unit", ["a"] * 3 + ["b"] * 3)}


@pytest.fixture
def found():
    return grid(np.random.default_rng(0).random((6, len(VALUES), 6)), **LAYERED)


@pytest.mark.parametrize(
    "measure",
    [
        invariance.normalised_variance,
        invariance.response_similarity,
        invariance.separability,
        firing_rate_invariance,
        tolerance_range,
        selectivity_and_tolerance,
        populations.population_similarity,
        selectivity.lifetime_sparseness,
        selectivity.dimensionality,
        selectivity.population_sparseness,
    ],
    ids=lambda measure: measure.__name__,
)
def test_every_number_is_in_a_table(found, measure):
    """No variable of a measure is lost, and each has as many rows as numbers."""
    if measure.__module__ != selectivity.__name__:
        over = found
    else:
        over = found.isel(shift=0, drop=True)
    if measure is firing_rate_invariance:
        options = {"rate": 0.1}
    else:
        options = {}
    result = measure(over, resampling=FEW, **options)
    made = tidy(result)
    for name, values in result.data_vars.items():
        columns = {str(name), str(name).removeprefix("layer_")}
        holding = [
            table for table in made.values() if columns & set(table) and len(table) >= values.size
        ]
        assert holding, name
        numbers = [
            table[column].to_numpy(float) for table in holding for column in columns & set(table)
        ]
        assert any(
            np.allclose(
                np.sort(got)[: values.size],
                np.sort(values.values.astype(float).ravel()),
                equal_nan=True,
            )
            for got in numbers
        ), name
    assert list(dict.fromkeys(made["table"]["layer"])) == ["a", "b"]


def test_curves_have_amount_and_unit(found):
    """Each row of a curve has the value of the transformation and its unit."""
    result = populations.population_similarity(found, resampling=FEW)
    table = tidy(result)["table"]
    assert table["unit_of_amount"].unique().tolist() == ["pixels"]
    row = table[(table["layer"] == "b") & (table["amount"] == 2)].iloc[0]
    assert row["value"] == result["value"].sel(layer="b", shift=2).item()
    assert row["n_units"] == 3


def test_by_pair_and_by_image(found):
    still = found.isel(shift=0, drop=True)
    pairs = tidy(similarity.rdms(still))["layer_pair_table"]
    assert len(pairs) == 2 * 15
    assert pairs.loc[0, ["layer", "first", "second"]].tolist() == [
        "a",
        *map(str, still["image"].values[:2]),
    ]
    table = tidy(cka(still, still, resampling=FEW))["table"]
    assert table.loc[
        (table["layer_a"] == "a") & (table["layer_b"] == "a"), "value"
    ].item() == pytest.approx(1)


def test_scalars_stand_in_every_row():
    result = xr.Dataset(
        {"layer_value": ("layer", [0.5, 0.6]), "chance": ((), 0.1)}, {"layer": ["a", "b"]}
    )
    assert tidy(result)["table"]["chance"].tolist() == [0.1, 0.1]
    assert tidy(xr.Dataset({"chance": ((), 0.1)}))["table"]["chance"].tolist() == [0.1]


def test_of_several_models(found):
    """Results by model, and by model and transformation; none at all is refused."""
    result = invariance.normalised_variance(found, resampling=FEW)
    table = tables({"HMAX": result, "CNN": {"Position": result}})["table"]
    assert table[["model", "layer"]].to_numpy().tolist() == [
        ["HMAX", "a"],
        ["HMAX", "b"],
        ["CNN", "a"],
        ["CNN", "b"],
    ]
    assert table["transformation"].isna().tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="`results` must hold at least one result"):
        tables({})


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


def test_names_stay_text(tmp_path):
    """A label such as 'NA' or '001' comes back from a CSV as it was."""
    pd.DataFrame({"model": ["NA", "001"], "layer": ["1", "2"], "value": [0.5, np.nan]}).to_csv(
        tmp_path / "table.csv", index=False
    )
    table = read_table(tmp_path / "table.csv")
    assert table["model"].tolist() == ["NA", "001"]
    assert table["layer"].tolist() == ["1", "2"]
    assert table["value"].isna().tolist() == [False, True]


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
