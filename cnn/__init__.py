"""Features that are learned from errors: perceptrons and convolutional networks."""
