"""HMAX: features that are built in, or copied from images."""

from hmax.gabor import gabor, gabor_bank
from hmax.model import HMAX
from hmax.presets import PRESETS
from hmax.prototypes import Prototypes, read_prototypes, write_prototypes

__all__ = ["HMAX", "PRESETS", "Prototypes", "gabor", "gabor_bank", "read_prototypes", "write_prototypes"]
