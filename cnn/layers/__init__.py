"""Layers: what the nodes of a network do, each built from `hmax_cnn.extraction.operations`."""

from .filters import Conv, Dense, RadialBasis, Scale
from .joins import Add, Concatenate, Flatten
from .layer import Layer, LayerPullback, Mode, Output, Weight
from .pools import AdaptivePool, Pool
from .units import Activation, BatchNorm, Dropout, LocalContrast, LocalResponse

__all__ = [
    "Activation",
    "AdaptivePool",
    "Add",
    "BatchNorm",
    "Concatenate",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerPullback",
    "LocalContrast",
    "LocalResponse",
    "Mode",
    "Output",
    "Pool",
    "RadialBasis",
    "Scale",
    "Weight",
]
