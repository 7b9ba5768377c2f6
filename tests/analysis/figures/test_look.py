"""The look of figures: order, names, scales, limits, references, legend, type, bands."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from hmax_cnn import Look, figures
from hmax_cnn import figure as figures_mark
from hmax_cnn.analysis.figures.fonts import installed
from hmax_cnn.analysis.figures.palette import shades_of
from hmax_cnn.analysis.figures.seeds import over_seeds


def table_of(seeds=(0,), models=("pixels", "HMAX", "net")):
    """Self-similarity over a shift: a value of its own for each model, layer, amount and seed."""
    layers = {"pixels": ["pixels"], "HMAX": ["s1", "c1", "c2"], "net": ["c1_active", "fc"]}
    rows = [
        {
            "measure": "self-similarity",
            "model": model,
            "layer": layer,
            "transformation": "Position",
            "images": "shapes",
            "amount": amount,
            "amount_of": "shift",
            "unit_of_amount": "pixels",
            "changed": amount != 0,
            "seed": seed,
            "value": 1 - 0.1 * abs(amount) * (1 + place + seed / 10),
        }
        for model in models
        for place, layer in enumerate(layers[model])
        for amount in (-2, 0, 2)
        for seed in seeds
    ]
    found = pd.DataFrame(rows)
    return found.assign(low=found["value"] - 0.05, high=found["value"] + 0.05)


def labels_in(figure):
    """What curves are called, in the order in which they were drawn."""
    axes = figure.axes[0]
    return axes.get_legend_handles_labels()[1]


def test_models_and_layers_in_the_order_that_is_given():
    figure = figures.invariance(
        table_of(), look={"models": ["net", "HMAX"], "layers": ["c2", "fc"]}
    )
    assert labels_in(figure) == ["net", "HMAX"]
    figure = figures.invariance(
        table_of(), rows="together", look={"models": ["HMAX"], "layers": ["c2", "s1"]}
    )
    assert labels_in(figure) == ["HMAX, C2", "HMAX, S1"]


def test_the_highest_layers_share_a_panel():
    """One curve for each model: its last layer, by the model's name alone."""
    figure = figures.invariance(table_of(), look={"layers": "highest"})
    assert labels_in(figure) == ["pixels", "HMAX", "net"]
    curve = next(line for line in figure.axes[0].lines if line.get_label() == "HMAX")
    np.testing.assert_allclose(curve.get_ydata(), [1 - 0.1 * 2 * 3, 1, 1 - 0.1 * 2 * 3])


def test_names_of_papers_and_of_ones_own():
    of_net = {"models": ["net"]}
    assert labels_in(figures.invariance(table_of(), look=of_net)) == ["net, C1", "net, fc"]
    technical = of_net | {"layer_names": "technical"}
    assert labels_in(figures.invariance(table_of(), look=technical)) == [
        "net, c1_active",
        "net, fc",
    ]
    own = of_net | {"labels": {"net": "LeNet", "C1": "first", "fc": "last", "Position": "Place"}}
    figure = figures.invariance(table_of(), look=own)
    assert labels_in(figure) == ["LeNet, first", "LeNet, last"]
    assert figure.axes[0].get_title() == "Place"


def test_colours_by_either_name():
    for key in ("net", "LeNet"):
        look = {
            "models": ["net"],
            "layers": ["fc"],
            "labels": {"net": "LeNet"},
            "colours": {key: "#123456"},
        }
        curve = figures.invariance(table_of(), look=look).axes[0].lines[0]
        assert curve.get_color() == "#123456"


def test_shades_tell_layers_apart():
    """From light to dark, all of one hue; a single layer has the colour itself."""
    shades = shades_of("#0072B2", 3)
    lightness = [sum(int(shade[i : i + 2], 16) for i in (1, 3, 5)) for shade in shades]
    assert lightness == sorted(lightness, reverse=True)
    assert min(np.diff(lightness[::-1])) > 60
    assert shades_of("#0072B2", 1) == ["#0072b2"]


def test_the_first_model_is_drawn_over_the_others():
    figure = figures.invariance(table_of(), rows="together", look={"models": ["net", "pixels"]})
    order = {line.get_label(): line.get_zorder() for line in figure.axes[0].lines}
    assert order["net, C1"] > order["pixels"]


