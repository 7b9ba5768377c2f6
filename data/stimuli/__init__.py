"""What models are shown: bars, gratings, noise, shapes, wires; drawn from parameters, seeded, with smooth edges."""

from data.stimuli.bars import bars, edges, spots
from data.stimuli.gratings import centre_surround, cross_orientation, gabors, gratings, plaids
from data.stimuli.noise import coloured_noise, phase_scrambled, sparse_noise, texture_matched, white_noise
from data.stimuli.paperclips import paperclips
from data.stimuli.sets import Screen, Stimuli
from data.stimuli.shapes import digits, edge_drawings, fourier_shapes, silhouettes

__all__ = [
    "Screen",
    "Stimuli",
    "bars",
    "centre_surround",
    "coloured_noise",
    "cross_orientation",
    "digits",
    "edge_drawings",
    "edges",
    "fourier_shapes",
    "gabors",
    "gratings",
    "paperclips",
    "phase_scrambled",
    "plaids",
    "silhouettes",
    "sparse_noise",
    "spots",
    "texture_matched",
    "white_noise",
]
