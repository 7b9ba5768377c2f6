"""Receptive fields over the picture.

Of one unit of each layer its theoretical, its effective and its mapped field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.images import luminance

from ..contract import measure
from ..results import Definition, Resampling
from .central_units import central_units
from .mapped_fields import mapped_fields
from .receptive_fields import effective_fields, theoretical_fields

_DEFINITION = Definition(
    "receptive fields three ways",
    "theoretical: windows; effective: mean |gradient|; mapped: |response - blank|",
    "Araujo et al., Distill 2019; Luo et al., NeurIPS 2016; Jones & Palmer, J Neurophysiol 1987",
    "pixels",
)


@measure(
    takes="model",
    needs=("no transformation",),
    given=("images", "layers", "random_state"),
    gradients=lambda _: True,
)
def field_views(
    model: FeatureExtractor,
    images: Any,
    layers: Sequence[str] | None = None,
    n_images: int = 8,
    probe_size: int | None = None,
    random_state: int = 0,
) -> xr.Dataset:
    """Theoretical, effective and mapped field of a unit in the middle of each layer.

    Parameters
    ----------
    model : FeatureExtractor
        With gradients.
    images : sequence
        Of one size; effective fields are means over the first `n_images`, and the first is the
        picture to draw over.
    layers : sequence of str or None
        None is all.
    n_images : int
    probe_size : int or None
        Side of the light and dark squares of mapped fields, in pixels; None is a sixteenth of the
        image.
    random_state : int
        Of the choice among units in the middle.

    Returns
    -------
    xarray.Dataset
        `weight` of dims (layer, way, y, x), ways 'effective' and 'mapped', each as a share of its
        largest, undefined where nothing moves the unit; `top`, `left`, `bottom`, `right` of the
        theoretical field per layer, in pixels; `luminance` of dims (y, x), the picture; per layer
        `unit`, `value`, `low` and `high` (the root of the area of the effective field, all three
        the same).
    """
    shown = [np.asarray(images[index]) for index in range(min(n_images, len(images)))]
    shape = (int(shown[0].shape[0]), int(shown[0].shape[1]))
    wanted = tuple(layers or model.layer_names)
    units = central_units(model, shape, wanted, 1, random_state)
    theoretical = theoretical_fields(model, shape, units).set_index("layer").loc[list(wanted)]
    side = probe_size or max(1, min(shape) // 16)
    without_intervals = Resampling(0)
    effective = effective_fields(model, shown, units, resampling=without_intervals, progress=False)
    mapped = mapped_fields(model, shape, units, size=side, step=max(1, side // 2))
    # Both list their units from the lowest layer up, whatever the order that was wanted.
    rows = {str(layer): row for row, layer in enumerate(effective["layer"].values)}
    order = [rows[layer] for layer in wanted]
    ways = {"effective": effective, "mapped": mapped}
    weight = [_on_pixels(found.isel(unit=order), shape) for found in ways.values()]
    data: dict[str, Any] = {
        "weight": (("layer", "way", "y", "x"), np.stack(weight, axis=1)),
        "luminance": (("y", "x"), luminance(shown[0])),
        "unit": ("layer", theoretical["unit"].to_numpy(str)),
    }
    for border in ("top", "left", "bottom", "right"):
        data[border] = ("layer", theoretical[border].to_numpy())
    for name in ("value", "low", "high"):
        data[name] = ("layer", effective["root_area"].values[order])
    coords = {
        "layer": list(wanted),
        "way": list(ways),
        "y": np.arange(shape[0]),
        "x": np.arange(shape[1]),
    }
    known = {
        "n_images": len(shown),
        "probe_size": side,
        "model": model.path(),
        "parameters": repr(model),
    }
    return xr.Dataset(data, coords=coords).assign_attrs(_DEFINITION.attributes() | known)


def _on_pixels(found: xr.Dataset, shape: tuple[int, int]) -> np.ndarray:
    """Fields on the grid of pixels, float32, each over its largest value."""
    # Mapped fields have a coarser grid: each pixel takes the value of the nearest place.
    rows = np.abs(np.arange(shape[0])[:, None] - found["y"].values).argmin(axis=1)
    columns = np.abs(np.arange(shape[1])[:, None] - found["x"].values).argmin(axis=1)
    field = found["field"].values[:, rows][:, :, columns]
    largest = field.max(axis=(1, 2), keepdims=True)
    return np.where(largest > 0, field / np.where(largest > 0, largest, 1), np.nan).astype(
        np.float32
    )
