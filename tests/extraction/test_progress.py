"""Progress: bars where somebody looks on, lines of a log where nobody does."""

import io
import logging
import sys
import time

import pytest

from hmax_cnn.extraction import progress
from hmax_cnn.extraction.progress import progress_bar, silence


@pytest.fixture
def nobody(monkeypatch):
    """Output that is no terminal, and a log that has a line every twentieth of a second."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress, "_SECONDS", 0.05)


def steps(**options):
    for _ in progress_bar(range(8), name="Extracting", unit="image", **options):
        time.sleep(0.02)


def test_lines_of_a_log(nobody, caplog):
    """Now and then a line that says how far it is; none where progress is switched off."""
    caplog.set_level(logging.INFO, "hmax_cnn")
    steps()
    lines = [record.getMessage() for record in caplog.records]
    assert 2 <= len(lines) <= 5
    assert lines[0].startswith("Extracting: ")
    assert " of 8 images after 00:00, " in lines[0]
    caplog.clear()
    steps(progress=False)
    with silence():
        steps()
    assert not caplog.records


def test_no_line_that_nobody_asked_for(nobody, caplog):
    """Python's own setting: a library says nothing at INFO until it is told to."""
    caplog.set_level(logging.WARNING, "hmax_cnn")
    steps()
    assert not caplog.records
