"""Every model, small, for tests of the contract."""

import pytest

from hmax_cnn.cnn.pytorch import TorchExtractor

FEW = {"n_prototypes": 20}


def small(model_class):
    """A model of few units that learns little, where it has parameters for that."""
    return default(model_class).set_params(
        **{name: value for name, value in FEW.items() if name in model_class().get_params()}
    )


def default(model_class):
    """A model as it comes, but that it learns little."""
    if model_class is TorchExtractor:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        torch.manual_seed(0)
        nn = torch.nn
        module = nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(4, 3, 3),
        )
        return model_class(module, channels=1, natural_shape=(64, 64))
    known = model_class().get_params()
    few = {"epochs": 2} if "batch_size" in known else {}
    if "n_prototypes" in known:
        few["n_prototypes"] = 20
    if "n_simple" in known:
        few |= {"n_simple": 6, "n_complex": 6}
    if "source_band" in known:
        few |= {"bands": 2, "prototype_sizes": (4, 6)}
    if "base_size" in known:
        few |= {"base_size": 80, "n_levels": 4, "prototype_sizes": (4, 8)}
    return model_class(**few)
