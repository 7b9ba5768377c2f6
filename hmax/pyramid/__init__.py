"""HMAX on an image pyramid: one filter size, many image sizes."""

from ..placed import PlacedPrototypes
from .anatomy import PYRAMIDS
from .model import PyramidHMAX

__all__ = ["PYRAMIDS", "PlacedPrototypes", "PyramidHMAX"]
