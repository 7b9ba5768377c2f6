"""Looking inside: strongest patches, occlusion, preferred inputs."""

import numpy as np
import pytest

from hmax_cnn.analysis.measures.inspection import occlusion_map, preferred_input, strongest_patches
from hmax_cnn.cnn import CNN, LinearClassifier
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick


def test_strongest_patches_are_where_the_bright_spots_are():
    images = np.zeros((4, 32, 32), np.uint8)
    spots = [(4, 20, 100), (17, 9, 250), (28, 28, 180), (0, 0, 40)]
    for image, (y, x, brightness) in zip(images, spots, strict=True):
        image[y, x] = brightness
    patches = strongest_patches(Pixels(grid=(8, 8)), images, "pixels", "luminance", n_patches=3)
    assert patches["image"].tolist() == [1, 2, 0]
    np.testing.assert_allclose(patches["response"], np.array([250, 180, 100]) / 16)
    assert patches.iloc[0][["top", "left", "bottom", "right"]].tolist() == [16, 8, 20, 12]
    with pytest.raises(ValueError, match="`feature` must be one of 'luminance'"):
        strongest_patches(Pixels(grid=(8, 8)), images, "pixels", "colour")
    with pytest.raises(ValueError, match="`band` must be one of ''"):
        strongest_patches(Pixels(grid=(8, 8)), images, "pixels", "luminance", band="b1")


@pytest.mark.parametrize(
    ("model", "layer", "feature", "band"),
    [(CNN(weights="untrained"), "c3", "c05", ""), (HMAX(), "c1", "o90", "b2")],
)
def test_patches_of_models_hold_what_drives_them(model, layer, feature, band, images):
    """A patch alone, the rest of the image as it is elsewhere: the response stays the same."""
    best = strongest_patches(model, images, layer, feature, 1, band).iloc[0]
    other = images[(int(best["image"]) + 1) % 3].copy()
    inside = (
        slice(int(best["top"]), int(best["bottom"])),
        slice(int(best["left"]), int(best["right"])),
    )
    other[inside] = images[int(best["image"])][inside]
    again = strongest_patches(model, other[None], layer, feature, 1, band)["response"].iloc[0]
    assert again >= best["response"] - 1e-5 * abs(best["response"])


def test_occlusion_finds_what_matters():
    image = np.full((32, 32), 10, np.uint8)
    image[8:12, 20:24] = 250
    drop = occlusion_map(
        Pixels(grid=(1, 1)), image, "pixels", "pixels_luminance_y0_x0", window=4, stride=4
    )
    assert drop.shape == (8, 8)
    peak = drop.argmax(dim=["y", "x"])
    assert (float(drop["y"][peak["y"]]), float(drop["x"][peak["x"]])) == (9.5, 21.5)
    covered = image.astype(float)
    covered[8:12, 20:24] = image.mean()
    assert float(drop.max()) == pytest.approx(image.mean() - covered.mean(), rel=1e-4)
    with pytest.raises(ValueError, match="`window` must lie between 1 and the image's 32 pixels"):
        occlusion_map(Pixels(grid=(1, 1)), image, "pixels", 0, window=33)
    with pytest.raises(ValueError, match="`units` must be among 'pixels_luminance_y0_x0' to"):
        occlusion_map(Pixels(grid=(1, 1)), image, "pixels", "nothing", window=4)


def test_preferred_input_of_a_linear_unit_is_its_weights():
    """Gradient ascent ends at black and white by the sign of each weight."""
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 12), dtype=np.uint8)
    model = LinearClassifier(epochs=3).fit(images, np.arange(20) % 2)
    found = preferred_input(model, "scores", 1, (12, 12), n_steps=120, step=10, blur=0)
    weights = model.learned_.arrays["scores.weight"][1].reshape(12, 12)
    clear = np.abs(weights) > 0.1 * np.abs(weights).max()
    np.testing.assert_array_equal(found["image"].values[clear] > 127, (weights > 0)[clear])
    assert found["response"][-1] > found["response"][0]


@pytest.mark.parametrize(
    ("model", "layer", "lowest"),
    [
        (HMAX(bands=2, prototypes="photographs", n_prototypes=2), "s1", False),
        (HMAX(bands=2, prototypes="photographs", n_prototypes=2), "c1", False),
        (HMAX(bands=2, prototypes="photographs", n_prototypes=2), "c2", True),
        (CNN(weights="untrained", channels=3), "c3", False),
    ],
)
def test_preferred_inputs_drive_their_unit(model, layer, lowest):
    if layer == "c2":
        number = model.transform(np.zeros((1, 48, 48), np.uint8)).shape[1] // 2
    else:
        number = 700
    found = preferred_input(model, layer, number, (48, 48), n_steps=12, lowest=lowest)
    first, last = float(found["response"][0]), float(found["response"][-1])
    assert (last < 0.9 * first) if lowest else (last > 1.2 * first)
    assert 0 <= found["image"].min() <= found["image"].max() <= 255
