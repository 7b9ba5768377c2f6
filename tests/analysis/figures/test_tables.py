"""Tables of results: every number is in one."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hmax_cnn.analysis.figures.tables import (
    corrected_together,
    joined,
    read_table,
    tables,
    tidy,
)
from hmax_cnn.analysis.measures import invariance, populations, selectivity, similarity
from hmax_cnn.analysis.measures.alignment import cka
from hmax_cnn.analysis.measures.firing_rates import firing_rate_invariance
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance, tolerance_range
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.statistics import corrected

pytestmark = pytest.mark.quick

FEW = Resampling(5)


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


def test_names_stay_text(tmp_path):
    """A label such as 'NA' or '001' comes back from a CSV as it was."""
    pd.DataFrame({"model": ["NA", "001"], "layer": ["1", "2"], "value": [0.5, np.nan]}).to_csv(
        tmp_path / "table.csv", index=False
    )
    table = read_table(tmp_path / "table.csv")
    assert table["model"].tolist() == ["NA", "001"]
    assert table["layer"].tolist() == ["1", "2"]
    assert table["value"].isna().tolist() == [False, True]


def test_p_values_are_corrected_over_all_models():
    """Two models of three layers, each corrected for three: together they are corrected for six
    (Holm, by hand), for each measure and seed by itself."""
    p = {"a": [0.01, 0.02, 0.5], "b": [0.012, 0.03, 0.6]}
    results = [
        (
            {"measure": "brain", "model": model, "seed": seed},
            xr.Dataset(
                {
                    "layer_value": ("layer", [0.3, 0.2, 0.1]),
                    "p": ("layer", values),
                    "p_corrected": ("layer", corrected(values)),
                },
                {"layer": ["s1", "c1", "s2"]},
                {"correction": "holm"},
            ),
        )
        for seed in (0, 1)
        for model, values in p.items()
    ]
    table = joined(results)["table"]
    assert (table["p_corrected"] < 0.05).sum() == 0
    for _, part in table.groupby("seed"):
        np.testing.assert_allclose(part["p_corrected"], [0.06, 0.08, 1, 0.06, 0.09, 1])
    fewer = corrected_together(table[table["layer"] != "s2"])
    np.testing.assert_allclose(fewer["p_corrected"][:4], [0.04, 0.04, 0.04, 0.04])
