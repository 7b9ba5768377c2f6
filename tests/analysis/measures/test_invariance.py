"""Invariance of units: by hand, against loops, at the edges of definition."""

import numpy as np
import pytest
from synthetic import five_units, grid, of

from hmax_cnn.analysis.measures.invariance import (
    normalised_variance,
    response_similarity,
    separability,
)
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(40)


def test_normalised_variance():
    found = normalised_variance(five_units(400), resampling=FEW)
    assert of(found, "invariant") == 0
    assert of(found, "moving") == np.inf
    assert of(found, "noise") == pytest.approx(1, abs=0.05)  # seen: 1.005
    assert np.isnan(of(found, "constant"))
    assert np.isnan(of(found, "silent"))
    assert of(found, "invariant", "control") == pytest.approx(1, abs=0.05)
    assert of(found, "noise", "low") < 1 < of(found, "noise", "high")
    assert np.isnan(of(found, "constant", "low"))
    np.testing.assert_array_equal(found["n_defined"], [1, 0, 1, 0, 0])


def test_normalised_variance_by_hand():
    values = np.array([[[0.0], [2.0]], [[4.0], [10.0]]])
    found = normalised_variance(grid(values, points=[0.0, 1.0]), resampling=Resampling(0))
    assert found["value"].item() == pytest.approx(((2 + 18) / 2) / ((8 + 32) / 2))
    assert np.isnan(found["low"].item())


def test_normalised_variance_as_the_software_computes_it():
    """tmeasures takes the ratio of mean standard deviations: another number, under a name of its
    own. By hand, and equal to the root of the ratio of variances only where the spread is equal."""
    values = np.random.default_rng(5).gamma(0.5, size=(9, 7, 3))
    found = normalised_variance(
        grid(values, points=np.arange(7.0)), "standard deviation", resampling=Resampling(0)
    )
    by_value, by_image = (values.std(axis=axis, ddof=1).mean(axis=0) for axis in (1, 0))
    np.testing.assert_allclose(found["value"], by_value / by_image, rtol=1e-6)  # float32 responses
    assert found.attrs["definition"] == "normalised standard deviation"
    assert "tmeasures" in found.attrs["citation"]
    ratio = normalised_variance(grid(values, points=np.arange(7.0)), resampling=Resampling(0))
    assert np.abs(np.sqrt(ratio["value"]) - found["value"]).max() > 0.01  # gamma: unequal spread
    assert ratio.attrs["definition"] == "normalised variance"
    with pytest.raises(ValueError, match="`dispersion` must be one of 'variance', 'standard dev"):
        normalised_variance(grid(values, points=np.arange(7.0)), "range")


def test_response_similarity():
    found = response_similarity(five_units(400), resampling=FEW)
    assert of(found, "invariant") == 1
    assert of(found, "moving") == pytest.approx(0, abs=1e-9)
    assert of(found, "noise") == pytest.approx(0, abs=0.05)
    assert np.isnan(of(found, "constant"))
    assert np.isnan(of(found, "silent"))


def test_response_similarity_against_all_pairs():
    rng = np.random.default_rng(3)
    values = rng.random((6, 4, 2))
    found = response_similarity(grid(values, points=[0.0, 1, 2, 3]), resampling=Resampling(0))
    same = np.mean(
        [(values[i, t] - values[i, 0]) ** 2 for i in range(6) for t in (1, 2, 3)], axis=0
    )
    different = np.mean(
        [
            (values[i, t] - values[j, 0]) ** 2
            for i in range(6)
            for j in range(6)
            if i != j
            for t in (1, 2, 3)
        ],
        axis=0,
    )
    np.testing.assert_allclose(found["value"], 1 - same / different, rtol=1e-6)


def test_separability():
    images, values = np.random.default_rng(0).random((2, 30))
    product = images[:, None] * values[None, :9]
    diagonal = np.zeros((9, 9))
    np.fill_diagonal(diagonal, 1)
    found = separability(grid(product[..., None]), resampling=FEW)
    assert found["value"].item() == pytest.approx(1, abs=1e-9)
    assert separability(grid(diagonal[..., None]), resampling=FEW)["value"].item() == pytest.approx(
        1 / 9
    )
    assert np.isnan(of(separability(five_units(), resampling=FEW), "silent"))
