"""Sizes of fields that are known."""

import numpy as np
import pytest

from hmax_cnn.analysis.measures.field_size import field_sizes


def test_sizes_of_known_fields():
    """A Gaussian by fit and by moments (4 sigma), a disc by the root of its area, an ellipse by
    shape; zeros are undefined."""
    y, x = np.mgrid[:81, :81] - 40
    turned = np.radians(30)
    along, across = x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned)
    bell = field_sizes(np.exp(-0.5 * ((along / 8) ** 2 + (across / 4) ** 2)))
    assert bell["gaussian"] == pytest.approx(4 * np.sqrt(32), rel=1e-3)
    assert bell["moments"] == pytest.approx(4 * np.sqrt(32), rel=0.01)
    assert bell["elongation"] == pytest.approx(2, rel=0.01)
    assert bell["orientation"] == pytest.approx(30, abs=0.5)
    disc = field_sizes((np.hypot(y, x) <= 10).astype(float), pixel=2.0)
    assert disc["root_area"] == pytest.approx(2 * np.sqrt(np.pi) * 10, rel=0.01)
    assert disc["full_support"] == 42
    assert all(np.isnan(value) for value in field_sizes(np.zeros((5, 5))).values())
    wide = field_sizes(np.exp(-0.5 * ((y[::4] / 8) ** 2 + (x[::4] / 8) ** 2)), pixel=(4.0, 1.0))
    assert wide["gaussian"] == pytest.approx(32, rel=1e-3)
    assert wide["moments"] == pytest.approx(32, rel=0.01)
    point = np.zeros((5, 5))
    point[2, 3] = 1
    assert np.isnan(field_sizes(point)["gaussian"])
    assert field_sizes(point)["full_support"] == 1
    with pytest.raises(ValueError, match="finite and at least 0"):
        field_sizes(-np.ones((3, 3)))
