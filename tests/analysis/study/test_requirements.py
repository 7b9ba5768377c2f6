"""A model whose packages are not installed is left out, with a word."""

import warnings

import pytest
from small_study import written

from hmax_cnn.analysis.study import StudyError, read_study
from hmax_cnn.analysis.study.requirements import LeftOutWarning
from hmax_cnn.analysis.study.running import run_study

pytestmark = pytest.mark.quick


SHARED_BY_TWO = 'models = ["pixels", "filters"]\nimages = ["shapes"]\ntransformations'


def requiring(folder, model, module):
    return written(folder, (f"[models.{model}]", f'[models.{model}]\nrequires = ["{module}"]'))


@pytest.mark.parametrize("package", ["numpy", "scikit-learn", "sklearn"])
def test_what_is_installed_is_kept(tmp_path, package):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = read_study(requiring(tmp_path, "filters", package))
    assert list(study.models) == ["pixels", "filters", "linear"]


def test_what_is_not_installed_is_left_out_of_everything(tmp_path):
    with pytest.warns(
        LeftOutWarning, match="classical filters was left out, since not installed: no_such"
    ):
        study = read_study(requiring(tmp_path, "filters", "no_such_package"))
    assert list(study.models) == ["pixels", "linear"]
    assert study.measures["similarity"].models == ["pixels"]
    assert study.about == ("classical filters was left out, since not installed: no_such_package.")


def test_measures_of_absent_models_alone_go_with_their_figures(tmp_path):
    path = written(
        tmp_path,
        ("[models.filters]", '[models.filters]\nrequires = ["no_such_package"]'),
        (
            'models = ["pixels", "filters"]\nimages = ["shapes"]\ntransf',
            'models = ["filters"]\nimages = ["shapes"]\ntransf',
        ),
    )
    with pytest.warns(LeftOutWarning):
        study = read_study(path)
    assert list(study.measures) == ["accuracy", "alignment"]
    assert list(study.figures) == ["accuracy"]


@pytest.mark.slow
def test_the_page_says_who_is_not_there(tmp_path):
    with pytest.warns(LeftOutWarning):
        run_study(requiring(tmp_path, "filters", "no.such"), tmp_path / "out", progress=False)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "classical filters was left out, since not installed: no.such." in page


@pytest.mark.slow
def test_results_of_a_model_that_is_no_longer_there_are_kept(tmp_path):
    """Made where the package was; gone on with where it is not."""
    out = tmp_path / "out"
    run_study(requiring(tmp_path, "filters", "numpy"), out, jobs=1, progress=False)
    kept = {path: path.read_bytes() for path in out.glob("results/*/*filters*/**/*.nc")}
    assert kept
    path = requiring(tmp_path, "filters", "no_such_package")
    with pytest.warns(LeftOutWarning):
        run_study(path, out, resume=True, jobs=1, progress=False)
    assert all(path.read_bytes() == content for path, content in kept.items())


def test_nothing_is_left(tmp_path):
    path = written(
        tmp_path,
        *(
            (f"[models.{name}]", f'[models.{name}]\nrequires = ["no_such_package"]')
            for name in ("pixels", "filters", "linear")
        ),
    )
    with (
        pytest.warns(LeftOutWarning),
        pytest.raises(ValueError, match="Nothing is left to be measured"),
    ):
        read_study(path)


@pytest.mark.parametrize("package", ["", ".x", "a b"])
def test_what_is_no_package(tmp_path, package):
    with pytest.raises(StudyError, match="`requires` must be names of modules or packages, got"):
        read_study(requiring(tmp_path, "filters", package))
