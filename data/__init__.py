"""What the models look at."""

from .datasets import (
    Dataset,
    SkippedImagesWarning,
    digits,
    open_dataset,
    photographs,
    read_folder,
    read_idx,
    read_index,
)
from .images import Framing, ImageError, read_image

__all__ = [
    "Dataset",
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
