"""HMAX: features that are built in, or copied from images."""

from .colour import ColourHMAX
from .dictionaries import read_dictionary, write_dictionary
from .gabor import gabor, gabor_bank, gaussian_derivative
from .model import HMAX
from .presets import PRESETS
from .prototype_files import read_prototypes, write_prototypes
from .prototypes import Prototypes
from .pyramid import PYRAMIDS, PlacedPrototypes, PyramidHMAX
from .v1_model import V1HMAX

__all__ = [
    "HMAX",
    "PRESETS",
    "PYRAMIDS",
    "V1HMAX",
    "ColourHMAX",
    "PlacedPrototypes",
    "Prototypes",
    "PyramidHMAX",
    "gabor",
    "gabor_bank",
    "gaussian_derivative",
    "read_dictionary",
    "read_prototypes",
    "write_dictionary",
    "write_prototypes",
]
