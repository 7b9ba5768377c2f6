"""Labels all the way: names of units, activations as xarray, native and flattened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from extraction.fields import WHOLE_IMAGE, number
from extraction.maps import Maps

Layers = Mapping[str, Sequence[Maps]]


def unit_names(layer: str, band: str, features: Sequence[str], shape: tuple[int, ...], status: str, chosen: np.ndarray | None = None) -> list[str]:
    """Names of the units of one band in C order, or of the chosen ones: c2_p08_017, s1_b3_s15_o90_y12_x40, conv2_c05_y3_x7."""
    stem = "_".join(filter(None, (layer, band)))
    if status == WHOLE_IMAGE and shape == (1, 1):
        return [f"{stem}_{features[i]}" for i in (range(len(features)) if chosen is None else chosen)]
    numbers = np.arange(len(features) * shape[0] * shape[1]) if chosen is None else chosen
    return [f"{stem}_{features[f]}_y{y}_x{x}" for f, y, x in zip(*np.unravel_index(numbers, (len(features), *shape)), strict=True)]


def names_of(layers: Layers) -> list[str]:
    """Names of all units of some layers, in the order in which they are flattened."""
    return [
        name
        for layer, bands in layers.items()
        for maps in bands
        for name in unit_names(layer, maps.band, maps.feature_names, maps.shape[1:], maps.field.status)
    ]


def native(layers: Layers, image_names: Sequence[Any], attributes: Mapping[str, Any]) -> xr.DataTree:
    """Activations as a tree: /layer/band, each with dims (image, feature, y, x), `y` and `x` the field centres in pixels."""
    nodes = {"/": xr.Dataset(coords={"image": list(image_names)}, attrs=dict(attributes))}
    for layer, bands in layers.items():
        for maps in bands:
            nodes[f"/{layer}/{maps.band}" if maps.band else f"/{layer}"] = _dataset(maps)
    return xr.DataTree.from_dict(nodes)


def _dataset(maps: Maps) -> xr.Dataset:
    n_features, height, width = maps.shape
    labels = {name: ("feature", _per_feature(value, n_features)) for name, value in maps.labels.items()}
    coords = {
        "feature": maps.feature_names,
        "y": ("y", maps.field.y.centres(height), {"units": "pixels", "long_name": "centre of the field"}),
        "x": ("x", maps.field.x.centres(width), {"units": "pixels", "long_name": "centre of the field"}),
    }
    return xr.Dataset({"response": (("image", "feature", "y", "x"), maps.values)}, coords | labels, _geometry(maps))


def _per_feature(value: Any, n_features: int) -> np.ndarray:
    return np.full(n_features, value) if np.ndim(value) == 0 else np.asarray(value)


def _geometry(maps: Maps) -> dict[str, Any]:
    """Size, step and first centre of a field, in pixels."""
    y, x = maps.field.y, maps.field.x
    spans = {"size": (y.size, x.size), "step": (y.step, x.step), "start": (y.first, x.first)}
    row = {f"{name}_{axis}": number(value) for name, pair in spans.items() for axis, value in zip("yx", pair, strict=True)}
    return row | {"status": maps.field.status}


def flatten(activations: xr.DataTree, units: Mapping[str, Sequence[int]] | None = None) -> xr.DataArray:
    """Activations as (image, unit), in C order, with plain one-dimensional coordinates along `unit`.

    Parameters
    ----------
    activations : xarray.DataTree
        As `FeatureExtractor.activations` returns it.
    units : mapping from layer to sequence of int, or None
        Which units of each layer, in rising order, counted through its bands; None is all.

    Returns
    -------
    xarray.DataArray
        dims (image, unit); coordinates `unit` (name), `layer`, `band`, `feature`, `y`, `x` (field centres in pixels), `field_size`
        (the larger side, in pixels), `field_status` and the labels of the features. A label that a layer lacks is NaN or ''.

    Raises
    ------
    ValueError
        If there are no such units.
    """
    values, columns = [], []
    passed: dict[str, int] = {}
    n_found = 0
    for node in activations.leaves:
        response: xr.DataArray = node.to_dataset()["response"]
        layer, _, band = node.path.strip("/").partition("/")
        n_images, n_features, height, width = response.shape
        size, before = n_features * height * width, passed.get(layer, 0)
        passed[layer] = before + size
        asked = None if units is None else np.asarray(units.get(layer, ()), int)
        chosen = np.arange(size) if asked is None else asked[(asked >= before) & (asked < before + size)] - before
        n_found += len(chosen)
        grid = np.unravel_index(chosen, (n_features, height, width))
        n_units = len(chosen)
        labels = [str(name) for name, coord in response.coords.items() if coord.dims == ("feature",)]
        frame = {"layer": np.full(n_units, layer), "band": np.full(n_units, band)}
        frame |= {name: response.coords[name].values[grid[0]] for name in labels}
        frame |= {"y": response.coords["y"].values[grid[1]], "x": response.coords["x"].values[grid[2]]}
        field_size = max(node.attrs["size_y"], node.attrs["size_x"])
        frame |= {"field_size": np.full(n_units, field_size, float), "field_status": np.full(n_units, node.attrs["status"])}
        names = unit_names(layer, band, list(response.coords["feature"].values), (height, width), node.attrs["status"], chosen)
        columns.append(pd.DataFrame({"unit": names} | frame))
        rows = response.values.reshape(n_images, size)
        values.append(rows if asked is None else rows[:, chosen])
    if units is not None and n_found != sum(len(numbers) for numbers in units.values()):
        msg = f"`units` must be numbers of units of the layers {', '.join(map(repr, passed))}, got some that are not there."
        raise ValueError(msg)
    table = pd.concat(columns, ignore_index=True)
    coords = {name: ("unit", _plain(table[name])) for name in table.columns}
    return xr.DataArray(
        np.concatenate(values, axis=1), dims=("image", "unit"), coords={"image": activations["image"].values} | coords, attrs=activations.attrs
    )


def _plain(column: pd.Series) -> np.ndarray:
    """A column without objects: text or numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return column.fillna("").to_numpy().astype(str)


def field_table(layers: Layers, pixels_per_degree: float | None = None) -> pd.DataFrame:
    """One row per band: layer, band, size, step and first centre along y and x, in pixels (and degrees if asked for), status."""
    rows = []
    for layer, bands in layers.items():
        for maps in bands:
            geometry = _geometry(maps)
            status = geometry.pop("status")
            if pixels_per_degree is not None:
                geometry |= {f"{name}_degrees": value / pixels_per_degree for name, value in geometry.items()}
            rows.append({"layer": layer, "band": maps.band} | geometry | {"status": status})
    return pd.DataFrame(rows)


def summary_table(layers: Layers) -> pd.DataFrame:
    """One row per band: layer, band, output shape, units, parameters and multiply-accumulates per image."""
    rows = [
        {
            "layer": layer,
            "band": maps.band,
            "features": maps.shape[0],
            "height": maps.shape[1],
            "width": maps.shape[2],
            "units": int(np.prod(maps.shape)),
            "parameters": maps.n_parameters,
            "multiply_accumulates": maps.n_multiply_adds,
        }
        for layer, bands in layers.items()
        for maps in bands
    ]
    return pd.DataFrame(rows)
