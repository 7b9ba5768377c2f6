"""Kernels for an NVIDIA GPU, single precision: see `programs`."""

__all__ = ["correlation", "nearest", "normalisation", "pooling", "programs", "symmetric"]
