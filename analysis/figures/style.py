"""One look for all figures.

Column widths, small type, a palette that colour-blind readers can tell apart.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hmax_cnn.extraction.files import written_whole
from hmax_cnn.extraction.plain_text import printable

from ..csv_tables import without_formulas
from .fonts import look_again

WIDTHS = {"single": 85 / 25.4, "middle": 114 / 25.4, "double": 174 / 25.4}  # inches
_SCREEN = 150  # dots per inch in a notebook
FORMATS = ("pdf", "svg", "png")
_POINTS = 7.5  # of labels
# Points of other type, where labels have `_POINTS`.
_SIZES = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
}
# Settings of matplotlib that are the user's to choose, and never make a figure of ours unreadable.
_FONTS = ("font.family", "font.sans-serif", "font.serif")
_OWN = (*_FONTS, *_SIZES, "lines.linewidth", "axes.linewidth")
_RC: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "legend.frameon": False,
    "text.parse_math": False,  # a label may have a $ in it
    "svg.hashsalt": "hmax-cnn",  # equal figures, equal files
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
}
_WITHOUT_DATE: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {},
}


@contextmanager
def style(over: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw in the house style, with the fonts and sizes that the user has set in matplotlib.

    Parameters
    ----------
    over : mapping from str to object, or None
        Settings of matplotlib that go before both.

    Yields
    ------
    None
    """
    now: Mapping[Any, Any] = mpl.rcParams
    own = {name: now[name] for name in _OWN if _is_changed(name)} | dict(over or {})
    look_again()  # so that a figure has the same font, whenever matplotlib last listed them
    if over and "font.size" in over:  # what was set for another size no longer fits
        own = {name: value for name, value in own.items() if name not in _SIZES} | dict(over)
    scale = float(own.get("font.size", _POINTS)) / _POINTS
    sizes = {name: scale * size for name, size in _SIZES.items()}
    # Matplotlib's own defaults below it: a user's margins or TeX would make another figure.
    with mpl.style.context(["default", {**_RC, **sizes, **own}]):
        yield


def _is_changed(name: str) -> bool:
    now: Mapping[Any, Any] = mpl.rcParams
    default: Mapping[Any, Any] = mpl.rcParamsDefault
    return bool(now[name] != default[name])


def points(size: float) -> float:
    """A size of type in points, for labels of the house's size, as labels have it now.

    Parameters
    ----------
    size : float
        Such as 6.5 for small type beside labels of 7.5.

    Returns
    -------
    float
    """
    return size * float(mpl.rcParams["font.size"]) / _POINTS


def width_in_mm(width: str | float) -> float:
    """A width by name or in millimetres.

    'single' (85), 'middle' (114), 'double' (174), 120, '120 mm'.

    Parameters
    ----------
    width : str or float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is in another unit, or no figure could be so wide.

    Examples
    --------
    >>> width_in_mm("85mm"), width_in_mm("double")
    (85.0, 174.0)
    """
    if isinstance(width, str) and width in WIDTHS:
        return round(WIDTHS[width] * 25.4, 6)
    found = re.fullmatch(r"\s*([0-9.]+)\s*(mm)?\s*", str(width))
    try:
        if found:
            value = float(found[1])
        else:
            value = np.nan
    except ValueError:
        value = np.nan
    if not 60 <= value <= 400:
        msg = (
            "`width` must be 'single' (85 mm), 'middle' (114 mm), 'double' (174 mm), or from 60 "
            f"to 400 in mm, such as '120 mm', got {width!r}"
        )
        raise ValueError(msg)
    return value


def blank(inches: tuple[float, float]) -> Figure:
    """An empty figure, which a notebook shows where it is the last line of a cell.

    Parameters
    ----------
    inches : (float, float)
        Width and height.

    Returns
    -------
    Figure
    """
    return _Shown(figsize=inches, layout="constrained")


class _Shown(Figure):
    """A figure that is saved as it was drawn: in its fonts, and with text that stays text."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        now: Mapping[Any, Any] = mpl.rcParams
        self._fonts = {name: now[name] for name in _FONTS}

    def savefig(self, *arguments: Any, **options: Any) -> None:
        with style(self._fonts):
            super().savefig(*arguments, **options)

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png", dpi=_SCREEN)
        return content.getvalue()


@contextmanager
def sheet(
    width: str | float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    ax: Axes | None = None,
    **options: Any,
) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure in the house style with its panels; or, for one panel, the axes that the caller has.

    Parameters
    ----------
    width : str or float
        As in `width_in_mm`.
    height : float
        In inches.
    rows, columns : int
    ax : matplotlib Axes or None
    **options
        Of `Figure.subplots`.

    Yields
    ------
    (Figure, array of Axes of shape (rows, columns))
    """
    with style():
        if ax is not None:
            yield cast("Figure", ax.get_figure(root=True)), np.array([[ax]])
        else:
            figure = blank((width_in_mm(width) / 25.4, height))
            yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def spaced(figure: Figure, **pads: Any) -> None:
    """Set the space around and between panels.

    Parameters
    ----------
    figure : matplotlib Figure
        From `sheet`.
    **pads
        Of `matplotlib.layout_engine.ConstrainedLayoutEngine.set`, in inches or shares of a panel.
    """
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(**pads)


def in_width(width: str | float, wide: int, narrow: int) -> int:
    """A number of panels side by side.

    For figures of about two columns of a page, and for narrower ones.

    Parameters
    ----------
    width : str or float
        As in `width_in_mm`.
    wide, narrow : int
        The number for each.

    Returns
    -------
    int
    """
    if width_in_mm(width) >= 150:
        return wide
    return narrow


def titled(*parts: object) -> str:
    """Parts of a title with commas between.

    A layer that is called like its model is not said twice.

    Parameters
    ----------
    *parts : object

    Returns
    -------
    str
    """
    return ", ".join(dict.fromkeys(str(part) for part in parts))


def wrapped(text: str, inches: float, size: float) -> str:
    """A text in as many lines as fit it into so many inches at so many points.

    Its own lines are kept.

    Parameters
    ----------
    text : str
    inches : float
    size : float
        Of the type, in points.

    Returns
    -------
    str
    """
    # About 0.56 of the type size for each letter of the house's font.
    n_letters = max(6, int(inches * 72 / (0.56 * size)))
    return "\n".join(textwrap.fill(line, n_letters) for line in text.split("\n"))


def save(
    figure: Figure, stem: Path, table: pd.DataFrame, formats: Iterable[str] = FORMATS
) -> list[Path]:
    """Write a figure as PDF, SVG and PNG, and the table behind it as CSV.

    Text of the SVG stays text; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib Figure
    stem : path
        Name of the files, without ending.
    table : pandas.DataFrame
    formats : iterable of {'pdf', 'svg', 'png'}

    Returns
    -------
    list of Path
        Figures, then the table.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    written = []
    with style(), ExitStack() as files:
        # All of them are whole before the first takes its place.
        for form in formats:
            path = stem.with_name(f"{stem.name}.{form}")
            temporary = files.enter_context(written_whole(path))
            figure.savefig(temporary, format=form, metadata=_WITHOUT_DATE[form])
            if form == "svg":
                _without_controls(temporary)
            written.append(path)
        path = stem.with_name(stem.name + ".csv")
        without_formulas(table).to_csv(files.enter_context(written_whole(path)), index=False)
    return [*written, path]


def _without_controls(path: Path) -> None:
    """Control characters of labels taken out: XML has no way to write them."""
    text = path.read_text(encoding="utf-8")
    path.write_text(printable(text, kept="\n\t\r"), encoding="utf-8", newline="\n")
