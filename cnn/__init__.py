"""Features that are learned from errors: perceptrons and convolutional networks."""

from cnn.architectures import build, names
from cnn.augmentation import Augmentation
from cnn.graph import Graph
from cnn.model import CNN
from cnn.training import Diverged

__all__ = ["CNN", "Augmentation", "Diverged", "Graph", "build", "names"]
