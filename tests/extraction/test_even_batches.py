"""Batches of one size: rows that do not depend on threads, memory, order or company."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hmax_cnn import CNN, HMAX, FilterBank, MultilayerPerceptron, Pixels
from hmax_cnn.cnn import LinearClassifier, Perceptron
from hmax_cnn.extraction.batches import _BatchSizes, are_even, even_batches
from hmax_cnn.extraction.images import Images
from hmax_cnn.hmax import V1HMAX, ColourHMAX, PyramidHMAX

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (21, 56, 48)).astype(np.uint8)
LABELS = np.arange(21) % 3
UNTRAINED = {"weights": "untrained", "random_state": 0}
MODELS = {
    "Pixels": Pixels(grid=(8, 8)),
    "FilterBank": FilterBank(size=11),
    "C1": HMAX(layer="c1"),
    "C2": HMAX(prototypes="photographs"),
    "C2, serre2007": HMAX("serre2007", prototypes="photographs"),
    "Colour": ColourHMAX(bands=2, prototype_sizes=(4, 6), n_prototypes=5),
    "C2, Mutch & Lowe": PyramidHMAX(base_size=60, prototype_sizes=(4, 6), n_prototypes=5),
    "Cells of V1": V1HMAX(layer="v1", n_simple=6, n_complex=6),
    "LeNet-5": CNN(architecture="lenet5", image_shape=(56, 48), **UNTRAINED),
    "ResNet-18": CNN(architecture="resnet18", **UNTRAINED),
    "perceptron": Perceptron(epochs=60, random_state=0),
    "linear": LinearClassifier(epochs=1, random_state=0),
    "multilayer perceptron": MultilayerPerceptron(epochs=1, random_state=0),
}
# There OpenBLAS sums alike at all places of a batch; with its AVX2 kernels last bits differ.
ALIKE = any(one.get("architecture") in ("SkylakeX", "Cooperlake") for one in threadpool_info())


def rows(name, images, **settings):
    model = MODELS[name].set_params(n_threads=None, batch_memory=256)
    shown = np.stack([images] * 3, axis=-1) if name == "ResNet-18" else images
    if name == "LeNet-5":
        shown = images[:, 14:42, 10:38]
        model.set_params(image_shape=None)
    with even_batches():
        if model.__sklearn_tags__().requires_fit and not hasattr(model, "image_shape_"):
            model.fit(shown, LABELS[: len(shown)])
        return model.set_params(**settings).transform(shown)


@pytest.mark.parametrize("name", MODELS)
def test_rows_do_not_depend_on_threads_or_memory(name):
    expected = rows(name, IMAGES)
    for settings in ({"n_threads": 1}, {"n_threads": 3}, {"batch_memory": 1, "n_threads": 2}):
        np.testing.assert_array_equal(rows(name, IMAGES, **settings), expected, str(settings))


@pytest.mark.parametrize("name", MODELS)
def test_rows_do_not_depend_on_other_images(name):
    if not ALIKE and not name.startswith(("C", "Pixels")):
        pytest.skip("the last bits of this BLAS depend on the place in a batch")
    expected = rows(name, IMAGES)
    np.testing.assert_array_equal(rows(name, IMAGES[::-1])[::-1], expected)
    np.testing.assert_array_equal(rows(name, IMAGES[2:]), expected[2:])
    for number in (0, 5, 20):
        np.testing.assert_array_equal(rows(name, IMAGES[[number]])[0], expected[number])


def test_the_same_but_for_last_bits():
    """As without the block; which ends where it ends."""
    model = MODELS["LeNet-5"]
    images = IMAGES[:, 14:42, 10:38]
    expected = model.set_params(image_shape=None, n_threads=2).transform(images)
    with even_batches():
        assert are_even()
        found = model.transform(images)
    assert not are_even()
    # 4e-7 of the largest was seen.
    np.testing.assert_allclose(found, expected, atol=4e-6 * np.abs(expected).max())


def test_training_does_not_depend_on_threads():
    weights = []
    for n_threads in (1, 2):
        model = CNN(architecture="lenet5", epochs=2, random_state=0, n_threads=n_threads)
        with even_batches():
            model.fit(IMAGES[:, 14:42, 10:38], LABELS)
            weights.append(model.transform(IMAGES[:, 14:42, 10:38]))
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("name", ["linear", "multilayer perceptron", "Pixels"])
def test_a_batch_of_a_small_model_stays_small(name):
    """Images count by their own bytes: for a linear classifier 21 of them were filled up to
    131,072, which took 3 GB and 9 s."""
    rows(name, IMAGES)
    sizes = _BatchSizes(MODELS[name], Images(IMAGES), MODELS[name].wanted_layers(), 1)
    for batch in (sizes.even_for(IMAGES.shape[1:]), sizes.size_for(IMAGES.shape[1:])):
        assert 1 <= batch * IMAGES[0].size * 4 <= 4 * 2**20
