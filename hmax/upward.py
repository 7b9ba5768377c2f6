"""The layers of `HMAX`, from the image upward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from hmax_cnn.extraction.arrays import namespace
from hmax_cnn.extraction.fields import Field
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from .anatomy import Anatomy
from .bands import s1_and_c1, summed
from .noise import Noise, best_of_maps
from .prototypes import Prototypes
from .stages import best_matches, places, through, tuned_maps


def all_layers(
    retina: Maps,
    wanted: Collection[str],
    anatomy: Anatomy,
    dictionary_of: Callable[[Anatomy], Prototypes],
    noise: Noise,
) -> Iterator[tuple[str, list[Maps], BandsPullback | None]]:
    """S1, C1, S2 and C2 of a batch of images.

    Parameters
    ----------
    retina : Maps
        Luminance, of shape (n_images, 1, height, width).
    wanted : collection of str
    anatomy : Anatomy
    dictionary_of : callable
        Gives the prototypes; not called by a walk that stops at C1.
    noise : Noise

    Yields
    ------
    (str, list of Maps, callable or None)
        A pullback only where `retina.traced`.
    """
    s1, c1, bands = [], [], []
    needs_simple = "s1" in wanted or "s1" in noise.spikes
    for clean in s1_and_c1(retina, anatomy, needs_simple=needs_simple):
        band = noise.band(clean, retina.values, anatomy)
        c1.append(band.pooled)
        # One band of S1 at a time: all of them would take eight times the memory.
        if "s1" in wanted:
            s1.extend(band.simple)
        if retina.traced:
            bands.append(band)
    from_s1, from_c1 = summed(bands) if retina.traced else (None, None)
    yield "s1", s1, from_s1
    yield "c1", c1, from_c1

    xp = namespace(retina.values)
    # Below S2 no prototypes are needed: a walk that stops there does not read them.
    dictionary = dictionary_of(anatomy)
    anatomy = replace(anatomy, is_sparse=dictionary.has_gaps)
    prototypes = {size: xp.asarray(own) for size, own in dictionary.patches.items()}
    needed = "s2" in wanted or "s2" in noise.spikes
    s2, to_c1 = tuned_maps(c1, prototypes if needed else {}, anatomy)
    s2, to_c1 = noise.maps_of("s2", s2, to_c1, retina.values)
    yield "s2", s2, through(to_c1, from_c1)

    if "s2" in noise.spikes:
        for size in prototypes:
            places(c1, size, anatomy.partial_windows)  # refuses a size that has no place anywhere
        c2, from_c2 = best_of_maps(s2)
        below = through(to_c1, from_c1)
    else:
        c2, from_c2 = best_matches(c1, prototypes, anatomy)
        below = from_c1
    c2, from_c2 = noise.maps_of("c2", c2, from_c2, retina.values)
    whole = Field.whole(*retina.values.shape[2:])
    yield "c2", [replace(maps, field=whole) for maps in c2], through(from_c2, below)
