"""Architectures: parameters and receptive fields as published."""

import numpy as np
import pytest

from hmax_cnn.cnn import CNN
from hmax_cnn.cnn.architectures import build, names
from hmax_cnn.cnn.architectures.resnet import resnet
from hmax_cnn.extraction import Maps

pytestmark = pytest.mark.quick

PARAMETERS = {
    "lenet5_1998": 60_000,
    "lenet5": 61_706,
    "alexnet_2012": 60_965_224,
    "alexnet": 61_100_840,
    "zfnet": 62_357_608,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "nin_cifar10": 966_986,
    "nin": 7_595_176,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "googlenet": 6_998_552,
    "googlenet_bn": 6_624_904,
    "googlenet_bn_auxiliary": 13_004_888,
}
ALEXNET = {
    "conv1": (11, 4),
    "pool1": (19, 8),
    "conv2": (51, 8),
    "conv3": (99, 16),
    "conv4": (131, 16),
    "conv5": (163, 16),
    "pool5": (195, 32),
}
FIELDS = {  # size, and step where published
    "lenet5": {"s2": (6, 2), "c3": (14, 2), "s4": (16, 4), "c5": (32, 4)},
    "lenet5_1998": {"s2": (6, 2), "c3": (14, 2), "s4": (16, 4), "c5": (32, 4)},
    "alexnet_2012": ALEXNET,
    "alexnet": ALEXNET,
    "vgg16": {
        "pool1": (6, 2),
        "pool2": (16, 4),
        "pool3": (44, 8),
        "pool4": (100, 16),
        "pool5": (212, 32),
    },
    "vgg16_bn": {"pool5": (212, 32)},
    "vgg19": {"pool5": (268, 32)},
    "zfnet": {"pool5": (171, 32)},
    "resnet18": {
        "layer1.1.relu": (43, 4),
        "layer2.1.relu": (99, 8),
        "layer3.1.relu": (211, 16),
        "layer4.1.relu": (435, 32),
    },
    "plain18": {"layer4.1.relu": (435, 32)},
    "resnet34": {
        "layer1.2.relu": (59, 4),
        "layer2.3.relu": (179, 8),
        "layer3.5.relu": (547, 16),
        "layer4.2.relu": (899, 32),
    },
    "resnet50": {
        "layer1.2.relu": (35, 4),
        "layer2.3.relu": (91, 8),
        "layer3.5.relu": (267, 16),
        "layer4.2.relu": (427, 32),
    },
    "resnet101": {"layer4.2.relu": (971, 32)},
    "resnet152": {"layer4.2.relu": (1451, 32)},
    "hmax_shaped": {"s1": (9, 1), "c1": (16, 4), "s2": (28, 4)},
}


def maps_of(graph):
    image = Maps(np.empty((0, graph.n_channels, *graph.image_shape), np.float32))
    return {name: maps for name, maps, _ in graph.walk(image, None, graph.nodes)}


def n_parameters(graph):
    return sum(maps.n_parameters for maps in maps_of(graph).values())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    assert n_parameters(build(name, {})) == PARAMETERS[name]


def test_parameters_of_lenet_by_layer():
    maps = maps_of(build("lenet5_1998", {}))
    assert [maps[layer].n_parameters for layer in ("c1", "s2", "c3", "s4", "c5", "f6")] == [
        156,
        12,
        1516,
        32,
        48120,
        10164,
    ]


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name):
    maps = maps_of(build(name, {}))
    for layer, expected in FIELDS[name].items():
        field = maps[layer].field
        assert (field.y.size, field.y.step, field.status) == (*expected, "exact"), layer
        assert field.y == field.x


