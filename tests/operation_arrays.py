"""Arrays for operations."""

from hmax_cnn.extraction import operations as ops


def spectral(values, weights):
    return ops.correlate_spectrum(ops.Spectrum.of(values), weights)
