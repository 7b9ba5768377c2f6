"""Receptive fields three ways.

Theoretical from the geometry, effective from gradients, mapped from responses alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.extraction import FeatureExtractor, flatten
from hmax_cnn.extraction.gradients import gradients_of_units
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.labelled import UnitNumbers, native
from hmax_cnn.extraction.progress import progress_bar

from ..contract import measure
from ..intervals import t_interval
from ..results import DEFAULT, Definition, Resampling
from .central_units import units_of
from .field_size import AREA, DEFINITIONS, field_sizes

_GROUPS = 10  # of images, for the jackknife: more would cost a pass over all maps each
_IN_PIXELS = (
    "y",
    "x",
    *DEFINITIONS,
    "theoretical",
    "top",
    "left",
    "bottom",
    "right",
    "centre_y",
    "centre_x",
    "sigma_y",
    "sigma_x",
)


def theoretical_fields(
    model: FeatureExtractor, image_shape: Sequence[int], units: UnitNumbers
) -> pd.DataFrame:
    """Theoretical receptive field of each unit, from the windows below it.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
    units : mapping from layer to sequence of int
        As `hmax_cnn.analysis.responses.choose_units` gives them.

    Returns
    -------
    pandas.DataFrame
        One row per unit: unit, layer, band, size (the larger side, in pixels), status, and top,
        left, bottom, right in pixels, the last two one past the end and all uncut: a field may
        reach beyond the image.
    """
    table = flatten(
        native(model.geometry(image_shape, model.wanted_layers(tuple(units))), [], {}), units
    )
    geometry = {
        (row["layer"], row["band"]): row
        for row in model.fields(image_shape, tuple(units)).to_dict("records")
    }
    rows = []
    for unit, layer, band, y, x in zip(
        *(table[name].values for name in ("unit", "layer", "band", "y", "x")), strict=True
    ):
        field = geometry[layer, band]
        top, bottom = _edges(float(y), field["size_y"])
        left, right = _edges(float(x), field["size_x"])
        size = max(field["size_y"], field["size_x"])
        rows.append((unit, layer, band, size, field["status"], top, left, bottom, right))
    return pd.DataFrame(
        rows, columns=["unit", "layer", "band", "size", "status", "top", "left", "bottom", "right"]
    )


def _edges(centre: float, size: float) -> tuple[int, int]:
    # A centre between two pixels is exact in theory and off by rounding: hence 1e-9.
    return floor(centre - size / 2 + 0.5 + 1e-9), ceil(centre + size / 2 + 0.5 - 1e-9)


@measure(
    takes="model",
    needs=("no transformation",),
    given=("images", "units", "layers", "resampling", "progress"),
    gradients=lambda _: True,
)
def effective_fields(
    model: FeatureExtractor,
    images: Any,
    units: int | UnitNumbers = 4,
    layers: Sequence[str] | None = None,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """Effective receptive fields: how much each pixel matters to a unit.

    A field is the absolute gradient of the response, averaged over images.

    Parameters
    ----------
    model : FeatureExtractor
        With gradients: HMAX, CNN, perceptrons, pixels.
    images : array or sequence
        Of one size; read one by one.
    units : int or mapping from layer to sequence of int
        So many of each layer in the middle of the image (`central_units`), or these, as
        `hmax_cnn.analysis.responses.choose_units` gives them.
    layers : sequence of str or None
        With a number of units; None is all.
    resampling : Resampling
        Intervals of the root of the area are over images, by a jackknife that leaves out one of at
        most ten groups; 0 resamples make none.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        `field` of dims (unit, y, x), of sum 1, and along `unit` the sizes, centre and shape that
        `hmax_cnn.analysis.measures.field_size.field_sizes` gives, in pixels, with `root_area_low`
        and `root_area_high`; all undefined for a unit that no pixel moves.

    Raises
    ------
    TypeError
        If the model has no gradients: use `mapped_fields`.

    References
    ----------
    Luo, Li, Urtasun & Zemel, "Understanding the effective receptive field in deep convolutional
    neural networks", NeurIPS 2016.

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.data import digits
    >>> found = effective_fields(Pixels(grid=(4, 4)), digits()[:2], units=1)
    >>> found.root_area.values.tolist()  # a cell of 2 x 2 pixels
    [2.0]
    """
    source = Images(images)
    shape = (int(source[0].shape[0]), int(source[0].shape[1]))
    chosen = units_of(model, shape, units, layers)
    n_groups = min(len(source), _GROUPS) if resampling.n_resamples else 1
    groups = _summed_gradients(model, source, shape, chosen, n_groups, progress)
    definition = Definition(
        "effective receptive field",
        "mean over images of |d response / d pixel|",
        "Luo et al., NeurIPS 2016",
        "pixels",
    )
    field, known = groups.sum(axis=0, dtype=float), {"n_images": len(source)}
    places = (np.arange(shape[0]), np.arange(shape[1]))
    result = measured(model, shape, chosen, field, definition, known, places, 0.0)
    if n_groups < 2:
        return result
    low, high = t_interval(
        result["root_area"].values, _jackknife_error(groups), n_groups - 1, resampling.level
    )
    how = "jackknife of groups of images, Student's t"
    bounds = {"root_area_low": ("unit", low), "root_area_high": ("unit", high)}
    return result.assign(bounds).assign_attrs(
        {"level": resampling.level, "resampled_over": "images", "intervals": how}
    )


def _summed_gradients(
    model: FeatureExtractor,
    source: Images,
    shape: tuple[int, int],
    units: UnitNumbers,
    n_groups: int,
    progress: bool | None,
) -> np.ndarray:
    """Absolute gradients summed over groups of images: (group, unit, y, x).

    Images are read one by one, each goes upward once for the units of all layers, and only sums are
    kept: a thousand images need no more memory than ten.
    """
    sums = np.zeros((n_groups, sum(map(len, units.values())), *shape), np.float32)
    model.check_ready(tuple(units))
    bar = progress_bar(range(len(source)), name="Effective fields", unit="image", progress=progress)
    for index in bar:
        image = model.open_images(np.asarray(source[index])[None])
        gradient = np.abs(gradients_of_units(model, image, units)[0])
        if gradient.ndim == 4:  # of a colour image: what its channels do together
            gradient = gradient.sum(axis=-1)
        sums[index % n_groups] += gradient
    return sums


def _jackknife_error(groups: np.ndarray) -> np.ndarray:
    """Standard error of the root of the area of each unit, by leaving out one group at a time.

    Efron & Stein, Annals of Statistics 1981: (g - 1) / g times the sum of squared differences.
    """
    n_groups, n_units = groups.shape[:2]
    without = 1 - np.eye(n_groups, dtype=np.float32)
    # Unit by unit: all at once would hold every map n_groups times.
    sizes = np.stack(
        [_root_areas(np.tensordot(without, groups[:, unit], axes=1)) for unit in range(n_units)],
        axis=1,
    )
    squares = ((sizes - sizes.mean(axis=0)) ** 2).sum(axis=0)
    return np.sqrt((n_groups - 1) / n_groups * squares)


def _root_areas(fields: np.ndarray) -> np.ndarray:
    """Root of the area of several maps."""
    peaks = fields.max(axis=(1, 2), keepdims=True)
    return np.where(peaks[:, 0, 0] > 0, np.sqrt((fields > AREA * peaks).sum(axis=(1, 2))), np.nan)


def measured(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    units: UnitNumbers,
    fields: np.ndarray,
    definition: Definition,
    extra: Mapping[str, Any],
    places: tuple[np.ndarray, ...],
    reach: float,
) -> xr.Dataset:
    """Fields (unit, place down, place across) with their sizes, beside the theoretical fields.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
        In pixels.
    units : mapping
        Indices of units by layer.
    fields : array of shape (n_units, n_down, n_across)
    definition : Definition
    extra : mapping
        More attributes.
    places : (array, array)
        Where the entries of a field lie along y and x, in pixels.
    reach : float
        How far the probe extends to each side of its place, in pixels.

    Returns
    -------
    xarray.Dataset
        `field` of dims (unit, y, x), its sizes by each definition and the theoretical size.
    """
    sizes = _sizes(fields, places, reach)
    total = fields.sum(axis=(1, 2), keepdims=True)
    scaled = fields / np.where(total > 0, total, 1)
    theoretical = theoretical_fields(model, image_shape, units)
    coords: dict[str, Any] = {
        "unit": theoretical["unit"].to_numpy(str),
        "y": places[0],
        "x": places[1],
    }
    for name in ("layer", "band", "status"):
        coords[name] = ("unit", theoretical[name].to_numpy(str))
    data: dict[str, Any] = {str(name): ("unit", sizes[name].to_numpy()) for name in sizes}
    data["theoretical"] = ("unit", theoretical["size"].to_numpy(float))
    data["contained"] = ("unit", _contained(sizes, theoretical))
    data["field"] = (("unit", "y", "x"), scaled)
    known = {
        "model": model.path(),
        "parameters": repr(model),
        "height": int(image_shape[0]),
        "width": int(image_shape[1]),
    }
    dataset = xr.Dataset(data, coords=coords, attrs=definition.attributes() | known | dict(extra))
    for name in _IN_PIXELS:
        dataset[name].attrs["units"] = "pixels"
    for name, meaning in DEFINITIONS.items():
        dataset[name].attrs["long_name"] = meaning
    return dataset


def _sizes(fields: np.ndarray, places: tuple[np.ndarray, ...], reach: float) -> pd.DataFrame:
    """Size, centre and shape of each field, in pixels of the image."""
    sizes = pd.DataFrame([field_sizes(field, _pitch(places, reach)) for field in fields])
    # The box counts entries of the map. A probe reaches beyond its place: what certainly matters
    # begins where the first probe that drives the unit ends.
    for axis, (first, last) in zip(places, (("top", "bottom"), ("left", "right")), strict=True):
        known = sizes[first].notna().to_numpy()
        start = sizes[first].fillna(0).to_numpy(int)
        end = sizes[last].fillna(1).to_numpy(int) - 1
        sizes[first] = np.where(known, axis[start] + reach, np.nan)
        sizes[last] = np.where(known, axis[end] - reach + 1, np.nan)
    sizes["centre_y"] += places[0][0]
    sizes["centre_x"] += places[1][0]
    return sizes


def _pitch(places: tuple[np.ndarray, ...], reach: float) -> tuple[float, float]:
    """Distance between places along y and x.

    With a single place along an axis, that along the other; a single place stands for the probe.
    """
    steps = [float(axis[1] - axis[0]) for axis in places if len(axis) > 1]
    if not steps:
        return (2 * reach + 1,) * 2
    if len(steps) == 1:
        return (steps[0], steps[0])
    return (steps[0], steps[1])


def _contained(sizes: pd.DataFrame, theoretical: pd.DataFrame) -> np.ndarray:
    """Whether all that matters to a unit lies in its theoretical field.

    A unit that nothing moves is within any.
    """
    inside = sizes["top"].isna().to_numpy()
    found = True
    for side in ("top", "left"):
        found &= sizes[side].to_numpy() >= theoretical[side].to_numpy()
    for side in ("bottom", "right"):
        found &= sizes[side].to_numpy() <= theoretical[side].to_numpy()
    return inside | found
