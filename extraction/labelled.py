"""Labels all the way: names of units, activations as xarray, native and flattened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .fields import WHOLE_IMAGE, number
from .maps import Maps

# Units of each layer, counted through its bands.
UnitNumbers = Mapping[str, Sequence[int] | np.ndarray]
LabelledLayers = Mapping[str, Sequence[Maps]]  # bands by layer, from the bottom up


def names_of(layers: LabelledLayers) -> list[str]:
    """Names of all units of some layers.

    Parameters
    ----------
    layers : mapping from str to sequence of Maps

    Returns
    -------
    list of str
        In the order in which the units are flattened: c2_p08_017, s1_b3_s15_o90_y12_x40,
        conv2_c05_y3_x7.
    """
    names = []
    for layer, bands in layers.items():
        for maps in bands:
            status = maps.field.status
            names += _unit_names(layer, maps.band, maps.feature_names, maps.shape[1:], status)
    return names


def _unit_names(
    layer: str,
    band: str,
    features: Sequence[str],
    shape: tuple[int, ...],
    status: str,
    chosen: np.ndarray | None = None,
) -> list[str]:
    """Names of the units of one band in C order, or of the chosen ones."""
    if chosen is None:
        chosen = np.arange(len(features) * shape[0] * shape[1])
    stem = "_".join(filter(None, (layer, band)))
    # A unit that sees the whole image has no place that its name could say.
    if status == WHOLE_IMAGE and shape == (1, 1):
        return [f"{stem}_{features[int(index)]}" for index in chosen]
    places = zip(*np.unravel_index(chosen, (len(features), *shape)), strict=True)
    return [f"{stem}_{features[int(feature)]}_y{y}_x{x}" for feature, y, x in places]


def joined(runs: Sequence[LabelledLayers]) -> dict[str, list[Maps]]:
    """The layers of several batches as those of one.

    Parameters
    ----------
    runs : sequence of mappings from str to sequence of Maps
        One per batch.

    Returns
    -------
    dict from str to list of Maps

    Raises
    ------
    ValueError
        If maps of one band differ in shape or receptive field.
    """
    whole = {}
    for layer in runs[0]:
        bands = zip(*(batch[layer] for batch in runs), strict=True)
        whole[layer] = [_joined_band(layer, parts) for parts in bands]
    return whole


def _joined_band(layer: str, parts: Sequence[Maps]) -> Maps:
    if len({part.shape for part in parts}) > 1 or len({part.field for part in parts}) > 1:
        msg = (
            f"`images` must have one size for the labelled activations of {layer!r}. Resize them, "
            "or call `activations` once per size."
        )
        raise ValueError(msg)
    return replace(parts[0], values=np.concatenate([part.values for part in parts]))


def native(
    layers: LabelledLayers, image_names: Sequence[Any], attributes: Mapping[str, Any]
) -> xr.DataTree:
    """Activations as a tree with a node for each layer and band.

    Parameters
    ----------
    layers : mapping from str to sequence of Maps
    image_names : sequence
        One per image.
    attributes : mapping
        Of the root.

    Returns
    -------
    xarray.DataTree
        /layer/band, each with `response` of dims (image, feature, y, x), `y` and `x` the centres
        of the receptive fields in pixels.
    """
    nodes = {"/": xr.Dataset(coords={"image": list(image_names)}, attrs=dict(attributes))}
    for layer, bands in layers.items():
        for maps in bands:
            if maps.band:
                node = f"/{layer}/{maps.band}"
            else:
                node = f"/{layer}"
            nodes[node] = _dataset(maps)
    return xr.DataTree.from_dict(nodes)


def _dataset(maps: Maps) -> xr.Dataset:
    n_features, height, width = maps.shape
    centre = {"units": "pixels", "long_name": "centre of the receptive field"}
    coords: dict[str, Any] = {
        "feature": maps.feature_names,
        "y": ("y", maps.field.y.centres(height), centre),
        "x": ("x", maps.field.x.centres(width), centre),
    }
    for name, value in maps.labels.items():
        # One value for the whole band, or one for each feature.
        if np.ndim(value) == 0:
            per_feature = np.full(n_features, value)
        else:
            per_feature = np.asarray(value)
        coords[name] = ("feature", per_feature)
    response = (("image", "feature", "y", "x"), maps.values)
    return xr.Dataset({"response": response}, coords, _geometry(maps))


def _geometry(maps: Maps) -> dict[str, Any]:
    """Size, step and first centre of a receptive field, in pixels, and its status."""
    y, x = maps.field.y, maps.field.x
    return {
        "size_y": number(y.size),
        "size_x": number(x.size),
        "step_y": number(y.step),
        "step_x": number(x.step),
        "start_y": number(y.first),
        "start_x": number(x.first),
        "status": maps.field.status,
    }


def flatten(activations: xr.DataTree, units: UnitNumbers | None = None) -> xr.DataArray:
    """Activations as (image, unit), in C order, with plain coordinates along `unit`.

    Parameters
    ----------
    activations : xarray.DataTree
        As `FeatureExtractor.activations` returns it.
    units : mapping from layer to sequence of int, or None
        Which units of each layer, in rising order, counted through its bands; None is all.

    Returns
    -------
    xarray.DataArray
        dims (image, unit); coordinates `unit` (name), `layer`, `band`, `feature`, `y`, `x` (centres
        of the receptive fields in pixels), `field_size` (the larger side, in pixels),
        `field_status` and the labels of the features. A label that a layer lacks is NaN or ''.

    Raises
    ------
    ValueError
        If there are no such units.

    Examples
    --------
    >>> from hmax_cnn.extraction import Pixels
    >>> found = Pixels(grid=(2, 2)).activations(np.zeros((3, 8, 8)))
    >>> flatten(found).dims, flatten(found, {"pixels": [0, 3]}).unit.values.tolist()
    (('image', 'unit'), ['pixels_luminance_y0_x0', 'pixels_luminance_y1_x1'])
    """
    values, columns = [], []
    for node, layer, chosen in _chosen_by_band(activations, units):
        response: xr.DataArray = node.to_dataset()["response"]
        rows = response.values.reshape(response.shape[0], int(np.prod(response.shape[1:])))
        values.append(rows if units is None else rows[:, chosen])
        columns.append(_unit_columns(node, layer, response, chosen))
    if units is not None:
        n_wanted = sum(len(numbers) for numbers in units.values())
        if sum(map(len, columns)) != n_wanted:
            known = dict.fromkeys(node.path.split("/")[1] for node in activations.leaves)
            msg = (
                f"`units` must be numbers of units of the layers {', '.join(map(repr, known))}, "
                "got some that are not there."
            )
            raise ValueError(msg)
    table = pd.concat(columns, ignore_index=True)
    coords = {str(name): ("unit", _plain(table[name])) for name in table.columns}
    return xr.DataArray(
        np.concatenate(values, axis=1),
        dims=("image", "unit"),
        coords={"image": activations["image"].values} | coords,
        attrs=activations.attrs,
    )


def _chosen_by_band(
    activations: xr.DataTree, units: UnitNumbers | None
) -> Iterator[tuple[xr.DataTree, str, np.ndarray]]:
    """Each band's node, its layer, and the chosen units counted within the band."""
    passed: dict[str, int] = {}  # units of the layer in the bands before
    for node in activations.leaves:
        layer = node.path.strip("/").partition("/")[0]
        size = int(np.prod(node["response"].shape[1:]))
        before = passed.get(layer, 0)
        passed[layer] = before + size
        if units is None:
            yield node, layer, np.arange(size)
            continue
        # Numbers run through all bands of a layer; here they are cut into bands.
        asked = np.asarray(units.get(layer, ()), int)
        yield node, layer, asked[(asked >= before) & (asked < before + size)] - before