def test_scales_limits_and_references():
    look = {
        "models": ["pixels"],
        "y_scale": "log2",
        "y_limits": [0.25, 2],
        "x_limits": [-3, 3],
        "references": {"humans": 0.5, "monkeys": [0.6, 0.7]},
    }
    axes = figures.invariance(table_of(), look=look).axes[0]
    assert (axes.get_yscale(), axes.get_ylim(), axes.get_xlim()) == ("log", (0.25, 2), (-3, 3))
    texts = {text.get_text() for text in axes.texts}
    assert {"humans", "monkeys"} <= texts
    dotted = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert 0.5 in dotted
    values = figures.layers(over_one(), look={"x_scale": "log10", "references": {"chance": 0.3}})
    assert values.axes[0].get_xscale() == "log"


def over_one():
    return table_of(models=("HMAX",)).query("amount == 2").drop(columns=["amount", "amount_of"])


@pytest.mark.parametrize("place", ["none", "right", "below"])
def test_legends_move_or_go(place):
    figure = figures.invariance(table_of(), rows="together", look={"legend": place})
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    if place == "none":
        assert not legends
        return
    (legend,) = legends
    assert len(legend.get_texts()) == 6
    figure.draw_without_rendering()
    box, panel = legend.get_window_extent(), figure.axes[0].get_window_extent()
    assert box.y1 <= panel.y0 if place == "below" else box.x0 >= panel.x1


def test_legend_in_axes_of_the_caller():
    page = Figure()
    ax = page.subplots()
    figures.invariance(table_of(), rows="together", ax=ax, look={"legend": "upper left"})
    assert len(ax.get_legend().get_texts()) == 6
    figures.invariance(table_of(), rows="together", ax=page.subplots(), look={"legend": "none"})
    assert page.axes[-1].get_legend() is None


def test_type_by_a_parameter():
    """Labels of so many points, everything else in proportion; in axes of the caller as well."""
    look = {"font": ["No such font", "DejaVu Serif"], "font_size": 6}
    axes = figures.invariance(table_of(), look=look).axes[0]
    ticks = axes.get_xticklabels()
    assert axes.title.get_fontsize() == pytest.approx(6 * 8 / 7.5)
    assert ticks[0].get_fontsize() == pytest.approx(6 * 7 / 7.5)
    page = Figure()
    ax = page.subplots()
    figures.invariance(table_of(), rows="together", ax=ax, look=look)
    families = {tuple(text.get_family()) for text in ax.findobj(Text) if text.get_text()}
    assert families == {("DejaVu Serif",)}
    assert ax.xaxis.label.get_fontsize() == pytest.approx(6)


def test_type_of_the_users_settings():
    """Fonts and sizes of rcParams hold, other settings do not."""
    with mpl.rc_context({"font.size": 12, "font.family": ["DejaVu Sans Mono"], "axes.grid": True}):
        figure = figures.invariance(table_of(), look={"layers": "highest"})
    axes = figure.axes[0]
    assert axes.xaxis.label.get_fontsize() == pytest.approx(12)
    assert axes.title.get_family() == ["DejaVu Sans Mono"]
    assert not any(line.get_visible() for line in axes.get_xgridlines())


def test_no_such_font():
    with pytest.raises(ValueError, match=r"`font` must be installed, got 'No such'.*DejaVu Sans"):
        installed("No such")


def test_height():
    figure = figures.invariance(table_of(), look={"height": 60})
    assert figure.get_figheight() * 25.4 == pytest.approx(60)


def test_bands_over_seeds():
    """1, 2 and 6 have the mean 3, the standard error sqrt(7/3) and the range 1 to 6."""
    table = pd.DataFrame({"model": "m", "layer": "c1", "seed": [0, 1, 2], "value": [1.0, 2.0, 6.0]})
    table = table.assign(low=0.0, high=9.0)
    reach = np.sqrt(7 / 3)
    expected = {"sem": (3 - reach, 3 + reach), "range": (1, 6), "none": (np.nan, np.nan)}
    for bands, ends in expected.items():
        row = over_seeds(table, bands=bands).iloc[0]
        np.testing.assert_allclose([row["low"], row["high"]], ends)
        assert row["value"] == pytest.approx(3)
    for bands in ("sem", "range"):
        with pytest.raises(ValueError, match=f"`bands` '{bands}' need a table of several seeds"):
            over_seeds(table[table["seed"] == 0], bands=bands)
    with pytest.raises(
        ValueError, match="`bands` must be one of 'interval', 'sem', 'range', 'none'"
    ):
        over_seeds(table, bands="sd")


