"""What is known from the literature: cortical areas, shape bias, and the papers that are cited."""

__all__ = [
    "bibliography",
    "cortex",
    "shape",
]
