"""Every figure, at one and two columns: nothing overlaps or is cut off, text stays text, and what
is drawn is what was measured."""

import itertools
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic import VALUES, grid

from hmax_cnn.analysis.figures import figure_names
from hmax_cnn.analysis.figures.style import PALETTE, colours_of, save, sheet, width_in_mm
from hmax_cnn.analysis.figures.tables import tables
from hmax_cnn.analysis.measures.alignment import cka as cka_measure
from hmax_cnn.analysis.measures.architecture import architecture as architecture_measure
from hmax_cnn.analysis.measures.best_matches import best_matches
from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.classification import classification
from hmax_cnn.analysis.measures.field_growth import field_growth
from hmax_cnn.analysis.measures.field_views import field_views as views_measure
from hmax_cnn.analysis.measures.first_filters import first_filters
from hmax_cnn.analysis.measures.learning_curves import learning_curve
from hmax_cnn.analysis.measures.populations import population_similarity
from hmax_cnn.analysis.measures.similarity import rdms as rdms_measure
from hmax_cnn.analysis.measures.tolerance import selectivity_and_tolerance, tolerance_range
from hmax_cnn.analysis.measures.tuning import (
    frequency_tuning,
    grating_responses,
    orientation_tuning,
    phase_tuning,
)
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.contract import load_figure
from hmax_cnn.cnn import CNN
from hmax_cnn.data import digits
from hmax_cnn.data.stimuli import fourier_shapes
from hmax_cnn.extraction import FilterBank, Pixels
from hmax_cnn.hmax import HMAX

FEW = Resampling(10)
WIDE = {
    "HMAX": HMAX(prototypes="photographs", bands=2, prototype_sizes=(2, 4), n_prototypes=4),
    "LeNet-5, untrained": CNN("lenet5", weights="untrained"),
}


def _responses(rng):
    return grid(rng.random((8, len(VALUES), 12)), layer=("unit", ["c1"] * 6 + ["c2"] * 6))


def _curves(rng):
    shifted, sized = (
        _responses(rng),
        grid(
            rng.random((8, len(VALUES), 12)),
            "scale",
            "times",
            1.0,
            2.0 ** np.arange(-4, 5),
            layer=("unit", ["c1"] * 6 + ["c2"] * 6),
        ),
    )
    parts = {
        "Position": population_similarity(shifted, resampling=FEW),
        "Size": population_similarity(sized, resampling=FEW),
    }
    return tables({"HMAX": parts, "LeNet-5, untrained": parts, "perceptron": parts})


def _brain(rng):
    still = _responses(rng).isel(shift=0, drop=True)
    subjects = rng.random((3, 28))
    return tables(
        {
            model: brain_similarity(
                rdms_measure(still), subjects, n_permutations=20, resampling=FEW
            )
            for model in ("HMAX", "a long name of a model")
        }
    )


def _alignment(rng):
    still = _responses(rng).isel(shift=0, drop=True)
    found = cka_measure(still, still, resampling=FEW)
    whole = [
        table["table"].assign(model_b=b)
        for a, b in itertools.product(("HMAX", "CNN"), repeat=2)
        for table in [tables({a: found})]
    ]
    return {"table": pd.concat(whole, ignore_index=True)}


def _classified(rng):
    pictures = digits().framed("stretch:32x32").subset(np.arange(60))
    return tables(
        {
            "pixels": classification(Pixels(grid=(4, 4)), pictures, readout="nearest", n_folds=2),
            "classical filters": classification(
                FilterBank(), pictures, readout="nearest", n_folds=2
            ),
        }
    )


def _learned(rng):
    pictures = digits().framed("stretch:32x32").subset(np.arange(80))
    return tables(
        {
            name: learning_curve(
                Pixels(grid=(side, side)),
                pictures,
                (1, 2, 3),
                readout="nearest",
                n_repeats=2,
                resampling=FEW,
            )
            for name, side in (("pixels", 8), ("few pixels", 2))
        }
    )


