"""Pictures in a grid.

Learned filters, feature maps, patches, preferred inputs, images before and after augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .style import WIDTHS, blank, points, spaced, style

SCALES = ("each", "row", "signed")


def pictures(
    rows: Sequence[Sequence[np.ndarray]],
    labels: Sequence[str] = (),
    title: str = "",
    scale: str = "each",
    width: str = "double",
) -> Figure:
    """Rows of small pictures, in grey or colour.

    Parameters
    ----------
    rows : sequence of sequences of arrays of shape (height, width) or (height, width, 3)
    labels : sequence of str
        One per row.
    title : str
        Above the panels; none where empty.
    scale : {'each', 'row', 'signed'}
        Black to white is the range of each picture, or of its row, or the same distance below and
        above zero, which is then middle grey.
    width : {'single', 'middle', 'double'}
        Of the figure: 85, 114 or 174 mm.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, or no such scale.
    """
    if scale not in SCALES or not rows or not any(len(row) for row in rows):
        msg = (
            f"`scale` must be one of {', '.join(map(repr, SCALES))} and `rows` must hold "
            f"pictures, got {scale!r} and {len(rows)} rows."
        )
        raise ValueError(msg)
    n_columns = max(map(len, rows))
    height, width_of_picture = np.asarray(rows[0][0]).shape[:2]
    inches = WIDTHS[width]
    side = inches / n_columns  # of a panel
    above = 0.3 if title else 0.05
    with style():
        size = (inches, side * len(rows) * height / width_of_picture + above)
        figure = blank(size)
        spaced(figure, w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        panels = figure.subplots(len(rows), n_columns, squeeze=False)
        for number, row in enumerate(rows):
            _row(panels[number], row, scale)
            if number < len(labels):
                text = {"rotation": 0, "ha": "right", "va": "center", "fontsize": points(6.5)}
                panels[number, 0].set_ylabel(labels[number], **text)
        figure.suptitle(title, fontsize=points(8))
    return figure


def _row(panels: np.ndarray, row: Sequence[np.ndarray], scale: str) -> None:
    """A row of pictures; panels without one stay empty."""
    low, high = 0.0, 1.0
    if scale == "row" and row:
        low, high = min(map(np.min, row)), max(map(np.max, row))
    for axes, picture in zip(panels, row, strict=False):
        # Pixels as they are: an interpolated filter would look smoother than it is.
        shown = _grey(np.asarray(picture, float), scale, low, high)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for axes in panels:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)


def _grey(picture: np.ndarray, scale: str, low: float, high: float) -> np.ndarray:
    """A picture from 0 to 1."""
    if scale == "signed":
        reach = max(np.abs(picture).max(), 1e-12)
        return 0.5 + picture / (2 * reach)
    if scale == "each":
        low, high = picture.min(), picture.max()
    return (picture - low) / max(high - low, 1e-12)
