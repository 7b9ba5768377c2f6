"""hmax-cnn model new, hmax-cnn measure new: a working file to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from hmax_cnn.extraction.files import written_whole

from .options import plainly, say


@click.group()
def model() -> None:
    """A model of your own."""


@click.group()
def measure() -> None:
    """A measure of your own."""


@model.command(name="new")
@click.argument("file", type=click.Path(path_type=Path))
@plainly
def new_model(file: Path) -> None:
    """Write a model that works into FILE (.py), to start from."""
    name = write_template(file, "new_model.txt")
    say(f"A model to start from is in {file}. Look at it, then, in its folder:")
    say(f"  hmax-cnn extract digits --model {name}:Energy --output features.npz")


@measure.command(name="new")
@click.argument("file", type=click.Path(path_type=Path))
@plainly
def new_measure(file: Path) -> None:
    """Write a measure that works into FILE (.py), to start from."""
    name = write_template(file, "new_measure.txt")
    say(f"A measure to start from is in {file}. Look at it, and name it in a study beside it:")
    say(f'  [measures.spread]\n  measure = "{name}:spread"')


def write_template(file: Path, template: str) -> str:
    """A template under a new name; returns the module that it is.

    Raises
    ------
    ValueError, FileExistsError
        If the name is no module's, or is taken.
    """
    if file.suffix != ".py" or not file.stem.isidentifier():
        msg = (
            f"FILE must be a module, such as my_lab.py (letters, digits and _), got {file.name!r}."
        )
        raise ValueError(msg)
    if file.exists():
        msg = f"{file} is there already. Give another name."
        raise FileExistsError(msg)
    text = files(__package__).joinpath(template).read_text(encoding="utf-8")
    with written_whole(file) as temporary:
        temporary.write_text(text.replace("MODULE", file.stem), encoding="utf-8")
    return file.stem
