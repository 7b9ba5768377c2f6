"""What people hand in as images: read, or refused for what it is."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from hmax_cnn import Pixels
from hmax_cnn.data import photographs
from hmax_cnn.extraction.images import Images, InputWarning

pytestmark = pytest.mark.quick

GREY = np.arange(54, dtype=np.uint8).reshape(6, 9) * 4
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(GREY), GREY),
        (Image.fromarray(COLOUR), COLOUR),
        (Image.fromarray(COLOUR).quantize(64), None),
        (Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8)).quantize(2), None),
        (Image.fromarray(GREY > 100), 255 * (GREY > 100)),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
        (Image.fromarray(COLOUR).convert("RGBA"), COLOUR),
        (Image.fromarray(COLOUR).convert("HSV"), None),
        (Image.fromarray(COLOUR).convert("YCbCr"), None),
        (Image.fromarray(COLOUR).convert("CMYK"), None),
    ],
    ids=lambda one: one.mode if isinstance(one, Image.Image) else "",
)
def test_pictures_of_pillow(picture, expected):
    read = Images([picture])[0]
    if expected is None:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_allclose(read, expected, atol=1e-4)


@pytest.mark.parametrize("mode", ["LAB", "F", "I"])
def test_pictures_without_a_standard_range_are_refused(mode):
    picture = Image.new(mode, (4, 4))
    with pytest.raises(ValueError, match=f"Image 0 of `images` has pixels of mode {mode}"):
        Images([picture])[0]


def test_masked_values_are_not_read_as_what_lies_below_them():
    masked = np.ma.masked_greater(np.full((1, 8, 8), 9999.0), 1000)
    with pytest.raises(ValueError, match=r"masked values.*images\.filled\(value\)"):
        Images(masked)
    with pytest.raises(ValueError, match="Image 1 of `images` has masked values"):
        Images([np.zeros((8, 8)), masked[0]])[1]
    assert Images(np.ma.masked_array(np.ones((1, 8, 8))))[0].sum() == 64


def test_channels_first_are_warned_of_and_three_grey_images_are_not():
    photograph = np.moveaxis(photographs()[0], -1, 0)
    with pytest.warns(InputWarning, match="look like the channels of one colour picture"):
        Images(photograph)
    Images(list(photograph))
    grey = np.random.default_rng(0).integers(0, 256, (3, 40, 50))
    Images(grey)
    Images(np.stack([photographs()[0][:, ::step, 0][:, :300] for step in (1, 2, 1)])[:2])


def test_tables_tensors_and_labelled_arrays():
    stack = np.stack([GREY, GREY + 1])
    column = pd.Series([GREY, GREY + 1], index=["a", "b"])
    np.testing.assert_array_equal(Images(column)[1], GREY + 1)
    labelled = xr.DataArray(stack, dims=("image", "y", "x"))
    np.testing.assert_array_equal(Images(labelled)[1], GREY + 1)
    flat = pd.DataFrame(stack.reshape(2, -1))
    with pytest.raises(ValueError, match="Flat rows need `image_shape`"):
        Images(flat)
    flat.columns = flat.columns.astype(str)
    features = Pixels(image_shape=(6, 9), grid=(6, 9)).fit_transform(flat)
    np.testing.assert_allclose(features, stack.reshape(2, -1), atol=1e-4)
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(Images(torch.as_tensor(stack))[1], GREY + 1)
    with pytest.raises(TypeError, match=r"`images`, Tensor, cannot be read as an array: .*detach"):
        Images(torch.ones((2, 6, 9), requires_grad=True))


@pytest.mark.parametrize(
    "images",
    [
        {"a": GREY},
        xr.Dataset({"a": (("y", "x"), GREY)}),
        (image for image in [GREY]),
        "set/a.png",
        {1, 2},
        7,
        Image.fromarray(GREY),
    ],
)
def test_what_is_no_list_of_images(images):
    with pytest.raises(TypeError, match="`images` must be an array of shape"):
        Images(images)


def test_names_of_files_are_refused_as_names(tmp_path):
    with pytest.raises(TypeError, match=r"must be an array, got the name .*read_image"):
        Images([tmp_path / "a.png"])[0]
