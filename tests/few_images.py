"""A few images with labels."""

import numpy as np

from hmax_cnn.data import digits


def few_digits(n=60, side=16):
    return digits().framed(f"stretch:{side}x{side}").subset(np.arange(n))
