"""Where stores lie: folders and addresses, any name, nothing read that is too large."""

import uuid

import pytest

from hmax_cnn.extraction.store.places import place_of, read_at_most

pytest.importorskip("fsspec")


@pytest.fixture(params=["folder", "address"])
def place(request, tmp_path):
    """Names with letters that some take for patterns."""
    if request.param == "folder":
        return place_of(tmp_path / "set[1]*?.zarr")
    return place_of(f"memory://{uuid.uuid4()}/set[1]*?.zarr")


def test_what_is_written_is_read(place):
    contents = {f"a/c/{number}": bytes([number]) * 8 for number in range(3)}
    for name, content in contents.items():
        place.write(name, content)
    place.write("a/c/9", b"longer than the others")
    asked = [*contents, "a/c/9", "a/c/none"]
    assert place.read_many(asked, 8) == contents
    assert place.read_many([], 8) == {}
    assert place.read_many(["nothing"], 8) == {}
    assert place.sizes(asked) == dict.fromkeys(contents, 8) | {"a/c/9": 22}
    assert sorted(place.names()) == sorted([*contents, "a/c/9"])
    assert place.read("a/c/1") == contents["a/c/1"]
    assert place.size("a/c/none") is place.read("a/c/none") is None
    place.remove("a/c/1")
    assert place.read("a/c/1") is None


def test_no_more_is_read_than_there_can_be(place):
    place.write("large", bytes(1000))
    assert len(read_at_most(place, "large", 1000)) == 1000
    assert read_at_most(place, "none", 10) is None
    with pytest.raises(ValueError, match="has 1000 bytes, more than the 999"):
        read_at_most(place, "large", 999)


def test_a_trial_leaves_no_trace(tmp_path):
    place = place_of(tmp_path / "new" / "f.zarr")
    assert place.try_to_write(b"some bytes")
    assert not list(tmp_path.iterdir())
    assert not place_of("memory://x/f.zarr").try_to_write(b"some bytes")
