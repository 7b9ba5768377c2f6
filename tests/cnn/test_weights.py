"""Weights in files: names of others, misfits, files that cannot be trusted."""

import json
import math
import pickle

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from weight_files import published

from hmax_cnn.cnn import CNN
from hmax_cnn.cnn.architectures import build
from hmax_cnn.cnn.weights import IMAGENET, read_weights

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)


OPTIONS = {"stages": (1, 1, 1, 1), "image_shape": (40, 40), "n_classes": 5}


VGG = {
    "stages": (1, 1),
    "filters": (8, 16),
    "n_dense": 12,
    "grid": 2,
    "image_shape": (40, 40),
    "n_classes": 5,
}


def torchvision_vgg(name):
    layer, _, own = name.rpartition(".")
    node = build("vgg", VGG).nodes[layer]
    return f"{node.published[0]}.{own}"


def test_written_and_read_again(tmp_path):
    model = CNN("resnet", options={"stages": (1, 1)}, epochs=1, progress=False).fit(
        IMAGES, ["b", "a", "b"]
    )
    path = tmp_path / "weights.safetensors"
    model.write(path)
    again = CNN(weights=path)
    np.testing.assert_array_equal(again.transform(IMAGES), model.transform(IMAGES))
    assert list(again.predict(IMAGES)) == list(model.predict(IMAGES))
    assert again.fields((40, 40)).equals(model.fields((40, 40)))
    again.fit(IMAGES).write(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == path.read_bytes()
    with pytest.raises(
        ValueError,
        match=r"are of the architecture 'resnet', but `architecture` is 'lenet5'. Leave it out",
    ):
        CNN("lenet5", weights=path).transform(IMAGES)


def test_names_of_torchvision(tmp_path):
    """ResNet has torchvision's names already; its counters of batches are passed over. VGG is found
    by its places in `features`."""
    path = tmp_path / "resnet.safetensors"
    save_file(published("resnet", OPTIONS, **{"bn1.num_batches_tracked": np.array(7)}), path)
    model = CNN("resnet", options=OPTIONS, weights=path)
    assert model.scores(IMAGES).shape == (3, 5)
    assert model.fit(IMAGES).learned_.mean == IMAGENET[0]
    own, theirs = tmp_path / "own.safetensors", tmp_path / "theirs.safetensors"
    save_file(published("vgg", VGG), own)
    save_file(published("vgg", VGG, torchvision_vgg), theirs)
    assert "features.3.weight" in load_file(theirs)
    one, other = (CNN("vgg", options=VGG, weights=path).scores(IMAGES) for path in (own, theirs))
    np.testing.assert_array_equal(one, other)


def test_names_of_timm(tmp_path):
    """Dense layers there are convolutions over the whole map, under other names."""
    weights = published("vgg", VGG, torchvision_vgg)
    renamed = {
        "classifier.0": "pre_logits.fc1",
        "classifier.3": "pre_logits.fc2",
        "classifier.6": "head.fc",
    }
    timm = {}
    for name, array in weights.items():
        layer, _, own = name.rpartition(".")
        shaped = {"pre_logits.fc1.weight": (12, 16, 2, 2), "pre_logits.fc2.weight": (12, 12, 1, 1)}
        new = f"{renamed.get(layer, layer)}.{own}"
        timm[new] = array.reshape(shaped.get(new, array.shape))
    path, plain = tmp_path / "timm.safetensors", tmp_path / "plain.safetensors"
    save_file(timm, path)
    save_file(weights, plain)
    np.testing.assert_array_equal(
        CNN("vgg", options=VGG, weights=path).scores(IMAGES),
        CNN("vgg", options=VGG, weights=plain).scores(IMAGES),
    )


def without(weights, *names):
    return {name: array for name, array in weights.items() if name not in names}


GOOD = published("resnet", OPTIONS)


MISFITS = {
    "missing": (without(GOOD, "conv1.weight"), r"1 missing: conv1.weight. Check `architecture`"),
    "extra": (GOOD | {"fc2.weight": np.zeros(3, np.float32)}, r"1 not of this network: fc2.weight"),
    "misshapen": (
        GOOD | {"conv1.weight": np.zeros((64, 3, 7, 5), np.float32)},
        r"conv1.weight \(64, 3, 7, 5\) where \(64, 3, 7, 7\) is needed",
    ),
    "many": (without(GOOD, *list(GOOD)[:9]), r"9 missing: conv1.weight, .* \.\.\."),
    "NaN": (GOOD | {"fc.bias": np.full(5, np.nan, np.float32)}, "'fc.bias' holds NaN or infinity"),
    "truth values": (
        GOOD | {"fc.bias": np.zeros(5, bool)},
        "'fc.bias' is of type BOOL, which cannot be read. Convert it to float32",
    ),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_misfits_are_named(tmp_path, kind):
    weights, text = MISFITS[kind]
    save_file(weights, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=text):
        CNN("resnet", options=OPTIONS, weights=tmp_path / "weights.safetensors").transform(IMAGES)


def test_files_that_cannot_be_trusted(tmp_path):
    whole = tmp_path / "whole.safetensors"
    save_file(GOOD, whole)
    content = whole.read_bytes()
    bad = {
        "cut.safetensors": (content[: len(content) // 2], "is not a safetensors file"),
        "header.safetensors": (
            (2**40).to_bytes(8, "little") + content[8:],
            "is not a safetensors file",
        ),
        "empty.safetensors": (b"", "is not a safetensors file"),
        "model.pth": (
            pickle.dumps(GOOD),
            r"never read: in PyTorch, convert with safetensors.torch.save_file",
        ),
    }
    for name, (inside, text) in bad.items():
        (tmp_path / name).write_bytes(inside)
        with pytest.raises(ValueError, match=text):
            CNN("resnet", options=OPTIONS, weights=tmp_path / name).transform(IMAGES)
    with pytest.raises(FileNotFoundError, match=r"There is no file of weights .*nowhere"):
        CNN("resnet", weights=tmp_path / "nowhere.safetensors").transform(IMAGES)
    with open(tmp_path / "huge.safetensors", "wb") as file:  # noqa: PTH123 - as users open it
        file.truncate(5 * 2**30)
    with pytest.raises(ValueError, match=r"5\.0 GiB, more than the 4 GiB allowed"):
        CNN("resnet", weights=tmp_path / "huge.safetensors").transform(IMAGES)


def test_a_damaged_header_of_ours(tmp_path):
    save_file(GOOD, tmp_path / "weights.safetensors", {"hmax-cnn 1": "[1, 2"})
    with pytest.raises(ValueError, match="has a damaged header"):
        CNN(weights=tmp_path / "weights.safetensors").transform(IMAGES)
    save_file(GOOD, tmp_path / "weights2.safetensors", {"hmax-cnn 1": "[1, 2]"})
    with pytest.raises(ValueError, match="should be a JSON object, got list"):
        CNN(weights=tmp_path / "weights2.safetensors").transform(IMAGES)


def test_half_precision_is_read(tmp_path):
    save_file(
        {name: array.astype(np.float16) for name, array in GOOD.items()},
        tmp_path / "half.safetensors",
    )
    graph = build("resnet", OPTIONS)
    read = read_weights(tmp_path / "half.safetensors", graph, graph.weights())
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}


def test_an_unfinished_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    from pathlib import Path

    model, path = (
        CNN("lenet5", epochs=1, progress=False).fit(IMAGES, [0, 1, 0]),
        tmp_path / "weights.safetensors",
    )
    path.write_bytes(b"what was there before")

    def fail(self, content):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="Nothing was left behind"):
        model.write(path)
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]


def test_published_weights_are_written_and_read_again(tmp_path):
    options = {"image_shape": (40, 40)}
    save_file(published("resnet", OPTIONS), tmp_path / "five.safetensors")
    model = CNN(
        "resnet", options={"stages": (1, 1, 1, 1)} | options, weights=tmp_path / "five.safetensors"
    )
    model.write(tmp_path / "again.safetensors")
    np.testing.assert_array_equal(
        CNN(weights=tmp_path / "again.safetensors").scores(IMAGES), model.scores(IMAGES)
    )


def test_googlenet_of_torchvision(tmp_path):
    """Its heads for training may be in the file, and it expects -1 to 1."""
    options = {"image_shape": (72, 72), "n_classes": 5}
    weights = published("googlenet_bn_auxiliary", options)
    save_file(weights, tmp_path / "weights.safetensors")
    model = CNN("googlenet_bn", options=options, weights=tmp_path / "weights.safetensors").fit(
        IMAGES.repeat(2, axis=1).repeat(2, axis=2)[:, :72, :72]
    )
    assert model.learned_.mean == (127.5,) * 3
    assert not any(name.startswith("aux") for name in model.learned_.arrays)


def test_the_head_of_nin_is_a_convolution(tmp_path):
    save_file(published("nin_cifar10", {"image_shape": (40, 40)}), tmp_path / "ten.safetensors")
    path = tmp_path / "ten.safetensors"
    assert CNN("nin_cifar10", weights=path, options={"image_shape": (40, 40)}).scores(
        IMAGES
    ).shape == (3, 10)
    model = CNN(
        "nin_cifar10", weights=path, epochs=1, replace_head=True, learning_rate=1e-3, progress=False
    ).fit(IMAGES, [0, 1, 2])
    assert model.scores(IMAGES).shape == (3, 3)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"deviation": [0.0]}, ValueError),
        ({"deviation": [-2.0]}, ValueError),
        ({"mean": [math.nan]}, ValueError),
        ({"mean": [math.inf]}, ValueError),
        ({"architecture": "os:abort"}, ValueError),
    ],
)
def test_a_header_that_gives_nonsense_or_calls_something(tmp_path, changed, error):
    """A deviation of 0 gave NaN features and an answer; an architecture is not just any name."""
    about = {"architecture": "lenet5", "options": {}, "mean": [0.0], "deviation": [1.0]}
    file = tmp_path / "weights.safetensors"
    save_file(GOOD, file, {"hmax-cnn 1": json.dumps(about | changed)})
    with pytest.raises(error, match=r"damaged header|code from outside"):
        CNN(weights=file).transform(IMAGES)


@pytest.mark.parametrize("weights", [True, 3, ["a"]])
def test_weights_are_the_name_of_a_file(weights):
    with pytest.raises(TypeError, match="`weights` must be the name of a file"):
        CNN("lenet5", weights=weights).transform(IMAGES)
