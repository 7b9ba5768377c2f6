"""Prototypes in files."""

import numpy as np
import pytest

from hmax_cnn.hmax import HMAX, Prototypes, read_prototypes, write_prototypes

pytestmark = pytest.mark.quick


@pytest.fixture
def learned(images):
    return HMAX(n_prototypes=5, prototype_sizes=(3, 4)).fit(images).prototypes_


@pytest.mark.parametrize("ending", [".npz", ".mat"])
def test_there_and_back(learned, tmp_path, ending):
    write_prototypes(learned, tmp_path / f"mine{ending}")
    again = read_prototypes(tmp_path / f"mine{ending}")
    assert list(again.patches) == [3, 4]
    for size in (3, 4):
        np.testing.assert_array_equal(again.patches[size], learned.patches[size])
    if ending == ".npz":
        assert again.orientations == (90, -45, 0, 45)
        assert again.provenance.astype(str).equals(learned.provenance.astype(str))
    assert [file.name for file in tmp_path.iterdir()] == [f"mine{ending}"]


def test_a_changed_file_is_read_again(learned, tmp_path):
    path = tmp_path / "mine.npz"
    write_prototypes(learned, path)
    assert len(read_prototypes(path).patches) == 2
    write_prototypes(Prototypes({7: np.ones((1, 4, 7, 7))}), path)
    assert list(read_prototypes(path).patches) == [7]


def test_pickles_are_never_opened(tmp_path):
    np.savez(tmp_path / "evil.npz", patches_2=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"evil\.npz"):
        read_prototypes(tmp_path / "evil.npz")


def test_the_dictionary_that_ships_can_be_made_again():
    """To half precision, what the file keeps."""
    pytest.importorskip("skimage")
    import runpy
    from pathlib import Path

    made = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "make_dictionary.py"))[
        "dictionary"
    ]()
    shipped = HMAX(prototypes="photographs").fit(np.zeros((1, 64, 64), np.uint8)).prototypes_
    assert list(shipped.patches) == list(range(2, 17, 2))
    for size, patches in shipped.patches.items():
        assert patches.shape == (100, 4, size, size)
        np.testing.assert_allclose(patches, made.patches[size], atol=1e-3)
    assert set(shipped.provenance["name"]) == {
        "china",
        "flower",
        "astronaut",
        "camera",
        "coffee",
        "chelsea",
        "rocket",
    }
