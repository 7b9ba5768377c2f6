"""Which way S1 and C1 go, and what one image takes in memory."""

from __future__ import annotations

from hmax_cnn.extraction.operations.symmetric import LARGEST_ON_GPU

from .anatomy import Anatomy

_BORDER = 16  # places that prototypes reach beyond C1


def largest_filter(anatomy: Anatomy) -> int:
    """Side of the largest filter, in pixels.

    Parameters
    ----------
    anatomy : Anatomy

    Returns
    -------
    int
    """
    return max(max(anatomy.filter_sizes[band - 1]) for band in anatomy.bands)


def pools_blocks(anatomy: Anatomy) -> bool:
    """Whether C1 is the maximum of whole blocks of rectified responses.

    Parameters
    ----------
    anatomy : Anatomy

    Returns
    -------
    bool
    """
    pools = zip(anatomy.pool_sizes, anatomy.pool_strides, strict=True)
    in_blocks = all(size % stride == 0 for size, stride in pools)
    return in_blocks and anatomy.s1_response in ("absolute", "half")


def bytes_of_image(anatomy: Anatomy, height: int, width: int, *, on_gpu: bool) -> int:
    """About what one image takes up to C2, besides the layers that are kept.

    Parameters
    ----------
    anatomy : Anatomy
    height, width : int
        In pixels.
    on_gpu : bool

    Returns
    -------
    int
    """
    n_filters = len(anatomy.orientations) * len(anatomy.phases)
    if on_gpu and pools_blocks(anatomy) and largest_filter(anatomy) <= LARGEST_ON_GPU:
        # In one pass. Pixels as bytes and twice as numbers; C1 as blocks, as maps, and with
        # borders around it.
        strides = [anatomy.pool_strides[band - 1] for band in anatomy.bands]
        places = sum((height / n + _BORDER) * (width / n + _BORDER) for n in strides)
        return int(9 * height * width + 12 * n_filters * places)
    n_sizes = max(len(anatomy.filter_sizes[band - 1]) for band in anatomy.bands)
    # Two complex spectra, and a band of S1 in about four copies.
    return (64 + 16 * n_filters * n_sizes) * height * width
