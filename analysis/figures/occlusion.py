"""Occlusion: which part of an image a unit's response depends on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import WIDTHS, blank, points, style


def occlusion(image: np.ndarray, drop: xr.DataArray, title: str = "") -> Figure:
    """The image, and over it how far the response falls when a square is covered there.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, 3)
    drop : xarray.DataArray
        dims (y, x), as `hmax_cnn.analysis.measures.inspection.occlusion_map` returns it.
    title : str
        Above the panels; none where empty.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = image.shape[:2]
    half_y, half_x = (
        float(drop[axis].diff(axis).mean()) / 2 if drop.sizes[axis] > 1 else 0.5
        for axis in ("y", "x")
    )
    y, x = drop["y"].values, drop["x"].values
    extent = (x[0] - half_x, x[-1] + half_x, y[-1] + half_y, y[0] - half_y)
    reach = max(float(np.abs(drop).max()), 1e-12)
    with style():
        figure = blank((WIDTHS["middle"], 0.5 * WIDTHS["middle"] * height / width + 0.35))
        plain, covered = figure.subplots(1, 2)
        for axes in (plain, covered):
            axes.imshow(image, cmap="gray", extent=(-0.5, width - 0.5, height - 0.5, -0.5))
            axes.set(
                xlabel="x (pixels)",
                ylabel="y (pixels)",
                xlim=(-0.5, width - 0.5),
                ylim=(height - 0.5, -0.5),
            )
        shown = covered.imshow(
            drop.values,
            cmap="RdBu_r",
            vmin=-reach,
            vmax=reach,
            extent=extent,
            alpha=0.6,
            interpolation="nearest",
        )
        covered.set(ylabel="", yticklabels=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        figure.colorbar(shown, ax=covered, label="Response lost", shrink=0.8)
        figure.suptitle(title, fontsize=points(8))
    return figure
