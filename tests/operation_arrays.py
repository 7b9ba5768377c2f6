"""Arrays for operations, and one operation on two devices."""

import numpy as np

from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.arrays import to_host


def spectral(values, weights):
    return ops.correlate_spectrum(ops.Spectrum.of(values), weights)


def same_on(place, operation, arrays, options):
    """float32 on the device against float64 here: values agree to 2e-6 of their range, gradients to
    2e-5. Nothing handed in is changed."""
    value, pullback = operation(*arrays, **options)
    # weights of this operation
    on_host = {1} if operation is spectral else set()
    placed = [
        array if index in on_host else place.put(array.astype(np.float32))
        for index, array in enumerate(arrays)
    ]
    copies = [to_host(array).copy() for array in placed]
    got, got_pullback = operation(*placed, **options)
    assert got.dtype == np.float32
    np.testing.assert_allclose(place.host(got), value, atol=2e-6 * np.abs(value).max(), rtol=0)
    gradient = np.random.default_rng(1).standard_normal(value.shape).astype(np.float32)
    expected, found = pullback(gradient.astype(float)), got_pullback(place.put(gradient))
    for one, other in zip(
        expected if isinstance(expected, tuple) else (expected,),
        found if isinstance(found, tuple) else (found,),
        strict=True,
    ):
        np.testing.assert_allclose(place.host(other), one, atol=2e-5 * np.abs(one).max(), rtol=0)
    for array, copy in zip(placed, copies, strict=True):
        np.testing.assert_array_equal(to_host(array), copy)
