"""Mapped fields: every probe, and within the theoretical field."""

import numpy as np
import pytest
from field_models import MODELS

from hmax_cnn.analysis.measures.mapped_fields import mapped_fields
from hmax_cnn.analysis.measures.receptive_fields import effective_fields
from hmax_cnn.analysis.responses import choose_units
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.extraction import Pixels

NONE = Resampling(0)


@pytest.mark.parametrize("name", MODELS)
def test_effective_and_mapped_fields_lie_in_the_theoretical(name):
    """For random units of every layer. Gradients count above 1e-5 of the largest, responses above
    5e-6 of the layer's: rounding of float32."""
    model, side, size = MODELS[name]
    images = np.random.default_rng(0).integers(0, 256, (1, side, side)).astype(np.float32)
    # One unit in each layer of a network of many.
    n_units = 1 if len(model.layer_names) > 20 else 2
    units = choose_units(model, (side, side), None, n_units, random_state=1)
    assert set(units) == set(model.layer_names)
    effective = effective_fields(model, images, units, resampling=NONE)
    mapped = mapped_fields(model, (side, side), units, size=size)
    for found in (effective, mapped):
        assert found["contained"].all(), found.where(~found["contained"], drop=True)[
            ["top", "left", "bottom", "right"]
        ].to_dataframe()
        assert float((found["root_area"].notnull()).mean()) > 0.6  # the others are silent here
    assert set(effective["status"].values) <= {"exact", "largest path", "whole image"}
    if name == "misaligned":
        assert "largest path" in effective["status"].values


@pytest.mark.parametrize("probe", ["spots", "sparse noise", "bars", "gratings"])
def test_every_probe_finds_a_pixel_average(probe):
    """A unit that averages a square of 8 x 8: the centre to half a pixel, and the size to the reach
    of the probe."""
    found = mapped_fields(
        Pixels(grid=(4, 4)), (32, 32), {"pixels": [5]}, probe, size=2, n_images=1500, frequency=0.25
    )
    assert found["contained"].item()
    weights = found["field"].values[0]
    y = found["y"].values[weights.max(axis=1) > 0.5 * weights.max()]
    assert y.mean() == pytest.approx(11.5, abs=0.5)
    assert 6 <= y.max() - y.min() <= 14
    assert found.attrs["probe"] == probe
    assert found["blank"].item() == pytest.approx(127.5)
