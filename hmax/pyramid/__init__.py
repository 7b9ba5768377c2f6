"""HMAX on an image pyramid: one filter size, many image sizes."""

from .anatomy import PYRAMIDS
from .model import PyramidHMAX
from .prototypes import PlacedPrototypes

__all__ = ["PYRAMIDS", "PlacedPrototypes", "PyramidHMAX"]
