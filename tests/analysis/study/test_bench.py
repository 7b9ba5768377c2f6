"""Responses are collected once, of the units that are wanted."""

import numpy as np
from small_study import written

from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.study import read_study, run_study
from hmax_cnn.analysis.study.bench import Bench, Work
from hmax_cnn.analysis.study.building import Places, build_images
from hmax_cnn.analysis.study.cells import cells_of
from hmax_cnn.analysis.study.fingerprints import fingerprint

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
    path = written(tmp_path, ("[measures.accuracy]", other))
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
