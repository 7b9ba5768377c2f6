"""What the models look at."""

from .datasets import Dataset, DatasetWarning, SkippedImagesWarning
from .folders import read_folder
from .idx import read_idx
from .images import Framing, ImageError, read_image
from .indices import read_index
from .opening import digits, open_dataset, photographs

__all__ = [
    "Dataset",
    "DatasetWarning",
    "Framing",
    "ImageError",
    "SkippedImagesWarning",
    "digits",
    "open_dataset",
    "photographs",
    "read_folder",
    "read_idx",
    "read_image",
    "read_index",
]
