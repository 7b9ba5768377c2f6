"""Field views lie in the theoretical box."""

import numpy as np
import pytest

from hmax_cnn.analysis.measures.field_views import field_views
from hmax_cnn.cnn import CNN
from hmax_cnn.data.stimuli import fourier_shapes

pytestmark = pytest.mark.quick


def test_field_views_lie_in_the_theoretical_box():
    """What moves a unit, and what the probe finds up to its own reach, lies where the field is
    theoretical."""
    shapes = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))
    found = field_views(CNN("lenet5", weights="untrained"), shapes, ["c1", "s2", "c3"], n_images=2)
    assert found["weight"].dims == ("layer", "way", "y", "x")
    np.testing.assert_allclose(found["luminance"], shapes[0])
    for layer in found["layer"].values:
        box = found.sel(layer=layer)
        outside = np.ones((32, 32), bool)
        outside[
            max(0, int(box["top"])) : int(box["bottom"]),
            max(0, int(box["left"])) : int(box["right"]),
        ] = False
        assert np.nanmax(box["weight"].sel(way="effective").values[outside], initial=0) == 0
        assert np.nanmax(box["weight"].values) == 1
