"""Kernels for an NVIDIA GPU, single precision: see `programs`."""
