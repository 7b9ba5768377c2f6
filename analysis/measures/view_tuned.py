"""View-tuned units.

A Gaussian around the response of any layer of any model to one view of one object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..per_unit import grid_of, transformation_of
from ..responses import by_layer

_BLOCK = 2**24


def view_tuned_units(
    responses: xr.DataArray, targets: Sequence[int] | None = None, sigma: float | None = None
) -> xr.DataArray:
    """Responses of view-tuned units, one per target and layer.

    Each is tuned to the target's view at the reference.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit): what a layer answers.
    targets : sequence of int or None
        Images that a unit is tuned to; None is all of them.
    sigma : float or None
        Width of the Gaussian, in units of distance between responses of the layer; None is half the
        mean distance between different images at the reference, for each layer.

    Returns
    -------
    xarray.DataArray
        exp(-d^2 / (2 sigma^2)), dims as before, `unit` now being named after layer and target, with
        the coordinates `layer`, `target` (the number of the image) and `sigma`: what
        `hmax_cnn.analysis.measures.invariance.tolerance_range` takes, with `targets=found.target`.

    Raises
    ------
    ValueError
        If there is no such image, or all images give the same response, so that no width can be
        found.

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience
    1999 (their view-tuned cells).
    """
    name, reference = transformation_of(responses)
    grid = grid_of(responses)
    if targets is None:
        chosen = np.arange(len(grid))
    else:
        chosen = np.asarray(targets, dtype=int)
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= len(grid):
        msg = f"`targets` must be numbers of the {len(grid)} images, got {targets!r}."
        raise ValueError(msg)
    if sigma is not None and not sigma > 0:
        msg = f"`sigma` must be positive, got {sigma}."
        raise ValueError(msg)
    found, widths, layers = [], [], []
    for layer, units in by_layer(responses):
        squares = np.zeros((len(grid), grid.shape[1], len(chosen)))
        step = max(1, _BLOCK // (grid.shape[0] * grid.shape[1] * len(chosen)))
        for first in range(0, len(units), step):
            part = grid[:, :, units[first : first + step]].astype(float)
            for index, target in enumerate(chosen):
                squares[:, :, index] += ((part - part[target, reference]) ** 2).sum(axis=2)
        apart = np.sqrt(squares[:, reference])[np.arange(len(grid))[:, None] != chosen]
        if sigma is not None:
            width = sigma
        else:
            if len(apart):
                width = float(apart.mean()) / 2
            else:
                width = 0.0
        if not width > 0:
            msg = (
                f"`sigma` must be given for layer {layer!r}: all images give the same response, "
                "so that there is no distance to take it from."
            )
            raise ValueError(msg)
        found.append(np.exp(-squares / (2 * width**2)))
        widths += [width] * len(chosen)
        layers += [layer] * len(chosen)
    if "image" in responses.coords:
        names = responses["image"].values.astype(str)
    else:
        names = np.arange(len(grid)).astype(str)
    repeated = np.tile(chosen, len(found))
    coords = {
        "unit": [
            f"{layer}_{names[target]}" for layer, target in zip(layers, repeated, strict=True)
        ],
        "layer": ("unit", layers),
        "target": ("unit", repeated),
        "sigma": ("unit", widths),
    }
    kept = {str(key): coord for key, coord in responses.coords.items() if "unit" not in coord.dims}
    return xr.DataArray(
        np.concatenate(found, axis=2),
        dims=("image", name, "unit"),
        coords=kept | coords,
        name="response",
        attrs=responses.attrs,
    )
