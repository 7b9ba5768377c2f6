"""Results in the folder, labelled."""

import pandas as pd
import pytest
import xarray as xr

from hmax_cnn.analysis.study import open_results


def test_results_are_labelled(ran):
    """One tree of datasets, and tidy tables that say of every number where it comes from."""
    _, out, _ = ran
    tree = open_results(out)
    found = tree["similarity/pixels/shapes/position/seed0"].to_dataset()
    assert found.attrs["measured_by"] == "analysis.measures.populations:population_similarity"
    table = pd.read_csv(out / "tables" / "similarity.csv")
    assert set(table["model"]) == {"pixels", "classical filters"}
    for row in table.itertuples():
        with xr.open_dataset(out / row.file, engine="h5netcdf") as kept:
            assert float(kept["value"].sel(layer=row.layer, shift=row.amount)) == pytest.approx(
                row.value
            )
    assert (table.loc[table["amount"] == 0, "value"] > 0.999).all()
