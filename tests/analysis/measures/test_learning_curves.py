"""Learning curves: against scikit-learn, and nothing learned from test images."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hmax_cnn.analysis.intervals import wilson_interval
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data import Dataset, digits
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick

FEW = Resampling(30)


def noisy(n_images=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.array(list("ab") * (n_images // 2))
    images = rng.normal(100, 20, (n_images, 8, 8)) + np.where(labels == "a", 6, -6)[:, None, None]
    return Dataset(images.astype(np.float32), [f"i{i:02d}" for i in range(n_images)], labels)


def test_more_images_and_features_help():
    found = learning_curve(
        Pixels(grid=(8, 8)), noisy(), (2, 8, 20), (4, None), n_repeats=4, resampling=FEW
    )
    assert found["accuracy"].dims == ("layer", "n_train", "n_features", "repeat")
    value = found["value"].values[0]
    assert value[2, 1] > value[0, 1]
    assert value[2, 1] > value[2, 0]
    assert (found["low"] <= found["value"]).all()
    assert found.attrs["chance"] == 0.5
    assert list(found["n_features"].values) == [4, -1]


def test_intervals_are_for_the_images_that_were_tested():
    """Wilson's of the mean accuracy: 60 images of which 8 or 40 are trained
    on in each repeat, so that few or nearly all are tested at least once in four."""
    found = learning_curve(
        Pixels(grid=(8, 8)), noisy(), (4, 20), readout="nearest", n_repeats=4, resampling=FEW
    )
    assert found["n_tested"].values[0] == 60
    assert 40 < found["n_tested"].values[1] < 60
    for column in range(2):
        n, share = found["n_tested"].values[column], found["value"].values[0, column, 0]
        expected = wilson_interval(share * n / 1.2, n / 1.2)
        ends = [found[end].values[0, column, 0] for end in ("low", "high")]
        np.testing.assert_allclose(ends, expected, rtol=1e-10)


def test_a_given_split_is_what_scikit_learn_finds():
    """All training images, all features, a nearest neighbour and an SVM: the same accuracy as plain
    pipelines."""
    given = noisy()
    given = Dataset(
        given.source, given.names, given.labels, np.where(np.arange(60) < 40, "train", "test")
    )
    train, test = given.split == "train", given.split == "test"
    found = learning_curve(
        Pixels(grid=(8, 8)), given, (20,), readout="nearest", n_repeats=1, resampling=FEW
    )
    features = Pixels(grid=(8, 8)).transform(given)
    from sklearn.neighbors import KNeighborsClassifier

    plain = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(
        features[train], given.labels[train]
    )
    assert found["value"].item() == plain.score(features[test], given.labels[test])
    one = learning_curve(
        Pixels(grid=(8, 8)), given, (1,), readout="svm", n_repeats=1, resampling=FEW
    )
    rng = np.random.default_rng(0)
    picked = np.sort(
        np.concatenate(
            [rng.permutation(np.flatnonzero(train & (given.labels == label)))[:1] for label in "ab"]
        )
    )
    svm = make_pipeline(StandardScaler(), SVC(kernel="linear")).fit(
        features[picked], given.labels[picked]
    )
    assert one["value"].item() == svm.score(features[test], given.labels[test])


def test_models_learn_in_each_training_set_only(monkeypatch):
    """HMAX imprints its prototypes anew from the training images of each repeat, and from no
    others."""
    pictures = digits().subset(slice(40)).framed("stretch:48x48")
    pictures = Dataset(
        pictures.source, pictures.names, np.where(pictures.labels.astype(int) < 5, "low", "high")
    )
    seen = []
    fit = HMAX.fit

    def watched(self, images, y=None):
        seen.append(set(images.names))
        return fit(self, images, y)

    monkeypatch.setattr(HMAX, "fit", watched)
    model = HMAX(bands=1, prototype_sizes=(4,), n_prototypes=10)
    found = learning_curve(model, pictures, (3, 6), n_repeats=2, readout="nearest", resampling=FEW)
    assert [len(names) for names in seen] == [6, 12, 6, 12]
    assert seen[0] < seen[1]
    assert not hasattr(model, "prototypes_")
    assert found.sizes["layer"] == 1


def test_bad_curves():
    for wrong in ((0,), (30,), ()):
        with pytest.raises(ValueError, match="`n_train` must lie between 1 and 29"):
            learning_curve(Pixels(grid=(8, 8)), noisy(), wrong)
    for features in ((0,), (-3,)):
        with pytest.raises(ValueError, match="`n_repeats` and `n_features` must be at least 1"):
            learning_curve(Pixels(grid=(8, 8)), noisy(), (2,), features)
    with pytest.raises(
        ValueError, match="`n_features` must be at most 64, the units of layer 'pixels', got 99"
    ):
        learning_curve(Pixels(grid=(8, 8)), noisy(), (2,), (99,))
    whole = noisy()
    with pytest.raises(ValueError, match="a split without a test image"):
        learning_curve(
            Pixels(grid=(8, 8)),
            Dataset(whole.source, whole.names, whole.labels, np.full(60, "train")),
            (2,),
        )
    with pytest.raises(ValueError, match="must have labels of at least two classes"):
        learning_curve(Pixels(), Dataset(np.ones((2, 8, 8)), ["a", "b"]), (1,))
