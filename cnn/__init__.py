"""Features that are learned from errors: perceptrons and convolutional networks."""

from cnn.architectures import build, names
from cnn.augmentation import Augmentation
from cnn.graph import Graph
from cnn.model import CNN
from cnn.perceptron import LinearClassifier, MultilayerPerceptron, Perceptron
from cnn.training import DivergenceError

__all__ = ["CNN", "Augmentation", "DivergenceError", "Graph", "LinearClassifier", "MultilayerPerceptron", "Perceptron", "build", "names"]