@cache
def _gratings():
    return grating_responses(
        HMAX(bands=1, s1_response="signed"),
        (32, 32),
        ["s1", "c1"],
        n_orientations=6,
        frequencies=(0.1, 0.2, 0.3),
        n_phases=4,
    )


def _tuned(measure):
    return lambda rng: tables(
        {name: measure(_gratings(), resampling=FEW) for name in ("HMAX", "LeNet-5, untrained")}
    )


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))
SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


def _grown(rng):
    results = {
        name: field_growth(model, IMAGES, n_units=2, resampling=FEW) for name, model in WIDE.items()
    }
    return tables(results)


MADE = {
    "accuracy": _classified,
    "architecture": lambda rng: tables(
        {name: architecture_measure(model, (32, 32)) for name, model in WIDE.items()}
    ),
    "bandwidths": _tuned(orientation_tuning),
    "brain": _brain,
    "cka": _alignment,
    "confusion": _classified,
    "field_views": lambda rng: {
        "results": {
            name: views_measure(model, IMAGES, SHOWN[name], n_images=1)
            for name, model in WIDE.items()
        }
    },
    "filters": lambda rng: {
        "results": {name: first_filters(model) for name, model in WIDE.items()}
    },
    "growth": _grown,
    "invariance": _curves,
    "layers": lambda rng: tables(
        {name: tolerance_range(_responses(rng), resampling=FEW) for name in ("HMAX", "CNN")}
    ),
    "learning": _learned,
    "modulation": _tuned(phase_tuning),
    "overview": _curves,
    "polar": _tuned(orientation_tuning),
    "rdms": lambda rng: tables(
        {
            name: rdms_measure(_responses(rng).isel(shift=0, drop=True))
            for name in ("HMAX", "LeNet-5, untrained")
        }
    ),
    "selectivity": lambda rng: tables(
        {
            name: selectivity_and_tolerance(_responses(rng), resampling=FEW)
            for name in ("HMAX", "CNN")
        }
    ),
    "tuning_curves": _tuned(frequency_tuning),
    "winners": lambda rng: {"results": {"HMAX": best_matches(WIDE["HMAX"], IMAGES)}},
}


@pytest.fixture(scope="module")
def made():
    """Tables for each figure, made once."""
    kept = {}
    return lambda name: kept.setdefault(name, MADE[name](np.random.default_rng(0)))


def drawn(made, name, **options):
    function, contract = load_figure(name)
    found = made(name)
    return function(*(found[key] for key in contract.draws), **options)


def texts(figure):
    """Texts that are seen, with their boxes in pixels: not the labels of ticks that are not drawn,
    nor those of axes that are switched off."""
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = {
                id(label)
                for tick in (*axis.majorTicks, *axis.minorTicks)
                for label in (tick.label1, tick.label2)
            } | {id(axis.offsetText)}
            if axes.axison:
                low, high = sorted(axis.get_view_interval())
                margin = 1e-9 * (high - low)
                shown = {
                    id(label)
                    for tick in (*axis.majorTicks, *axis.minorTicks)
                    if low - margin <= tick.get_loc() <= high + margin
                    for label in (tick.label1, tick.label2)
                }
            else:
                shown = set()
            hidden |= (labels - shown) | (set() if axes.axison else {id(axis.label)})
    found = figure.findobj(
        lambda artist: (
            isinstance(artist, Text)
            and artist.get_visible()
            and artist.get_text().strip()
            and id(artist) not in hidden
        )
    )
    return [(text, text.get_window_extent(renderer)) for text in found]


def test_every_figure_is_tried():
    assert set(MADE) == set(figure_names())


