"""Models whose receptive fields tests look at."""

from hmax_cnn.cnn import CNN, Graph
from hmax_cnn.cnn.layers import Activation, Add, Conv
from hmax_cnn.hmax import HMAX


def misaligned(n_classes=4, n_channels=1, image_shape=(32, 32)):
    """Two branches, a 3 x 3 convolution without padding and a crop at one corner, whose fields do
    not have one centre."""
    graph = Graph(n_channels, image_shape)
    graph.add("below", Conv(4, 5))
    graph.add("left", Conv(4, 3, stride=2, padding=((1, 0), (1, 0))), "below")
    graph.add("right", Conv(4, 7, stride=2, padding=((0, 5), (0, 5))), "below")
    graph.add("sum", Add(), "left", "right")
    graph.add("active", Activation("relu"))
    graph.outputs[graph.last] = 1.0
    return graph


MODELS = {
    "HMAX": (HMAX(prototypes="photographs", n_prototypes=4, bands=2), 64, 4),
    "LeNet-5": (CNN("lenet5", weights="untrained"), 32, 3),
    "ResNet-18": (CNN("resnet18", weights="untrained"), 64, 8),
    "misaligned": (CNN(misaligned, weights="untrained"), 32, 2),
}
