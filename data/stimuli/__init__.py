"""What models are shown.

Bars, gratings, noise, shapes, wires; drawn from parameters, seeded, with smooth edges.
"""

from .bars import bars, edges, spots
from .gratings import centre_surround, cross_orientation, gabors, gratings, plaids
from .noise import coloured_noise, phase_scrambled, sparse_noise, texture_matched, white_noise
from .paperclips import paperclips
from .sets import Screen, Stimuli
from .shapes import edge_drawings, fourier_shapes, placed_digits, silhouettes
from .textured import textured_shapes

__all__ = [
    "Screen",
    "Stimuli",
    "bars",
    "centre_surround",
    "coloured_noise",
    "cross_orientation",
    "edge_drawings",
    "edges",
    "fourier_shapes",
    "gabors",
    "gratings",
    "paperclips",
    "phase_scrambled",
    "placed_digits",
    "plaids",
    "silhouettes",
    "sparse_noise",
    "spots",
    "texture_matched",
    "textured_shapes",
    "white_noise",
]
