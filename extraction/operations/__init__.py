"""What models are built from: each operation returns a value and its pullback (gradient)."""

from .activations import (
    add,
    elu,
    leaky_relu,
    maxout,
    relu,
    sigmoid,
    softplus,
    step,
    sum_by_feature,
    tanh,
)
from .adaptive import adaptive_average_pool, adaptive_max_pool
from .correlation import correlate
from .dense import dense
from .finished import correlate_and_finish
from .nearest import nearest_distance
from .normalisation import (
    batch_normalisation,
    divide_by_local_norm,
    local_contrast_normalisation,
    local_response_normalisation,
    running_statistics,
    scale_and_shift,
)
from .pooling import average_pool, feature_l2_pool, l2_pool, max_pool, softmax_pool
from .sparse import nearest_sparse, sparse_distance
from .spectra import Spectrum, correlate_spectrum
from .tuning import dot_product, euclidean_distance, gaussian, normalised_dot_product
from .windows import copied_border

__all__ = [
    "Spectrum",
    "adaptive_average_pool",
    "adaptive_max_pool",
    "add",
    "average_pool",
    "batch_normalisation",
    "copied_border",
    "correlate",
    "correlate_and_finish",
    "correlate_spectrum",
    "dense",
    "divide_by_local_norm",
    "dot_product",
    "elu",
    "euclidean_distance",
    "feature_l2_pool",
    "gaussian",
    "l2_pool",
    "leaky_relu",
    "local_contrast_normalisation",
    "local_response_normalisation",
    "max_pool",
    "maxout",
    "nearest_distance",
    "nearest_sparse",
    "normalised_dot_product",
    "relu",
    "running_statistics",
    "scale_and_shift",
    "sigmoid",
    "softmax_pool",
    "softplus",
    "sparse_distance",
    "step",
    "sum_by_feature",
    "tanh",
]
