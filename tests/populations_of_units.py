"""Responses of a population to images."""

import numpy as np
import xarray as xr


def population(values, layer="all"):
    return xr.DataArray(
        values,
        dims=("image", "unit"),
        coords={"layer": ("unit", np.full(np.shape(values)[1], layer))},
    )
