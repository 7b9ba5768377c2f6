"""Interrupted: work that was stopped with Ctrl-C, what is done being kept."""


class Interrupted(Exception):  # noqa: N818 - an event, not an error
    """Work was interrupted; the text says what was kept and how to go on."""
