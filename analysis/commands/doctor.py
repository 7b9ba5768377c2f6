"""hmax-cnn doctor: whether this machine computes what others do."""

from __future__ import annotations

import sys

import click
import pandas as pd

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
    difference, as a share of the largest number, and what is allowed. The exit code is 1 if one is
    larger; libraries of other versions are named.
    """
    from hmax_cnn.extraction.arrays import device_namespace

    from . import answers

    device_namespace(device)  # a missing GPU is told before anything is computed
    done = list(answers.compared(device))
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
    show(pd.DataFrame(rows), form)
    there, here = answers.known()["machine"], answers.machine()
    other = [
        f"{name} {here.get(name, 'missing')} (shipped answers: {there[name]})"
        for name in there
        if here.get(name) != there[name]
    ]
    if form == "text":
        say(f"Other than where the answers were made: {', '.join(other) or 'nothing'}.")
    bad = [one for one in done if not one.agrees]
    if not bad:
        if form == "text":
            say(f"All {len(done)} answers agree.")
        return
    # What an answer depends on most, the lowest first: a model differs because a library does.
    first = bad[0]
    named = {name.partition(" ")[0] for name in other}
    suspects = [name for name in first.answer.libraries if name in named]
    why = f"its version is another: {', '.join(suspects)}" if suspects else "no version is another"
    say(
        f"{len(bad)} of {len(done)} answers differ, first {first.answer.name!r}, which depends on "
        f"{', '.join(first.answer.libraries)} ({why}). Numbers of this machine should not be "
        "compared with those of others before that is explained."
    )
    sys.exit(1)
