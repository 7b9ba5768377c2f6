"""Image gradients by finite differences."""

import copy

import numpy as np
import pytest
from every_model import small

from hmax_cnn.analysis.models import discover
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import ColourHMAX, PyramidHMAX

# Colour HMAX has none; maxima of a pyramid have kinks nearer than this step, see its own tests.
WITHOUT = {ColourHMAX, PyramidHMAX}
MODELS = pytest.mark.parametrize(
    "model_class",
    [one for one in discover() if one not in WITHOUT],
    ids=lambda model_class: model_class.__name__,
)


LABELS = [0, 1, 0]


FEW = {"n_prototypes": 20}


@MODELS
def test_image_gradient_is_the_gradient(model_class, images):
    """Random units of every layer along a random smooth direction, by central differences in
    float32: to 5e-3 (seen: 1.1e-3)."""
    model, rng = small(model_class).fit(images, LABELS), np.random.default_rng(0)
    whole, towards = (
        images[:1].astype(float),
        0.02 * np.kron(rng.standard_normal((8, 8)), np.ones((8, 8))),
    )
    for layer in model.layer_names:
        shaped = copy.deepcopy(model).set_params(layer=layer)
        values = shaped.transform(whole)[0]
        units = rng.choice(np.flatnonzero(np.abs(values) >= 0.1 * np.abs(values).max()), 3)
        gradient = model.image_gradient(whole, layer, units)
        assert gradient.shape == (1, 3, 64, 64)
        if layer == "step":
            assert not gradient.any()
            continue
        after, before = (shaped.transform(whole + sign * towards)[0, units] for sign in (1, -1))
        shares = gradient[0] * towards
        scale = np.abs(shares).sum(axis=(1, 2)) + 2e-5 * np.abs(values).max()
        np.testing.assert_array_less(
            np.abs((after - before) / 2 - shares.sum(axis=(1, 2))) / scale, 5e-3
        )
        name = shaped.get_feature_names_out()[units[0]]
        np.testing.assert_array_equal(model.image_gradient(whole, layer, name), gradient[:, 0])


def test_image_gradient_of_nothing(images):
    with pytest.raises(
        ValueError, match=r"`units` must be among 'pixels_luminance_y0_x0' to .*got 'pixels_x'"
    ):
        Pixels().image_gradient(images, "pixels", "pixels_x")


def test_colour_hmax_has_no_gradients(images):
    with pytest.raises(TypeError, match="ColourHMAX has no gradients"):
        small(ColourHMAX).fit(images).image_gradient(images[:1], "so_c1", 0)
