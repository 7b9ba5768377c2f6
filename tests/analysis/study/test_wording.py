"""Captions and methods as a paper has them."""

import numpy as np
import xarray as xr

from hmax_cnn.analysis.literature.bibliography import bibtex
from hmax_cnn.analysis.measures.invariance import normalised_variance
from hmax_cnn.analysis.study.wording import citations


def test_words(ran):
    """Captions have n, method, seeds and literature; methods name every model, set, transformation
    and measure."""
    _, out, _ = ran
    caption = (out / "figures" / "accuracy.txt").read_text()
    assert "Intervals are 95 % (Wilson's, for n / 1.75: folds share images)" in caption
    assert "n = 40 images of digits" in caption
    assert "Seed 0." in caption
    methods = (out / "methods.txt").read_text()
    said = (
        "For pixels we used extraction:Pixels with grid = [8, 8]",
        "fitted on 40 images of digits",
        "Position was data.transformations:shift",
        "at -4, 0, 4 pixels",
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
