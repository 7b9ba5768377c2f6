"""Reading a study: all that is wrong, each with its line."""

import pytest
from small_study import without_figures, written

from hmax_cnn.analysis.study import StudyError, read_study
from hmax_cnn.analysis.study.toml_writing import as_toml

pytestmark = pytest.mark.quick

BROKEN = {  # what is replaced, by what; the line of it that is named; what the text says
    "no TOML": ('title = "Small"', "title = Small", "title", "this is no TOML"),
    "unknown key at the top": (
        "units = 20",
        "unit = 20",
        "unit = 20",
        "`unit` is no key here. Did you mean 'units'?",
    ),
    "unknown key of a model": (
        'model = "extraction:FilterBank"',
        'model = "extraction:FilterBank"\nlayer = ["sobel"]',
        "layer =",
        "Did you mean 'layers'",
    ),
    "unknown section": (
        "[measures.alignment]",
        "[measure.alignment]",
        "[measure.alignment]",
        "`measure` is no key here. Did you mean 'measures'?",
    ),
    "missing title": ('title = "Small"\n', "", "units", "`title` is missing. Add it."),
    "missing model": (
        'model = "extraction:FilterBank"\n',
        "",
        "[models.filters]",
        "`model` is missing. Add it.",
    ),
    "text for a number": (
        "units = 20",
        'units = "many"',
        "units",
        "`units` must be a valid integer, got 'many'",
    ),
    "number out of range": (
        "resamples = 10",
        "resamples = -1",
        "resamples",
        "must be greater than or equal to 0, got -1",
    ),
    "seed twice": (
        "units = 20",
        "units = 20\nseeds = [1, 1]",
        "seeds",
        "each must stand there once, got [1, 1]",
    ),
    "wrong unit": (
        'unit = "pixels"',
        'unit = "degrees"',
        "unit = ",
        "`unit` of shift is 'pixels', got 'degrees'",
    ),
    "no identity": (
        "values = [-4, 0, 4]",
        "values = [-4, 4]",
        "values",
        "`values` must hold 0, at which shift changes nothing",
    ),
    "values without end": (
        "values = [-4, 0, 4]",
        "values = [-4, 0, inf]",
        "values",
        "must be a finite number",
    ),
    "unknown transformation": (
        "transformations:shift",
        "transformations:shifts",
        "transformation =",
        "has no 'shifts'. Did you mean 'shift'?",
    ),
    "missing file": (
        'source = "digits"',
        'source = "digit"',
        "source = ",
        "`source` 'digit' is not there: not beside the study",
    ),
    "missing images function": (
        "stimuli:fourier_shapes",
        "stimuli:fourier_shape",
        "source",
        "Did you mean 'fourier_shapes'?",
    ),
    "impossible parameter of stimuli": (
        "n_shapes = 6",
        "n_shape = 6",
        "parameters",
        "has no parameter 'n_shape'. Did you mean 'n_shapes'?",
    ),
    "too many images": (
        "per_class = 4",
        "per_class = 4000",
        "per_class",
        "`per_class` must be at most 178",
    ),
    "no such rule": ('resize = "stretch:16x16"', 'resize = "squeeze:16"', "resize", "squeeze"),
    "unknown package": (
        'model = "extraction:FilterBank"',
        'model = "extractoin:FilterBank"',
        "model = ",
        "Did you mean 'extraction'?",
    ),
    "unknown class": (
        'model = "extraction:FilterBank"',
        'model = "extraction:Filterbank"',
        "model = ",
        "Did you mean 'FilterBank'?",
    ),
    "unknown parameter of a model": (
        "grid = [8, 8]",
        "gird = [8, 8]",
        "parameters",
        "Did you mean 'grid'?",
    ),
    "impossible layer": (
        'model = "extraction:FilterBank"',
        'model = "extraction:FilterBank"\nlayers = ["filter"]',
        "layers",
        "Did you mean 'filters'?",
    ),
    "impossible size": (
        "grid = [8, 8]",
        "grid = [64, 64]",
        "parameters",
        "images 'shapes' of 32 x 32 pixels are impossible for it",
    ),
    "learns from nothing": (
        'learns_from = "digits"\n',
        "",
        "[models.linear]",
        "must be fitted first. Name images in `learns_from`: shapes, digits.",
    ),
    "learns from unlabelled images": (
        'learns_from = "digits"',
        'learns_from = "shapes"',
        "learns_from",
        "has no labels, and cnn:LinearClassifier learns classes",
    ),
    "learns from unknown images": (
        'learns_from = "digits"',
        'learns_from = "digit"',
        "learns_from",
        "not among the images: shapes, digits. Did you mean 'digits'?",
    ),
    "same label twice": (
        'label = "classical filters"',
        'label = "pixels"',
        "[models.",
        "`label` 'pixels' is that of two models",
    ),
    "no name": ("[images.shapes]", '[images."a/b"]', "[images", "'a/b' is no name"),
    "unknown measure": (
        "populations:population_similarity",
        "populations:similarity",
        "measure =",
        "has no 'similarity'. Did you mean",
    ),
    "module for a measure": (
        "analysis.measures.alignment:cka",
        "analysis.measures:retrieval",
        "measure =",
        "'analysis.measures:retrieval' is a module. Name what is in it, such as "
        "analysis.measures.retrieval:retrieval.",
    ),
    "module whose measures have other names": (
        "analysis.measures.alignment:cka",
        "analysis.measures:alignment",
        "measure =",
        "is a module. Name what is in it, such as analysis.measures.alignment:",
    ),
    "measure without transformation": (
        'transformations = ["position"]\n',
        "",
        "[measures.similarity]",
        "measures over a transformation. Name some in `transformations`: position.",
    ),
    "transformation without meaning": (
        'measure = "analysis.measures.alignment:cka"',
        'measure = "analysis.measures.alignment:cka"\ntransformations = ["position"]',
        "transformations = ",
        "have no meaning",
    ),
    "measure without labels": (
        'images = ["digits"]\nmodels',
        'images = ["shapes"]\nmodels',
        "images = ",
        "needs labels, and images 'shapes' have none",
    ),
    "unknown parameter of a measure": (
        "n_folds = 2",
        "n_fold = 2",
        "measure =",
        "has no parameter 'n_fold'. Did you mean 'n_folds'?",
    ),
    "parameter that the study gives": (
        "n_folds = 2",
        "images = 2",
        "measure =",
        "`parameters` cannot give 'images': the study does.",
    ),
    "model that a measure names": (
        'models = ["pixels", "linear"]',
        'models = ["pixels", "liner"]',
        "models = ",
        "Did you mean 'linear'?",
    ),
    "unknown figure": (
        'figure = "invariance"',
        'figure = "invarience"',
        "figure = ",
        "Did you mean 'invariance'?",
    ),
    "unknown parameter of a figure": (
        'figure = "accuracy"',
        'figure = "accuracy"\nparameters = { chanse = 0.1 }',
        "figure = ",
        "Did you mean 'chance'?",
    ),
    "measure that a figure names": (
        'measures = ["similarity"]',
        'measures = ["similarty"]',
        "measures",
        "Did you mean 'similarity'?",
    ),
    "width in another unit": (
        'width = "single"',
        'width = "3 inches"',
        "width",
        "from 60 to 400 in mm, such as '120 mm'",
    ),
    "transformation and views": (
        'unit = "pixels"',
        'views = { object = "a", angle = "b" }',
        "[transformations.position]",
        "give `transformation` and `values`, or `views`",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path, name):
    """Each is told with the line that it stands on, or that of its table."""
    old, new, marked, text = BROKEN[name]
    path = written(tmp_path, (old, new))
    with pytest.raises(StudyError) as raised:
        read_study(path)
    lines = path.read_text().splitlines()
    told = [problem for problem in raised.value.problems if text in problem.text]
    assert told, str(raised.value)
    assert any(marked in lines[problem.line - 1] for problem in told), str(raised.value)
    assert f"{path}:{told[0].line}: " in str(raised.value)


def test_all_problems_at_once(tmp_path):
    """Three mistakes are three problems, in the order of the file."""
    path = written(
        tmp_path,
        ("grid = [8, 8]", "gird = [8, 8]"),
        ("transformations:shift", "transformations:shifts"),
        ('figure = "accuracy"', 'figure = "acuracy"'),
    )
    with pytest.raises(StudyError) as raised:
        read_study(path)
    assert [problem.place for problem in raised.value.problems] == [
        "models.pixels",
        "transformations.position",
        "figures.accuracy",
    ]


def test_no_such_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"There is no file .*`hmax-cnn study new nothing.toml` writes one"
    ):
        read_study(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes('title = "é"'.encode("latin-1"))
    with pytest.raises(ValueError, match="is not in UTF-8"):
        read_study(tmp_path / "latin.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ValueError, match="no study is longer than 1 MiB"):
        read_study(tmp_path / "long.toml")


def test_defaults_are_written_out(tmp_path):
    """The study as run reads as the same study, and says what was left to defaults."""
    study = read_study(without_figures(tmp_path))
    text = as_toml(study)
    (tmp_path / "again.toml").write_text(text)
    assert read_study(tmp_path / "again.toml") == study
    assert {"level = 0.95", "seeds = [0]", 'resize = "none"', "keep_responses = false"} <= set(
        text.splitlines()
    )


def test_a_broken_module_of_the_user(tmp_path):
    """What goes wrong while their module is imported is theirs to read."""
    (tmp_path / "broken_module.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "wrong_module.py").write_text("def f(:\n")
    path = written(
        tmp_path,
        ('model = "extraction:FilterBank"', 'model = "broken_module:Mine"'),
        ('measure = "analysis.measures.alignment:cka"', 'measure = "wrong_module:f"'),
    )
    with pytest.raises(
        StudyError, match="it needs the module 'nothing_of_this_name', which is not there"
    ) as raised:
        read_study(path)
    assert "SyntaxError" in str(raised.value)
