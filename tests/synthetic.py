"""Responses of made-up units whose invariance is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

VALUES = np.arange(-4.0, 5.0)
UNITS = ("invariant", "moving", "noise", "constant", "silent")


def grid(values, name="shift", units="pixels", identity=0.0, points=VALUES, **coords):
    """Responses of shape (image, value, unit), labelled."""
    values = np.asarray(values, np.float32)
    named = {"image": [f"i{i}" for i in range(len(values))], name: (name, points, {"units": units})}
    attributes = {"transformation": name, "identity": identity, "model": "made:Up"}
    return xr.DataArray(
        values,
        dims=("image", name, "unit"),
        coords=named | coords,
        attrs=attributes,
        name="response",
    )


def five_units(n_images=40, seed=0):
    """One unit of each kind: depends on the image only, on the value only, on neither, and on
    nothing."""
    rng = np.random.default_rng(seed)
    invariant = np.repeat(rng.random((n_images, 1)), len(VALUES), axis=1)
    moving = np.repeat(VALUES[None] + 5, n_images, axis=0)
    noise = rng.random((n_images, len(VALUES)))
    constant = np.full_like(noise, 0.3)
    values = np.stack([invariant, moving, noise, constant, np.zeros_like(noise)], axis=2)
    return grid(values, unit=list(UNITS), layer=("unit", list(UNITS)))


def layers(n_images=24, n_units=12, seed=0):
    """One layer that ignores the shift, one that a linear map carries along, noise, and one that
    never changes."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((n_images, n_units))
    invariant = np.repeat(codes[:, None], len(VALUES), axis=1)
    moved = np.stack([np.roll(codes, int(value), axis=1) for value in VALUES], axis=1)
    noise = rng.standard_normal(moved.shape)
    constant = np.broadcast_to(rng.standard_normal(n_units), moved.shape)
    kinds = {"invariant": invariant, "equivariant": moved, "noise": noise, "constant": constant}
    values = np.concatenate(list(kinds.values()), axis=2)
    return grid(values, layer=("unit", np.repeat(list(kinds), n_units)))


def population(values, layer="all"):
    return xr.DataArray(
        values,
        dims=("image", "unit"),
        coords={"layer": ("unit", np.full(np.shape(values)[1], layer))},
    )


def of(dataset, unit, name="value"):
    return float(dataset[name].sel(unit=unit))


def cells(function, units=1, **lists):
    """Responses of made-up cells to every combination of stimulus parameters:
    function(**parameters) gives one number per unit."""
    table = pd.MultiIndex.from_product(lists.values(), names=lists.keys()).to_frame(index=False)
    values = np.stack([np.atleast_1d(function(**row)) for row in table.to_dict("records")])
    coords = {f"stimulus_{name}": ("image", table[name].to_numpy(float)) for name in table}
    return xr.DataArray(values.reshape(len(table), units), dims=("image", "unit"), coords=coords)
