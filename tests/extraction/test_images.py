"""Images as they are handed in."""

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX


def test_images_of_different_size(images):
    ragged = [images[0], images[1][:50], images[2][:, :60]]
    model = HMAX(prototypes="photographs", bands=2, n_prototypes=5)
    together = model.transform(ragged)
    for row, image in zip(together, ragged, strict=True):
        np.testing.assert_allclose(row, model.transform(image[None])[0], atol=2e-6)
    with pytest.raises(ValueError, match="Resize the images"):
        HMAX(layer="c1").transform(ragged)
    with pytest.raises(ValueError, match="must have one size"):
        model.activations(ragged, ["c1"])


def test_colour_becomes_luminance(images):
    colour = np.stack([images, images // 2, images // 3], axis=-1)
    luminance = colour @ np.float32([0.299, 0.587, 0.114])
    np.testing.assert_allclose(
        HMAX(layer="c1").transform(colour), HMAX(layer="c1").transform(luminance), atol=2e-6
    )
    np.testing.assert_array_equal(
        HMAX(layer="c1").transform(images[..., None]), HMAX(layer="c1").transform(images)
    )


def test_gpu_images_on_the_processor(place, images):
    if place.device == "cpu":
        assert isinstance(HMAX(layer="c1").transform(place.put(images)), np.ndarray)
        return
    with pytest.raises(TypeError, match=r"images\.get\(\)"):
        HMAX(layer="c1").transform(place.put(images))
