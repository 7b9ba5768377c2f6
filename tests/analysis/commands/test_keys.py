"""What shards are found again by: everything that shapes a feature, one by one."""

import dataclasses
import shutil

import numpy as np
import pytest
from command_line import inside
from every_model import default
from few_images import few_digits
from PIL import Image

from hmax_cnn import HMAX, open_dataset
from hmax_cnn.analysis.models import discover
from hmax_cnn.analysis.study import provenance
from hmax_cnn.analysis.study.provenance import Origin, content_of, made_by
from hmax_cnn.cnn import CNN
from hmax_cnn.cnn.pytorch import TorchExtractor
from hmax_cnn.extraction import Pixels
from hmax_cnn.extraction import compiled as kernels
from hmax_cnn.extraction.reductions import Reduction
from hmax_cnn.hmax import Prototypes, write_prototypes

# Of the last bits at most, or of what is shown.
WITHOUT_EFFECT = {"batch_memory", "n_threads", "progress"}


DIGITS = few_digits(20)


def key(model, images=DIGITS):
    return made_by(model, images, images.subset(slice(5)), content=True)


# Where a value of the same kind would be refused.
VALID = {
    "activation": ["tanh"],
    "architecture": ["lenet5"],
    "options": [{"n_classes": 3}],
    "weights": ["untrained"],
    "preset": ["serre2007", "pnas2007"],
    "prototypes": ["photographs"],
    "filter_shape": ["gaussian_derivative"],
    "filter_sizes": [((7, 9), (11, 13))],
    "wavelengths": [((4.0, 4.5),) * 8],
    "sigmas": [((4.0, 4.5),) * 8],
    "orientations": [3, (0, 45)],
    "phases": [(0, 45)],
    "s1_response": ["half"],
    "s1_border": ["padded"],
    "bands": [1, 3],
    "source_band": [1],
    "pool_sizes": [(8,) * 8],
    "pool_strides": [(4,) * 8],
    "pool_scales": [1, 3],
    "prototype_sizes": [(4,), (6,)],
    "learning": ["kmeans"],
    "is_sparse": [True],
    "partial_windows": [False],
    "tuning": ["gaussian", "gaussian_by_norm"],
    "noise": [{"c1": 5.0}],
    "value_range": [(0, 1)],
    "inhibition": [0.2],
    "filter_size": [9],
    "base_size": [90],
    "bypass_sizes": [(5, 7), (7, 9)],
    "natural_shape": [(48, 48)],
    "searched_scales": [2],
    "correlation": [0.5],
    "size": [7, 23],
}
# What a value needs beside it.
ALONG = {"bypass_sizes": {"n_bypass": 3, "n_third": 3}}
# Of a module that is handed in: its weights have a test of their own.
OF_MODULES = {"module", "weights", "call", "channels"}


def others(name, value):
    """Other values of the same kind."""
    if isinstance(value, bool):
        return [not value]
    if name in VALID:
        return VALID[name]
    if isinstance(value, int | float):
        return sorted({value + 1, value * 2 + 0.5})
    if isinstance(value, str):
        return [f"{value}_"]
    if isinstance(value, tuple | list):
        return [type(value)([*value, 7]), type(value)(list(value)[:-1])]
    if isinstance(value, dict):
        return [value | {"more": 1}]
    return [3, "text", (1, 2)]


@pytest.mark.parametrize("model_class", discover())
def test_every_parameter_counts(model_class):
    """Each of a model's own, and of what all share; but for those that change no feature.

    What has no other value that is accepted fails here, too.
    """
    model = default(model_class)
    seeded = {"random_state": 0} if "random_state" in model.get_params(deep=False) else {}
    before = key(model.set_params(**seeded))
    assert key(model) == before
    known = model.get_params(deep=False)
    untold = {"device"} | (OF_MODULES if model_class is TorchExtractor else set())
    tried = {}
    for name in known.keys() - untold:
        given = others(name, known[name])
        if name == "layer":
            given = [one for one in model.layer_names if [one] != list(model.wanted_layers())]
            named = model_class(**known | {name: model.wanted_layers()})
            assert key(named) == before  # the same layer, asked for in other words
        tried[name] = list(accepted(model_class, known, name, given))
        if name in WITHOUT_EFFECT:
            assert set(tried[name]) == {before}, name
        else:
            assert len({before, *tried[name]}) == 1 + len(tried[name]), name
    only_one = {"layer"} if len(model.layer_names) == 1 else set()
    assert {name for name in tried if not tried[name]} <= only_one


