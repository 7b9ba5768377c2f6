"""Fields: exact, through windows, padding, dilation and crops, joined over branches."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmax_cnn.extraction import Field, Span, Window, join
from hmax_cnn.extraction.fields import number

pytestmark = pytest.mark.quick

WINDOWS = st.builds(
    lambda size, stride, before, after, dilation: Window(
        size, stride, ((before, after), (after, before)), dilation
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 2),
)


@given(st.lists(WINDOWS, max_size=4), st.integers(0, 3))
def test_field_is_what_reaches_a_unit(windows, crop):
    """Push sets of pixels through the same windows: the pixels that reach a unit span exactly its
    theoretical field."""
    n = 90
    reach = [frozenset([i]) for i in range(n)]
    field = Field()
    for window in windows:
        (before, after), _ = window.padding
        around = [frozenset()] * before + reach + [frozenset()] * after
        if len(around) < window.extent[0]:
            return
        n_places = window.count(len(reach), n)[0]
        starts = range(0, len(around) - window.extent[0] + 1, window.stride[0])
        assert len(starts) == n_places
        reach = [
            frozenset().union(*around[i : i + window.extent[0] : window.dilation[0]])
            for i in starts
        ]
        field = field.through(window)
    if len(reach) <= crop + 2:
        return
    reach, field = reach[crop:], field.cropped(crop, 0)
    middle = len(reach) // 2
    low, high = field.y.edges(middle)
    seen = reach[middle]
    if low >= 0 and high <= n:
        assert (min(seen), max(seen) + 1) == (low, high)
    else:
        assert all(max(low, 0) <= pixel < min(high, n) for pixel in seen)


def test_published_chain():
    """AlexNet of Araujo et al. 2019: size / step of each layer."""
    field, found = Field(), []
    for size, stride in [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]:
        field = field.through(Window(size, stride))
        found.append((number(field.x.size), number(field.x.step)))
    assert found == [(11, 4), (19, 8), (51, 8), (67, 16), (99, 16), (131, 16), (163, 16), (195, 32)]


def test_fractions_stay_exact():
    span = Span(Fraction(7, 3), Fraction(7, 3), Fraction(2, 3)).through(4, stride=2)
    assert (span.size, span.step, span.first) == (Fraction(28, 3), Fraction(14, 3), Fraction(25, 6))
    np.testing.assert_allclose(span.centres(2), [25 / 6, 53 / 6])


def test_axes_differ():
    field = Field().through(Window((3, 5), (1, 2), ((1, 1), (0, 0))))
    assert (
        field.y.size,
        field.x.size,
        field.y.step,
        field.x.step,
        field.y.first,
        field.x.first,
    ) == (3, 5, 1, 2, 0, 2)


def test_joining():
    small, large = Field().through(Window(3, padding=1)), Field().through(Window(7, padding=3))
    assert join([small, large]) == large
    assert join([small, large.cropped(1, 0)]).status == "largest path"
    assert join([small, large.through(Window(1, 2))]).status == "largest path"
    assert (
        join(
            [
                Field().through(Window((3, 1), padding=((1, 1), (0, 0)))),
                Field().through(Window((1, 3), padding=((0, 0), (1, 1)))),
            ]
        ).status
        == "largest path"
    )
    assert join([Field.whole(10, 20), small]).status == "whole image"
    assert Field.whole(10, 20).x.edges(0) == (0, 20)
    with pytest.raises(ValueError, match="at least one field"):
        join([])


def test_a_join_of_one_step_holds_all_its_paths():
    """Branches that are not aligned but step alike: the smallest field that holds both, for every
    unit; of different steps the largest path."""
    narrow, shifted = (
        Field().through(Window(3, stride=2)),
        Field().through(Window(5, stride=2, padding=((0, 9), (0, 9)))).cropped(0, 2),
    )
    both = join([narrow, shifted])
    assert both.status == "largest path"
    for index in (0, 3):
        edges = [field.x.edges(index) for field in (narrow, shifted)]
        assert both.x.edges(index) == (min(low for low, _ in edges), max(high for _, high in edges))
    assert join([narrow, Field().through(Window(9))]).x == Field().through(Window(9)).x
