"""Kernels for an NVIDIA GPU, single precision: see `programs`."""

__all__ = [
    "correlation", "graphs", "nearest", "normalisation", "pooling", "programs", "symmetric",
    "updates",
]  # fmt: skip
