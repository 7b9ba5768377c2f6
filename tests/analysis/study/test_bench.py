"""Responses are collected once, of the units that are wanted."""

import numpy as np
import pytest
from small_study import without_figures

from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.study import read_study, run_study
from hmax_cnn.analysis.study.bench import Bench
from hmax_cnn.analysis.study.building import Places, build_images
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.fingerprints import fingerprint
from hmax_cnn.analysis.study.problems import StudyError
from hmax_cnn.analysis.study.work import Work

N_CELLS = 2 + 2 + 3  # similarity of two models; accuracy of two; three pairs of two models


def test_responses_are_those_of_the_units_asked_for(tmp_path):
    """What two measures share is collected once, and each gets its own units: the very responses
    that it would have got alone."""
    other = """[measures.other]
measure = "analysis.measures.invariance:separability"
models = ["filters"]
images = ["shapes"]
transformations = ["position"]
units = "centre"

[measures.accuracy]"""
    path = without_figures(tmp_path, ("[measures.accuracy]", other))
    study = read_study(path)
    done = run_study(path, tmp_path / "out", jobs=1, progress=False)
    assert done.n_made == N_CELLS + 1
    places = Places(tmp_path)
    work = Work(
        study,
        places,
        tmp_path / "by_hand",
        {
            name: fingerprint(build_images(table, places), name)
            for name, table in study.images.items()
        },
    )
    bench = Bench(work, "filters", 0)
    for cell in cells_of(study):
        if cell.models == ("filters",) and cell.transformation:
            units = {"similarity": 20, "other": "centre"}[cell.measure]
            alone = responses(bench.unfitted, bench.images("shapes", "position"), units=units)
            shared = bench.responses(cell)
            assert shared["unit"].values.tolist() == alone["unit"].values.tolist()
            np.testing.assert_array_equal(shared.values, alone.values)


def test_pictures_are_resized_for_each_model(tmp_path):
    """A model's own `resize` is what it sees, learns from and is transformed at; others see what
    the images' table says; stimuli keep their size."""
    path = without_figures(
        tmp_path,
        ("grid = [8, 8] }", 'grid = [8, 8] }\nresize = "cover:24x20"'),
    )
    study, places = read_study(path), Places(tmp_path)
    work = Work(study, places, tmp_path / "out", {})
    own, other = (Bench(work, name, 0) for name in ("pixels", "filters"))
    assert own.image_shape("digits") == (24, 20)
    assert other.image_shape("digits") == (16, 16)
    assert own.image_shape("digits", "position") == (24, 20)
    assert own.image_shape("shapes") == other.image_shape("shapes") == (32, 32)
    done = run_study(path, tmp_path / "out", jobs=1, progress=False)
    assert done.n_made == N_CELLS
    assert "It saw images resized by cover:24x20" in (tmp_path / "out" / "methods.txt").read_text()


def test_a_size_that_no_picture_can_have(tmp_path):
    """Refused before anything runs, with the table that says it."""
    path = without_figures(
        tmp_path,
        ("parameters = { grid = [8, 8] }", 'parameters = { grid = [8, 8] }\nresize = "half"'),
    )
    with pytest.raises(StudyError, match=r"\[models.pixels\].*resize"):
        read_study(path)
