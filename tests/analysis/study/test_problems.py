"""Lines of keys, whatever the file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_study import TEXT

from hmax_cnn.analysis.study.reading import Lines

pytestmark = pytest.mark.quick


@given(
    st.lists(
        st.sampled_from(
            ["a = 1", "[t.u]", '[t."v w"]', "b = { c = 2 }", "# x = 3", "d = [", "  4,", "]", ""]
        ),
        max_size=12,
    )
)
def test_lines_never_fail(parts):
    """Any key has a line within the file, that of the table around it where its own is not
    known."""
    text = "\n".join(parts)
    for path in [(), ("a",), ("t", "u", "a"), ("t", "v w", "b", "c"), ("nothing", "at", "all")]:
        assert 1 <= Lines(text).of(path) <= max(1, len(parts))


def test_lines_of_keys():
    lines = Lines(TEXT)
    numbered = dict(enumerate(TEXT.splitlines(), start=1))
    assert numbered[lines.of(("models", "linear", "learns_from"))] == 'learns_from = "digits"'
    assert numbered[lines.of(("images", "digits", "per_class"))] == "per_class = 4"
    assert numbered[lines.of(("models", "pixels", "parameters", "grid"))].startswith("parameters")
    assert np.all(
        np.diff(
            [
                lines.of((section,))
                for section in ("images", "models", "transformations", "measures", "figures")
            ]
        )
        > 0
    )
