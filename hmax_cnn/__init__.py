"""HMAX, perceptrons and convolutional networks behind one interface: the names a script needs."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis.contract import figure, measure
    from .analysis.figures.tables import tables
    from .analysis.responses import responses
    from .analysis.study import open_results, read_study, run_study
    from .cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
    from .cnn.pytorch import TorchExtractor
    from .data import open_dataset
    from .data.transformed import transformed
    from .data.views import views
    from .extraction import FeatureExtractor, FilterBank, Maps, Pixels
    from .hmax import HMAX, Prototypes

__version__ = version("hmax-cnn")

# Where each name lives. Nothing is imported before it is used: `from hmax_cnn import HMAX` loads
# neither the networks nor matplotlib.
_HOMES = {
    "CNN": ".cnn",
    "FeatureExtractor": ".extraction",
    "FilterBank": ".extraction",
    "HMAX": ".hmax",
    "LinearClassifier": ".cnn",
    "Maps": ".extraction",
    "MultilayerPerceptron": ".cnn",
    "Perceptron": ".cnn",
    "Pixels": ".extraction",
    "Prototypes": ".hmax",
    "TorchExtractor": ".cnn.pytorch",
    "figure": ".analysis.contract",
    "measure": ".analysis.contract",
    "open_dataset": ".data",
    "open_results": ".analysis.study",
    "read_study": ".analysis.study",
    "responses": ".analysis.responses",
    "run_study": ".analysis.study",
    "tables": ".analysis.figures.tables",
    "transformed": ".data.transformed",
    "views": ".data.views",
}

__all__ = [
    "CNN",
    "HMAX",
    "FeatureExtractor",
    "FilterBank",
    "LinearClassifier",
    "Maps",
    "MultilayerPerceptron",
    "Perceptron",
    "Pixels",
    "Prototypes",
    "TorchExtractor",
    "__version__",
    "figure",
    "measure",
    "open_dataset",
    "open_results",
    "read_study",
    "responses",
    "run_study",
    "tables",
    "transformed",
    "views",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = found  # looked up once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