def accepted(model_class, known, name, values):
    """Keys with these values of a parameter; what is refused meets nothing stale."""
    for value in values:
        try:
            yield key(model_class(**known | ALONG.get(name, {}) | {name: value}))
        except (ValueError, TypeError, AttributeError, OSError):
            continue


def test_every_sampled_byte_of_weights_counts(tmp_path):
    """In a file of weights: one bit anywhere."""
    model = default(CNN).set_params(epochs=1, image_shape=(16, 16), random_state=0)
    images = few_digits(20)
    model.fit(images, images.labels)
    file = tmp_path / "weights.safetensors"
    model.write(file)
    content = bytearray(file.read_bytes())
    given = CNN(weights=str(file), random_state=0)
    keys = {key(given, images)}
    rng = np.random.default_rng(0)
    places = rng.choice(len(content), 20, replace=False)
    for place in places:
        changed = content.copy()
        changed[place] ^= 1
        file.write_bytes(changed)
        keys.add(made_by(given, images, images, content=True))
    assert len(keys) == 1 + len(places)


def test_every_prototype_counts():
    patches = {4: np.random.default_rng(0).random((3, 4, 4, 4)).astype(np.float32)}
    keys = {key(HMAX(prototypes=patches))}
    for index in range(3):
        changed = {4: patches[4].copy()}
        changed[4][index, 1, 2, 3] = np.nextafter(changed[4][index, 1, 2, 3], np.float32(2))
        keys.add(key(HMAX(prototypes=changed)))
    assert len(keys) == 4


def test_every_weight_of_a_module_counts():
    torch = pytest.importorskip("torch")
    model = default(TorchExtractor)
    keys = {key(model)}
    for name, weight in model.module.state_dict().items():
        with torch.no_grad():
            before = weight.flatten()[0].item()
            weight.flatten()[0] = np.nextafter(np.float32(before), np.float32(9)).item()
        assert key(model) not in keys, name
        keys.add(key(model))


FRAMES = [
    ("none",),
    ("stretch:16x16",),
    ("stretch:16x15",),
    ("height:16",),
    ("shorter:16",),
    ("longer:16",),
    ("cover:16x16",),
    ("crop:6x6",),
    ("pad:60x60",),
    ("shorter:16,crop:6x6",),
    ("stretch:16x16", "white"),
    ("stretch:16x16", "black"),
]


def test_how_images_are_resized_counts(pictures):
    images = open_dataset(pictures).subset(slice(5))
    keys = {key(Pixels(), images.framed(*frame)) for frame in FRAMES}
    assert len(keys) == len(FRAMES)


@pytest.mark.parametrize("frame", FRAMES[1:])
def test_how_images_that_are_learned_from_are_resized_counts(pictures, frame):
    images = open_dataset(pictures).subset(slice(5))
    model = HMAX(n_prototypes=2, random_state=0)
    first, other = (
        made_by(model, images, images.framed(*one), content=True) for one in (FRAMES[0], frame)
    )
    assert first != other


