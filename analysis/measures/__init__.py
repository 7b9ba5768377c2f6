"""Measures: what is asked of models, one file for each kind."""
