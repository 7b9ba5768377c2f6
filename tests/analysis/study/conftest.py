"""A small study that was run once."""

import pytest
from small_study import written

from hmax_cnn.analysis.study import run_study


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """The small study, run on one process."""
    folder = tmp_path_factory.mktemp("study")
    path = written(folder)
    return path, folder / "out", run_study(path, folder / "out", jobs=1, progress=False)
