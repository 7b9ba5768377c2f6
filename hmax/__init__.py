"""HMAX: features that are built in, or copied from images."""

from .gabor import gabor, gabor_bank
from .model import HMAX
from .presets import PRESETS
from .prototypes import Prototypes, read_prototypes, write_prototypes

__all__ = [
    "HMAX",
    "PRESETS",
    "Prototypes",
    "gabor",
    "gabor_bank",
    "read_prototypes",
    "write_prototypes",
]
