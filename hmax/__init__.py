"""HMAX: features that are built in, or copied from images."""

from .gabor import gabor, gabor_bank
from .model import HMAX
from .presets import PRESETS
from .prototype_files import read_prototypes, write_prototypes
from .prototypes import Prototypes
from .pyramid import PYRAMIDS, PlacedPrototypes, PyramidHMAX

__all__ = [
    "HMAX",
    "PRESETS",
    "PYRAMIDS",
    "PlacedPrototypes",
    "Prototypes",
    "PyramidHMAX",
    "gabor",
    "gabor_bank",
    "read_prototypes",
    "write_prototypes",
]