@pytest.mark.parametrize("width", [85, 174])
@pytest.mark.parametrize("name", MADE)
def test_no_overlap_and_nothing_cut(made, name, width):
    """At one and two columns texts lie inside the figure and apart from each other; a pixel and a
    half is left to rounding."""
    figure = drawn(made, name, width="single" if width == 85 else "double")
    assert figure.get_figwidth() * 25.4 == pytest.approx(width)
    found = texts(figure)
    assert found
    frame = figure.bbox
    cut = [
        text.get_text()
        for text, box in found
        if box.x0 < frame.x0 - 1.5
        or box.x1 > frame.x1 + 1.5
        or box.y0 < frame.y0 - 1.5
        or box.y1 > frame.y1 + 1.5
    ]
    assert not cut, f"cut off: {cut}"
    for (one, a), (other, b) in itertools.combinations(found, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1.5 or down < 1.5, (
            f"{one.get_text()!r} lies over {other.get_text()!r} ({across:.1f} x {down:.1f} pixels)"
        )


@pytest.mark.parametrize("name", MADE)
def test_text_stays_text(made, name, tmp_path):
    """Text of the SVG can be searched and edited, fonts of the PDF are embedded as they are; the
    same figure gives the same bytes."""
    words = {
        text.get_text().split("\n")[0]
        for text, _ in texts(drawn(made, name))
        if re.fullmatch(r"[A-Za-z][\w ,%/.-]{2,}", text.get_text().split("\n")[0])
    }
    assert words
    save(drawn(made, name), tmp_path / "a", pd.DataFrame({"a": [1.0]}), ["svg", "pdf"])
    svg = (tmp_path / "a.svg").read_text()
    written = set(re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]+)<", svg))
    assert words <= written, words - written
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/Subtype /Type0" in pdf or b"/Subtype /TrueType" in pdf
    assert b"/Subtype /Type3" not in pdf
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("name", ["invariance", "rdms", "filters"])
def test_the_same_figure_gives_the_same_bytes(made, name, tmp_path):
    for stem in ("a", "b"):
        save(drawn(made, name), tmp_path / stem, pd.DataFrame({"a": [1.0]}))
    for form in ("svg", "pdf", "png", "csv"):
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()


ONE_PANEL = {
    "accuracy": {},
    "brain": {},
    "cka": {},
    "growth": {},
    "learning": {},
    "invariance": {"transformation": "Position"},
    "layers": {},
    "bandwidths": {"model": "HMAX", "layer": "c1"},
    "modulation": {"model": "HMAX", "layer": "c1"},
    "selectivity": {"model": "HMAX", "layer": "c1"},
    "tuning_curves": {"model": "HMAX", "layer": "c1"},
    "confusion": {"model": "pixels"},
}


@pytest.mark.parametrize("name", ONE_PANEL)
def test_in_axes_of_the_caller(made, name):
    """A figure of one panel draws where it is told to, and nowhere else; several panels are
    refused."""
    function, contract = load_figure(name)
    (table,) = contract.draws
    rows = made(name)[table]
    part = rows
    for column, value in ONE_PANEL[name].items():
        part = part[part[column] == value]
    figure = Figure()
    one, other = figure.subplots(1, 2)
    assert function(part, ax=one) is figure
    assert one.has_data()
    assert not other.has_data()
    if len(part) < len(rows):
        with pytest.raises(ValueError, match=r"`ax` is for one panel, but the table has \d+"):
            function(rows, ax=one)


@pytest.mark.parametrize("name", MADE)
def test_wrong_tables(made, name):
    """Something else than a table, a table of another measure, and an empty one are refused in
    words."""
    function, contract = load_figure(name)
    (key,) = contract.draws
    good = made(name)[key]
    if key == "results":
        with pytest.raises(TypeError, match="`results` must be a mapping"):
            function(pd.DataFrame())
        with pytest.raises(ValueError, match=r"`results` of 'HMAX' must have .*another measure"):
            function({"HMAX": xr.Dataset({"other": 1})})
        with pytest.raises(ValueError, match="`results` must hold at least one result"):
            function({})
        return
    with pytest.raises(TypeError, match=r"`table` must be a pandas\.DataFrame"):
        function([1, 2])
    with pytest.raises(ValueError, match="`table` must have the column"):
        function(pd.DataFrame({"other": [1]}))
    with pytest.raises(ValueError, match="`table` must hold at least one row"):
        function(good.iloc[:0])