def test_every_byte_of_images_and_their_order_count(tmp_path):
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for file in files:
        file.write_bytes(file.name.encode() * 50)
    images = dataclasses.replace(few_digits(3), source=files)
    contents = {
        content_of(images),
        content_of(images.subset([0, 2, 1])),
        content_of(images.subset([0, 1])),
    }
    for file in files:
        whole = file.read_bytes()
        for place in (0, 100, len(whole) - 1):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            contents.add(content_of(images))
        file.write_bytes(whole)
    arrays = few_digits(3)
    contents.add(content_of(arrays))
    contents.add(content_of(dataclasses.replace(arrays, source=arrays.source.astype(np.float32))))
    contents.add(content_of(dataclasses.replace(arrays, source=arrays.source[:, ::-1])))
    assert len(contents) == 3 + 9 + 3


def test_what_computes_counts(monkeypatch):
    keys = {key(HMAX(prototypes="photographs"))}
    monkeypatch.setenv("HMAX_CNN_KERNELS", "off")
    keys.add(key(HMAX(prototypes="photographs")))
    monkeypatch.undo()
    monkeypatch.setattr(kernels, "versions", lambda: {"numba": "0.0"})
    keys.add(key(HMAX(prototypes="photographs")))
    monkeypatch.undo()
    monkeypatch.setattr(provenance.programs, "numerics", lambda xp: "TF32")
    keys.add(key(HMAX(prototypes="photographs")))
    monkeypatch.undo()
    for package in ("hmax-cnn", "numpy", "scipy", "scikit-learn", "pillow", "tifffile"):
        of_package = {package: "0.0"}
        monkeypatch.setattr(provenance, "version", lambda name, of=of_package: of.get(name, "1.0"))
        keys.add(key(HMAX(prototypes="photographs")))
        monkeypatch.undo()
    assert len(keys) == 10


KINDS = ["units:3", "units:4", "units:3:1", "projection:3", "pca:2", "pca:3", "mean", "pyramid:2"]


def test_the_kind_of_numbers_and_how_they_are_reduced_count():
    model = Pixels(grid=(4, 4))
    found = {
        Origin.of(model, DIGITS, DIGITS, dtype=dtype, reduction=reduction).by
        for dtype in ("float32", "float16")
        for reduction in (None, *map(Reduction.parsed, KINDS))
    }
    assert len(found) == 2 * (1 + len(KINDS))


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_stale_is_read_back(pictures, tmp_path):
    """After each of these changes the store has what a new one has, whether it asked or not."""
    copied, patches = tmp_path / "pictures", tmp_path / "patches.npz"
    shutil.copytree(pictures, copied)
    rng = np.random.default_rng(0)
    write_prototypes(Prototypes({4: rng.random((3, 4, 4, 4)).astype(np.float32)}), patches)
    words = ["extract", copied, "--set", f"prototypes={patches}", "--set", "bands=1"]
    words += ["--shard-images", 5, "--quiet"]

    def another_picture():
        Image.new("L", (48, 48), 77).save(copied / "level" / "03.png")

    def another_order():
        one, other = copied / "level" / "04.png", copied / "upright" / "05.png"
        one.rename(tmp_path / "kept")
        other.rename(one)
        (tmp_path / "kept").rename(other)

    def other_prototypes():
        write_prototypes(Prototypes({4: rng.random((3, 4, 4, 4)).astype(np.float32)}), patches)

    changes = [
        another_picture,
        another_order,
        (copied / "slanted" / "00.png").unlink,
        other_prototypes,
        lambda: words.extend(["--set", "tuning=squared_distance"]),
        lambda: words.extend(["--resize", "stretch:40x40"]),
        lambda: words.extend(["--dtype", "float16"]),
        lambda: words.extend(["--reduce", "units:2"]),
    ]
    kept = tmp_path / "kept.zarr"
    assert inside(*words, "--output", kept).returncode == 0
    for number, change in enumerate(changes):
        before = files_of(kept)
        change()
        if inside(*words, "--output", kept).returncode:
            assert files_of(kept) == before
            assert inside(*words, "--output", kept, "--overwrite").returncode == 0
        fresh = tmp_path / f"{number}.zarr"
        assert inside(*words, "--output", fresh).returncode == 0
        assert files_of(kept) == files_of(fresh), number
        assert files_of(kept) != before, number
