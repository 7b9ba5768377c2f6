"""Distance to V1."""

import numpy as np
import pytest
import xarray as xr

from hmax_cnn.analysis.measures.distance_to_v1 import distance_to_v1
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(50)


def test_distance_to_v1():
    """0 for V1's own histogram, 1 for one that shares no bin with it; frequencies in pixels need
    degrees."""
    found = xr.Dataset(
        {
            "preferred": (
                "unit",
                np.repeat([0.0, 45, 90, 135], [110, 83, 100, 92]),
                {"units": "degrees"},
            )
        },
        coords={"layer": ["all"], "unit_layer": ("unit", np.full(385, "all"))},
        attrs={"definition": "orientation tuning"},
    )
    assert distance_to_v1(found)["layer_value"].item() == pytest.approx(0, abs=1e-6)
    low = {"preferred": ("unit", np.full(385, 0.4), {"units": "cycles per degree"})}
    frequency = found.assign(low).assign_attrs(definition="spatial-frequency tuning")
    apart = distance_to_v1(frequency)
    assert (apart["layer_value"].item(), apart["outside"].item()) == (1, 0)
    pixels = frequency.assign(preferred=("unit", np.full(385, 0.4), {"units": "cycles per pixel"}))
    with pytest.raises(ValueError, match="`pixels_per_degree` is needed"):
        distance_to_v1(pixels)
    assert distance_to_v1(pixels, 10)["histogram"].values[0].argmax() == 7
    with pytest.raises(
        ValueError,
        match="`tuned` must come from orientation_tuning or frequency_tuning, got 'no such",
    ):
        distance_to_v1(found.drop_attrs())
    with pytest.raises(ValueError, match="`cells` must be one of 'simple', 'complex'"):
        distance_to_v1(frequency, cells="hypercomplex")
