"""What models are built from: each operation returns a value and its pullback (gradient)."""

from extraction.operations.correlation import Spectrum, correlate, correlate_spectrum
from extraction.operations.nearest import nearest_distance
from extraction.operations.normalisation import divide_by_local_norm, local_contrast_normalisation
from extraction.operations.pooling import average_pool, feature_l2_pool, l2_pool, max_pool, softmax_pool
from extraction.operations.tuning import dot_product, euclidean_distance, gaussian, normalised_dot_product

__all__ = [
    "Spectrum",
    "average_pool",
    "correlate",
    "correlate_spectrum",
    "divide_by_local_norm",
    "dot_product",
    "euclidean_distance",
    "feature_l2_pool",
    "gaussian",
    "l2_pool",
    "local_contrast_normalisation",
    "max_pool",
    "nearest_distance",
    "normalised_dot_product",
    "softmax_pool",
]
