"""Classification: scikit-learn's, learned in each fold only."""

import numpy as np
import pandas as pd
import pytest
from few_images import few_digits
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.cnn import LinearClassifier
from hmax_cnn.data import photographs
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick


def test_classification_is_scikit_learns():
    """Folds, accuracy and confusion are those of a pipeline of scikit-learn's."""
    from sklearn.model_selection import StratifiedKFold

    pictures = few_digits(100)
    found = classification(
        Pixels(grid=(8, 8)), pictures, readout="nearest", n_folds=4, random_state=3
    )
    features = Pixels(grid=(8, 8)).transform(pictures)
    reader = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    predicted = cross_val_predict(
        reader, features, pictures.labels, cv=StratifiedKFold(4, shuffle=True, random_state=3)
    )
    assert found["layer_value"].item() == pytest.approx((predicted == pictures.labels).mean())
    counts = pd.crosstab(pictures.labels, predicted)
    np.testing.assert_array_equal(
        found["n_pictures"].isel(layer=0).to_pandas().reindex(columns=counts.columns), counts
    )
    assert found["chance"].item() == pytest.approx(0.1)
    assert found["correct"].mean().item() == pytest.approx(found["layer_value"].item())


def test_classification_learns_in_each_fold_only(monkeypatch):
    """A model that learns is fitted once per fold, never on a test image; where it learned
    elsewhere it is kept as it is."""
    seen = []
    fit = LinearClassifier.fit
    monkeypatch.setattr(
        LinearClassifier,
        "fit",
        lambda self, images, y=None: (seen.append(set(images.names)), fit(self, images, y))[1],
    )
    pictures = few_digits(60)
    found = classification(
        LinearClassifier(epochs=1), pictures, ["scores"], readout="nearest", n_folds=3
    )
    assert [len(names) for names in seen] == [40, 40, 40]
    assert len(set.union(*seen)) == 60
    assert found["n_units"].item() == 10
    elsewhere = LinearClassifier(epochs=1).fit(
        few_digits(80).subset(np.arange(60, 80)), few_digits(80).labels[60:]
    )
    seen.clear()
    classification(elsewhere, pictures, ["scores"], readout="nearest", n_folds=3, refit=False)
    assert seen == []


def test_classification_refuses_what_cannot_be_split():
    with pytest.raises(ValueError, match="labels"):
        classification(Pixels(grid=(4, 4)), photographs().framed("stretch:16x16"))
