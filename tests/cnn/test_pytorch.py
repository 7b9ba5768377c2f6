"""PyTorch modules behind the same interface: what is recorded, under which name, with which field;
skips where PyTorch is not installed."""

import numpy as np
import pytest

from hmax_cnn.cnn import CNN
from hmax_cnn.cnn.pytorch import TorchExtractor
from hmax_cnn.extraction.fields import number

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def extractor(module, **settings):
    return TorchExtractor(module, **({"natural_shape": (48, 48)} | settings))


class Shared(nn.Module):
    """One rectifier called twice, in place on what a convolution returned."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3, stride=2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.second(self.relu(self.first(x))))


class Tokens(nn.Module):
    """A small vision transformer."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.block(tokens).mean(dim=1))


class Segmentation(nn.Module):
    """Down, and up again; answers with a dict."""

    def __init__(self):
        super().__init__()
        self.down, self.up = (
            nn.Conv2d(3, 6, 4, stride=2, padding=1),
            nn.ConvTranspose2d(6, 2, 4, stride=2, padding=1),
        )

    def forward(self, x):
        low = self.down(x)
        return {"out": self.up(low), "low": low}


class Pair(nn.Module):
    """A Siamese pair: one encoder for two images."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 5)

    def forward(self, one, other):
        return (self.encoder(one) - self.encoder(other)).abs().mean(dim=(1, 2, 3))


def as_torch(images):
    mean, deviation = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    return ((torch.tensor(images).float() - mean) / deviation).permute(0, 3, 1, 2)


def test_calls_are_kept_apart_and_out_of_reach_of_in_place_operations():
    module = Shared()
    model = extractor(module)
    assert model.layer_names == ("first", "relu", "second", "relu:2", "output")
    tree = model.activations(IMAGES)
    with torch.no_grad():
        first = module.first(as_torch(IMAGES))
        second = module.second(first.clamp(min=0))
    expected = {
        "first": first,
        "relu": first.clamp(min=0),
        "second": second,
        "relu:2": second.clamp(min=0),
        "output": second.clamp(min=0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(tree[name]["response"], values, atol=1e-5)
    assert (tree["first"]["response"] < 0).any()


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = extractor(module)
    np.testing.assert_array_equal(model.transform(IMAGES), model.transform(IMAGES))
    assert [one.training for one in module] == [True, False, True]
    assert all((before[name] == value).all() for name, value in module.state_dict().items())
    hooks = [one._forward_hooks for one in module.modules()]  # noqa: SLF001 - of its own class, or of a library that has no other way
    assert not any(hooks)


def test_fields_are_followed_through_the_operations():
    from in_pytorch import FromGraph

    class OneOutput(FromGraph):
        def forward(self, image):
            found = super().forward(image)
            if hasattr(image, "field"):  # of the pass that follows fields
                self.seen = {name: maps.field for name, maps in found.items()}
            return found[next(iter(self.graph.outputs))]

    from hmax_cnn.cnn.architectures import build

    for name, options in (
        ("resnet", {"stages": (1, 1)}),
        ("googlenet_bn", {}),
        ("vgg", {"stages": (1, 2), "filters": (4, 4), "n_dense": 8}),
    ):
        graph = build(name, options | {"image_shape": (64, 64), "n_classes": 3})
        module = OneOutput(graph, graph.draw(0))
        TorchExtractor(module, natural_shape=(64, 64)).fields((64, 64))
        own = CNN(name, options=options, weights="untrained").fields((64, 64)).set_index("layer")
        for layer, field in module.seen.items():
            if layer != "image":
                expected = tuple(own.loc[layer, ["size_y", "step_y", "start_y", "status"]])
                assert (
                    *map(number, (field.y.size, field.y.step, field.y.first)),
                    field.status,
                ) == expected, layer


def test_fields_that_cannot_be_followed_are_measured():
    model = extractor(Segmentation())
    fields = model.fields((48, 48)).set_index(["layer", "band"])
    assert fields.loc[("down", ""), ["size_y", "step_y", "status"]].tolist() == [4, 2, "exact"]
    up = fields.loc[("up", "")]
    assert (up["status"], up["step_y"]) == ("measured", 1)
    assert 6 <= up["size_y"] <= 8
    assert set(model.activations(IMAGES, ["output"])["output"].children) == {"out", "low"}


def test_noise_outside_a_measured_field_changes_nothing():
    model = extractor(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2), nn.Upsample(scale_factor=2), nn.Conv2d(4, 3, 3)
        ),
        layer="2",
    )
    fields = model.fields((48, 48)).set_index("layer")
    assert fields.loc["2", "status"] == "measured"
    maps = model.geometry((48, 48), ("2",))["2"][0]
    middle = tuple(side // 2 for side in maps.shape[1:])
    (top, bottom), (left, right) = maps.field.y.edges(middle[0]), maps.field.x.edges(middle[1])
    disturbed = np.random.default_rng(1).integers(0, 256, IMAGES.shape).astype(np.uint8)
    disturbed[:, top:bottom, left:right] = IMAGES[:, top:bottom, left:right]
    one, other = (
        model.activations(images, ["2"])["2"]["response"][..., middle[0], middle[1]]
        for images in (IMAGES, disturbed)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_transformer():
    model = extractor(Tokens(), layer="block")
    assert model.transform(IMAGES).shape == (3, 16 * 36)
    node = model.activations(IMAGES, ["block"])["block"]
    assert node["response"].shape == (3, 16, 36, 1)
    assert node.attrs["status"] == "whole image"
    assert model.fields((48, 48)).set_index("layer").loc["patches", "size_y"] == 8


def test_a_siamese_pair():
    model = extractor(
        Pair(), call=lambda module, images: module(images, images.flip(-1)), layer="encoder:2"
    )
    assert model.layer_names == ("encoder", "encoder:2", "output")
    tree = model.activations(np.stack([IMAGES[0], IMAGES[0, :, ::-1]]))
    np.testing.assert_allclose(
        tree["encoder:2"]["response"][0], tree["encoder"]["response"][1], atol=1e-5
    )
    assert tree["output"]["response"].shape == (2, 1, 1, 1)


def test_gradients_by_autograd():
    module = Shared()
    model = extractor(module)
    gradient = model.image_gradient(IMAGES[:1], "relu:2", [3, 200])
    assert gradient.shape == (1, 2, 48, 48, 3)
    seen = torch.tensor(IMAGES[:1]).float().requires_grad_()
    standard = (seen - torch.tensor([123.675, 116.28, 103.53])) / torch.tensor(
        [58.395, 57.12, 57.375]
    )
    module(standard.permute(0, 3, 1, 2)).flatten(1)[0, 200].backward()
    np.testing.assert_allclose(gradient[0, 1], seen.grad[0], atol=1e-7)


def test_gradients_of_tokens_and_of_other_memory_orders():
    tokens = extractor(Tokens()).image_gradient(IMAGES[:1], "block", [0, 300])
    assert (np.abs(tokens).max(axis=(0, 2, 3, 4)) > 0).all()
    plain, last = (
        extractor(Shared()),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)).to(memory_format=torch.channels_last),
    )
    assert plain.image_gradient(IMAGES[:1], "second", 7).any()
    assert extractor(last).image_gradient(IMAGES[:1], "1", 7).any()


def test_a_module_in_half_precision():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3))
    single = extractor(module, layer="2").transform(IMAGES)
    half = extractor(module.to(torch.bfloat16), layer="2").transform(IMAGES)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, single, atol=0.05)


def test_a_changed_module_is_seen_to_have_changed():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 46 * 46, 7))
    model = extractor(module, layer="2")
    assert model.transform(IMAGES).shape == (3, 7)
    module[2] = nn.Linear(4 * 46 * 46, 5)
    assert model.transform(IMAGES).shape == (3, 5)
    assert len(extractor(module, layer="2").fit(IMAGES).get_feature_names_out()) == 5
    assert extractor(module).wanted_layers() == ("1",)


def test_a_module_by_name(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    (tmp_path / "my_networks.py").write_text(
        "from torch.nn import Conv2d, Module, Sequential\n\n"
        "def small() -> Module:\n    return Sequential(Conv2d(3, 4, 5))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one, other = (
        extractor("my_networks:small", layer="0"),
        extractor("my_networks:small", layer="0"),
    )
    np.testing.assert_array_equal(one.transform(IMAGES), other.transform(IMAGES))
    made = nn.Sequential(nn.Conv2d(3, 4, 5))
    save_file(made.state_dict(), tmp_path / "weights.safetensors")
    read = extractor("my_networks:small", weights=tmp_path / "weights.safetensors", layer="0")
    np.testing.assert_array_equal(
        read.transform(IMAGES), extractor(made, layer="0").transform(IMAGES)
    )
    save_file({"0.weight": made[0].weight.detach()}, tmp_path / "half.safetensors")
    with pytest.raises(
        ValueError, match=r'(?s)does not fit .*Missing key\(s\) in state_dict: "0.bias"'
    ):
        extractor("my_networks:small", weights=tmp_path / "half.safetensors").transform(IMAGES)


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"module": 3}, TypeError, "`module` must be a torch.nn.Module or"),
        (
            {"module": "nowhere:net"},
            ValueError,
            "`module` must be 'package.module:function'.*got 'nowhere:net'",
        ),
        (
            {"module": "builtins:list"},
            TypeError,
            "does not say that it makes a Module",
        ),
        (
            {"module": nn.Identity(), "weights": "file"},
            ValueError,
            "Load them into the module yourself",
        ),
        ({"module": nn.Identity(), "layer": "conv"}, ValueError, "`layer` must be one of 'output'"),
        (
            {"module": nn.Identity(), "standardise": "best"},
            ValueError,
            "`standardise` must be 'imagenet' or",
        ),
    ],
)
def test_bad_choices_are_refused(settings, kind, text):
    with pytest.raises(kind, match=text):
        extractor(**settings).transform(IMAGES)


def test_without_pytorch_it_says_what_to_install(monkeypatch):
    import importlib

    real = importlib.import_module

    def without(name, *rest):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(RuntimeError, match=r"needs PyTorch .*extra `torch`"):
        extractor(nn.Identity()).transform(IMAGES)
