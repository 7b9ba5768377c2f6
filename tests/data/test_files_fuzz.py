"""Files that are damaged at random: refused in words, or read; nothing else, and not for long."""

import contextlib
import os
import struct
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from hmax_cnn import open_dataset
from hmax_cnn.analysis.study.folder import read_result, write_result
from hmax_cnn.cnn.architectures import build
from hmax_cnn.cnn.weights import read_about, read_tensors, write_tensors
from hmax_cnn.data import ImageError, read_image
from hmax_cnn.hmax import Prototypes, read_prototypes, write_prototypes

WORDS = (ValueError, OSError)
LONGEST = 5.0  # seconds
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,  # on a busy machine
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller case says no more
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8)
PATCHES = Prototypes({4: RNG.random((3, 4, 4, 4)).astype(np.float32)})
LENET = build("lenet5", {"n_classes": 10, "image_shape": (28, 28)})


def write_picture(path, **options):
    Image.fromarray(PICTURE).save(path, **options)


def write_frames(path):
    frames = [Image.fromarray(np.roll(PICTURE, step, axis=0)) for step in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def write_idx(path):
    path.write_bytes(struct.pack(">4B3i", 0, 0, 8, 3, 5, 24, 20) + bytes(5 * 24 * 20))


def write_index(path):
    write_picture(path.parent / "one.png")
    path.write_text("image,label,split\none.png,a,train\none.png,b,test\n")


def write_cell(path):
    values = xr.DataArray(RNG.random((3, 4)), dims=("image", "unit"), name="response")
    write_result(values.to_dataset(), path)


def read_picture(path):
    """From the file and from its bytes: the same pixels, or both are refused."""
    found = []
    for content in (None, path.read_bytes()):
        try:
            found.append(read_image(path, content=content).tolist())
        except ImageError:
            found.append(None)
    assert found[0] == found[1]


def read_all(path):
    return open_dataset(path)[:]


def read_lenet(path):
    return read_about(path), read_tensors(path)


def write_plain_cells(path):
    """Not compressed: every byte counts."""
    cells = np.empty((1, 1), object)
    cells[0, 0] = RNG.random((64, 3))
    savemat(path, {"patches": cells, "patchSizes": np.array([[4], [4], [4], [3]])})


KINDS = {
    "picture.png": (write_picture, read_picture),
    "picture.jpg": (write_picture, read_picture),
    "picture.bmp": (write_picture, read_picture),
    "picture.webp": (write_picture, read_picture),
    "picture.ppm": (write_picture, read_picture),
    "picture.tif": (lambda path: write_picture(path, compression="tiff_lzw"), read_picture),
    "frames.gif": (write_frames, read_picture),
    "frames.tif": (write_frames, read_picture),
    "images-idx3-ubyte": (write_idx, read_all),
    "images.csv": (write_index, read_all),
    "patches.npz": (lambda path: write_prototypes(PATCHES, path), read_prototypes),
    "patches.mat": (lambda path: write_prototypes(PATCHES, path), read_prototypes),
    "plain.mat": (write_plain_cells, read_prototypes),
    "weights.safetensors": (lambda path: write_tensors(path, LENET.draw(0), {}), read_lenet),
    "result.nc": (write_cell, read_result),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
@FUZZ
@given(
    place=st.floats(0, 1),
    in_head=st.booleans(),
    noise=st.binary(max_size=40),
    what=st.sampled_from(["other", "more", "none"]),
)
def test_bytes(tmp_path, name, place, in_head, noise, what):
    """Some bytes are others, or more, or all from there on are missing; often near the beginning,
    where files say what they hold."""
    write, read = KINDS[name]
    path = tmp_path / name
    if not (tmp_path / "whole").exists():
        write(path)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    content = (tmp_path / "whole").read_bytes()
    start = int(place * (min(200, len(content)) if in_head else len(content)))
    rest = {"other": content[start + len(noise) :], "more": content[start:], "none": b""}
    path.write_bytes(content[:start] + noise + rest[what])
    begun = time.perf_counter()
    with contextlib.suppress(*WORDS):
        read(path)
    assert time.perf_counter() - begun < LONGEST


def test_a_result_that_says_that_it_is_larger_than_memory(tmp_path):
    """Its file is small: nothing was ever written into it."""
    import h5py

    with h5py.File(tmp_path / "hole.nc", "w") as file:
        file.create_dataset("response", (28_000, 28_000), "f4", chunks=(1024, 1024))
    assert (tmp_path / "hole.nc").stat().st_size < 10_000
    with pytest.raises(ValueError, match="it says that it holds 3136000000 bytes"):
        read_result(tmp_path / "hole.nc")


@pytest.mark.parametrize("name", ["frames.gif", "frames.tif"])
def test_an_animation_that_is_cut_off(tmp_path, name):
    """Pillow raises IndexError and TypeError here; found by the test above."""
    write_frames(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    refused, lengths = 0, range(1, len(content), 7)
    for length in lengths:
        (tmp_path / name).write_bytes(content[:length] + b"\xb6")
        try:
            read_image(tmp_path / name)  # where one frame is left it may be read
        except ImageError:
            refused += 1
    assert refused > len(lengths) / 2
