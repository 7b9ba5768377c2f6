"""Stores that are damaged at random: refused in words, or the rows that are there; nothing else."""

import copy
import json
import os
import shutil

import numpy as np
import pytest
from command_line import inside
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hmax_cnn import open_features
from hmax_cnn.extraction.store import FeatureStore
from hmax_cnn.extraction.store.layout import unpacked_size

pytest.importorskip("zarr")
WORDS = (ValueError, OSError, KeyError)
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,  # on a busy machine
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller case says no more
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "f.zarr"
    options = ["--model", "extraction:Pixels", "--set", "grid=(2, 2)", "--shard-images", "512"]
    done = inside("extract", "digits", *options, "--output", folder, "--quiet")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    def copy_of():
        shutil.rmtree(tmp_path / "f.zarr", ignore_errors=True)
        return shutil.copytree(whole, tmp_path / "f.zarr")

    return copy_of


def read(folder, expected):
    """All that can be asked of a store: refused in words, or the right rows."""
    try:
        states = dict(FeatureStore.at(folder).states())
        rows = open_features(folder)[:]
    except WORDS as error:
        return str(error)
    assert rows.shape[1] == expected.shape[1]
    if set(states.values()) == {"whole"}:
        np.testing.assert_array_equal(rows, expected)
    return "read"


FILES = [
    "zarr.json",
    *(f"response/c/{shard}/0" for shard in range(4)),
    *(f"shards/record/c/{shard}/0" for shard in range(4)),
    *(f"{name}/c/0" for name in ("image", "unit", "label", "layer", "y")),
]


@pytest.mark.slow
@FUZZ
@given(
    name=st.sampled_from(FILES),
    place=st.floats(0, 1),
    noise=st.binary(max_size=40),
    cut=st.booleans(),
)
def test_bytes(whole, copied, name, place, noise, cut):
    """Some bytes of some file are others, or all from there on are missing."""
    folder, expected = copied(), open_features(whole)[:]
    content = (folder / name).read_bytes()
    start = int(place * len(content))
    rest = b"" if cut else content[start + len(noise) :]
    (folder / name).write_bytes(content[:start] + noise + rest)
    assert read(folder, expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places_in(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(inner, (*path, key))


@pytest.mark.slow
@FUZZ
@given(data=st.data(), other=JSON)
def test_metadata(whole, copied, data, other):
    """Any value of the metadata is any other."""
    folder, expected = copied(), open_features(whole)[:]
    known = json.loads((folder / "zarr.json").read_text())
    path = data.draw(st.sampled_from([path for path in places_in(known) if path]))
    changed = copy.deepcopy(known)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other
    (folder / "zarr.json").write_text(json.dumps(changed))
    assert read(folder, expected)


@given(st.integers(0, 2**20), st.integers(1, 19))
def test_what_zstd_unpacks_to_is_known_before(size, level):
    numcodecs = pytest.importorskip("numcodecs")
    packed = numcodecs.Zstd(level).encode(bytes(size))
    assert unpacked_size(bytes(packed)) == size
    assert unpacked_size(b"no zstd at all") == 14
    assert unpacked_size(b"\x28\xb5\x2f\xfd\x00\x58") > 2**40  # it does not say
