"""Files that are written whole: what a killed writer left goes, what is the user's stays."""

import subprocess
import sys

import pytest

from hmax_cnn.extraction.files import (
    check_other_file,
    clear_unfinished,
    writable,
    written_whole,
)

pytestmark = pytest.mark.quick

KILLED = """
import os, signal, sys
from hmax_cnn.extraction.files import written_whole
with written_whole(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
OF_THE_USER = (".notes-20240101.txt", ".f-72awb027.csv", ".mine.checkpoint", ".f.writing-notes.csv")


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    for name in OF_THE_USER:
        (tmp_path / name).write_text("mine")
    target = tmp_path / "f.csv"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert len(list(tmp_path.glob(".f.writing-*-*"))) == 1  # the second removed the first's
    with written_whole(target) as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"f.csv", *OF_THE_USER}
    subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    with written_whole(tmp_path / "g.csv") as running:
        clear_unfinished(tmp_path)
        assert running.exists()  # of a process that lives
        running.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"f.csv", "g.csv", *OF_THE_USER}


def test_a_place_is_tried_before_hours_of_work(tmp_path):
    target = tmp_path / "f.csv"
    target.write_text("as it was")
    assert writable(target) == target
    assert target.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(OSError, match=r"File name too long\. Choose another name"):
        writable(tmp_path / ("n" * 90 + "é" * 100))
    with pytest.raises(ValueError, match="null byte"):
        writable(tmp_path / "a\0b")


def test_an_output_is_no_input(tmp_path):
    index, link = tmp_path / "i.csv", tmp_path / "l.csv"
    index.write_text("path\n")
    link.symlink_to(index)
    check_other_file(tmp_path / "new.csv", [index])
    check_other_file(index, [None, 3, "not there"])
    for output in (index, link):
        with pytest.raises(ValueError, match="is an input of this command"):
            check_other_file(output, [index])
