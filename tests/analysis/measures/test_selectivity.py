"""Sparseness and dimensionality by hand."""

import numpy as np
import pytest
import xarray as xr

from hmax_cnn.analysis.measures.selectivity import (
    dimensionality,
    lifetime_sparseness,
    population_sparseness,
    sparseness,
)
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


def matrix(values, layers=None):
    if layers is None:
        coords = {}
    else:
        coords = {"layer": ("unit", layers)}
    return xr.DataArray(np.asarray(values, np.float32), dims=("image", "unit"), coords=coords)


def test_sparseness_by_hand():
    """One of n drives it: 1. All alike: 0. k of n alike: (1 - k/n) / (1 - 1/n). Nothing:
    undefined."""
    responses = np.zeros((10, 4))
    responses[0, 0] = 3
    responses[:, 1] = 2
    responses[:3, 2] = 5
    np.testing.assert_allclose(sparseness(responses), [1, 0, 0.7 / 0.9, np.nan], atol=1e-12)
    found = lifetime_sparseness(matrix(responses), FEW)
    np.testing.assert_allclose(found["value"], [1, 0, 0.7 / 0.9, np.nan], atol=1e-7)
    assert found["n_defined"].item() == 3
    with pytest.raises(ValueError, match="none of them negative"):
        lifetime_sparseness(matrix(-responses))


def test_population_sparseness_is_the_same_the_other_way():
    rng = np.random.default_rng(0)
    values = rng.random((8, 6))
    found = population_sparseness(matrix(values, ["a"] * 4 + ["b"] * 2), FEW)
    np.testing.assert_allclose(
        found["value"].sel(layer="a"), sparseness(values[:, :4].T), rtol=1e-6
    )
    np.testing.assert_allclose(found["layer_value"], found["value"].mean("image"))
    assert (found["layer_low"] < found["layer_high"]).all()
    with pytest.raises(ValueError, match=r"must have the dims \(image, unit\)"):
        population_sparseness(xr.DataArray(np.ones((2, 2, 2)), dims=("image", "shift", "unit")))


def test_dimensionality_by_hand():
    """One direction: 1; nothing: undefined. Of noise in 20 dimensions 20, however few the images
    (the sample's own eigenvalues: 16.9 at 100 images, 9.6 at 20); two eigenvalues of 9 and 1:
    100 / 82."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 2)) @ np.array([[3.0, 0, 0], [0, 1.0, 0]])
    found = dimensionality(
        matrix(np.hstack([values, values[:, :1], np.ones((40, 1))]), list("aaabc")), FEW
    )
    assert found["layer_value"][0].item() == pytest.approx(100 / 82, rel=0.15)
    np.testing.assert_allclose(found["layer_value"][1:], [1, np.nan], rtol=0.1)
    for n_images in (20, 100):
        values = [
            dimensionality(matrix(rng.standard_normal((n_images, 20))), Resampling(0))
            for _ in range(60)
        ]
        mean = np.mean([one["layer_value"].item() for one in values])
        assert mean == pytest.approx(20, rel=0.08)  # seen 20.5, 20.0
    several = dimensionality(matrix(rng.standard_normal((100, 20))), FEW)
    assert (
        several["layer_low"].item() < several["layer_value"].item() < several["layer_high"].item()
    )
