"""One look for all figures: column widths, small type, a palette that colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from extraction.files import written_whole

WIDTHS = {"single": 85 / 25.4, "middle": 114 / 25.4, "double": 174 / 25.4}  # inches
PALETTE = {"blue": "#0072B2", "orange": "#D55E00", "green": "#009E73", "pink": "#CC79A7", "yellow": "#E69F00", "sky": "#56B4E9", "grey": "#666666"}
_RC = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style."""
    with mpl.rc_context(_RC):
        yield


def save(figure: Figure, stem: Path, table: pd.DataFrame) -> list[Path]:
    """Write a figure as PDF, SVG (text stays text) and PNG, and the table behind it as CSV beside it."""
    written = []
    with style():
        for suffix in (".pdf", ".svg", ".png"):
            path = stem.with_name(stem.name + suffix)
            with written_whole(path) as temporary:
                figure.savefig(temporary, format=suffix[1:])
            written.append(path)
    path = stem.with_name(stem.name + ".csv")
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False)
    return [*written, path]
