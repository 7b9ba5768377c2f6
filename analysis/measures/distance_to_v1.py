"""Distance to V1: how far the tuning of a layer lies from that of cells in macaque V1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.distance import jensenshannon

from hmax_cnn.extraction.choices import check_choice

from ..literature.cortex import V1_FREQUENCY, V1_ORIENTATION
from ..results import NONE, Definition


def distance_to_v1(
    tuned: xr.Dataset,
    pixels_per_degree: float | None = None,
    cells: str = "simple",
) -> xr.Dataset:
    """How far a layer's preferred orientations or frequencies lie from macaque V1's.

    The distance is Jensen-Shannon's, between the two histograms.

    Parameters
    ----------
    tuned : xarray.Dataset
        From `orientation_tuning` or `frequency_tuning`.
    pixels_per_degree : float or None
        Needed for frequencies in cycles per pixel.
    cells : {'simple', 'complex'}
        Of frequencies.

    Returns
    -------
    xarray.Dataset
        `histogram` of dims (layer, bin), shares of units; `v1` of dim bin; `layer_value`:
        Jensen-Shannon distance, 0 the same, 1 nothing in common; `outside`: share of units beyond
        the bins. It has the bias of small numbers, since few units are never alike, and so no
        interval.

    Raises
    ------
    ValueError
        If frequencies are in pixels and there are no degrees, or there are no such cells.
    """
    values, (edges, counts), parameter = _preferences(tuned, pixels_per_degree, cells)
    target = np.asarray(counts) / np.sum(counts)
    layers = tuned["unit_layer"].values
    rows, shares = [], []
    for name in tuned["layer"].values:
        mine = values[(layers == name) & np.isfinite(values)]
        histogram = np.histogram(mine, edges)[0]
        shares.append(histogram / max(1, len(mine)))
        outside = 1 - histogram.sum() / len(mine) if len(mine) else np.nan
        rows.append((_distance(mine, edges, target), len(mine), outside))
    columns = ("layer_value", "n_defined", "outside")
    data: dict[str, Any] = {
        name: ("layer", [row[i] for row in rows]) for i, name in enumerate(columns)
    }
    data |= {"histogram": (("layer", "bin"), np.array(shares)), "v1": ("bin", target)}
    definition = Definition(
        f"distance to V1, {parameter}",
        "Jensen-Shannon distance of histograms, base 2",
        "histograms of macaque V1 in analysis.literature.cortex",
    )
    middle = (np.array(edges[:-1]) + np.array(edges[1:])) / 2
    coords = {"layer": tuned["layer"].values, "bin": middle}
    return xr.Dataset(data, coords=coords).assign_attrs(
        definition.attributes() | {"intervals": NONE}
    )


def _preferences(
    tuned: xr.Dataset, pixels_per_degree: float | None, cells: str
) -> tuple[np.ndarray, tuple[Any, Any], str]:
    """What units prefer, in the units of V1's histogram, and that histogram."""
    of = tuned.attrs.get("definition", "no such dataset")
    if of == "orientation tuning":
        # The first bin is centred on 0 degrees: it takes preferences on both sides of it.
        return (tuned["preferred"].values + 22.5) % 180 - 22.5, V1_ORIENTATION, "orientation"
    if of != "spatial-frequency tuning":
        msg = f"`tuned` must come from orientation_tuning or frequency_tuning, got {of!r}."
        raise ValueError(msg)
    check_choice("cells", cells, V1_FREQUENCY)
    per_pixel = tuned["preferred"].attrs["units"] == "cycles per pixel"
    if per_pixel and pixels_per_degree is None:
        msg = "`pixels_per_degree` is needed: these frequencies are in cycles per pixel."
        raise ValueError(msg)
    per_degree = tuned["preferred"].values * (pixels_per_degree if per_pixel else 1)
    return per_degree, V1_FREQUENCY[cells], "frequency"


def _distance(values: np.ndarray, edges: Sequence[float], target: np.ndarray) -> float:
    """Distance of the histogram of some units to V1's."""
    histogram = np.histogram(values, edges)[0]
    if not histogram.sum():
        return np.nan
    return float(jensenshannon(histogram / histogram.sum(), target, base=2))
