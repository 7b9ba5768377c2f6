"""First filters, of models that learn them and of those that are built with them."""

import numpy as np
import pytest
from few_images import few_digits

from hmax_cnn.analysis.measures.first_filters import first_filters
from hmax_cnn.cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
from hmax_cnn.extraction import FilterBank, Pixels
from hmax_cnn.hmax import HMAX, gabor_bank

pytestmark = pytest.mark.quick


def test_filters(images):
    model = CNN("lenet5", epochs=1, progress=False).fit(images, [0, 1, 0])
    assert model.filters().shape == (6, 1, 5, 5)
    assert model.filters("c3").shape == (16, 6, 5, 5)
    assert CNN("lenet5", weights="untrained").filters().shape == (6, 1, 5, 5)
    with pytest.raises(ValueError, match="`layer` must be one of 'c1', 'c3', 'c5', got 's2'"):
        model.filters("s2")
    with pytest.raises(ValueError, match="has no convolution"):
        LinearClassifier(epochs=1).fit(images, [0, 1, 0]).filters()


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
