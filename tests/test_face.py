"""What one finds by looking: names, help, what a notebook shows."""

import pydoc
import re

import numpy as np
import pytest

import hmax_cnn
from hmax_cnn import CNN, HMAX, open_dataset
from hmax_cnn.analysis.figures import figure_names
from hmax_cnn.data.stimuli import paperclips
from hmax_cnn.extraction.notebook import pictures_html


def test_names_that_a_user_types():
    """No name of how it is made; packages, figures and measures among them."""
    names = dir(hmax_cnn)
    assert {"HMAX", "open_dataset", "figures", "measures", "data", "__version__"} <= set(names)
    assert not {"import_module", "Any", "TYPE_CHECKING", "annotations"} & set(names)
    for name in names:
        assert getattr(hmax_cnn, name) is not None
    text = pydoc.render_doc(hmax_cnn, renderer=pydoc.plaintext)
    assert "open_dataset" in text[:1500]


def test_figures_and_measures_by_name():
    assert set(dir(hmax_cnn.figures)) == {*figure_names(), "style"}
    for name in figure_names():
        assert getattr(hmax_cnn.figures, name).contract.draws
    assert {"cka", "rdm_similarity", "tolerance_range"} <= set(dir(hmax_cnn.measures))
    assert hmax_cnn.measures.cka.contract.takes == "pair"
    with pytest.raises(AttributeError, match=r"has no figure 'pie'\. There are: accuracy"):
        _ = hmax_cnn.figures.pie
    with pytest.raises(AttributeError, match="has no measure 'luck'"):
        _ = hmax_cnn.measures.luck


def test_sets_show_small_pictures():
    """At most eight, from all of the set, each with its name; plainly a line of text."""
    digits = open_dataset("digits")
    html = digits._repr_html_()
    assert html.count("<img ") == 8
    assert 'alt="0000"' in html
    assert 'alt="1796"' in html
    assert "1797 images" in html
    clips = paperclips((32, 32), n_objects=3)
    assert re.match(r"Stimuli\(3 of 'paperclip', drawn from ", repr(clips))
    assert clips._repr_html_().count("data:image/png;base64,") == 3


def test_models_show_their_layers():
    """With units and parameters where the size of images is known; plainly as scikit-learn does."""
    model = CNN("lenet5", weights="untrained")
    shown = model._repr_mimebundle_()
    assert shown["text/plain"] == repr(model)
    assert "<td>c1</td><td>4704</td><td>156</td>" in shown["text/html"]
    assert "<td>c2</td>" in HMAX()._repr_html_()
    fitted = HMAX(bands=1, prototype_sizes=(2,), n_prototypes=2).fit(
        np.zeros((1, 48, 48)) + 255 * np.eye(48)
    )
    assert "units at 48 x 48 pixels" in fitted._repr_html_()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1, 3), (4, 4, 1)])
def test_pictures_of_any_shape(shape):
    images = np.arange(2 * np.prod(shape)).reshape(2, *shape).astype(np.uint8)
    assert pictures_html("two", images, ["a", "b"]).count("<img ") == 2
