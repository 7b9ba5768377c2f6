"""HMAX with single- and double-opponent channels."""

from .model import ColourHMAX

__all__ = ["ColourHMAX"]
