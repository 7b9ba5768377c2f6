"""Correlation with all that follows it in a network at rest, in one step."""

from __future__ import annotations

from ..arrays import Array
from ..compiled import for_kernel
from ..cuda import correlation as on_cuda
from ..cuda.programs import suits as suits_cuda
from ..fields import Window
from . import features_last
from .activations import relu
from .correlation import correlate, goes_features_last
from .normalisation import scale_and_shift


def correlate_and_finish(
    values: Array,
    weights: Array,
    window: Window,
    scale: Array,
    shift: Array,
    *,
    rectifies: bool,
) -> Array:
    """`correlate` without groups, then `scale_and_shift`, then `relu`; without a way back.

    Parameters
    ----------
    values, weights
        As in `correlate`.
    window : Window
    scale, shift : array of shape (n_filters,)
    rectifies : bool

    Returns
    -------
    array of shape (n_images, n_filters, height', width')
    """
    if goes_features_last(values, weights, window):
        done = features_last.Finish(for_kernel(scale), for_kernel(shift), rectifies)
        return features_last.correlate_last(values, weights, window, done)
    if suits_cuda(values, weights):
        return on_cuda.correlate(values, weights, window, 1, scale, shift, rectifies=rectifies)
    matches, _ = correlate(values, weights, window.stride, window.padding, window.dilation)
    moved, _ = scale_and_shift(matches, scale, shift)
    return relu(moved)[0] if rectifies else moved
