"""A plan is made of trials: cells of a few images, for real."""

import tempfile

import numpy as np
import pytest
import small_study

from hmax_cnn.analysis.study.planning import plan
from hmax_cnn.analysis.study.trials import carried_on, few_of, sizes_of
from hmax_cnn.data import digits


@pytest.mark.quick
@pytest.mark.parametrize(
    ("points", "count", "expected"),
    [
        ({10: 2.0, 20: 3.0}, 100, 11.0),  # a straight line with a start of 1
        ({10: 3.0, 20: 2.0}, 100, 2.0),  # it does not fall
        ({10: 1.15, 20: 4.15}, 40, 16.15),  # as the square, and what any cell takes
        ({10: 1.15, 20: 64.15}, 80, 0.15 + 64 * 4**2.5),  # and not much faster than that
        ({10: 0.1, 20: 0.29}, 40, 0.67),  # so short a time says nothing of how it grows
        ({10: 1.0, 40: 7.0}, 40, 7.0),  # the whole set was tried
        ({10: 1.15}, 30, 3.15),  # one trial: what any cell takes, and the rest by image
    ],
)
def test_time_is_carried_on_from_few_images(points, count, expected):
    assert carried_on(points, count) == pytest.approx(expected)


@pytest.mark.quick
def test_a_few_images_of_all_classes():
    images = digits()
    (fewer, more) = sizes_of(images)
    assert (fewer, more) == (60, 120)
    assert np.bincount(few_of(images, fewer).labels.astype(int)).tolist() == [6] * 10
    few = few_of(images, 70)
    assert sizes_of(few) == [70]
    assert few_of(few, 100) is few


@pytest.mark.slow
def test_a_plan_counts_all_and_keeps_nothing(tmp_path, monkeypatch):
    """Also of a measure of one's own that few images are not enough for."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "mine.py").write_text(
        "from hmax_cnn.analysis.contract import measure\n\n"
        '@measure(takes="responses")\n'
        "def picky(responses):\n"
        '    if responses.sizes["image"] < 300:\n'
        '        raise ValueError("too few")\n'
        '    return responses.mean("unit").to_dataset(name="value")\n'
    )
    many = ("per_class = 4", "per_class = 40")
    own = (
        "[figures.invariance]",
        '[measures.picky]\nmeasure = "mine:picky"\nmodels = ["pixels"]\nimages = ["digits"]\n\n'
        "[figures.invariance]",
    )
    found = plan(small_study.written(tmp_path, many, own), jobs=2)
    assert found.n_cells == 8
    rows = found.rows.set_index(["model", "images"])
    assert rows.loc[("pixels", "digits"), "n_images"] == 400
    assert rows.loc[("pixels", "digits"), "cells"] == 2
    assert (found.rows["seconds"] >= 0).all()
    assert found.seconds > found.rows["seconds"].sum()
    assert found.memory_mib > 100
    assert not any((tmp_path / "temporary").iterdir())
