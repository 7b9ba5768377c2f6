"""Pictures of every kind: read right, or refused with their name and the reason."""

import numpy as np
import pytest
from PIL import Image

from hmax_cnn.data import Framing, ImageError, read_image
from hmax_cnn.data import images as images_module

pytestmark = pytest.mark.quick

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def saved(path, array, **options):
    if isinstance(array, Image.Image):
        picture = array
    else:
        picture = Image.fromarray(array)
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".pgm", ".webp"])
def test_grey_and_colour(tmp_path, ending):
    if ending == ".webp":
        exact = {"lossless": True}
    else:
        exact = {}
    grey = read_image(saved(tmp_path / f"grey{ending}", GREY, **exact))
    np.testing.assert_array_equal(
        grey if grey.ndim == 2 else grey[..., 0], GREY
    )  # WebP has no grey
    if ending != ".pgm":
        np.testing.assert_array_equal(
            read_image(saved(tmp_path / f"colour{ending}", COLOUR, **exact)), COLOUR
        )


def test_sixteen_bits_become_0_to_255(tmp_path):
    deep = (GREY.astype(np.uint16) * 257) + 100
    for name in ("deep.png", "deep.tif", "deep.pgm"):
        read = read_image(saved(tmp_path / name, deep))
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, deep / 257, rtol=1e-6)
    resized = read_image(tmp_path / "deep.png", "stretch:3x4")
    assert resized.shape == (3, 4)
    assert 0 <= resized.min() <= resized.max() <= 255


def test_palette_bilevel_and_cmyk(tmp_path):
    palette = Image.fromarray(COLOUR).quantize(48)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "palette.png", palette)), np.asarray(palette.convert("RGB"))
    )
    bilevel = saved(tmp_path / "bilevel.png", Image.fromarray(GREY > 100))
    np.testing.assert_array_equal(read_image(bilevel), 255 * (GREY > 100))
    cmyk = Image.fromarray(np.full((8, 8, 3), (250, 10, 20), np.uint8)).convert("CMYK")
    read = read_image(saved(tmp_path / "cmyk.jpg", cmyk, quality=100))
    assert np.abs(read.astype(int) - (250, 10, 20)).max() < 6


def test_exif_rotation_is_carried_out(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    read = read_image(saved(tmp_path / "turned.png", GREY, exif=exif))
    np.testing.assert_array_equal(read, np.rot90(GREY, -1))


def test_alpha(tmp_path):
    opaque = np.dstack([COLOUR, np.full_like(GREY, 255)])
    np.testing.assert_array_equal(read_image(saved(tmp_path / "opaque.png", opaque)), COLOUR)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "grey.png", Image.fromarray(GREY).convert("LA"))), GREY
    )
    clear = opaque.copy()
    clear[0, 0, 3] = 0
    path = saved(tmp_path / "clear.png", clear)
    with pytest.raises(ImageError, match=r"clear\.png: has transparent pixels.*`background`"):
        read_image(path)
    assert read_image(path, background="white")[0, 0].tolist() == [255, 255, 255]
    hidden = Image.fromarray(GREY).quantize(8)
    with pytest.raises(ImageError, match="transparent"):
        read_image(saved(tmp_path / "hidden.png", hidden, transparency=0))


def test_refused_with_name_and_reason(tmp_path, monkeypatch):
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    saved(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    whole = saved(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (80, 80), dtype=np.uint8)
    ).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    saved(tmp_path / "float.tif", GREY.astype(np.float32))
    reasons = {
        "moving.gif": r"animated or has several pages \(2\)",
        "empty.png": "empty or not a picture",
        "text.png": "empty or not a picture",
        "cut.png": "corrupt or cannot be decoded",
        "float.tif": "mode F, which has no standard range",
        "missing.png": "no such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageError, match=f"{name}: .*{reason}"):
            read_image(tmp_path / name)
    monkeypatch.setattr(images_module, "LARGEST", 6399)
    with pytest.raises(ImageError, match=r"80 x 80 pixels, more than"):
        read_image(tmp_path / "whole.png")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    """A PNG of 20,000 x 20,000 pixels in 400 kB."""
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match=r"bomb\.png: has more than 64 million pixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("rule", "shape"),
    [
        ("none", (60, 90)),
        ("height:30", (30, 45)),
        ("shorter:20", (20, 30)),
        ("longer:180", (120, 180)),
        ("stretch:10x70", (10, 70)),
        ("cover:40x40", (40, 40)),
        ("crop:50x80", (50, 80)),
        ("shorter:50,crop:50x50", (50, 50)),
        ("pad:80x100", (80, 100)),
        ("height:30,pad:64x64", (64, 64)),
    ],
)
def test_framing(rule, shape):
    picture = Image.fromarray(np.zeros((60, 90), np.uint8))
    assert Framing(rule).apply(picture).size == shape[::-1]


def test_pad_frames_in_the_colour_of_the_border():
    """The picture in the middle, around it the median of its border; too large a one is refused."""
    picture = np.full((4, 6), 200, np.uint8)
    picture[1:3, 1:5] = 10
    framed = np.array(Framing("pad:8x10").apply(Image.fromarray(picture)))
    np.testing.assert_array_equal(framed[2:6, 2:8], picture)
    framed[2:6, 2:8] = 200
    assert (framed == 200).all()
    colour = Image.new("RGB", (4, 4), (10, 20, 30))
    assert Framing("pad:6x6").apply(colour).getpixel((0, 0)) == (10, 20, 30)
    with pytest.raises(ImageError, match=r"too many for a frame of 3 x 9.*longer:3,pad:3x9"):
        Framing("pad:3x9").apply(Image.fromarray(picture))


def test_crop_is_central_and_resizing_is_antialiased():
    ramp = np.tile(np.arange(90, dtype=np.uint8), (60, 1))
    cut = np.asarray(Framing("crop:10x30").apply(Image.fromarray(ramp)))
    assert (cut[0, 0], cut[0, -1]) == (30, 59)
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    assert np.asarray(Framing("stretch:16x16").apply(Image.fromarray(stripes))).std() < 10


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "height",
        "height:0",
        "height:-3",
        "cover:40",
        "crop:axb",
        "blur:3",
        "stretch:10x10x10",
        "height:99999",
    ],
)
def test_bad_rules(rule):
    with pytest.raises(ValueError, match=r"`resize` must be one of: .*Got"):
        Framing(rule)
