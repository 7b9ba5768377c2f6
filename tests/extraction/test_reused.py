"""Memory is handed out again when nobody refers to it any more, and never before."""

import threading

import numpy as np
import pytest

from hmax_cnn.extraction.reused import empty, reusing

pytestmark = pytest.mark.quick
SHAPE = (4, 100, 100)


def address(array):
    return array.__array_interface__["data"][0]


def test_handed_out_again():
    with reusing():
        first = empty(SHAPE)
        first_address = address(first)
        second = empty(SHAPE)
        assert address(second) != first_address
        del first
        # A smaller one does not need new memory either.
        third = empty((3, 100, 100))
        assert address(third) == first_address
        assert third.dtype == np.float32


def test_a_view_keeps_it():
    with reusing():
        values = empty(SHAPE)
        values[:] = 1
        view = values.transpose(2, 0, 1)[1:]
        kept = address(values)
        del values
        assert address(empty(SHAPE)) != kept
        assert (view == 1).all()
        del view
        assert address(empty(SHAPE)) == kept


def test_outlives_the_block():
    with reusing():
        values = empty(SHAPE)
        values[:] = 2
    other = empty(SHAPE)
    other[:] = 3
    assert (values == 2).all()


def test_threads_do_not_share():
    found = []

    def run():
        with reusing():
            found.append(empty(SHAPE))

    with reusing():
        own = empty(SHAPE)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert address(found[0]) != address(own)


def test_outside_the_block_memory_is_new():
    first = empty(SHAPE)
    assert first.base is None
    assert empty((2, 2)).base is None