def test_colours_can_be_told_apart_by_colour_blind_readers():
    """Simulated by Machado et al. 2009 (severity 1), every pair of the palette's first six is at
    least 10 apart in CIE Lab.

    Seen: 11.0 is the smallest distance (deuteranopia); Matplotlib's default cycle comes down to
    3.5.
    """
    simulated = {
        "normal": np.eye(3),
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "tritan": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }
    for name, matrix in simulated.items():
        linear = (
            np.array(
                [[_linear(c) for c in to_rgb(colour)] for colour in list(PALETTE.values())[:6]]
            )
            @ np.array(matrix).T
        )
        lab = np.array([_lab(rgb) for rgb in np.clip(linear, 0, 1)])
        apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2)]
        assert min(apart) > 10, (name, min(apart))


def _linear(value):
    if value <= 0.04045:
        return value / 12.92
    return ((value + 0.055) / 1.055) ** 2.4


def _lab(linear):
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ linear
        / np.array([0.9505, 1.0, 1.089])
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_colours_stay_with_their_models():
    """A model keeps its colour whichever others are drawn."""
    colours = colours_of(["a", "b", "c"])
    assert colours_of(["b"], colours) == {"b": colours["b"]}
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize(
    ("width", "mm"), [("single", 85), ("85mm", 85), ("120 mm", 120), (100, 100), ("90", 90)]
)
def test_widths(width, mm):
    assert width_in_mm(width) == pytest.approx(mm)
    with sheet(width, 2) as (figure, _):
        assert figure.get_figwidth() == pytest.approx(mm / 25.4)


@pytest.mark.parametrize("width", ["85in", "8.5cm", "broad", 3.3, 2000, "", "..mm"])
def test_wrong_widths(width):
    with pytest.raises(ValueError, match="`width` must be 'single'"):
        width_in_mm(width)


def test_values_are_those_of_the_table(made):
    """Invariance draws the very numbers, in one panel for each transformation, with its unit;
    markers are those of layers."""
    table = made("invariance")["table"]
    figure = drawn(made, "invariance")
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["Position", "Size"]
    assert [axes.get_xlabel() for axes in panels] == ["Pixels", "Times"]
    line = next(line for line in panels[0].lines if line.get_label() == "perceptron, c2")
    rows = table[
        (table["model"] == "perceptron")
        & (table["layer"] == "c2")
        & (table["transformation"] == "Position")
    ]
    np.testing.assert_allclose(line.get_ydata(), rows["value"])
    assert panels[1].get_xscale() == "log"


def test_many_curves_get_rows(made):
    """More than eight curves are split by model, each row with its layers in a legend."""
    table = made("invariance")["table"]
    one = table[table["model"] == "HMAX"]
    many = pd.concat([one.assign(model=model) for model in ("a", "b", "c", "d", "e")])
    figure = load_figure("invariance")[0](many)
    assert len(figure.axes) == 2 * many["model"].nunique()


def test_rows_that_cannot_be_told_apart(made):
    """Two measures, or two sets of images, are not drawn over each other; a label may have dollars
    in it."""
    table = made("invariance")["table"]
    with pytest.raises(
        ValueError, match="has several rows for the same model, layer, transformation, amount"
    ):
        load_figure("invariance")[0](pd.concat([table, table.assign(measure="other")]))
    pairs = made("cka")["table"]
    with pytest.raises(ValueError, match="Give the figure one of them"):
        load_figure("cka")[0](pd.concat([pairs.assign(images="a"), pairs.assign(images="b")]))
    figure = load_figure("accuracy")[0](made("accuracy")["table"].assign(model=["$5 and $_$", "b"]))
    assert "$5 and $_$" in [text.get_text() for text, _ in texts(figure)]


