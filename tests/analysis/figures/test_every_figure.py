"""Every figure: nothing overlaps or is cut, text stays text, wrong tables are refused."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from drawing import MADE, drawn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from hmax_cnn.analysis.figures import figure_names
from hmax_cnn.analysis.figures.overview import panels_of
from hmax_cnn.analysis.figures.seeds import over_seeds
from hmax_cnn.analysis.figures.style import save
from hmax_cnn.analysis.figures.tables import read_table
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.analysis.study.contract import load_figure
from hmax_cnn.data.stimuli import fourier_shapes

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


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
    """At one and two columns texts lie inside the figure and apart from each other, and legends
    cover no panel; a pixel and a half is left to rounding."""
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
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    for legend, axes in itertools.product(legends, figure.axes):
        a, b = legend.get_window_extent(), axes.get_window_extent()
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert not axes.axison or across < 1.5 or down < 1.5, "a legend covers a panel"
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


@pytest.mark.parametrize("width", ["single", "double"])
def test_no_layer_is_left_out(made, width):
    """Every layer of every architecture has its frame; where only some are asked for, the figure
    says how many there are."""
    table = made("architecture")["table"]
    figure = drawn(made, "architecture", width=width)
    titles = [axes.get_title(loc="left").replace("\n", "") for axes in figure.axes if axes.axison]
    assert len(titles) == len(table.drop_duplicates(["model", "layer"]))
    few = load_figure("architecture")[0](table, n_layers=3, width=width)
    n_layers = table[table["model"] == "LeNet-5, untrained"]["layer"].nunique()
    assert f"LeNet-5, untrained (3 of {n_layers} layers)" in [
        text.get_text() for axes in few.axes for text in axes.texts
    ]


ONE_PANEL = {
    "accuracy": {},
    "architecture": {"model": "HMAX", "layer": "c1"},
    "overview": {"transformation": "Position"},
    "rdms": {"model": "HMAX", "layer": "c1"},
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
    table = contract.draws[0]
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


def test_pictures_in_axes_of_the_caller(made):
    """A model's filters, a layer's fields, a picture's matches; several are refused. A polar plot
    needs polar axes."""
    for name in ("filters", "field_views", "winners"):
        function, results = load_figure(name)[0], made(name)["results"]
        few = {"HMAX": results["HMAX"]}
        for dim in {"layer", "picture"} & set(few["HMAX"].dims):
            few["HMAX"] = few["HMAX"].isel({dim: [0]})
        figure = Figure()
        one, other = figure.subplots(1, 2)
        assert function(few, ax=one) is figure
        assert one.images
        assert not other.has_data()
        if name != "winners":
            with pytest.raises(ValueError, match="`ax` is for one panel"):
                function(results, ax=one)
    curves = made("polar")["curve_table"]
    some = curves[(curves["model"] == "HMAX") & (curves["layer"] == "c1")]
    figure = Figure()
    load_figure("polar")[0](some, ax=figure.add_subplot(projection="polar"))
    assert figure.axes[0].lines
    with pytest.raises(ValueError, match="`ax` must be polar"):
        load_figure("polar")[0](some, ax=Figure().subplots())


def test_an_overview_says_what_a_dot_is():
    """The mean over what changes the image, with the mean of its intervals; axes start at zero."""
    rows = [("m", "c1", amount, value) for amount, value in ((-1, 0.4), (0, 1.0), (1, 0.8))]
    table = pd.DataFrame(rows, columns=["model", "layer", "amount", "value"])
    table = table.assign(
        measure="similarity", changed=table["amount"] != 0, low=table["value"] - 0.1, high=0.9
    )
    ((key, part),) = panels_of(table)
    assert key == ("similarity", "", "", "")
    assert part[["value", "low", "high"]].to_numpy().tolist() == [
        [pytest.approx(0.6), pytest.approx(0.5), pytest.approx(0.9)]
    ]
    axes = load_figure("overview")[0](table).axes[0]
    assert axes.get_ylim()[0] == 0


def test_an_overview_of_a_file_with_seeds(tmp_path):
    """As of the table itself: what does not change the image stays out of the mean."""
    table = pd.DataFrame({"amount": [0, 2] * 3, "seed": [0, 0, 1, 1, 2, 2]})
    table = table.assign(model="m", layer="c1", measure="s", low=0.0, high=1.0)
    table["value"] = [1.0, 0.2, 1.0, 0.3, 1.0, 0.4]
    table["changed"] = table["amount"] != 0
    table.to_csv(tmp_path / "t.csv", index=False)
    ((_, part),) = panels_of(over_seeds(read_table(tmp_path / "t.csv")))
    assert part["value"].tolist() == [pytest.approx(0.3)]


def test_bands_that_go_on_end_in_an_arrow(made):
    """A band far wider than the curves does not squeeze them, and is not cut off in silence."""
    table = made("invariance")["table"]
    table = table[table["transformation"] == "Position"]
    wide = table.assign(low=table["value"] - 40 * (table["model"] == "HMAX"))
    figure = load_figure("invariance")[0](wide, rows="model")
    low, high = figure.axes[0].get_ylim()
    assert high - low < 4
    arrows = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert arrows
    assert set(arrows[0].get_ydata()) == {0}  # of the panel's height
    near = load_figure("invariance")[0](wide, rows="model", look={"y_limits": [0.9, 1.1]})
    ends = {line.get_marker() for line in near.axes[0].lines if line.get_clip_on() is False}
    assert ends >= {"v"}


def test_a_range_that_is_cut_off_has_a_triangle():
    """Where units reach the end of what was shown; not where none does."""
    table = pd.DataFrame({"model": ["a", "b"], "layer": "c1", "value": [3.0, 4.0]})
    table = table.assign(low=2.0, high=5.0, measure="range", cut_off=[0.0, 0.25])
    axes = load_figure("layers")[0](table).axes[0]
    triangles = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == ">"]
    assert triangles == [1]


@pytest.mark.parametrize("name", MADE)
def test_wrong_tables(made, name):
    """Something else than a table, a table of another measure, and an empty one are refused in
    words."""
    function, contract = load_figure(name)
    key = contract.draws[0]
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


def test_values_are_those_of_the_table(made):
    """Invariance draws the very numbers, in one panel for each transformation, with its unit;
    markers are those of layers."""
    table = made("invariance")["table"]
    figure = drawn(made, "invariance")
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["Position", "Size"]
    assert [axes.get_xlabel() for axes in panels] == ["Shift (pixels)", "Scale factor"]
    line = next(line for line in panels[0].lines if line.get_label() == "perceptron, C2")
    rows = table[
        (table["model"] == "perceptron")
        & (table["layer"] == "c2")
        & (table["transformation"] == "Position")
    ]
    np.testing.assert_allclose(line.get_ydata(), rows["value"])
    assert panels[1].get_xscale() == "log"


def test_references_are_drawn_and_named(made):
    """A line for a value, a band for a range, each with its name."""
    table = made("layers")["table"]
    given = {"chance": 0.5, "humans": (0.93, 1.0)}
    figure = load_figure("layers")[0](table, look={"references": given})
    axes = figure.axes[0]
    assert {"chance", "humans"} <= {text.get_text() for text in axes.texts}
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [0.5]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.93, 1.0))


def test_names_of_close_references_do_not_meet(made):
    """At one column, below a title: in lines one above the other, all of it inside the figure."""
    table = made("layers")["table"]
    middle = float(table["value"].mean())
    given = {"a long name": middle, "another long name": 1.02 * middle, "far": 0.0}
    figure = load_figure("layers")[0](table, width="single", look={"references": given})
    names = [(text, box) for text, box in texts(figure) if text.get_text() in given]
    assert len(names) == 3
    for (_, a), (_, b) in itertools.combinations(texts(figure), 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1.5 or down < 1.5


@pytest.mark.parametrize("reached", ["high", [1, 2, 3], None, np.nan])
def test_references_that_are_none(made, reached):
    table = made("layers")["table"]
    with pytest.raises(ValueError, match="`references` must be numbers, or pairs"):
        load_figure("layers")[0](table, look={"references": {"others": reached}})


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
