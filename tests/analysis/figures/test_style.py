"""The house style: colours, widths, files."""

import itertools
import warnings
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawing import drawn
from matplotlib.colors import to_rgb
from PIL import Image

from hmax_cnn.analysis.figures.palette import PALETTE, colours_of
from hmax_cnn.analysis.figures.style import save, sheet, width_in_mm
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data.stimuli import fourier_shapes

FEW = Resampling(10)


IMAGES = fourier_shapes((32, 32), n_shapes=2, sizes=(16,))


SHOWN = {"HMAX": ["s1", "c1"], "LeNet-5, untrained": ["c1_active", "s4"]}


@pytest.mark.parametrize("name", ["invariance", "rdms", "filters"])
def test_the_same_figure_gives_the_same_bytes(made, name, tmp_path):
    for stem in ("a", "b"):
        save(drawn(made, name), tmp_path / stem, pd.DataFrame({"a": [1.0]}))
    for form in ("svg", "pdf", "png", "csv"):
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()


def test_colours_can_be_told_apart_by_colour_blind_readers():
    """Simulated by Machado et al. 2009 (severity 1), every pair of the palette is at
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
            np.array([[_linear(c) for c in to_rgb(colour)] for colour in PALETTE.values()])
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


def test_the_users_other_settings_change_no_figure(tmp_path):
    """85 mm stay 85 mm, TeX is not called for, and text stays text: fonts and sizes alone are the
    user's to set."""
    table = pd.DataFrame({"x": [1, 2]})
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    with sheet("single", 2.0) as (figure, panels):
        panels[0, 0].plot([1, 2])
    save(figure, plain, table)
    users = {
        "savefig.bbox": "tight",
        "text.usetex": True,
        "figure.dpi": 40,
        "savefig.transparent": True,
        "axes.grid": True,
        "lines.linestyle": ":",
        "svg.fonttype": "path",
    }
    with mpl.rc_context(users):
        with sheet("single", 2.0) as (figure, panels):
            panels[0, 0].plot([1, 2])
        save(figure, odd, table)
    for ending in ("pdf", "svg", "png"):
        written = (path.with_suffix(f".{ending}").read_bytes() for path in (plain, odd))
        assert len(set(written)) == 1, ending
    with Image.open(odd.with_suffix(".png")) as picture:
        assert picture.size[0] == pytest.approx(85 / 25.4 * 300, abs=1)


def test_a_notebook_shows_a_figure_as_a_picture():
    with sheet("single", 2.0) as (figure, panels):
        panels[0, 0].plot([1, 2])
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_control_characters_leave_a_readable_svg(tmp_path):
    with sheet("single", 2.0) as (figure, panels):
        panels[0, 0].set_title("a\x1b[31m\x07b")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no font has such a sign
        save(figure, tmp_path / "f", pd.DataFrame({"x": ["\x1b"]}), ["svg"])
    ElementTree.parse(tmp_path / "f.svg")  # noqa: S314 - our own
