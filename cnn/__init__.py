"""Features that are learned from errors: perceptrons and convolutional networks."""

from .architectures import build, names
from .augmentation import Augmentation
from .graph import Graph
from .linear import LinearClassifier, MultilayerPerceptron
from .model import CNN
from .perceptron import Perceptron
from .training import DivergenceError

__all__ = [
    "CNN",
    "Augmentation",
    "DivergenceError",
    "Graph",
    "LinearClassifier",
    "MultilayerPerceptron",
    "Perceptron",
    "build",
    "names",
]
