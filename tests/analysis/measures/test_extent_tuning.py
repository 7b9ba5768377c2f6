"""Tuning to size, contrast and position."""

import numpy as np
import pytest
from synthetic import cells

from hmax_cnn.analysis.measures.extent_tuning import contrast_tuning, position_tuning, size_tuning
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.stimuli import placed_digits
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick

FEW = Resampling(50)


def test_size_tuning():
    points = np.arange(4.0, 44, 4)

    def two(diameter):
        return np.array([min(diameter, 16), min(diameter, 16) - 0.25 * max(0, diameter - 16)])

    found = size_tuning(cells(two, 2, diameter=points), resampling=FEW)
    np.testing.assert_allclose(found["preferred"], [16, 16])
    np.testing.assert_allclose(found["suppression"], [0, 1 - (16 - 0.25 * 24) / 16])


def test_contrast_tuning():
    """The very function that is fitted: c50 and exponent to 1 %; a cell that contrast does not move
    is undefined."""
    points = np.linspace(0.02, 1, 15)

    def two(contrast):
        return np.array([50 * contrast**2.4 / (contrast**2.4 + 0.21**2.4) + 3, 7.0])

    found = contrast_tuning(cells(two, 2, contrast=points), resampling=FEW)
    np.testing.assert_allclose(found["c50"], [0.21, np.nan], rtol=0.01)
    np.testing.assert_allclose(found["exponent"], [2.4, np.nan], rtol=0.01)
    assert found["explained"][0] > 0.999
    line = contrast_tuning(
        cells(lambda contrast: contrast, contrast=(0.1, 0.4, 0.7, 1.0)), resampling=FEW
    )
    assert np.isnan(line["c50"].item())  # no half-saturation within what was shown


def test_position_tuning():
    places = np.arange(0.0, 41, 2)
    found = position_tuning(
        cells(
            lambda y, x: np.exp(-((y - 18) ** 2 + (x - 22) ** 2) / (2 * 5.0**2)), y=places, x=places
        ),
        resampling=FEW,
    )
    assert (found["preferred_y"].item(), found["preferred_x"].item()) == (18, 22)
    assert found["width"].item() == pytest.approx(10, rel=0.02)
    wide = position_tuning(
        cells(
            lambda y, x: np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 50),
            y=np.arange(0.0, 41, 4),
            x=places,
        ),
        resampling=FEW,
    )
    assert wide["width"].item() == pytest.approx(10, rel=0.02)
    ridge = cells(lambda y, x: float(y == x) + 0.01, y=np.arange(11.0), x=np.arange(11.0))
    assert position_tuning(ridge, resampling=FEW)["width"].item() == pytest.approx(
        2 * np.std(np.arange(11))
    )
    with pytest.raises(ValueError, match="evenly spaced places"):
        position_tuning(cells(lambda y, x: y + x, y=(0, 1, 10), x=(0, 5, 10)))
    shown = responses(
        Pixels(grid=(2, 2)),
        placed_digits((40, 40), 10, (16.0,), [(10, 10), (10, 30), (30, 10), (30, 30)]),
    )
    assert position_tuning(shown, resampling=FEW)["preferred_y"].values.tolist() == [10, 10, 30, 30]
    with pytest.raises(ValueError, match="at least two places down and two across"):
        position_tuning(cells(lambda y, x: x, y=(1,), x=(1, 2)))
