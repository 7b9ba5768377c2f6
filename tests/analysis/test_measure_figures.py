"""Figures of measures: what is drawn is what was measured."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from synthetic import VALUES, grid

from analysis.figures.brain import brain, brain_table
from analysis.figures.growth import growth_figure
from analysis.figures.style import save
from analysis.figures.tolerance import tolerance, tolerance_table
from analysis.growth import growth
from analysis.measures import Resampling
from analysis.populations import population_similarity
from analysis.similarity import brain_similarity, rdms
from extraction import FilterBank, Pixels

FEW = Resampling(20)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_tolerance_curves():
    """One panel per transformation with its unit, one line and one band per layer, the very values; the table is beside it."""
    rng = np.random.default_rng(0)
    values = rng.random((8, len(VALUES), 12))
    shifted = population_similarity(grid(values, layer=("unit", ["a"] * 6 + ["b"] * 6)), resampling=FEW)
    sized = population_similarity(grid(values, "scale", "times", 1.0, 2.0 ** np.arange(-4, 5)), resampling=FEW)
    table = tolerance_table({"model": {"Position": shifted}, "other": {"Size": sized, "Position": shifted.sel(layer=["a"])}})
    assert list(dict.fromkeys(table["curve"])) == ["model, a", "model, b", "other"]
    figure = tolerance(table, "Similarity")
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["Position", "Size"]
    assert [axes.get_xlabel() for axes in panels] == ["Pixels", "Times"]
    line = next(line for line in panels[0].lines if line.get_label() == "model, b")
    np.testing.assert_allclose(line.get_ydata(), shifted["value"].sel(layer="b"))
    assert panels[1].get_xscale() == "log"
    flat = tolerance(table.assign(measure=1.0, low=1.0, high=1.0), "Similarity", chance=None)
    assert flat.axes[0].get_ylim() == pytest.approx((0.95, 1.05))
    assert tolerance(table.assign(measure=np.nan), "Similarity", chance=None).axes[0].get_ylim() == (0, 1)
    with pytest.raises(ValueError, match=r"`results` must hold datasets of dims \(layer, <transformation>\)"):
        tolerance_table({"model": {"Position": shifted.sel(layer="a")}})
    with pytest.raises(ValueError, match="`table` must hold at least one curve"):
        tolerance(table[:0], "Similarity")


def test_growth_with_cortex(tmp_path):
    """Lines are sizes by depth; with an eccentricity there is a panel of areas, the recalled ones pale; saved in three formats with its table."""
    images = np.random.default_rng(0).random((2, 32, 32))
    result = growth({"pixels": Pixels(grid=(4, 4)), "filters": FilterBank()}, images, n_units=2, pixels_per_degree=4, resampling=FEW)
    figure = growth_figure(result, "degrees", eccentricity=5.0)
    depth, cortex = figure.axes
    assert depth.get_yscale() == "log"
    assert {line.get_label() for line in depth.lines} == {"pixels, claimed", "pixels, effective", "filters, claimed", "filters, effective"}
    assert next(line for line in depth.lines if line.get_label() == "pixels, claimed").get_ydata().tolist() == [2.0]
    marks = {label.get_text(): line for label, line in zip(cortex.get_xticklabels(), cortex.lines, strict=False)}
    assert marks["V1"].get_ydata()[0] == pytest.approx(0.21 * 5)
    assert marks["V1"].get_color() == "#BBBBBB"
    assert marks["TE"].get_ydata().tolist() == [2.8, 26.0]
    written = save(figure, tmp_path / "growth", result.to_dataframe())
    assert [path.suffix for path in written] == [".pdf", ".svg", ".png", ".csv"]
    assert "Receptive field, degrees" in (tmp_path / "growth.svg").read_text()
    assert len(growth_figure(result, "fraction").axes) == 1
    with pytest.raises(ValueError, match="`units` must be one of 'pixels', 'fraction', 'degrees', got 'metres'"):
        growth_figure(result, "metres")
    with pytest.raises(ValueError, match="`eccentricity` needs units='degrees'"):
        growth_figure(result, "pixels", 5)


def test_brain_similarity_between_its_bounds():
    """A point per layer at its value, filled only where it is significant; the ceiling is a band from low to high."""
    rng = np.random.default_rng(0)
    codes = rng.random((16, 10))
    layers = grid(np.stack([codes, rng.random((16, 10))], axis=2).reshape(16, 1, 20), points=[0.0])
    layers = layers.isel(shift=0, drop=True).assign_coords(layer=("unit", ["good", "noise"] * 10))
    truth = rdms(layers)["rdm"].sel(layer="good").values
    subjects = np.stack([truth + 0.05 * rng.standard_normal(len(truth)) for _ in range(3)])
    results = {"model": brain_similarity(rdms(layers), subjects, n_permutations=100, resampling=FEW)}
    figure = brain(results, "Made up")
    (axes,) = figure.axes
    points = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [point.get_xdata()[0] for point in points] == pytest.approx(results["model"]["layer_value"].values.tolist())
    assert [to_rgba(point.get_markerfacecolor()) == to_rgba("white") for point in points] == [False, True]
    assert axes.patches[0].get_x() == pytest.approx(results["model"]["ceiling_low"].item())
    assert {"model, good", "noise ceiling", "p < 0.05, corrected"} <= set(texts(figure))
    assert brain_table(results).columns[:3].tolist() == ["model", "layer", "value"]
    with pytest.raises(ValueError, match="`results` must hold at least one model"):
        brain({})
