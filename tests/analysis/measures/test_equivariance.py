"""Equivariance of layers whose map is known."""

import numpy as np
import pytest
from synthetic import layers

from hmax_cnn.analysis.measures.equivariance import equivariance
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


def test_equivariance():
    """A linear map explains rotated codes but the identity does not; neither explains noise; a
    constant is undefined."""
    found = equivariance(layers(60).isel(shift=[2, 4, 6]), resampling=FEW)
    away = found.drop_sel(shift=0)
    assert away["value"].sel(layer=["invariant", "equivariant"]).min() > 0.99  # seen: 1.000
    np.testing.assert_allclose(away["identity_value"].sel(layer="invariant"), 1, atol=1e-6)
    assert away["identity_value"].sel(layer="equivariant").max() < 0
    assert away["value"].sel(layer="noise").max() < 0.05
    assert away["control"].sel(layer="equivariant").max() < 0.05
    assert found["value"].sel(layer="constant").isnull().all()
    assert (away["low"].sel(layer="noise") <= away["high"].sel(layer="noise")).all()
    with pytest.raises(
        ValueError, match="`n_folds` must lie between 2 and half of the 24 images, got 20"
    ):
        equivariance(layers(), n_folds=20)
