"""View-tuned units.

A Gaussian around the response of any layer of any model to one view of one object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..contract import measure
from ..per_unit import grid_of, transformation_of
from ..responses import by_layer, image_names
from ..results import DEFAULT, Resampling
from .tolerance import tolerance_range

_BLOCK = 2**24  # differences held at a time: at most 128 MB


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
        `hmax_cnn.analysis.measures.tolerance.tolerance_range` takes, with `targets=found.target`.

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
    chosen = np.arange(len(grid)) if targets is None else np.asarray(targets, dtype=int)
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= len(grid):
        msg = f"`targets` must be numbers of the {len(grid)} images, got {targets!r}."
        raise ValueError(msg)
    if sigma is not None and not sigma > 0:
        msg = f"`sigma` must be positive, got {sigma}."
        raise ValueError(msg)
    names = image_names(responses).astype(str)
    tuned, units, layers, widths = [], [], [], []
    for layer, members in by_layer(responses):
        squares = _squared_distances(grid, members, chosen, reference)
        width = _width(squares[:, reference], chosen, layer) if sigma is None else sigma
        tuned.append(np.exp(-squares / (2 * width**2)))
        units += [f"{layer}_{names[target]}" for target in chosen]
        layers += [layer] * len(chosen)
        widths += [width] * len(chosen)
    coords = {
        "unit": units,
        "layer": ("unit", layers),
        "target": ("unit", np.tile(chosen, len(tuned))),
        "sigma": ("unit", widths),
    }
    kept = {str(key): coord for key, coord in responses.coords.items() if "unit" not in coord.dims}
    return xr.DataArray(
        np.concatenate(tuned, axis=2),
        dims=("image", name, "unit"),
        coords=kept | coords,
        name="response",
        attrs=responses.attrs,
    )


@measure(takes="responses", needs=("transformation",), given=("resampling", "progress"))
def view_tuned_tolerance(
    responses: xr.DataArray,
    n_targets: int = 20,
    octaves: bool = False,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How far the target of a view-tuned unit may be transformed and still be recognised.

    It is recognised while the unit's response exceeds that to every distractor at the reference.

    Parameters
    ----------
    responses : xarray.DataArray
        dims (image, <transformation>, unit): what a layer answers to objects.
    n_targets : int
        The first so many objects are targets of a unit each; all others are distractors.
    octaves : bool
        Whether values of the transformation, such as sizes in pixels, are lengths of which the
        range is a ratio.
    resampling : Resampling
        Intervals are over targets whatever it says.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        As `tolerance_range` returns it, a unit for each target. The width of the unit's Gaussian
        has no part in it: only the order of responses counts.

    Raises
    ------
    ValueError
        If there is no target, or no distractor.

    References
    ----------
    Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience
    1999; Serre & Riesenhuber, AI Memo 2004-017: 20 targets and 60 distractors.

    Examples
    --------
    >>> noise = np.random.default_rng(0)
    >>> dims, coords = ("image", "shift", "unit"), {"shift": [0, 1], "layer": ("unit", ["c1"] * 8)}
    >>> found = xr.DataArray(noise.random((12, 2, 8)), coords, dims, attrs={"identity": 0})
    >>> view_tuned_tolerance(found, n_targets=4).sizes["unit"]
    4
    """
    n_objects = responses.sizes["image"]
    if not isinstance(n_targets, int | np.integer) or not 0 < n_targets < n_objects:
        msg = (
            f"`n_targets` must lie between 1 and {n_objects - 1}, a whole number, so that some of "
            f"the {n_objects} objects are distractors, got {n_targets!r}."
        )
        raise ValueError(msg)
    name, reference = transformation_of(responses)
    if octaves and not (responses[name].values > 0).all():
        msg = (
            f"`octaves` are for lengths above 0, and {name} has "
            f"{responses[name].values.tolist()}. Use octaves=False."
        )
        raise ValueError(msg)
    tuned = view_tuned_units(responses, range(n_targets))
    if octaves:
        ratios = tuned[name].values / tuned[name].values[reference]
        tuned = tuned.assign_coords({name: (name, ratios, {"units": "times"})})
        tuned.attrs["identity"] = 1.0
    return tolerance_range(
        tuned,
        targets=tuned["target"].values.tolist(),
        distractors=range(n_targets, n_objects),
        resampling=resampling,
        progress=progress,
    )


def _squared_distances(
    grid: np.ndarray, members: np.ndarray, targets: np.ndarray, reference: int
) -> np.ndarray:
    """Of a layer's responses to those to each target at the reference: (image, value, target)."""
    squares = np.zeros((len(grid), grid.shape[1], len(targets)))
    # Some units at a time: float64 of a whole layer need not fit into memory.
    step = max(1, _BLOCK // (grid.shape[0] * grid.shape[1] * len(targets)))
    for first in range(0, len(members), step):
        part = grid[:, :, members[first : first + step]].astype(float)
        for index, target in enumerate(targets):
            squares[:, :, index] += ((part - part[target, reference]) ** 2).sum(axis=2)
    return squares


def _width(squares: np.ndarray, targets: np.ndarray, layer: str) -> float:
    """Half the mean distance between different images."""
    apart = np.sqrt(squares)[np.arange(len(squares))[:, None] != targets]
    width = float(apart.mean()) / 2 if len(apart) else 0.0
    if not width > 0:
        msg = (
            f"`sigma` must be given for layer {layer!r}: all images give the same response, "
            "so that there is no distance to take it from."
        )
        raise ValueError(msg)
    return width
