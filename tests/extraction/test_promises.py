"""What is named is called only if it says what it makes."""

import os
from typing import TYPE_CHECKING, Any

import pytest

from hmax_cnn.data import Dataset
from hmax_cnn.data.stimuli import Stimuli
from hmax_cnn.extraction.promises import check_promise

if TYPE_CHECKING:
    from somewhere import Elsewhere

pytestmark = pytest.mark.quick


def one() -> Stimuli: ...


def either() -> Stimuli | Dataset: ...


def quoted() -> "Dataset": ...


def unknown_beside(other: "Elsewhere") -> "Dataset": ...


def silent(): ...


def anything() -> Any: ...


def none() -> None: ...


def number() -> int: ...


class Mine(Dataset): ...


@pytest.mark.parametrize("function", [one, either, quoted, unknown_beside, Dataset, Mine])
def test_what_promises_the_right_thing(function):
    check_promise(function, (Stimuli, Dataset), "source", "my_lab:mine")


@pytest.mark.parametrize(
    "function", [silent, anything, none, number, int, os.system, os.abort, 3, "text", print]
)
def test_what_does_not(function):
    with pytest.raises(TypeError, match="does not say that it makes a Stimuli or Dataset, so it"):
        check_promise(function, (Stimuli, Dataset), "source", "my_lab:mine")