@pytest.mark.parametrize(
    "name", ["invariance", "layers", "accuracy", "overview", "cka", "learning"]
)
@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_nothing_is_defined(made, name, tmp_path):
    """A table of undefined values is drawn, and saved."""
    table = made(name)["table"].assign(value=np.nan, low=np.nan, high=np.nan)
    save(load_figure(name)[0](table), tmp_path / "undefined", table, ["svg"])
    assert (tmp_path / "undefined.svg").is_file()


def test_several_seeds_give_intervals_over_seeds():
    """The mean over seeds and Student's t: 1, 2, 3 give 2 +- 4.303 / sqrt 3."""
    table = pd.DataFrame(
        {
            "model": "m",
            "layer": "c1",
            "seed": [0, 1, 2],
            "value": [1.0, 2.0, 3.0],
            "low": 0.0,
            "high": 9.0,
            "measure": "x",
        }
    )
    figure = load_figure("layers")[0](table)
    spans = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(
        spans[0], [2 - 4.30265 / np.sqrt(3), 2 + 4.30265 / np.sqrt(3)], rtol=1e-5
    )


def test_cortex_beside_growth():
    """With degrees and an eccentricity there is a panel of areas, the recalled ones pale."""
    found = field_growth(
        Pixels(grid=(4, 4)),
        np.random.default_rng(0).random((1, 32, 32)),
        n_units=2,
        pixels_per_degree=4,
        resampling=FEW,
    )
    table = tables({"pixels": found})["table"]
    figure = load_figure("growth")[0](table, "degrees", eccentricity=5.0)
    depth, cortex = figure.axes
    assert depth.get_yscale() == "log"
    assert depth.lines[0].get_ydata().tolist() == [2.0]
    marks = {
        label.get_text(): line
        for label, line in zip(cortex.get_xticklabels(), cortex.lines, strict=False)
    }
    assert marks["V1"].get_ydata()[0] == pytest.approx(0.21 * 5)
    assert marks["V1"].get_color() == "#BBBBBB"
    assert marks["TE"].get_ydata().tolist() == [2.8, 26.0]
    with pytest.raises(
        ValueError, match="`units` must be one of 'pixels', 'fraction', 'degrees', got 'metres'"
    ):
        load_figure("growth")[0](table, "metres")
    with pytest.raises(ValueError, match="`eccentricity` needs units='degrees'"):
        load_figure("growth")[0](table, "pixels", 5)


def test_brain_similarity_between_its_bounds():
    """A point per layer at its value, filled only where it is significant; the ceiling is a band
    from low to high."""
    table = pd.DataFrame(
        {
            "model": "m",
            "layer": ["good", "noise"],
            "value": [0.4, 0.0],
            "low": [0.3, -0.1],
            "high": [0.5, 0.1],
            "p_corrected": [0.01, 0.6],
        }
    )
    figure = load_figure("brain")[0](table.assign(ceiling_low=0.5, ceiling_high=0.7))
    axes = figure.axes[0]
    points = [
        line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert [point.get_xdata()[0] for point in points] == [0.4, 0.0]
    assert [to_rgb(point.get_markerfacecolor()) == to_rgb("white") for point in points] == [
        False,
        True,
    ]
    assert axes.patches[0].get_x() == pytest.approx(0.5)


def test_field_views_show_the_theoretical_box(made):
    """The box is where the field is theoretical, cut at the image's edge."""
    figure = drawn(made, "field_views")
    first = next(iter(made("field_views")["results"].values())).isel(layer=0)
    patch = figure.axes[0].patches[0]
    assert (patch.get_x(), patch.get_y()) == (
        max(int(first["left"]), 0) - 0.5,
        max(int(first["top"]), 0) - 0.5,
    )
    assert patch.get_width() == min(int(first["right"]), 32) - max(int(first["left"]), 0)
