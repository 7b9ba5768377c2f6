"""Rows that are kept: found again, checked, and by one process at a time."""

import json

import numpy as np
import pytest

from hmax_cnn.analysis.commands.kept_rows import KeptRows

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def kept(folder, *damage):
    with KeptRows(folder) as rows:
        rows.add(0, "first", ROWS)
        rows.add(1, "second", ROWS + 100)
    for change in damage:
        change()


def found(folder):
    with KeptRows(folder) as rows:
        return [rows.has(0, "first"), rows.has(1, "second")], [*rows]


def test_found_again_and_only_if_made_of_the_same(tmp_path):
    kept(tmp_path / "k")
    has, blocks = found(tmp_path / "k")
    assert has == [True, True]
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate([ROWS, ROWS + 100]))
    with KeptRows(tmp_path / "k") as rows:
        assert not rows.has(1, "other")
        rows.add(0, "other", ROWS * 2)  # what lay behind it goes
        assert rows.shape == (4, 3)
    has, blocks = found(tmp_path / "k")
    assert (has, len(blocks)) == ([False, False], 1)
    np.testing.assert_array_equal(blocks[0], ROWS * 2)


@pytest.mark.parametrize(
    ("name", "damage", "whole"),
    [
        ("rows.float32", lambda text: text[:-5], 1),
        ("rows.float32", lambda text: text[:-5] + b"x" + text[-4:], 1),
        ("rows.float32", lambda text: b"x" + text[1:], 0),
        ("rows.float32", lambda text: text + b"more", 2),
        ("blocks.jsonl", lambda text: text[:-9], 1),
        ("blocks.jsonl", lambda _: b"\x00noise\n", 0),
        ("blocks.jsonl", lambda _: json.dumps({"n_rows": 10**15}).encode(), 0),
        ("blocks.jsonl", lambda _: b"", 0),
    ],
)
def test_what_is_damaged_is_made_again(tmp_path, name, damage, whole):
    kept(tmp_path / "k")
    file = tmp_path / "k" / name
    file.write_bytes(damage(file.read_bytes()))
    has, blocks = found(tmp_path / "k")
    assert (sum(has), len(blocks)) == (whole, whole)
    with KeptRows(tmp_path / "k") as rows:
        for number, made_of in enumerate(("first", "second")):
            if not rows.has(number, made_of):
                rows.add(number, made_of, ROWS + 100 * number)
    assert len(found(tmp_path / "k")[1]) == 2


def test_one_process_at_a_time_and_nothing_left_behind(tmp_path):
    with KeptRows(tmp_path / "k"), pytest.raises(RuntimeError, match="Another run is writing"):
        KeptRows(tmp_path / "k").__enter__()
    assert not (tmp_path / "k").exists()
    kept(tmp_path / "k")
    with KeptRows(tmp_path / "k") as rows:
        rows.remove()
    assert not (tmp_path / "k").exists()


def test_blocks_of_other_images_have_the_same_units(tmp_path):
    with KeptRows(tmp_path / "k") as rows:
        rows.add(0, "first", ROWS)
        with pytest.raises(ValueError, match=r"have 2 units, those before them 3\. Resize"):
            rows.add(1, "second", ROWS[:, :2])
