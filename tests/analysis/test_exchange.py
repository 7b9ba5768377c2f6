"""Results handed over to rsatoolbox."""

import numpy as np
import pytest
import xarray as xr

from hmax_cnn import FilterBank, measures, open_dataset, responses, to_rsatoolbox

rsatoolbox = pytest.importorskip("rsatoolbox")

FOUND = responses(FilterBank(), open_dataset("digits").framed("stretch:16x16")[:6], units=12)


def test_responses_and_rdms():
    """rsatoolbox computes the RDM that we hand over; descriptors name images, classes and units."""
    ours = measures.rdms(FOUND, dissimilarity="squared euclidean")
    dataset, handed = to_rsatoolbox(FOUND), to_rsatoolbox(ours)
    theirs = rsatoolbox.rdm.calc_rdm(dataset, method="euclidean")
    np.testing.assert_allclose(handed.dissimilarities, theirs.dissimilarities, rtol=1e-6)
    assert handed.pattern_descriptors["image"] == FOUND["image"].values.tolist()
    assert handed.rdm_descriptors["layer"] == ["filters"]
    assert dataset.obs_descriptors["label"] == FOUND["label"].values.tolist()
    assert dataset.channel_descriptors["unit"] == FOUND["unit"].values.tolist()
    assert set(dataset.channel_descriptors["layer"]) == {"filters"}


def test_what_is_neither():
    with pytest.raises(TypeError, match="`found` must be responses of dims"):
        to_rsatoolbox([1])
    with pytest.raises(ValueError, match="`found` must be responses of dims"):
        to_rsatoolbox(xr.DataArray(np.zeros((2, 2)), dims=("image", "shift")))


def test_rdms_of_two_models():
    """rsatoolbox's own comparison of the two RDMs; a layer is like itself; names pair images."""
    other = responses(FilterBank(), open_dataset("digits").framed("stretch:24x24")[:6], units=9)
    for comparison, method in (("spearman", "spearman"), ("pearson", "corr"), ("cosine", "cosine")):
        found = measures.rdm_similarity(FOUND, other, comparison=comparison)
        ours, others = (to_rsatoolbox(measures.rdms(one)) for one in (FOUND, other))
        expected = rsatoolbox.rdm.compare(ours, others, method=method)
        np.testing.assert_allclose(found["value"].values, expected, atol=1e-6)
    turned = other.isel(image=[3, 1, 5, 0, 2, 4])
    found, again = (measures.rdm_similarity(FOUND, one)["value"] for one in (other, turned))
    np.testing.assert_allclose(found, again)
    with pytest.raises(ValueError, match="`dissimilarity` must be one of 'correlation'"):
        measures.rdm_similarity(FOUND, other, dissimilarity="crossnobis")
