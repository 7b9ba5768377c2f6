"""Layers: what the nodes of a network do, each built from `extraction.operations`."""

from cnn.layers.filters import Conv, Dense, RadialBasis, Scale
from cnn.layers.joins import Add, Concatenate, Flatten
from cnn.layers.layer import Layer, Mode, Pullback, Weight
from cnn.layers.pools import AdaptivePool, Pool
from cnn.layers.units import Activation, BatchNorm, Dropout, LocalContrast, LocalResponse

__all__ = [
    "Activation", "AdaptivePool", "Add", "BatchNorm", "Concatenate", "Conv", "Dense", "Dropout", "Flatten", "Layer", "LocalContrast",
    "LocalResponse", "Mode", "Pool", "Pullback", "RadialBasis", "Scale", "Weight",
]  # fmt: skip