@pytest.mark.parametrize(
    ("stages", "size"), [((3, 4, 6, 3), 483), ((3, 4, 23, 3), 1027), ((3, 8, 36, 3), 1507)]
)
def test_fields_of_resnet_v1(stages, size):
    """TensorFlow's `resnet_v1`, whose stride sits in the last block of a stage; size and step of
    Araujo, Norris & Sim."""
    maps = maps_of(resnet(stages, bottleneck=True, stride_in="last"))
    field = maps[f"layer4.{stages[-1] - 1}.relu"].field
    assert (field.y.size, field.y.step, field.status) == (size, 32, "exact")


@pytest.mark.parametrize("name", sorted(names()))
def test_every_architecture_answers(name):
    """The right number of scores from every head, at a small size where the network takes one, and
    fields that agree."""
    sides = {
        "alexnet_2012": 67,
        "alexnet": 64,
        "zfnet": 65,
        "nin": 96,
        "lenet5": 32,
        "lenet5_1998": 32,
        "simplenet": 64,
        "hmax_shaped": 40,
    }
    side = sides.get(name, 65 if "auxiliary" not in name or "bn" in name else 84)
    graph = build(name, {"n_classes": 3, "image_shape": (side, side), "n_channels": 1})
    assert set(graph.outputs.values()) <= {1.0, 0.3}
    found = maps_of(graph)
    assert all(found[head].shape == (3, 1, 1) for head in graph.outputs)
    assert all(isinstance(maps.n_multiply_adds, int) for maps in found.values())


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("zfnet", (110, 55, 26, 13, 13, 6)), ("alexnet_2012", (55, 27, 27, 13, 13, 6))],
)
def test_sizes_as_published(name, sizes):
    maps = maps_of(build(name, {}))
    assert (
        tuple(
            maps[layer].shape[1] for layer in ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")
        )
        == sizes
    )


def test_architecture_of_ones_own(images):
    def tiny(n_classes=2, n_channels=1, image_shape=(64, 64)):
        from hmax_cnn.cnn import Graph
        from hmax_cnn.cnn.layers import Conv, Dense

        graph = Graph(n_channels, image_shape)
        graph.add("conv", Conv(3, 5, stride=4))
        graph.outputs[graph.add("scores", Dense(n_classes))] = 1.0
        return graph

    model = CNN(tiny, layer="conv", epochs=1).fit(images, ["a", "b", "c"])
    assert model.transform(images).shape == (3, 3 * 15 * 15)
    with pytest.raises(ValueError, match="cannot be found again from a file"):
        model.write("never.safetensors")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"architecture": "lenet6"}, "`architecture` must be one of 'alexnet'.*got 'lenet6'"),
        ({"architecture": "nowhere:net"}, "There is no architecture 'nowhere:net'"),
        (
            {"architecture": "lenet5", "options": {"depth": 3}},
            "'lenet5' has no option 'depth'. It has: n_classes",
        ),
        ({"channels": 2}, r"`channels` must be 1 \(luminance\), 3"),
        ({"architecture": "hmax_shaped", "options": {"band": 9}}, "`band` must be 1 to 8, got 9"),
        ({"layer": "c9"}, "`layer` must be one of 'c1'.*got 'c9'"),
    ],
)
def test_bad_choices_are_refused(settings, text, images):
    with pytest.raises(ValueError, match=text):
        CNN(**settings, weights="untrained").transform(images)


def test_hmax_shaped_has_the_geometry_of_hmax():
    """Fields, places and numbers of units of C1 and S2 are those of a band of HMAX, on images of
    any size."""
    from hmax_cnn.hmax import HMAX

    for band, shape in ((1, (128, 128)), (3, (101, 90))):
        graph = build("hmax_shaped", {"band": band, "image_shape": shape})
        found = maps_of(graph)
        model = HMAX(bands=(band,), prototype_sizes=(4,), n_prototypes=250)
        for layer in ("c1", "s2"):
            (maps,) = model.geometry(shape, (layer,))[layer]
            assert found[layer].shape == maps.shape
            assert (found[layer].field.y, found[layer].field.x) == (maps.field.y, maps.field.x)
