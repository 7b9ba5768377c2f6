"""Correlation on the GPU: by cuDNN where it is there, else by columns and products of matrices.

See `graphs.py` and `windows.cu`. Products are cuBLAS's, in single precision; with `CUPY_TF32=1` in
the environment, as everywhere in CuPy, they may use TF32, which keeps 10 bits of each factor.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..arrays import Array, namespace, step_bytes, tiles
from ..fields import Window
from . import graphs
from .normalisation import scale_and_shift
from .programs import THREADS, geometry, program, ready

_ENOUGH_BLOCKS = 8192  # to fill a GPU; with fewer, threads of more blocks share the elements


def correlate(
    values: Array,
    weights: Array,
    window: Window,
    groups: int = 1,
    scale: Array | None = None,
    shift: Array | None = None,
    *,
    rectifies: bool = False,
) -> Array:
    """Matches of filters, scaled, shifted and rectified where asked for.

    Parameters
    ----------
    values : array of shape (n_images, n_features, height, width)
    weights : array of shape (n_filters, n_features / groups, window_height, window_width)
    window : Window
    groups : int
    scale, shift : array of shape (n_filters,) or None
        Both or neither.
    rectifies : bool

    Returns
    -------
    array of shape (n_images, n_filters, height', width')
    """
    xp, values = namespace(values), ready(values)
    matches = None
    if window == Window(1) and groups == 1:
        # The maps are their own columns.
        matches = _mixed(_banks(weights, 1)[0], values)
    elif _by_graphs(values, groups):
        matches = graphs.correlate(values, weights, window)
    if matches is not None:
        if scale is not None:
            return scale_and_shift(matches, scale, shift, rectifies=rectifies, in_place=True)
        return xp.maximum(matches, 0, out=matches) if rectifies else matches
    kernels, banks = program(xp, "windows"), _banks(weights, groups)
    n_images, (n_down, n_across) = len(values), window.count(*values.shape[2:])
    matches = xp.empty((n_images, len(weights), n_down, n_across), xp.float32)
    n_each = banks.shape[1]
    for images, rows in _tiles(values.shape, banks, window):
        into, start = matches[images], rows.start * n_across
        n_places = (rows.stop - rows.start) * n_across
        for group, bank in enumerate(banks):
            products = bank @ _columns(values[images], window, group, groups, rows)
            own = slice(group * n_each, (group + 1) * n_each)
            factors = [None if each is None else ready(each)[own] for each in (scale, shift)]
            kernels.run_for_each(
                "finished", products.size, products, into, len(into), n_each, n_places,
                len(weights), own.start, n_down * n_across, start, *factors, int(rectifies),
            )  # fmt: skip
    return matches


def weights_back(
    gradient: Array, values: Array, shape: tuple[int, ...], window: Window, groups: int = 1
) -> Array:
    """The gradient of `correlate` with respect to its filters, of this shape."""
    xp, values = namespace(values), ready(values)
    total = xp.zeros((groups, shape[0] // groups, shape[1] * shape[2] * shape[3]), xp.float32)
    for images, rows in _tiles(values.shape, total, window):
        for group in range(groups):
            columns = _columns(values[images], window, group, groups, rows)
            own = _of_group(gradient[images, :, rows], group, groups)
            total[group] += _by_filter(own) @ columns.T
    return total.reshape(shape)


def values_back(
    gradient: Array, weights: Array, shape: tuple[int, ...], window: Window, groups: int = 1
) -> Array:
    """The gradient of `correlate` with respect to the maps, of this shape."""
    if window == Window(1) and groups == 1:
        return _mixed(_banks(weights, 1)[0].T, ready(gradient))
    if _by_graphs(gradient, groups):
        back = graphs.values_back(gradient, weights, shape, window)
        if back is not None:
            return back
    xp, banks = namespace(gradient), _banks(weights, groups)
    kernels = program(xp, "windows")
    back, n_each = xp.empty(shape, xp.float32), shape[1] // groups
    # Whole images: windows of neighbouring rows add to the same places.
    per_image = 4 * sum(banks.shape[1:]) * gradient.shape[2] * gradient.shape[3]
    for images, _ in tiles(shape[0], 1, per_image, step_bytes(xp)):
        into = back[images]
        for group, bank in enumerate(banks):
            columns = bank.T @ _by_filter(_of_group(gradient[images], group, groups))
            kernels.run_for_each(
                "values_of", len(into) * n_each * shape[2] * shape[3], columns, into, len(into),
                shape[1], group * n_each, n_each, *geometry(window, shape[2:]),
            )  # fmt: skip
    return back


def _by_graphs(values: Array, groups: int) -> bool:
    return groups == 1 and len(values) > 0 and graphs.available()


def _mixed(bank: Array, maps: Array) -> Array:
    """Each place's features times a matrix."""
    mixed = namespace(maps).matmul(bank, maps.reshape(*maps.shape[:2], -1))
    return mixed.reshape(len(maps), -1, *maps.shape[2:])


def _banks(weights: Array, groups: int) -> Array:
    """Filters as rows, (group, filter, element)."""
    return ready(weights).reshape(groups, len(weights) // groups, -1)


def _tiles(shape: tuple[int, ...], banks: Array, window: Window) -> Iterator[tuple[slice, slice]]:
    """Images and rows of windows whose columns and products fit into a step."""
    n_down, n_across = window.count(*shape[2:])
    return tiles(
        shape[0], n_down, 4 * sum(banks.shape[1:]) * n_across, step_bytes(namespace(banks))
    )


def _columns(values: Array, window: Window, group: int, groups: int, rows: slice) -> Array:
    """What the windows of some rows see of a group's features, (element, image * place)."""
    xp, (n_images, n_features, *sides) = namespace(values), values.shape
    n_each, n_rows, n_across = (
        n_features // groups, rows.stop - rows.start, window.count(*sides)[1]
    )  # fmt: skip
    n_elements = n_each * window.size[0] * window.size[1]
    columns = xp.empty((n_elements, n_images * n_rows * n_across), xp.float32)
    n_blocks = -(-columns.shape[1] // THREADS)
    program(xp, "windows").run(
        "columns_of", (n_blocks, min(n_elements, -(-_ENOUGH_BLOCKS // n_blocks))), (THREADS,),
        values, columns, n_images, n_features, group * n_each, n_each, rows.start, n_rows,
        *geometry(window, sides),
    )  # fmt: skip
    return columns


def _of_group(maps: Array, group: int, groups: int) -> Array:
    n_each = maps.shape[1] // groups
    return maps[:, group * n_each : (group + 1) * n_each]


def _by_filter(maps: Array) -> Array:
    """(image, filter, y, x) as (filter, image * y * x)."""
    return ready(maps.transpose(1, 0, 2, 3)).reshape(maps.shape[1], -1)
