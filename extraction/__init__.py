"""What every model shares: arrays, fields, maps, operations and the one interface."""

from extraction.extractor import FeatureExtractor
from extraction.fields import Field, Span, Window, join
from extraction.filter_bank import FilterBank
from extraction.images import InputWarning
from extraction.labelled import flatten
from extraction.maps import Maps
from extraction.pixels import Pixels

__all__ = ["FeatureExtractor", "Field", "FilterBank", "InputWarning", "Maps", "Pixels", "Span", "Window", "flatten", "join"]
