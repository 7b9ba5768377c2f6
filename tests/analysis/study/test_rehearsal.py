"""A figure that cannot be drawn, and a measure that a model has no gradients for, are known before
anything runs."""

import pytest
from small_study import TEXT, written

from hmax_cnn.analysis.study import StudyError, read_study

pytestmark = pytest.mark.quick

FIGURE = '[figures.accuracy]\nfigure = "accuracy"\nmeasures = ["accuracy"]\nwidth = "single"\n'
OWN = """\
from matplotlib.figure import Figure

from hmax_cnn import figure


@figure(draws="table", seeds="mean", given=())
def least(table):
    \"\"\"What lies below 0.1, of which random numbers have nothing.\"\"\"
    made = Figure()
    made.subplots().plot(table.loc[table["value"] < 0.1, "value"].to_numpy()[[0]])
    return made
"""


def problems(path):
    with pytest.raises(StudyError) as caught:
        read_study(path)
    return [(problem.line, problem.text) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("figure", "measure", "text"),
    [
        ("growth", "accuracy", "must have the column"),
        ("tuning_curves", "similarity", "it takes a 'curve_table'"),
        ("invariance", "accuracy", "must have the column"),
        ("layers", "alignment", "must have the column"),
        ("cka", "accuracy", "must have the column"),
    ],
)
def test_figures_of_the_wrong_measure(tmp_path, figure, measure, text):
    path = written(
        tmp_path, (FIGURE, f'[figures.accuracy]\nfigure = "{figure}"\nmeasures = ["{measure}"]\n')
    )
    ((line, said),) = problems(path)
    assert f"`figure` '{figure}' cannot be drawn of these measures" in said
    assert text in said
    assert path.read_text().splitlines()[line - 1] == f'figure = "{figure}"'


def test_two_measures_that_are_one_row(tmp_path):
    """Two sets of accuracies of the same layers in one figure."""
    second = TEXT[TEXT.index("[measures.accuracy]") : TEXT.index("[measures.alignment]")]
    second = second.replace("accuracy]", 'again]\nlabel = "again"')
    path = written(
        tmp_path,
        (
            "[measures.alignment]",
            second.replace("accuracy]", 'again]\nlabel = "again"') + "[measures.alignment]",
        ),
        (FIGURE, FIGURE.replace('["accuracy"]', '["accuracy", "again"]')),
    )
    ((_, said),) = problems(path)
    assert "several rows for the same model, layer" in said


def test_a_figure_of_ones_own_is_not_tried(tmp_path):
    """What it makes of numbers cannot be known: it is never refused for random ones."""
    (tmp_path / "what_is_least.py").write_text(OWN)
    own = FIGURE.replace('"accuracy"\nm', '"what_is_least:least"\nm')
    assert "accuracy" in read_study(written(tmp_path, (FIGURE, own))).figures


@pytest.mark.parametrize(
    ("figure", "measure", "extra"),
    [
        ("layers", "accuracy", 'layers = ["pixels"]'),
        ("tuning_curves", "tuning", 'layers = ["c1"]'),
        ("bandwidths", "tuning", 'layers = ["c1"]\nparameters = { value = "bandwidth_half" }'),
        ("polar", "tuning", 'models = ["hmax"]'),
        ("overview", "similarity", 'models = ["filters"]'),
        ("cka", "alignment", 'layers = ["pixels"]'),
    ],
)
def test_figures_that_can_be_drawn_are_not_refused(tmp_path, figure, measure, extra):
    """With layers of some models only, units, curves, pairs, and two seeds."""
    path = written(
        tmp_path,
        ('title = "Small"', 'title = "Small"\nseeds = [0, 1]'),
        (FIGURE, f'[figures.f]\nfigure = "{figure}"\nmeasures = ["{measure}"]\n{extra}\n'),
        ("[models.pixels]", GRATINGS),
        ("[measures.alignment]", TUNING),
    )
    assert "f" in read_study(path).figures


GRATINGS = """\
[images.gratings]
source = "data.stimuli:gratings"
parameters = { screen = [32, 32], orientations = [0, 45, 90, 135], frequencies = [0.1, 0.2] }

[models.hmax]
model = "hmax:HMAX"
layers = ["s1", "c1"]
parameters = { bands = 1 }

[models.pixels]"""
TUNING = """\
[measures.tuning]
measure = "analysis.measures.tuning:orientation_tuning"
models = ["hmax"]
images = ["gratings"]

[measures.alignment]"""


NO_GRADIENTS = """\
from hmax_cnn import FeatureExtractor, Maps


class Squares(FeatureExtractor):
    layer_names = ("squares",)

    def __init__(self, *, layer="squares", image_shape=None, device="cpu", batch_memory=256,
                 n_threads=None, progress=None):
        self.layer, self.image_shape, self.device = layer, image_shape, device
        self.batch_memory, self.n_threads, self.progress = batch_memory, n_threads, progress

    def learn(self, images, labels):
        pass

    def walk(self, retina, wanted):
        yield "squares", [Maps(retina.values**2, retina.field)], None
"""


@pytest.mark.parametrize(
    ("measure", "parameters", "remedy"),
    [
        ("field_growth:field_growth", "{ n_units = 2 }", 'ways = ["theoretical", "mapped"]'),
        ("field_growth:field_growth", '{ ways = ["theoretical"] }', None),
        ("field_views:field_views", "{ n_images = 1 }", "Name other models in `models`."),
    ],
)
def test_effective_fields_of_a_model_without_gradients(tmp_path, measure, parameters, remedy):
    (tmp_path / "squares_alone.py").write_text(NO_GRADIENTS)
    path = written(
        tmp_path,
        ("[models.linear]", '[models.squares]\nmodel = "squares_alone:Squares"\n\n[models.linear]'),
        (
            "[measures.alignment]",
            f'[measures.fields]\nmeasure = "analysis.measures.{measure}"\nimages = ["shapes"]\n'
            f'models = ["pixels", "squares"]\nparameters = {parameters}\n\n[measures.alignment]',
        ),
    )
    if remedy is None:
        assert "fields" in read_study(path).measures
    else:
        ((line, said),) = problems(path)
        assert "needs gradients with respect to the image, and 'squares' has none" in said
        assert remedy in said
        assert path.read_text().splitlines()[line - 1] == "[measures.fields]"


def test_columns_that_images_lack_are_known_before(tmp_path):
    """Fourier shapes have a shape, and no texture; textured shapes have both."""
    bias = """[measures.bias]
measure = "analysis.measures.shape_bias:shape_bias"
images = ["shapes"]
models = ["pixels"]

[measures.alignment]"""
    path = written(tmp_path, ("[measures.alignment]", bias))
    ((_, said),) = problems(path)
    assert "`texture` of analysis.measures.shape_bias:shape_bias is 'stimulus_texture'" in said
    assert "which images 'shapes' lack" in said
    both = (
        'source = "data.stimuli:fourier_shapes"\n'
        "parameters = { screen = [32, 32], n_shapes = 6, sizes = [16] }"
    )
    textured = (
        'source = "data.stimuli:textured_shapes"\n'
        "parameters = { screen = [32, 32], n_classes = 3, size = 16 }"
    )
    path = written(tmp_path, ("[measures.alignment]", bias), (both, textured))
    assert "bias" in read_study(path).measures
