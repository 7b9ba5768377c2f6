"""Captions and methods as a paper has them."""

import numpy as np
import xarray as xr

from hmax_cnn.analysis.literature.bibliography import bibtex
from hmax_cnn.analysis.measures.invariance import normalised_variance
from hmax_cnn.analysis.study.wording import citations


def test_words(ran):
    """Captions have method and n; methods name every model, set, transformation, measure and the
    seed, in paragraphs, and cite."""
    _, out, _ = ran
    caption = (out / "figures" / "accuracy.txt").read_text()
    assert "Intervals are 95 % (Wilson's, for n / 1.75: folds share images)." in caption
    assert "n = 40 images of digits" in caption
    methods = (out / "methods.txt").read_text()
    titles = [paragraph.partition(". ")[0] for paragraph in methods.split("\n\n")]
    assert titles == ["Models", "Images", "Measures", "Statistics and software"]
    said = (
        "Pixels (extraction:Pixels) had the parameters grid = [8, 8]",
        "It was fitted to 40 images of digits.",
        "Position was changed by shift, to -4, 0 and 4 pixels",
        "The random seed was 0.",
    )
    for word in (*said, "Kornblith et al., ICML 2019"):
        assert word in methods, word
    bib = (out / "references.bib").read_text()
    assert {"@inproceedings{kornblith2019,", "@article{harris2020,"} <= set(bib.splitlines())
    assert bib.count("{") == bib.count("}")
    assert "shorthand" not in bib


def test_the_software_behind_a_number_is_cited():
    """A ratio of standard deviations is what tmeasures computes: the article and the software both
    stand among the references, and nothing of the citation is left over."""
    values = np.random.default_rng(0).random((4, 3, 2))
    coords = {"shift": [0, 1, 2]}
    found = xr.DataArray(values, coords, ("image", "shift", "unit"), attrs={"identity": 0})
    made = normalised_variance(found, dispersion="standard deviation")
    assert citations([made.attrs]) == (["quiroga2019", "tmeasures"], [])
    assert "github.com/facundoq/tmeasures" in bibtex(["tmeasures"])
