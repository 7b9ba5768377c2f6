"""TIFF: all orientations, depths, colours, planes and zeros, against tifffile."""

from itertools import product

import numpy as np
import pytest
import tifffile

from hmax_cnn.data import read_image

pytestmark = pytest.mark.quick

# The stored array as it is seen upright, by the tag's eight values.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
KINDS = [
    *product(("grey",), ("contig",), ("minisblack", "miniswhite")),
    *product(("colour",), ("contig", "separate"), ("rgb",)),
]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("colour", "planes", "photometric"), KINDS)
def test_every_kind_and_orientation(tmp_path, compression, bits, colour, planes, photometric):
    rng = np.random.default_rng(bits)
    shape = (6, 9, 3) if colour == "colour" else (6, 9)
    values = rng.integers(0, 2**bits, shape).astype(f"u{bits // 8}")
    stored = values
    if planes == "separate":
        stored = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    seen = 2**bits - 1 - values if photometric == "miniswhite" else values
    for orientation, upright in UPRIGHT.items():
        path = tmp_path / f"{orientation}.tif"
        tifffile.imwrite(
            path,
            stored,
            photometric=photometric,
            planarconfig=planes if colour == "colour" else None,
            compression=compression,
            extratags=[(274, "H", 1, orientation, True)],
        )
        read = read_image(path)
        assert read.dtype == (np.uint8 if bits == 8 else np.float32)
        # Single precision: 65,535 / 257 has an error of up to 255 x 6e-8.
        np.testing.assert_allclose(
            read, upright(seen) / (1 if bits == 8 else 257), rtol=0, atol=2e-5
        )


def test_deep_colour_is_resized_and_damaged_files_are_named(tmp_path):
    values = np.full((8, 10, 3), (65535, 0, 32896), np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", values, photometric="rgb", planarconfig="contig")
    read = read_image(tmp_path / "deep.tif", "cover:4x4")
    assert read.shape == (4, 4, 3)
    np.testing.assert_allclose(read, np.full((4, 4, 3), (255, 0, 128)), atol=1e-3)
    whole = (tmp_path / "deep.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.tif: is corrupt or cannot be decoded"):
        read_image(tmp_path / "cut.tif")
