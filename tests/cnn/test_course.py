"""How a network is trained: what is refused."""

import numpy as np
import pytest
from digit_training import lenet
from sklearn.datasets import load_digits

BUNCH = load_digits()


DIGITS = np.pad(np.kron(BUNCH.images * 15, np.ones((3, 3))), ((0, 0), (4, 4), (4, 4))).astype(
    np.uint8
)


LABELS = np.array([f"digit {n}" for n in BUNCH.target])


FEW = slice(0, 200)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"loss": "hinge"}, "`loss` must be one of 'softmax', 'logistic', 'squared', got 'hinge'"),
        ({"schedule": "warm"}, "`schedule` must be one of 'constant'"),
        ({"optimiser": "rmsprop"}, "`optimiser` must be one of 'sgd', 'adam', got 'rmsprop'"),
        ({"learning_rate": -1}, "`learning_rate` must be a number from 0 to inf, got -1"),
        ({"batch_size": 0}, "`batch_size` must be a whole number from 1"),
        ({"momentum": 1.5}, "`momentum` must be a number from 0 to 1, got 1.5"),
        (
            {"patience": 3},
            "`patience` must be at least 1 and needs a `validation_fraction` above 0",
        ),
        ({"standardise": "best"}, "`standardise` must be 'imagenet' or"),
    ],
)
def test_bad_settings_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        lenet(**settings).fit(DIGITS[FEW], LABELS[FEW])
