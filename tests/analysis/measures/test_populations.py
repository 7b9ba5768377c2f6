"""Invariance of populations: by hand and at the edges of definition."""

import numpy as np
import pytest
from synthetic import grid, layers

from hmax_cnn.analysis.measures.populations import population_similarity
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


@pytest.mark.parametrize("similarity", ["correlation", "cosine"])
def test_population_similarity(similarity):
    """1 for what never changes with the shift, about 0 for noise and for exchanged units, undefined
    for a constant: its margin is 0."""
    found = population_similarity(layers(), similarity, FEW)
    away = found.drop_sel(shift=0)
    np.testing.assert_allclose(found["value"].sel(layer="invariant"), 1, atol=1e-6)  # float32
    assert (
        np.abs(away["value"].sel(layer=["equivariant", "noise"]).mean("shift")).max() < 0.1
    )  # of 24 images: seen 0.06
    assert found["value"].sel(layer="constant").isnull().all()
    np.testing.assert_allclose(found["margin"].sel(layer="constant"), 0, atol=1e-7)
    assert (found["low"].sel(layer="noise") < found["high"].sel(layer="noise"))[0]
    assert found.attrs["definition"] == "population similarity"
    with pytest.raises(
        ValueError, match="`similarity` must be one of 'correlation', 'cosine', got 'dot'"
    ):
        population_similarity(layers(), "dot")


def test_silent_responses_have_no_similarity():
    """A silent layer is undefined; an image without a response is left out of the others' mean."""
    responses = layers(6).isel(unit=slice(0, 12))
    assert population_similarity(responses * 0, resampling=FEW)["value"].isnull().all()
    partly = responses.copy(data=responses.values.copy())
    partly.values[1:] = 0
    assert population_similarity(partly, resampling=FEW)["different"].isnull().all()
    assert np.isfinite(population_similarity(responses.isel(image=slice(0, 3)))["low"]).all()
    partly = responses.copy(data=responses.values.copy())
    partly.values[2] = 0
    np.testing.assert_allclose(population_similarity(partly, "cosine", FEW)["same"], 1, atol=1e-6)


def test_population_similarity_by_hand():
    responses = layers(5)
    found = population_similarity(responses.isel(unit=slice(24, 36)), resampling=Resampling(0))
    values = responses.values[:, :, 24:36].astype(float)
    same = np.mean([np.corrcoef(values[i, 4], values[i, 1])[0, 1] for i in range(5)])
    different = np.mean(
        [
            np.corrcoef(values[i, 4], values[j, 1])[0, 1]
            for i in range(5)
            for j in range(5)
            if i != j
        ]
    )
    assert found["same"].values[0, 1] == pytest.approx(same)
    assert found["different"].values[0, 1] == pytest.approx(different)
    assert found["value"].values[0, 1] == pytest.approx((same - different) / (1 - different))


@pytest.mark.parametrize("seed", range(4))
def test_the_reference_is_itself_whatever_rounding_says(seed):
    """Responses that hardly differ between images leave little room below 1, in which rounding of
    float32 is large, to either side: the interval at the reference has no width all the same."""
    rng = np.random.default_rng(seed)
    shared, own = rng.standard_normal((1, 1, 60)), rng.standard_normal((12, 1, 60))
    values = shared + 0.005 * (own + rng.standard_normal((12, 9, 60)))
    found = population_similarity(grid(values.astype(np.float32)), resampling=FEW).sel(shift=0)
    assert found["value"].item() != 1  # by rounding
    assert found["low"].item() == found["value"].item() == found["high"].item()
