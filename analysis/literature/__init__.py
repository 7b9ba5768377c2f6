"""What is known from the literature: cortical areas, and the papers that are cited."""

__all__ = [
    "bibliography",
    "cortex",
]
