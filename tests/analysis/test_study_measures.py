"""Measures that ask for a model: readouts, architectures, filters, fields over the picture,
winners, brains."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hmax_cnn.analysis.measures.architecture import architecture
from hmax_cnn.analysis.measures.best_matches import best_matches
from hmax_cnn.analysis.measures.brain import brain_similarity, similarity_to_brain
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.field_views import field_views
from hmax_cnn.analysis.measures.first_filters import first_filters
from hmax_cnn.analysis.measures.similarity import rdms
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
from hmax_cnn.data import digits, photographs
from hmax_cnn.data.stimuli import fourier_shapes
from hmax_cnn.extraction import FilterBank, Pixels
from hmax_cnn.hmax import HMAX, gabor_bank

pytestmark = pytest.mark.quick


def few_digits(n=60, side=16):
    return digits().framed(f"stretch:{side}x{side}").subset(np.arange(n))


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


def test_architecture_is_the_models_own():
    """Rows are those of summary and fields, in the order of the layers."""
    model = CNN("lenet5", weights="untrained")
    rows = architecture(model, (32, 32), ["c1", "s2", "c3"]).to_dataframe()
    assert rows["layer"].tolist() == ["c1", "s2", "c3"]
    assert rows["value"].tolist() == [5, 6, 14]
    assert rows["features"].tolist() == [6, 6, 16]
    assert set(rows["image_width"]) == {32}
    degrees = architecture(model, (32, 32), ["c1"], pixels_per_degree=2.0)
    assert degrees["degrees"].item() == 2.5


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (CNN("lenet5", weights="untrained"), (6, 5, 5)),
        (LinearClassifier(epochs=1), (10, 16, 16)),
        (Perceptron(epochs=1), (10, 16, 16)),
        (MultilayerPerceptron(7, epochs=1), (7, 16, 16)),
        (CNN("resnet18", weights="untrained"), (64, 7, 7, 3)),
    ],
    ids=["lenet5", "linear", "perceptron", "mlp", "resnet18"],
)
@pytest.mark.filterwarnings("ignore:The perceptron still made")
def test_first_filters_of_learned_models(model, shape):
    """Pictures of the weights, as many and as large as the layer has."""
    pictures = few_digits()
    if getattr(model, "weights", None):
        fitted = model
    else:
        fitted = model.fit(pictures, pictures.labels)
    (bank,) = fitted.first_filters().values()
    assert bank.shape == shape
    found = first_filters(fitted, n_filters=5)
    assert found.sizes["filter"] == 5
    one = found.isel(filter=0)
    weight = one["weight"].values.reshape(shape[1:])
    np.testing.assert_allclose(weight, bank[one["number"].item()], rtol=1e-6)  # float32


def test_first_filters_that_are_built_in():
    """HMAX's are its Gabor bank, classical ones as they are; pixels have none."""
    banks = HMAX(bands=1).first_filters()
    assert list(banks) == ["7 px", "9 px"]
    np.testing.assert_allclose(
        banks["7 px"], gabor_bank(7, 3.5, (90, -45, 0, 45), 2.8), atol=1e-15
    )  # 0.8 x 3.5 is not quite 2.8
    assert "sobel" in FilterBank().first_filters()
    with pytest.raises(TypeError, match="Pixels lays no filters over the image"):
        first_filters(Pixels())


def test_linear_filters_are_gradients():
    """The weights of a linear classifier are how its scores change with each pixel, up to the scale
    of its input."""
    pictures = few_digits()
    model = LinearClassifier(epochs=2).fit(pictures, pictures.labels)
    gradient = model.image_gradient(pictures.subset([0]), "scores", 3)[0]
    weights = model.first_filters()["scores"][3]
    assert np.corrcoef(gradient.ravel(), weights.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_field_views_lie_in_the_theoretical_box():
    """What moves a unit, and what the probe finds up to its own reach, lies where the field is
    theoretical."""
    shapes = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))
    found = field_views(CNN("lenet5", weights="untrained"), shapes, ["c1", "s2", "c3"], n_images=2)
    assert found["weight"].dims == ("layer", "way", "y", "x")
    np.testing.assert_allclose(found["luminance"], shapes[0])
    for layer in found["layer"].values:
        box = found.sel(layer=layer)
        outside = np.ones((32, 32), bool)
        outside[
            max(0, int(box["top"])) : int(box["bottom"]),
            max(0, int(box["left"])) : int(box["right"]),
        ] = False
        assert np.nanmax(box["weight"].sel(way="effective").values[outside], initial=0) == 0
        assert np.nanmax(box["weight"].values) == 1


def test_best_matches_are_the_winners():
    """Boxes are those of HMAX.winners for the prototype that is closest for its length; other
    models have none."""
    model = HMAX(prototypes="photographs", bands=2, prototype_sizes=(4, 8), n_prototypes=6)
    pictures = photographs().framed("height:90")
    found = best_matches(model, pictures, n_images=2, n_matches=2)
    won = model.winners(pictures)
    for picture in range(2):
        for match in range(2):
            one = found.isel(picture=picture, match=match)
            other = won.isel(image=picture).sel(unit=str(one["unit"].item()))
            assert [one[side].item() for side in ("top", "left", "bottom", "right")] == [
                other[side].item() for side in ("top", "left", "bottom", "right")
            ]
    assert found["luminance"].sizes["picture"] == 2
    with pytest.raises(TypeError, match="`model` must know which patch won"):
        best_matches(Pixels(), pictures)


def test_brain_from_a_file(tmp_path):
    """Sessions are averaged, subjects kept; a wrong name is answered with those there are."""
    rng = np.random.default_rng(0)
    subjects = rng.random((3, 2, 15))
    np.savez(tmp_path / "rdms.npz", it=subjects)
    still = responses(Pixels(grid=(4, 4)), rng.random((6, 16, 16)) * 255)
    few = Resampling(5)
    found = similarity_to_brain(
        still, tmp_path / "rdms.npz", "it", n_permutations=20, resampling=few
    )
    np.testing.assert_allclose(
        found["value"],
        brain_similarity(rdms(still), subjects.mean(axis=1), n_permutations=20, resampling=few)[
            "value"
        ],
    )
    with pytest.raises(ValueError, match="`array` must be one of 'it'"):
        similarity_to_brain(still, tmp_path / "rdms.npz", "v4")
