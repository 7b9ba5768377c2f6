"""Examples in docstrings, each run once."""

import doctest
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import hmax_cnn.analysis
import hmax_cnn.cnn
import hmax_cnn.data
import hmax_cnn.extraction
import hmax_cnn.hmax

pytestmark = pytest.mark.quick

PACKAGES = (
    hmax_cnn.extraction,
    hmax_cnn.hmax,
    hmax_cnn.cnn,
    hmax_cnn.data,
    hmax_cnn.analysis,
)
MODULES = [
    found.name
    for package in PACKAGES
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def may_have_examples(name):
    """By its text: modules of kernels are compiled when they are imported, for seconds."""
    file = importlib.util.find_spec(name).origin
    return ">>>" in Path(file).read_text(encoding="utf-8")


def examples_in(name):
    module = importlib.import_module(name)
    found = doctest.DocTestFinder(exclude_empty=True).find(module, name)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", list(filter(may_have_examples, MODULES)))
def test_examples(name):
    runner = doctest.DocTestRunner()
    for test in examples_in(name):
        runner.run(test)
    assert runner.failures == 0
