"""Prototypes in MATLAB's files, as published."""

import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from hmax_cnn.hmax import Prototypes, read_prototypes, write_prototypes
from hmax_cnn.hmax.matlab import read_cells

pytestmark = pytest.mark.quick


def test_matlab_order(tmp_path):
    """A patch is stored as MATLAB's patch(:) of a (row, column, orientation) array: row fastest."""
    patch = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    write_prototypes(Prototypes({3: patch[None]}), tmp_path / "one.mat")
    stored = loadmat(tmp_path / "one.mat")
    column = stored["patches"][0, 0][:, 0]
    assert column[1] == patch[0, 1, 0]  # row index 1
    assert column[3] == patch[0, 0, 1]  # column index 1
    assert column[9] == patch[1, 0, 0]  # orientation index 1
    assert stored["patchSizes"][:, 0].tolist() == [3, 3, 2, 1]
    # PyTorch ports use these as sizes of arrays, where a float fails.
    assert np.issubdtype(stored["patchSizes"].dtype, np.integer)
    assert np.zeros(stored["patchSizes"][:3, 0]).shape == (3, 3, 2)


def test_public_layout_is_read(tmp_path):
    """Written as the public set is: a 1 x n cell, patchSizes 4 x n; here by SciPy from
    MATLAB-ordered columns."""
    rng = np.random.default_rng(0)
    arrays = {
        2: rng.random((2, 2, 4, 6)),
        4: rng.random((4, 4, 4, 3)),
    }  # (row, column, orientation, count)
    cells = np.empty((1, 2), dtype=object)
    for index, values in enumerate(arrays.values()):
        cells[0, index] = values.reshape(-1, values.shape[3], order="F")
    savemat(
        tmp_path / "set.mat",
        {
            "patches": cells,
            "patchSizes": np.array([a.shape for a in arrays.values()]).T.astype(np.uint8),
        },
    )
    found = read_prototypes(tmp_path / "set.mat")
    for size, values in arrays.items():
        np.testing.assert_allclose(found.patches[size], values.transpose(3, 2, 0, 1), rtol=1e-6)


def test_a_compressed_bomb_is_refused(tmp_path):
    stream = zlib.compressobj(9)
    packed = b"".join(stream.compress(bytes(2**24)) for _ in range(70)) + stream.flush()
    header = b"MATLAB 5.0 MAT-file".ljust(124) + (0x0100).to_bytes(2, "little") + b"IM"
    (tmp_path / "bomb.mat").write_bytes(
        header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    )
    assert (tmp_path / "bomb.mat").stat().st_size < 2**21
    with pytest.raises(ValueError, match="would unpack to more than 256 MiB"):
        read_prototypes(tmp_path / "bomb.mat")


def test_a_hole_and_a_size_twice_are_refused(tmp_path):
    with (tmp_path / "hole.mat").open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM")
        file.truncate(2**27)
    with pytest.raises(ValueError, match="is not a MATLAB file with `patches`"):
        read_cells(tmp_path / "hole.mat")
    cells = np.empty((1, 2), object)
    cells[0, 0] = cells[0, 1] = np.zeros((4 * 4 * 4, 3))
    savemat(
        tmp_path / "twice.mat", {"patches": cells, "patchSizes": np.array([[4, 4, 4, 3]] * 2).T}
    )
    with pytest.raises(ValueError, match=r"must name a size once, got \[4, 4\]"):
        read_cells(tmp_path / "twice.mat")


@pytest.mark.parametrize("do_compression", [False, True])
def test_beside_other_variables(tmp_path, do_compression):
    """What SciPy reads is read: other variables are passed over, whatever they are."""
    rng = np.random.default_rng(0)
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = rng.random((64, 3)), rng.integers(0, 200, (256, 5))
    others = {
        "text": "abc",
        "truth": np.array([[True]]),
        "complex": np.ones((2, 2)) * 1j,
        "sparse": csc_array(np.eye(3)),
        "struct": {"a": 1, "b": "two"},
        "nothing": np.empty((0, 3)),
    }
    sizes = np.array([[4, 8], [4, 8], [4, 4], [3, 5]])
    path = tmp_path / "set.mat"
    given = others | {"patches": cells, "patchSizes": sizes}
    savemat(path, given, do_compression=do_compression)
    found, scipys = read_cells(path), loadmat(path)["patches"][0]
    for size, cell in zip((4, 8), scipys, strict=True):
        expected = cell.reshape(4, size, size, -1).transpose(3, 0, 2, 1)
        np.testing.assert_array_equal(found[size], expected.astype(np.float32))
    turned = {"patches": 1j * rng.random((64, 3)), "patchSizes": sizes}
    savemat(path, turned)
    with pytest.raises(ValueError, match="an array of numbers was expected, not of class"):
        read_cells(path)
