"""What shards are found again by: everything that shapes a feature, one by one."""

import dataclasses

import numpy as np
import pytest
from every_model import default
from few_images import few_digits

from hmax_cnn import HMAX, open_dataset
from hmax_cnn.analysis.study import provenance
from hmax_cnn.analysis.study.provenance import content_of, made_by
from hmax_cnn.cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
from hmax_cnn.cnn.pytorch import TorchExtractor
from hmax_cnn.extraction import FilterBank, Pixels
from hmax_cnn.extraction import compiled as kernels
from hmax_cnn.hmax import V1HMAX

MODELS = [
    Pixels,
    FilterBank,
    HMAX,
    V1HMAX,
    Perceptron,
    LinearClassifier,
    MultilayerPerceptron,
    CNN,
    TorchExtractor,
]
# Of the last bits at most, or of what is shown.
WITHOUT_EFFECT = {"batch_memory", "n_threads", "progress"}


def key(model, images=None):
    images = few_digits(20) if images is None else images
    return made_by(model, images, images.subset(slice(5)), content=True)


# Where a value of the same kind would be refused.
VALID = {
    "activation": ["tanh"],
    "architecture": ["lenet5"],
    "options": [{"n_classes": 3}],
    "weights": ["untrained"],
    "natural_shape": [(48, 48)],
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
    "bypass_sizes": [(5, 7)],
    "searched_scales": [2],
    "correlation": [0.5],
    "size": [7, 23],
}
# Of a module that is handed in: its weights have a test of their own.
OF_MODULES = {"module", "weights", "call", "channels"}


def others(name, value):
    """Other values of the same kind."""
    if isinstance(value, bool):
        return [not value]
    if name in VALID:
        return VALID[name]
    if isinstance(value, int | float):
        return [value + 1, value * 2 + 0.5]
    if isinstance(value, str):
        return [f"{value}_"]
    if isinstance(value, tuple | list):
        return [type(value)([*value, 7]), type(value)(list(value)[:-1])]
    if isinstance(value, dict):
        return [value | {"more": 1}]
    return [3, "text", (1, 2)]


@pytest.mark.parametrize("model_class", MODELS)
def test_every_parameter_counts(model_class):
    """Each of a model's own, and of what all share; but for those that change no feature."""
    model = default(model_class)
    seeded = {"random_state": 0} if "random_state" in model.get_params(deep=False) else {}
    before = key(model.set_params(**seeded))
    assert key(model) == before
    counted = {"device"} | (OF_MODULES if model_class is TorchExtractor else set())
    for name, value in model.get_params(deep=False).items():
        if name in counted:
            continue
        given = others(name, value)
        if name == "layer":
            given = [one for one in model.layer_names if [one] != list(model.wanted_layers())]
            named = type(model)(**model.get_params(deep=False) | {name: model.wanted_layers()})
            assert key(named) == before  # the same layer, asked for in other words
            counted.add(name)
        for other in given:
            try:
                changed = key(type(model)(**model.get_params(deep=False) | {name: other}))
            except (ValueError, TypeError, AttributeError, OSError):
                continue  # refused, so that nothing stale is met
            assert (changed != before) == (name not in WITHOUT_EFFECT), (name, other)
            counted.add(name)
    assert set(model.get_params(deep=False)) <= counted


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
    ("stretch:16x16",),
    ("stretch:16x15",),
    ("crop:6x6",),
    ("shorter:16",),
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
    for package in ("hmax-cnn", "numpy", "scipy", "scikit-learn", "pillow"):
        of_package = {package: "0.0"}
        monkeypatch.setattr(provenance, "version", lambda name, of=of_package: of.get(name, "1.0"))
        keys.add(key(HMAX(prototypes="photographs")))
        monkeypatch.undo()
    assert len(keys) == 8
