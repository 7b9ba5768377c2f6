"""Architectures.

The layers of a model from the image upward, with what each unit sees and what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from hmax_cnn.extraction import FeatureExtractor

from ..contract import measure
from ..results import Definition


@measure(
    takes="model",
    needs=("no transformation",),
    given=("image_shape", "layers", "pixels_per_degree"),
)
def architecture(
    model: FeatureExtractor,
    image_shape: Sequence[int],
    layers: Sequence[str] | None = None,
    pixels_per_degree: float | None = None,
) -> xr.Dataset:
    """Size, field and cost of every map of a model, for images of one shape.

    Parameters
    ----------
    model : FeatureExtractor
    image_shape : (int, int)
    layers : sequence of str or None
        None is all.
    pixels_per_degree : float or None
        Adds the field's size in degrees.

    Returns
    -------
    xarray.Dataset
        One row for each layer and band, of dim row: layer, band, features, height, width, units,
        parameters, multiply_accumulates, `value` and `low`, `high` (the size of a unit's field, its
        larger side, in pixels, all three the same), step, status; `image_height`, `image_width`.
    """
    wanted = tuple(layers or model.layer_names)
    fields = model.fields(image_shape, wanted)
    rows = model.summary(image_shape)
    rows = rows[rows["layer"].isin(wanted)].merge(
        fields[["layer", "band", "size_y", "size_x", "step_y", "status"]], on=["layer", "band"]
    )
    size = rows[["size_y", "size_x"]].max(axis=1).astype(float)
    rows = (
        rows.assign(value=size, low=size, high=size)
        .rename(columns={"step_y": "step"})
        .drop(columns=["size_y", "size_x"])
    )
    if pixels_per_degree is not None:
        rows["degrees"] = rows["value"] / pixels_per_degree
    definition = Definition(
        "architecture",
        "field size from window, stride and padding",
        "Araujo et al., Distill 2019",
        "pixels",
    )
    known = {"model": model.path(), "parameters": repr(model), "n_images": 0}
    sides = {"image_height": ((), int(image_shape[0])), "image_width": ((), int(image_shape[1]))}
    return (
        xr.Dataset.from_dataframe(rows.rename_axis("row"))
        .assign(sides)
        .assign_attrs(definition.attributes() | known)
    )
