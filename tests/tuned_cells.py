"""Responses of cells whose tuning is known."""

import numpy as np
import pandas as pd
import xarray as xr


def cells(function, units=1, **lists):
    """Responses of made-up cells to every combination of stimulus parameters:
    function(**parameters) gives one number per unit."""
    table = pd.MultiIndex.from_product(lists.values(), names=lists.keys()).to_frame(index=False)
    values = np.stack([np.atleast_1d(function(**row)) for row in table.to_dict("records")])
    coords = {f"stimulus_{name}": ("image", table[name].to_numpy(float)) for name in table}
    return xr.DataArray(values.reshape(len(table), units), dims=("image", "unit"), coords=coords)
