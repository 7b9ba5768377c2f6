"""HMAX, perceptrons and convolutional networks behind one interface.

Images: `open_dataset` (folders, indices, digits, photographs), `hmax_cnn.data.stimuli` (drawn),
`transformed` and `views` (the same images moved, scaled, turned).

Models: `Pixels`, `FilterBank`, `HMAX`, `Perceptron`, `MultilayerPerceptron`, `CNN`,
`TorchExtractor`. Each is a scikit-learn transformer: fit, transform; and activations, fields,
summary, winners. A model of your own derives from `FeatureExtractor`.

Analysis: `responses` of models to images, `hmax_cnn.measures` of them, `tables` of results,
`hmax_cnn.figures` of tables, drawn in a `Look`. `to_rsatoolbox` hands over.

Studies: `run_study`, `read_study`, `open_results`; on the command line `hmax-cnn study`.

>>> from hmax_cnn import Pixels, open_dataset
>>> Pixels(grid=(4, 4)).transform(open_dataset("digits")[:3]).shape
(3, 16)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis.contract import measure
    from .analysis.exchange import to_rsatoolbox
    from .analysis.figures.contract import figure
    from .analysis.figures.look import Look
    from .analysis.figures.tables import tables
    from .analysis.responses import responses
    from .analysis.study import open_results, read_study, run_study
    from .cnn import CNN, LinearClassifier, MultilayerPerceptron, Perceptron
    from .cnn.pytorch import TorchExtractor
    from .data import open_dataset
    from .data.transformed import transformed
    from .data.views import views
    from .extraction import FeatureExtractor, FilterBank, Maps, Pixels
    from .extraction.store import open_features
    from .hmax import HMAX, Prototypes

    __version__: str

# Where each name lives. Nothing is imported before it is used: `from hmax_cnn import HMAX` loads
# neither the networks nor matplotlib.
_HOMES = {
    "CNN": ".cnn",
    "FeatureExtractor": ".extraction",
    "FilterBank": ".extraction",
    "HMAX": ".hmax",
    "LinearClassifier": ".cnn",
    "Look": ".analysis.figures.look",
    "Maps": ".extraction",
    "MultilayerPerceptron": ".cnn",
    "Perceptron": ".cnn",
    "Pixels": ".extraction",
    "Prototypes": ".hmax",
    "TorchExtractor": ".cnn.pytorch",
    "figure": ".analysis.figures.contract",
    "measure": ".analysis.contract",
    "open_dataset": ".data",
    "open_features": ".extraction.store",
    "open_results": ".analysis.study",
    "read_study": ".analysis.study",
    "responses": ".analysis.responses",
    "run_study": ".analysis.study",
    "tables": ".analysis.figures.tables",
    "to_rsatoolbox": ".analysis.exchange",
    "transformed": ".data.transformed",
    "views": ".data.views",
}
_PACKAGES = ("analysis", "cnn", "data", "extraction", "figures", "hmax", "measures")

__all__ = [
    "CNN",
    "HMAX",
    "FeatureExtractor",
    "FilterBank",
    "LinearClassifier",
    "Look",
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
    "open_features",
    "open_results",
    "read_study",
    "responses",
    "run_study",
    "tables",
    "to_rsatoolbox",
    "transformed",
    "views",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f".{name}", __name__)
    if name == "__version__":
        # The metadata of packages take longer to import than all else here.
        return import_module("importlib.metadata").version("hmax-cnn")
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = found  # looked up once
    return found


def __dir__() -> list[str]:
    # What a user types, and nothing of how it is made.
    return sorted([*__all__, *_PACKAGES])
