"""Captions and methods as a paper has them."""


def test_words(ran):
    """Captions have n, method, seeds and literature; methods name every model, set, transformation
    and measure."""
    _, out, _ = ran
    caption = (out / "figures" / "accuracy.txt").read_text()
    assert "Intervals are 95 % (Wilson's)" in caption
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
