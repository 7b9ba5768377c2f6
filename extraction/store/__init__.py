"""Features on disk as Zarr, written shard by shard and read lazily."""

from .layout import DTYPES, Layout
from .places import is_store
from .reading import StoredFeatures, open_features
from .store import FeatureStore, OtherFeaturesError

__all__ = [
    "DTYPES",
    "FeatureStore",
    "Layout",
    "OtherFeaturesError",
    "StoredFeatures",
    "is_store",
    "open_features",
]
