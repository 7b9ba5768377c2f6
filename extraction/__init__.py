"""What every model shares: arrays, fields, maps, operations and the one interface."""

from .extractor import FeatureExtractor
from .fields import Field, Span, Window, join
from .filter_bank import FilterBank
from .images import InputWarning
from .labelled import flatten
from .maps import Maps
from .pixels import Pixels

__all__ = [
    "FeatureExtractor",
    "Field",
    "FilterBank",
    "InputWarning",
    "Maps",
    "Pixels",
    "Span",
    "Window",
    "flatten",
    "join",
]
