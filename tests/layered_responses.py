"""Responses of layers to images under a transformation."""

import numpy as np
from synthetic import VALUES, grid


def layers(n_images=24, n_units=12, seed=0):
    """One layer that ignores the shift, one that a linear map carries along, noise, and one that
    never changes."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((n_images, n_units))
    invariant = np.repeat(codes[:, None], len(VALUES), axis=1)
    moved = np.stack([np.roll(codes, int(value), axis=1) for value in VALUES], axis=1)
    noise = rng.standard_normal(moved.shape)
    constant = np.broadcast_to(rng.standard_normal(n_units), moved.shape)
    kinds = {"invariant": invariant, "equivariant": moved, "noise": noise, "constant": constant}
    values = np.concatenate(list(kinds.values()), axis=2)
    return grid(values, layer=("unit", np.repeat(list(kinds), n_units)))
