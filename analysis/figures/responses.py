"""Responses: an image, its C1 maps, and the parts of it that C2 units answer to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.style import PALETTE, WIDTHS, style


def responses(image: np.ndarray, complex_maps: Sequence[xr.Dataset], winners: xr.Dataset, title: str = "") -> Figure:
    """The image with the fields of winning S2 units, beside C1 maps, each the strongest orientation at every place.

    Parameters
    ----------
    image : array of shape (height, width) or (height, width, 3)
        uint8.
    complex_maps : sequence of xarray.Dataset
        Bands of C1 of this image, as `activations` returns them.
    winners : xarray.Dataset
        Units to draw, of this image, as `HMAX.winners` returns them.
    """
    with style():
        n_maps = len(complex_maps)
        height, width = image.shape[:2]
        map_width = WIDTHS["double"] * 0.42 / 2
        figure = Figure(figsize=(WIDTHS["double"], 2 * map_width * height / width + 0.95), layout="constrained")
        grid = figure.add_gridspec(2, -(-n_maps // 2) + 1, width_ratios=[2.4] + [1] * -(-n_maps // 2))
        axes = figure.add_subplot(grid[:, 0])
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        colours = [PALETTE[name] for name in ("orange", "sky", "yellow", "green", "pink")]
        for rank, unit in enumerate(winners["unit"].values):
            spot = winners.sel(unit=unit)
            top, left, bottom, right = (int(spot[side]) for side in ("top", "left", "bottom", "right"))
            box = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=colours[rank % 5], linewidth=1.4)
            axes.add_patch(box)
            at_edge = bottom > height - 20  # then the name goes above the box
            place = {"y": top - 3, "va": "bottom"} if at_edge else {"y": bottom + 3, "va": "top"}
            shade = {"facecolor": "black", "alpha": 0.65, "pad": 0.8, "linewidth": 0}
            axes.text(left + 3, s=str(unit).removeprefix("c2_"), color=colours[rank % 5], fontsize=6, bbox=shade, **place)
        axes.set(title=title or "Fields of the closest C2 matches", xlabel="x, pixels", ylabel="y, pixels")
        top_response = max(float(band["response"].max()) for band in complex_maps)
        for index, band in enumerate(complex_maps):
            small = figure.add_subplot(grid[index % 2, 1 + index // 2])
            strongest = band["response"].values[0].max(axis=0)
            shown = small.imshow(
                strongest, cmap="viridis", vmin=0, vmax=top_response, interpolation="nearest", extent=(-0.5, width - 0.5, height - 0.5, -0.5)
            )
            small.set_title(f"C1 band {int(band['band_number'].values[0])}, fields {band.attrs['size_y']:g} px", fontsize=7)
            small.set(xticks=[], yticks=[])
        figure.colorbar(shown, ax=figure.axes[1:], shrink=0.75, label="C1 response, strongest orientation")
    return figure
