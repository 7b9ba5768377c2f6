"""Responses of made-up units whose invariance is known."""

from __future__ import annotations

import numpy as np
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
