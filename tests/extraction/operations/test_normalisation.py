"""Normalisation against formulas."""

import numpy as np
import pytest

from hmax_cnn.extraction import Window
from hmax_cnn.extraction import operations as ops
from hmax_cnn.extraction.operations import copied_border, local_response_normalisation
from hmax_cnn.extraction.operations.windows import window_views

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)


def test_formulas():
    values = RNG.standard_normal((1, 5, 2, 2))
    by_hand = (
        values
        / (
            2
            + 0.1
            * np.stack(
                [(values[:, max(0, i - 1) : i + 2] ** 2).sum(axis=1) for i in range(5)], axis=1
            )
        )
        ** 0.75
    )
    np.testing.assert_allclose(local_response_normalisation(values, 3, 0.1)[0], by_hand, rtol=1e-12)
    np.testing.assert_array_equal(
        copied_border(values, 2)[0], np.pad(values, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    )


RNG = np.random.default_rng(5)


VALUES = RNG.random((2, 3, 9, 8)) + 0.1


def test_normalisation_against_formulas():
    energy = window_views(VALUES**2, Window(3)).sum(axis=(1, 4, 5))
    responses = RNG.standard_normal((2, 4, 7, 6))
    np.testing.assert_allclose(
        ops.divide_by_local_norm(responses, VALUES, 3)[0],
        responses / np.sqrt(energy)[:, None],
        rtol=1e-12,
    )
    np.testing.assert_array_equal(ops.divide_by_local_norm(responses, 0 * VALUES, 3)[0], responses)
    normalised, _ = ops.local_contrast_normalisation(VALUES * 7 + 100)
    np.testing.assert_allclose(normalised, ops.local_contrast_normalisation(VALUES)[0], atol=1e-10)
    np.testing.assert_allclose(ops.local_contrast_normalisation(0 * VALUES + 3)[0], 0, atol=1e-9)
