"""Growth of receptive fields with depth, for several models on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..results import DEFAULT, Definition, Resampling, needs
from .receptive_fields import central_units, claimed_fields, effective_fields, mapped_fields
from ..statistics import interval, mean_defined, resampled
from hmax_cnn.extraction import FeatureExtractor
from hmax_cnn.extraction.images import Images

WAYS = ("claimed", "effective", "mapped")


@needs("no transformation")
def growth(
    models: Mapping[str, FeatureExtractor],
    images: Any,
    layers: Mapping[str, Sequence[str]] | None = None,
    n_units: int = 8,
    pixels_per_degree: float | None = None,
    ways: Sequence[str] = ("claimed", "effective"),
    resampling: Resampling = DEFAULT,
    progress: bool | None = None,
) -> xr.Dataset:
    """How fields grow with depth, for several models, on one scale.

    Parameters
    ----------
    models : mapping from str to FeatureExtractor
    images : array or sequence
        Of one size: what effective fields are averaged over.
    layers : mapping from model to layers, or None
        None is all of each model.
    n_units : int
        Of each layer, drawn from those in the middle of the image, whose fields are cut by the
        border least.
    pixels_per_degree : float or None
        Adds sizes in degrees of visual angle.
    ways : sequence of {'claimed', 'effective', 'mapped'}
        Effective fields are the root of the area; mapped ones too, with spots of a sixteenth of the
        image.
    resampling : Resampling
        Intervals are over units.
    progress : bool or None

    Returns
    -------
    xarray.Dataset
        One row for each model, layer and way: `model`, `layer`, `way`, `depth` (0 for the lowest
        layer to 1 for the highest), `pixels`, `low`, `high` (the mean over units and its interval),
        `smallest`, `largest`, `fraction` (of the image's shorter side), `value` (`pixels` again),
        `n_units`, `n_defined` and `size_definition`; with `pixels_per_degree` also `degrees`,
        `degrees_low`, `degrees_high`.

    Raises
    ------
    ValueError
        If there is no such way.
    """
    if not ways or set(ways) - set(WAYS):
        msg = f"`ways` must be some of {', '.join(map(repr, WAYS))}, got {tuple(ways)!r}."
        raise ValueError(msg)
    if not isinstance(models, Mapping):
        msg = (
            f"`models` must be a mapping from name to model, such as {{'HMAX': model}}, got "
            f"{type(models).__name__}."
        )
        raise TypeError(msg)
    source = Images(images)
    shape = tuple(int(n) for n in source[0].shape[:2])
    rows = []
    for name, model in models.items():
        wanted = model.wanted_layers((layers or {}).get(name, model.layer_names))
        units = central_units(model, shape, wanted, n_units, resampling.random_state)
        found = {"claimed": claimed_fields(model, shape, units).set_index("layer")["size"]}
        if "effective" in ways:
            found["effective"] = _by_layer(
                effective_fields(model, source, units, resampling=Resampling(0), progress=progress)
            )
        if "mapped" in ways:
            found["mapped"] = _by_layer(
                mapped_fields(model, shape, units, size=max(1, min(shape) // 16))
            )
        for way in ways:
            for layer in wanted:
                sizes = np.atleast_1d(np.asarray(found[way].loc[layer], dtype=float))
                draws = resampled(
                    lambda drawn, s=sizes: mean_defined(s[drawn]),
                    len(sizes),
                    resampling.n_resamples,
                    resampling.random_state,
                )
                low, high = interval(draws, resampling.level)
                defined = sizes[np.isfinite(sizes)]
                rows.append(
                    {
                        "model": name,
                        "layer": layer,
                        "way": way,
                        "depth": wanted.index(layer) / max(1, len(wanted) - 1),
                        "pixels": float(mean_defined(sizes)),
                        "low": float(low),
                        "high": float(high),
                        "smallest": float(defined.min(initial=np.inf)) if len(defined) else np.nan,
                        "largest": float(defined.max(initial=0)) if len(defined) else np.nan,
                        "n_units": len(sizes),
                        "n_defined": len(defined),
                        "size_definition": "full extent" if way == "claimed" else "root area",
                    }
                )
    table = pd.DataFrame(rows)
    table["value"], table["fraction"] = table["pixels"], table["pixels"] / min(shape)
    if pixels_per_degree is not None:
        table = table.assign(
            **{
                f"degrees{end}": table[f"pixels{end}" if not end else end[1:]] / pixels_per_degree
                for end in ("", "_low", "_high")
            }
        )
    definition = Definition(
        "growth of receptive fields with depth",
        "size by layer",
        "Araujo et al., Distill 2019; Luo et al., NeurIPS 2016",
        "pixels",
    )
    known = (
        {"n_images": len(source), "height": shape[0], "width": shape[1]}
        | resampling.attributes()
        | {"resampled_over": "units"}
    )
    if not (pixels_per_degree is None):
        known |= {"pixels_per_degree": pixels_per_degree}
    return xr.Dataset.from_dataframe(table.rename_axis("row")).assign_attrs(
        definition.attributes() | known
    )


def _by_layer(dataset: xr.Dataset) -> pd.Series:
    return pd.Series(dataset["root_area"].values, index=dataset["layer"].values)
