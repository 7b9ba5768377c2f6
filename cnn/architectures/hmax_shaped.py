"""A learned network with the geometry of HMAX, so that learning alone can be compared."""

from __future__ import annotations

from ..graph import Graph
from ..layers import Activation, AdaptivePool, Conv, Dense, Pool

_BANDS = {
    number: (5 + 4 * number, 6 + 2 * number, 3 + number) for number in range(1, 9)
}  # larger filter, C1 pool, its stride


def hmax_shaped(
    n_classes: int = 10,
    n_channels: int = 1,
    image_shape: tuple[int, int] = (128, 128),
    band: int = 1,
    n_orientations: int = 4,
    prototype_size: int = 4,
    n_prototypes: int = 250,
) -> Graph:
    """Convolution, pooling, convolution, maximum anywhere.

    Windows, strides, pools and borders of one band of HMAX, all filters learned.

    Parameters
    ----------
    n_classes, n_channels : int
    image_shape : (int, int)
        In pixels.
    band : int
        Of HMAX, 1 to 8: its larger filter, its C1 pool and stride. One band, so that each stage has
        one field size.
    n_orientations : int
        Filters of the first convolution.
    prototype_size : int
        Window of the second convolution, in units of C1.
    n_prototypes : int
        Filters of the second convolution.

    References
    ----------
    Serre et al., "Robust object recognition with cortex-like mechanisms", PAMI 2007, table 1.
    """
    if band not in _BANDS:
        msg = f"`band` must be 1 to {len(_BANDS)}, got {band!r}."
        raise ValueError(msg)
    window, pool, stride = _BANDS[band]
    graph = Graph(n_channels, image_shape)
    graph.add("s1_linear", Conv(n_orientations, window, padding=window // 2))
    graph.add("s1", Activation("relu"))
    ends = tuple(
        (0, max(0, (-(-side // stride) - 1) * stride + pool - side)) for side in image_shape
    )  # ceil(n / stride) windows, the last cut off
    graph.add("c1", Pool("max", pool, stride=stride, padding=ends))
    around = ((prototype_size - 1) // 2, prototype_size // 2)
    graph.add("s2_linear", Conv(n_prototypes, prototype_size, padding=(around, around)))
    graph.add("s2", Activation("relu"))
    graph.add("c2", AdaptivePool("max"))
    graph.outputs[graph.add("scores", Dense(n_classes, initial="glorot"))] = 1.0
    return graph
