"""Noise of spike counts, at any stage, drawn anew for each picture and never for the same one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hmax_cnn.extraction.arrays import Array, namespace, to_host
from hmax_cnn.extraction.choices import check_choice, check_number
from hmax_cnn.extraction.layered import BandsPullback
from hmax_cnn.extraction.maps import Maps

from .anatomy import Anatomy
from .bands import Band
from .cells import complex_cells
from .stages import of_prototypes

LAYERS = ("s1", "c1", "s2", "c2")


def noisy(
    responses: Array, images: Array, scale: float, level: float, seed: Sequence[int]
) -> tuple[Array, Callable[[Array], Array]]:
    """Responses with noise whose variance grows with them, as spike counts have it.

    Parameters
    ----------
    responses : array of shape (n_images, n_cells, height, width)
    images : array of shape (n_images, ...)
        What they are responses to: an image has the same noise in any batch and order.
    scale : float
        Spikes per unit of response.
    level : float
        Spikes without a stimulus.
    seed : sequence of int

    Returns
    -------
    noisy : array of the same shape
        At least 0.
    pullback : callable
        With the noise as it was drawn.

    References
    ----------
    Dapello et al., NeurIPS 2020: normal noise of the variance of a Poisson process.
    """
    xp = namespace(responses)
    draws = [
        np.random.default_rng((*seed, zlib.crc32(np.ascontiguousarray(image).tobytes())))
        .standard_normal(responses.shape[1:])
        .astype(np.float32)
        for image in to_host(images)
    ]
    noise = xp.asarray(np.stack(draws)) if draws else xp.zeros_like(responses)
    spikes = responses * np.float32(scale) + np.float32(level)
    deviation = xp.sqrt(xp.maximum(spikes, 0) + np.float32(1e-4))
    counted = (spikes + noise * deviation - np.float32(level)) / np.float32(scale)

    def pullback(gradient: Array) -> Array:
        slope = 1 + xp.where(spikes > 0, noise / (2 * deviation), 0)
        return xp.where(counted > 0, gradient * slope, 0)

    return xp.maximum(counted, 0), pullback


@dataclass(frozen=True)
class Noise:
    """Which layers of `HMAX` are noisy.

    Attributes
    ----------
    spikes : mapping from layer to float
        Of a response of 1.
    seed : int
    """

    spikes: Mapping[str, float]
    seed: int

    @classmethod
    def of(cls, given: Any, random_state: Any, anatomy: Anatomy) -> Noise:
        """The parameter `noise`, checked.

        Parameters
        ----------
        given : mapping from layer to float, or None
        random_state : object
            Of the model; a whole number where there is noise.
        anatomy : Anatomy

        Returns
        -------
        Noise

        Raises
        ------
        TypeError
            If it is no mapping.
        ValueError
            If a layer is unknown or has responses that are no rates, or a number is not positive.
        """
        if given is None:
            return cls({}, 0)
        if not isinstance(given, Mapping):
            msg = (
                "`noise` must be None or the spikes of a response of 1 by layer, such as "
                f"{{'c1': 20}}, got {given!r}."
            )
            raise TypeError(msg)
        for layer, spikes in given.items():
            check_choice("noise", layer, LAYERS)
            check_number(f"noise[{layer!r}]", spikes, 0)
            above = layer in ("s2", "c2")
            if (above and anatomy.is_distance) or (not above and anatomy.s1_response == "signed"):
                remedy = "a Gaussian `tuning`" if above else "another `s1_response` than 'signed'"
                msg = (
                    f"`noise` of {layer!r} needs responses that are rates: use {remedy}, or leave "
                    "this layer out."
                )
                raise ValueError(msg)
        if given and not isinstance(random_state, int | np.integer):
            msg = (
                "`random_state` must be a whole number where there is `noise`, so that a picture "
                f"has the same noise each time, got {random_state!r}."
            )
            raise ValueError(msg)
        return cls(dict(given), int(random_state) if given else 0)

    def bytes_of_image(self, anatomy: Anatomy, n_prototypes: int, height: int, width: int) -> int:
        """About what noise of one image takes beside what `costs` counts.

        Parameters
        ----------
        anatomy : Anatomy
        n_prototypes : int
        height, width : int
            In pixels.

        Returns
        -------
        int
        """
        # A draw in double precision, and five maps of what is counted.
        of_drawing, total = 28, 0
        if self.spikes:
            total += of_drawing * len(anatomy.orientations) * len(anatomy.phases) * height * width
        if "s2" in self.spikes:
            strides = [anatomy.pool_strides[band - 1] for band in anatomy.bands]
            places = [(height // n + 1) * (width // n + 1) for n in strides]
            total += n_prototypes * (12 * sum(places) + of_drawing * max(places))
        return total

    def _map(self, maps: Maps, layer: str, number: int, images: Array) -> tuple[Maps, Any]:
        """Maps of a noisy layer, and the way back; `number` tells its maps apart."""
        seed = (self.seed, LAYERS.index(layer), number)
        values, back = noisy(maps.values, images, self.spikes[layer], 0.0, seed)
        return replace(maps, values=values), back

    def maps_of(
        self, layer: str, maps: Sequence[Maps], pullback: BandsPullback, images: Array
    ) -> tuple[list[Maps], BandsPullback]:
        """Maps of a whole layer with its noise, if it has any, and the way back."""
        if layer not in self.spikes:
            return list(maps), pullback
        noisy_ones = [self._map(own, layer, n, images) for n, own in enumerate(maps)]
        backs = [back for _, back in noisy_ones]

        def from_noisy(gradients: Sequence[Array]) -> Any:
            return pullback([back(own) for back, own in zip(backs, gradients, strict=True)])

        return [own for own, _ in noisy_ones], from_noisy

    def band(self, band: Band, images: Array, anatomy: Anatomy) -> Band:
        """A band of S1 and C1 with the noise of both: C1 pools what S1 answers.

        Parameters
        ----------
        band : Band
            With its maps of S1, where these are noisy.
        images : array of shape (n_images, 1, height, width)
        anatomy : Anatomy

        Returns
        -------
        Band
        """
        number = band.pooled.labels["band_number"]
        if "s1" in self.spikes:
            pairs = [
                self._map(own, "s1", 1000 * number + n, images) for n, own in enumerate(band.simple)
            ]
            simple, backs = [own for own, _ in pairs], [back for _, back in pairs]
            clean = band.from_simple

            def from_simple(gradients: Sequence[Array]) -> Array:
                return clean([back(own) for back, own in zip(backs, gradients, strict=True)])

            size, stride = anatomy.pool_sizes[number - 1], anatomy.pool_strides[number - 1]
            pooled, unpool = complex_cells(simple, size, stride)
            band = Band(
                simple,
                replace(band.pooled, values=pooled.values),
                from_simple,
                lambda gradient: from_simple(unpool(gradient)),
            )
        if "c1" in self.spikes:
            pooled, back = self._map(band.pooled, "c1", number, images)
            from_pooled = band.from_pooled
            band = replace(band, pooled=pooled, from_pooled=lambda g: from_pooled(back(g)))
        return band


def best_of_maps(s2: Sequence[Maps]) -> tuple[list[Maps], BandsPullback]:
    """C2 as the strongest response of each prototype in maps of S2, where these are noisy.

    Parameters
    ----------
    s2 : sequence of Maps
        Of every band and prototype size.

    Returns
    -------
    maps : list of Maps
        One for each size.
    pullback : callable
        From gradients of C2 to those of the maps of S2; the first of several that tie takes all.
    """
    xp, found, winners = namespace(s2[0].values), [], []
    for size in dict.fromkeys(maps.labels["prototype_size"] for maps in s2):
        numbers = [n for n, maps in enumerate(s2) if maps.labels["prototype_size"] == size]
        # By places, of any number of images: also of none.
        flat = xp.concatenate(
            [s2[n].values.reshape(*s2[n].values.shape[:2], _places(s2[n])) for n in numbers], axis=2
        )
        best = flat.argmax(axis=2)[..., None]
        values = xp.take_along_axis(flat, best, axis=2)
        found.append(of_prototypes(Maps(values[..., None]), size))
        winners.append((numbers, best))

    def pullback(gradients: Sequence[Array]) -> list[Array]:
        back = [xp.zeros_like(maps.values) for maps in s2]
        for (numbers, best), gradient in zip(winners, gradients, strict=True):
            first = 0
            for n in numbers:
                places = xp.arange(first, first + _places(s2[n]))
                won = (best == places) * gradient[..., 0]
                back[n] += won.reshape(back[n].shape).astype(back[n].dtype)
                first += len(places)
        return back

    return found, pullback


def _places(maps: Maps) -> int:
    return int(np.prod(maps.shape[1:]))
