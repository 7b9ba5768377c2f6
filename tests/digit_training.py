"""Networks that learn digits in a second."""

from hmax_cnn.cnn import CNN


def lenet(**settings):
    return CNN("lenet5", **({"epochs": 3, "learning_rate": 0.02, "progress": False} | settings))
