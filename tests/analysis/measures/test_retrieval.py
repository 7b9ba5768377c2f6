"""Retrieval by hand, and what it refuses."""

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import average_precision_score

from hmax_cnn.analysis.measures.retrieval import retrieval, retrieve
from hmax_cnn.analysis.results import Resampling

pytestmark = pytest.mark.quick

FEW = Resampling(30)


def responses_of_three_classes():
    values = np.array([[0.0, 0], [0.1, 0], [5, 5], [5.1, 5.2], [0.2, 9], [2.6, 2.6]])
    coords = {"image": list("pqrstu"), "label": ("image", list("aabbca"))}
    return xr.DataArray(values, dims=("image", "unit"), coords=coords)


def test_retrieval_by_hand():
    """Average precision as scikit-learn has it; an image alone in its class asks nothing; nearest
    neighbours by distance."""
    found = retrieval(responses_of_three_classes(), metric="euclidean", resampling=FEW)
    assert np.isnan(found["value"].values[0, 4])
    distances = np.linalg.norm(
        responses_of_three_classes().values - responses_of_three_classes().values[5], axis=1
    )[:5]
    assert found["value"].values[0, 5] == pytest.approx(
        average_precision_score([1, 1, 0, 0, 0], -distances)
    )
    assert found["nearest"].item() == pytest.approx(4 / 5)
    assert found.attrs["n_queries"] == 5
    nearest = retrieve(responses_of_three_classes(), 0, 2, "euclidean")
    assert nearest["name"].tolist() == ["q", "u"]
    assert nearest["label"].tolist() == ["a", "a"]


def test_bad_retrieval():
    found = responses_of_three_classes()
    with pytest.raises(ValueError, match="`metric` must be one of"):
        retrieve(found, 0, metric="cityblock")
    with pytest.raises(ValueError, match="`query` must be the number of one of 6 images"):
        retrieve(found, 9)
    with pytest.raises(
        ValueError,
        match=(
            r"undefined in layer 'all': image 0 has the same response in all units\. Use "
            r"metric='euclidean'"
        ),
    ):
        retrieve(found, 0)
    assert np.isnan(
        retrieval(found, metric="euclidean", resampling=Resampling(0))["layer_low"].item()
    )
    with pytest.raises(ValueError, match="a class with at least two images"):
        retrieval(found, labels=list("abcdef"), metric="euclidean")
    with pytest.raises(ValueError, match="have no coordinate label"):
        retrieval(found.drop_vars("label"))