def test_bands_that_are_drawn():
    table = table_of(seeds=(0, 1, 2), models=("pixels",))
    figure = figures.invariance(table, bands="range")
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    values = table[table["amount"] == 2]["value"]
    at_two = band[band[:, 0] == 2, 1]
    np.testing.assert_allclose([at_two.min(), at_two.max()], [values.min(), values.max()])


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ({"modles": []}, "`look` has no 'modles'. Did you mean 'models'"),
        ({"models": "HMAX"}, "`models` must be a list of names, got 'HMAX'"),
        ({"models": ["HMXA"]}, "`models` must be some of 'pixels', .*Did you mean 'HMAX'"),
        ({"layers": ["c7"]}, "`layers` must be some of "),
        ({"y_scale": "log"}, "`y_scale` must be one of 'linear', 'log2', 'log10'"),
        ({"y_limits": [1]}, r"`y_limits` must be two different numbers, .*got \[1\]"),
        ({"y_limits": [0, 1], "y_scale": "log2"}, "`y_limits` must be above 0"),
        ({"legend": "left"}, "`legend` must be one of 'below', 'right', 'none'"),
        ({"font_size": 0}, "`font_size` must lie between 3 and 40 points, got 0"),
        ({"height": "60 mm"}, "`height` must lie between 15 and 500 mm, got '60 mm'"),
        ({"labels": ["a"]}, "`labels` must be a mapping from names to texts"),
        ({"layer_names": "short"}, "`layer_names` must be one of 'paper', 'technical'"),
        ({"references": {"a": "b"}}, "`references` must be numbers, or pairs"),
    ],
)
def test_wrong_looks(look, message):
    with pytest.raises(ValueError, match=message):
        figures.invariance(table_of(), look=look)
    with pytest.raises(TypeError, match="`look` must be a Look or a mapping"):
        figures.invariance(table_of(), look=3)


def test_pictures_have_no_scale(made):
    """What has no axis of numbers refuses a scale, limits and references, by name."""
    results = made("filters")["results"]
    for look in ({"x_scale": "log2"}, {"y_limits": [0, 1]}):
        with pytest.raises(ValueError, match="is not for this figure"):
            figures.filters(results, look=look)
    with pytest.raises(ValueError, match="`references` are for figures with an axis of values"):
        figures.filters(results, look={"references": {"a": 1}})
    figure = figures.filters(
        results, look={"models": ["LeNet-5, untrained"], "labels": {"LeNet-5, untrained": "LeNet"}}
    )
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == ["LeNet"]


def test_a_figure_of_ones_own_takes_a_look():
    """The mark gives it one, and its documentation says so."""

    @figures_mark(draws="table", seeds="mean", given=("colours",))
    def mine(table, colours=None):
        """Dots.

        Parameters
        ----------
        table : pandas.DataFrame

        Returns
        -------
        Figure
        """
        page = Figure()
        ax = page.subplots()
        ax.plot(table["model"], table["value"], "o")
        return page

    figure = mine(table_of(), look=Look(models=["net", "pixels"], y_limits=(0, 2)))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["net", "pixels"]
    assert figure.axes[0].get_ylim() == (0, 2)
    assert "look : Look" in mine.__doc__


def test_a_logarithm_of_what_has_none():
    """Shifts go below zero: refused by panel, in a figure and in axes of the caller."""
    message = "`x_scale` 'log2' is for numbers above 0, but those of the panel 'Position' go down"
    with pytest.raises(ValueError, match=message):
        figures.invariance(table_of(), look={"x_scale": "log2"})
    one = {"x_scale": "log2", "layers": "highest"}
    with pytest.raises(ValueError, match=message):
        figures.invariance(table_of(), ax=Figure().subplots(), look=one)


def test_a_place_for_a_legend_is_one_in_axes_of_the_caller():
    with pytest.raises(ValueError, match="`legend` 'upper left' is a place in axes of the caller"):
        figures.invariance(table_of(), look={"legend": "upper left"})


def test_an_index_that_repeats_itself():
    """Tables of several seeds, one put below the other."""
    parts = [table_of(models=("pixels",)).assign(seed=seed) for seed in range(3)]
    figure = figures.invariance(pd.concat(parts), bands="sem", look={"models": ["pixels"]})
    assert len(figure.axes[0].lines[0].get_xdata()) == 3


def test_long_names_stay_in_the_figure():
    """The name of the values is wrapped beside its panel."""
    long = table_of().assign(measure="self-similarity under any transformation of the image")
    figure = figures.invariance(long, width="single", look={"layers": "highest"})
    figure.draw_without_rendering()
    box = figure.axes[0].yaxis.label.get_window_extent()
    assert box.y0 >= figure.bbox.y0
    assert box.y1 <= figure.bbox.y1


