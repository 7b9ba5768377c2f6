"""Distance to V1: how far the tuning of a layer lies from that of cells in macaque V1."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.spatial.distance import jensenshannon

from hmax_cnn.extraction.choices import check_choice

from ..literature.cortex import V1_FREQUENCY, V1_ORIENTATION
from ..results import DEFAULT, Definition, Resampling
from ..statistics import interval, resampled


def distance_to_v1(
    tuned: xr.Dataset,
    pixels_per_degree: float | None = None,
    cells: str = "simple",
    resampling: Resampling = DEFAULT,
) -> xr.Dataset:
    """How far a layer's preferred orientations or frequencies lie from macaque V1's.

    By the Jensen-Shannon distance of their histograms.

    Parameters
    ----------
    tuned : xarray.Dataset
        From `orientation_tuning` or `frequency_tuning`.
    pixels_per_degree : float or None
        Needed for frequencies in cycles per pixel.
    cells : {'simple', 'complex'}
        Of frequencies.
    resampling : Resampling
        Over units.

    Returns
    -------
    xarray.Dataset
        `histogram` of dims (layer, bin), shares of units; `v1` of dim bin; `layer_value`,
        `layer_low`, `layer_high`: Jensen-Shannon distance, 0 the same, 1 nothing in common;
        `outside`: share of units beyond the bins. It has the bias of small numbers: few units are
        never alike.

    Raises
    ------
    ValueError
        If frequencies are in pixels and there are no degrees, or there are no such cells.
    """
    if tuned.attrs.get("definition") not in ("orientation tuning", "spatial-frequency tuning"):
        msg = (
            "`tuned` must come from orientation_tuning or frequency_tuning, got "
            f"{tuned.attrs.get('definition', 'no such dataset')!r}."
        )
        raise ValueError(msg)
    if tuned.attrs["definition"] == "orientation tuning":
        (edges, counts), values, source = (
            V1_ORIENTATION,
            (tuned["preferred"].values + 22.5) % 180 - 22.5,
            "orientation",
        )
    else:
        check_choice("cells", cells, V1_FREQUENCY)
        per_pixel = tuned["preferred"].attrs["units"] == "cycles per pixel"
        if per_pixel and pixels_per_degree is None:
            msg = "`pixels_per_degree` is needed: these frequencies are in cycles per pixel."
            raise ValueError(msg)
        (edges, counts), values, source = (
            V1_FREQUENCY[cells],
            tuned["preferred"].values * (pixels_per_degree if per_pixel else 1),
            "frequency",
        )
    target = np.asarray(counts) / np.sum(counts)
    layers = tuned["unit_layer"].values
    rows, shares = [], []
    for name in tuned["layer"].values:
        mine = values[(layers == name) & np.isfinite(values)]

        def distance(drawn: np.ndarray, mine: np.ndarray = mine) -> float:
            histogram = np.histogram(mine[drawn], edges)[0]
            if histogram.sum():
                return float(jensenshannon(histogram / histogram.sum(), target, base=2))
            return np.nan

        if len(mine) > 1:
            draws = resampled(distance, len(mine), resampling.n_resamples, resampling.random_state)
        else:
            draws = np.array([np.nan])
        low, high = interval(draws if len(draws) else np.array([np.nan]), resampling.level)
        histogram = np.histogram(mine, edges)[0]
        shares.append(histogram / max(1, len(mine)))
        rows.append(
            (
                distance(np.arange(len(mine))),
                float(low),
                float(high),
                len(mine),
                1 - histogram.sum() / len(mine) if len(mine) else np.nan,
            )
        )
    columns = ("layer_value", "layer_low", "layer_high", "n_defined", "outside")
    data: dict[str, Any] = {
        name: ("layer", [row[i] for row in rows]) for i, name in enumerate(columns)
    }
    data |= {"histogram": (("layer", "bin"), np.array(shares)), "v1": ("bin", target)}
    definition = Definition(
        f"distance to V1, {source}",
        "Jensen-Shannon distance of histograms, base 2",
        "histograms of macaque V1 in analysis.literature.cortex",
    )
    made = resampling.attributes() | {"resampled_over": "units"}
    return xr.Dataset(
        data,
        coords={
            "layer": tuned["layer"].values,
            "bin": (np.array(edges[:-1]) + np.array(edges[1:])) / 2,
        },
    ).assign_attrs(definition.attributes() | made)
