"""A study: models, images, transformations, measures and seeds, from one file to one folder."""

from .folder import open_results
from .problems import StudyError
from .reading import read_study
from .running import run_study

__all__ = ["StudyError", "open_results", "read_study", "run_study"]