def test_legends_of_rows_keep_the_models():
    """Moved or gone, a legend takes no model's name with it: rows have theirs, entries both."""
    for place in ("below", "none"):
        figure = figures.invariance(table_of(), rows="model", look={"legend": place})
        rows = [axes.get_ylabel() for axes in figure.axes]
        assert rows == ["pixels", "HMAX", "net"]
        entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        both = ["HMAX, S1", "HMAX, C1", "HMAX, C2", "net, C1", "net, fc"]
        assert entries == (both if place == "below" else [])


def test_one_curve_each_has_a_marker_of_its_model():
    table = table_of(models=("HMAX",))
    twins = pd.concat([table, table.assign(model="other")])
    axes = figures.invariance(twins, look={"layers": "highest"}).axes[0]
    one, other = (line for line in axes.lines if line.get_label() in ("HMAX", "other"))
    assert one.get_marker() != other.get_marker()


def test_labels_by_which_two_are_one(made):
    """Two models, or two layers of a model, are not given one name; two models' layers may be."""
    for labels, kind in (({"HMAX": "A", "net": "A"}, "models"), ({"s1": "A", "c1": "A"}, "layers")):
        with pytest.raises(ValueError, match=f"`labels` call the {kind} .* both 'A'"):
            figures.invariance(table_of(), look={"labels": labels})
    figures.invariance(table_of(), look={"labels": {"c2": "last", "fc": "last"}})
    results = made("filters")["results"]
    with pytest.raises(ValueError, match="`labels` call the models"):
        figures.filters(results, look={"labels": dict.fromkeys(results, "A")})


def test_references_have_room():
    """The axis is as long as they need; with limits of its own what is beyond them is left out."""
    one = over_one()
    axes = figures.layers(one, look={"references": {"far": 7.0}}).axes[0]
    assert axes.get_xlim()[1] >= 7
    axes = figures.layers(one, look={"references": {"far": 7.0}, "x_limits": [0, 1]}).axes[0]
    assert axes.get_xlim() == (0, 1)
    assert "far" not in [text.get_text() for text in axes.texts]


def test_the_highest_layer_of_each_measure():
    """A measure that was taken of fewer layers has a highest one of its own."""
    few = table_of(models=("HMAX",)).query("layer == 's1'").assign(measure="other")
    table = Look(layers="highest").on(pd.concat([table_of(models=("HMAX",)), few]))
    shown = table.groupby("measure", sort=False)["layer"].unique()
    assert {name: list(layers) for name, layers in shown.items()} == {
        "self-similarity": ["C2"],
        "other": ["S1"],
    }


def test_tables_of_pairs():
    """A model may stand on one side only, and a layer too."""
    pairs = pd.DataFrame({"model": ["HMAX"], "model_b": ["pixels"], "value": 0.5})
    pairs = pairs.assign(layer_a="c1", layer_b="pixels")
    look = Look(models=["HMAX", "pixels"], layers=["c1", "pixels"])
    assert look.on(pairs)[["layer_a", "layer_b"]].to_numpy().tolist() == [["C1", "pixels"]]
    with pytest.raises(ValueError, match="`layers` must be some of 'c1', 'pixels', got 's1'"):
        Look(layers=["s1"]).on(pairs)


def test_layers_of_results(made):
    """Chosen, in order and named like those of tables; an unknown one is refused."""
    results = {"HMAX": made("field_views")["results"]["HMAX"]}
    found = Look(layers=["c1", "s1"], labels={"S1": "Simple"}).on(results)["HMAX"]
    assert found["layer"].values.tolist() == ["C1", "Simple"]
    with pytest.raises(ValueError, match="`layers` must be some of 's1', 'c1', got 'typo'"):
        Look(layers=["typo"]).on(results)


def test_a_logarithm_has_limits_of_its_own():
    """Points do not lie on one edge: a linear axis from below zero has no logarithm."""
    for draw, table, axis in (
        (figures.invariance, table_of(models=("pixels",)), "y"),
        (figures.overview, table_of(), "y"),
        (figures.layers, over_one(), "x"),
    ):
        positive = table.assign(value=table["value"].clip(lower=0.2))
        axes = draw(positive, look={f"{axis}_scale": "log2"}).axes[0]
        low, high = getattr(axes, f"get_{axis}lim")()
        assert 0.1 < low < high < 2


def test_colours_that_are_none():
    with pytest.raises(ValueError, match="`colours` must be colours of matplotlib, got 'blackk'"):
        Look(colours={"HMAX": "blackk"})
