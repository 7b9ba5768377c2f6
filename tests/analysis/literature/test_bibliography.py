"""Citations and BibTeX: every paper that is named is in the bibliography."""

import importlib
import inspect
import pkgutil
import re

import pytest

from hmax_cnn.analysis import measures
from hmax_cnn.analysis.literature import cortex
from hmax_cnn.analysis.literature.bibliography import bibtex, keys_in, unknown_in
from hmax_cnn.analysis.models import discover
from hmax_cnn.cnn import CNN
from hmax_cnn.cnn.architectures import names

pytestmark = pytest.mark.quick

MODULES = [
    cortex,
    *(
        importlib.import_module(found.name)
        for found in pkgutil.iter_modules(measures.__path__, f"{measures.__name__}.")
    ),
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_measures_cite_what_there_is(module):
    """Every citation in the source of a measure is an entry."""
    cited = re.findall(
        r'"([A-Z][A-Za-z &.,()-]+ (?:19|20)\d\d(?:; [A-Z][^"]+)?)"', inspect.getsource(module)
    )
    assert [text for text in cited if unknown_in(text)] == []


def test_models_cite_their_papers():
    """Of every model but pixels, classical filters and wrapped ones a paper is found in what is
    written of it."""
    found = {
        model_class.__name__: keys_in(model_class().documentation())
        for model_class in discover()
        if model_class.__name__ != "TorchExtractor"
    }
    assert "serre2007" in found["HMAX"]
    assert "rosenblatt1958" in found["Perceptron"]
    assert "rumelhart1986" in found["MultilayerPerceptron"]
    assert keys_in(CNN("resnet18").documentation())[-1] == "he2016"
    assert keys_in(CNN("vgg16").documentation())[-1] == "simonyan2015"
    assert {"lenet5", "alexnet", "nin", "googlenet", "zfnet"} <= {
        name for name, function in names().items() if keys_in(inspect.getdoc(function) or "")
    }


def test_bibtex():
    """Entries come sorted and once, braces are balanced, texts that are no entry become notes."""
    text = bibtex(["serre2007", "kornblith2019", "serre2007"], ["My thesis, 2026"])
    assert re.findall(r"@\w+\{(\w+),", text) == ["kornblith2019", "serre2007", "other1"]
    assert text.count("{") == text.count("}")
    assert "note = {My thesis, 2026}" in text
    assert unknown_in("My thesis, 2026; Luo et al., NeurIPS 2016; this package") == [
        "My thesis, 2026"
    ]
    assert bibtex([]) == ""
