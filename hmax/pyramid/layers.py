"""The layers of a pyramid model, one after the other, as its parameters have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hmax_cnn.extraction.arrays import Array, namespace
from hmax_cnn.extraction.maps import Maps

from ..placed import PlacedPrototypes
from . import stages
from .anatomy import PyramidAnatomy
from .axes import Axis, Fit, levels
from .stages import Scale
from .tuning import tuned
from .ways_back import ToRetina


def layers_of(
    retina: Maps, anatomy: PyramidAnatomy, dictionary: Mapping[str, PlacedPrototypes]
) -> Iterator[tuple[str, list[Scale] | tuple[Array, ToRetina | None]]]:
    """Each layer's scales, or the responses of what has pooled over all of them.

    Parameters
    ----------
    retina : Maps
        Luminance, of shape (n_images, 1, height, width), from 0 to 255.
    anatomy : PyramidAnatomy
    dictionary : mapping from stage to PlacedPrototypes
        It ends where the next stage has none.

    Yields
    ------
    name : str
    found : list of Scale, or (array of shape (n_images, n_prototypes), callable or None)
        Ways back lead to the image from 0 to 1.
    """
    axes = _levels(anatomy)
    fit = Fit.of(anatomy.base_size, *retina.values.shape[2:])
    images = retina.values / namespace(retina.values).float32(255)
    bank = anatomy.bank()
    s1 = [
        stages.simple(level, bank)
        for level in stages.pyramid(images, axes, fit, traced=retina.traced)
    ]
    s1 = _inhibited(s1, anatomy)
    yield "s1", s1
    c1 = _inhibited(_pooled(s1, anatomy), anatomy)
    yield "c1", c1
    s2 = _tuned(c1, dictionary["s2"], anatomy)
    yield "s2", s2
    if not anatomy.is_deep:
        yield "c2", stages.best_anywhere(s2, _searched(s2, dictionary["s2"], anatomy))
        return
    if "s2b" in dictionary:
        s2b = _tuned(c1, dictionary["s2b"], anatomy)
        yield "s2b", s2b
    c2 = _pooled(s2, anatomy)
    yield "c2", c2
    if "s2b" in dictionary:
        yield "c2b", stages.best_anywhere(s2b)
    if "s3" in dictionary:
        s3 = _tuned(c2, dictionary["s3"], anatomy)
        yield "s3", s3
        yield "c3", stages.best_anywhere(s3)


def _levels(anatomy: PyramidAnatomy) -> list[Axis]:
    """Those that filters fit into."""
    found = levels(anatomy.base_size, anatomy.n_levels)
    kept = [axis for axis in found if axis.n >= anatomy.filter_size]
    if len(kept) < 2:
        msg = (
            f"`base_size` {anatomy.base_size} leaves no room for two levels of filters of "
            f"{anatomy.filter_size} pixels. Use a larger `base_size`."
        )
        raise ValueError(msg)
    return kept


def _inhibited(layers: list[Scale], anatomy: PyramidAnatomy) -> list[Scale]:
    if not anatomy.inhibition:
        return layers
    return [stages.inhibited(scale, anatomy.inhibition) for scale in layers]


def _pooled(layers: Sequence[Scale], anatomy: PyramidAnatomy) -> list[Scale]:
    size, stride = anatomy.pool_size, anatomy.pool_stride
    if len(layers) < anatomy.pool_scales:
        msg = (
            f"`pool_scales` {anatomy.pool_scales} is more than the {len(layers)} scales that there "
            "are to pool. Use fewer, or more `n_levels` and a larger `base_size`."
        )
        raise ValueError(msg)
    together = zip(*(layers[first:] for first in range(anatomy.pool_scales)), strict=False)
    found = [stages.pooled(scales, size, stride) for scales in together]
    kept = [scale for scale in found if scale.axis.n]
    if not kept:
        msg = (
            f"`base_size` {anatomy.base_size} leaves no room for windows of {size} units at any "
            "scale. Use a larger `base_size` or a smaller `pool_size`."
        )
        raise ValueError(msg)
    return kept


def _tuned(
    layers: Sequence[Scale], prototypes: PlacedPrototypes, anatomy: PyramidAnatomy
) -> list[Scale]:
    smallest = min(prototypes.patches)
    kept = [scale for scale in layers if scale.axis.n >= smallest]
    if not kept:
        msg = (
            f"`prototype_sizes` {smallest} fits into no scale. Use a larger `base_size` or smaller "
            "prototypes."
        )
        raise ValueError(msg)
    return [
        tuned(
            scale,
            prototypes.patches,
            sharpness=anatomy.sharpness,
            is_sparse=anatomy.is_sparse,
            by_norm=anatomy.tuning == "gaussian_by_norm",
        )
        for scale in kept
    ]


def _searched(
    layers: Sequence[Scale], prototypes: PlacedPrototypes, anatomy: PyramidAnatomy
) -> list[Array] | None:
    if anatomy.searched_scales is None or anatomy.searched_reach is None:
        return None
    return stages.near_source(
        [scale.axis for scale in layers],
        prototypes.scales,
        prototypes.places,
        base=anatomy.base_size,
        n_scales=anatomy.searched_scales,
        reach=anatomy.searched_reach,
    )
