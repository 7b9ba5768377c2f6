"""hmax-cnn doctor: whether this machine computes what others do."""

from __future__ import annotations

import sys

import click
import pandas as pd

from hmax_cnn.extraction.arrays import device_namespace

from . import answers
from .answers import Answer, Compared
from .options import form_option, plainly, say, show


@click.command()
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where models compute.",
)
@form_option
@plainly
def doctor(device: str, form: str) -> None:
    """Compare what this machine computes with answers that are shipped.

    From random numbers and decoded pictures to features and trained networks: each with the largest
    difference among 40 numbers spread over it, as a share of the largest, and what is allowed; and
    whether all its numbers are the same to the last bit. The exit code is 1 if a difference is
    larger; libraries of other versions are named.
    """
    device_namespace(device)  # a missing GPU is told before anything is computed
    done = list(answers.compared(device))
    show(_table(done), form)
    there, here = answers.known()["machine"], answers.machine()
    other = [
        f"{name} {here.get(name, 'missing')} (shipped answers: {there[name]})"
        for name in there
        if here.get(name) != there[name]
    ]
    bad = [one for one in done if not one.agrees]
    if form == "text":
        say(f"Other than where the answers were made: {', '.join(other) or 'nothing'}.")
    if not bad and form == "text":
        say(f"All {len(done)} answers agree.")
    if bad:
        say(f"{len(bad)} of {len(done)} answers differ, {_why(bad[0].answer, other)}")
        sys.exit(1)


def _table(done: list[Compared]) -> pd.DataFrame:
    rows = [
        {
            "answer": one.answer.name,
            "difference": f"{one.difference:.1e}",
            "at_most": f"{one.answer.tolerance:.0e}",
            "last_bit": "same" if one.to_the_last_bit else "differs",
            "verdict": one.error or ("agrees" if one.agrees else "DIFFERS"),
            "depends_on": ", ".join(one.answer.libraries),
        }
        for one in done
    ]
    return pd.DataFrame(rows)


def _why(first: Answer, other: list[str]) -> str:
    """The first answer that differs is the lowest: a model differs because a library does."""
    named = {name.partition(" ")[0] for name in other}
    suspects = [name for name in first.libraries if name in named]
    why = f"its version is another: {', '.join(suspects)}" if suspects else "no version is another"
    return (
        f"first {first.name!r}, which depends on {', '.join(first.libraries)} ({why}). Numbers of "
        "this machine should not be compared with those of others before that is explained."
    )