def _unit_columns(
    node: xr.DataTree, layer: str, response: xr.DataArray, chosen: np.ndarray
) -> pd.DataFrame:
    """What is known of the chosen units of a band, one row each."""
    _, n_features, height, width = response.shape
    feature, row, column = np.unravel_index(chosen, (n_features, height, width))
    band = node.path.strip("/").partition("/")[2]
    features = list(response.coords["feature"].values)
    status = node.attrs["status"]
    frame: dict[str, Any] = {
        "unit": _unit_names(layer, band, features, (height, width), status, chosen),
        "layer": np.full(len(chosen), layer),
        "band": np.full(len(chosen), band),
    }
    for name, coord in response.coords.items():
        if coord.dims == ("feature",):
            frame[str(name)] = coord.values[feature]
    frame["y"] = response.coords["y"].values[row]
    frame["x"] = response.coords["x"].values[column]
    size = max(node.attrs["size_y"], node.attrs["size_x"])
    frame["field_size"] = np.full(len(chosen), size, float)
    frame["field_status"] = np.full(len(chosen), status)
    return pd.DataFrame(frame)


def _plain(column: pd.Series) -> np.ndarray:
    """A column without objects: text or numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    # A band without this label, such as a prototype's size, has an empty one.
    return column.fillna("").to_numpy().astype(str)


def field_table(layers: LabelledLayers, pixels_per_degree: float | None = None) -> pd.DataFrame:
    """Receptive fields of layers, one row per band.

    Parameters
    ----------
    layers : mapping from str to sequence of Maps
    pixels_per_degree : float or None
        Adds the same columns in degrees of visual angle.

    Returns
    -------
    pandas.DataFrame
        Columns layer, band, size, step and start along y and x, in pixels, and status.
    """
    rows = []
    for layer, bands in layers.items():
        for maps in bands:
            geometry = _geometry(maps)
            status = geometry.pop("status")
            if pixels_per_degree is not None:
                in_degrees = {
                    f"{name}_degrees": value / pixels_per_degree for name, value in geometry.items()
                }
                geometry |= in_degrees
            rows.append({"layer": layer, "band": maps.band} | geometry | {"status": status})
    return pd.DataFrame(rows)


def summary_table(layers: LabelledLayers) -> pd.DataFrame:
    """Size and cost of layers, one row per band.

    Parameters
    ----------
    layers : mapping from str to sequence of Maps

    Returns
    -------
    pandas.DataFrame
        Columns layer, band, features, height, width, units, parameters and multiply_accumulates
        (per image).
    """
    rows = []
    for layer, bands in layers.items():
        for maps in bands:
            n_features, height, width = maps.shape
            rows.append(
                {
                    "layer": layer,
                    "band": maps.band,
                    "features": n_features,
                    "height": height,
                    "width": width,
                    "units": int(np.prod(maps.shape)),
                    "parameters": maps.n_parameters,
                    "multiply_accumulates": maps.n_multiply_adds,
                }
            )
    return pd.DataFrame(rows)


def numbers_of(layers: LabelledLayers, units: Sequence[str | int]) -> list[int]:
    """Units as indices among all units of some layers.

    Parameters
    ----------
    layers : mapping from str to sequence of Maps
    units : sequence of str or int
        Names, or indices; a negative one counts from the end.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If there is no such unit.
    """
    count = sum(int(np.prod(maps.shape)) for bands in layers.values() for maps in bands)
    # Naming a million units takes seconds: only where a name is asked for.
    places: dict[str, int] = {}
    if any(isinstance(unit, str) for unit in units):
        places = {name: index for index, name in enumerate(names_of(layers))}
    numbers = []
    for unit in units:
        is_index = isinstance(unit, int | np.integer) and -count <= unit < count
        if unit not in places and not is_index:
            names = names_of(layers)
            msg = (
                f"`units` must be among {names[0]!r} to {names[-1]!r}, or indices below "
                f"{count}, got {unit!r}."
            )
            raise ValueError(msg)
        numbers.append(places[unit] if isinstance(unit, str) else int(unit) % count)
    return numbers
