"""Growth of receptive fields with depth, by stated definitions of their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.choices import check_choice
from hmax_cnn.extraction.images import Images
from hmax_cnn.extraction.labelled import UnitNumbers

from ..contract import measure
from ..intervals import mean_defined, t_interval
from ..results import DEFAULT, Definition, Resampling
from .central_units import central_units
from .mapped_fields import mapped_fields
from .receptive_fields import effective_fields, theoretical_fields

WAYS = ("theoretical", "effective", "mapped")
_BOTH = ("theoretical", "effective")


@measure(
    takes="model",
    needs=("no transformation",),
    given=("images", "layers", "pixels_per_degree", "resampling", "progress"),
    design=("depth",),
    gradients=lambda parameters: "effective" in parameters.get("ways", _BOTH),
)
def field_growth(
    model: FeatureExtractor,
    images: Any,
    layers: Sequence[str] | None = None,
    n_units: int = 8,
    pixels_per_degree: float | None = None,
    ways: Sequence[str] = _BOTH,
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How receptive fields grow with depth.

    Parameters
    ----------
    model : FeatureExtractor
    images : array or sequence
        Of one size: what effective receptive fields are averaged over.
    layers : sequence of str or None
        None is all.
    n_units : int
        Of each layer, drawn from those in the middle of the image, whose fields are cut by the
        border least.
    pixels_per_degree : float or None
        Adds sizes in degrees of visual angle.
    ways : sequence of {'theoretical', 'effective', 'mapped'}
        The size of a theoretical field is its full extent, that of the others the root of the
        area; mapped ones are found with spots of a sixteenth of the image.
    resampling : Resampling
        Intervals are over units.
    progress : bool or None
        A progress bar; None shows it on a terminal and in a notebook only.

    Returns
    -------
    xarray.Dataset
        One row for each layer and way: `layer`, `way`, `depth` (0 for the lowest layer to 1 for the
        highest), `pixels`, `low`, `high` (the mean over units and its interval), `smallest`,
        `largest`, `fraction` (of the image's shorter side), `value` (`pixels` again), `n_units`,
        `n_defined` and `size_definition`; with `pixels_per_degree` also `degrees`, `degrees_low`,
        `degrees_high`.

    Raises
    ------
    ValueError
        If there is no such way.

    References
    ----------
    Araujo et al., Distill 2019 (theoretical). Luo et al., NeurIPS 2016 (effective).

    Examples
    --------
    >>> from hmax_cnn import Pixels
    >>> from hmax_cnn.data import digits
    >>> field_growth(Pixels(grid=(4, 4)), digits()[:2]).way.values.tolist()
    ['theoretical', 'effective']
    """
    for way in ways:
        check_choice("ways", way, WAYS)
    source = Images(images)
    shape = tuple(int(n) for n in source[0].shape[:2])
    wanted = model.wanted_layers(layers or model.layer_names)
    units = central_units(model, shape, wanted, n_units, resampling.random_state)
    sizes = _sizes(model, source, units, ways, progress)
    rows = []
    for way in ways:
        for depth, layer in enumerate(wanted):
            found = np.atleast_1d(np.asarray(sizes[way].loc[layer], dtype=float))
            # Depth from 0 to 1, so that models with different numbers of layers can be drawn on one
            # axis.
            about = {"layer": layer, "way": way, "depth": depth / max(1, len(wanted) - 1)}
            rows.append(about | _row(found, resampling) | {"size_definition": _DEFINITIONS[way]})
    table = pd.DataFrame(rows)
    # `fraction` is of the image's shorter side.
    table["value"], table["fraction"] = table["pixels"], table["pixels"] / min(shape)
    known: dict[str, Any] = {"n_images": len(source), "height": shape[0], "width": shape[1]}
    known |= resampling.attributes() | {
        "resampled_over": "units",
        "intervals": "Student's t over units",
    }
    if pixels_per_degree is not None:
        table["degrees"] = table["pixels"] / pixels_per_degree
        table["degrees_low"] = table["low"] / pixels_per_degree
        table["degrees_high"] = table["high"] / pixels_per_degree
        known |= {"pixels_per_degree": pixels_per_degree}
    definition = Definition(
        "growth of receptive fields with depth",
        "extent of the theoretical field, square root of the area of effective and mapped ones",
        "Araujo et al., Distill 2019; Luo et al., NeurIPS 2016",
        "pixels",
    )
    dataset = xr.Dataset.from_dataframe(table.rename_axis("row"))
    return dataset.assign_attrs(definition.attributes() | known)


_DEFINITIONS = {"theoretical": "full extent", "effective": "root area", "mapped": "root area"}


def _sizes(
    model: FeatureExtractor,
    source: Images,
    units: UnitNumbers,
    ways: Sequence[str],
    progress: bool | None,
) -> dict[str, pd.Series]:
    """Size of every unit's receptive field in pixels, by way, indexed by layer."""
    shape = tuple(int(n) for n in source[0].shape[:2])
    found = {"theoretical": theoretical_fields(model, shape, units).set_index("layer")["size"]}
    if "effective" in ways:
        fields = effective_fields(model, source, units, resampling=Resampling(0), progress=progress)
        found["effective"] = _by_layer(fields)
    if "mapped" in ways:
        found["mapped"] = _by_layer(
            mapped_fields(model, shape, units, size=max(1, min(shape) // 16))
        )
    return found


def _by_layer(dataset: xr.Dataset) -> pd.Series:
    return pd.Series(dataset["root_area"].values, index=dataset["layer"].values)


def _row(sizes: np.ndarray, resampling: Resampling) -> dict[str, Any]:
    """Mean, interval and range of the sizes of a layer's units; some may be undefined."""
    defined = sizes[np.isfinite(sizes)]
    error = np.nan
    # Student's t of two units is 12.7 standard errors: no interval.
    if len(defined) > 2 and resampling.n_resamples:
        error = defined.std(ddof=1) / np.sqrt(len(defined))
    low, high = t_interval(mean_defined(sizes), error, len(defined) - 1, resampling.level)
    return {
        "pixels": float(mean_defined(sizes)),
        "low": float(np.fmax(low, 0.0)) if np.isfinite(low) else np.nan,  # no size is negative
        "high": float(high),
        "smallest": float(defined.min()) if len(defined) else np.nan,
        "largest": float(defined.max()) if len(defined) else np.nan,
        "n_units": len(sizes),
        "n_defined": len(defined),
    }
