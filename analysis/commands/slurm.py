"""hmax-cnn slurm: a script that does an extraction in parts, as an array of jobs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from hmax_cnn.extraction.store import is_store

from .extract import extract_command
from .options import plainly

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=hmax-cnn
#SBATCH --array=1-{parts}
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={memory}
#SBATCH --time={time}
{more}#SBATCH --output=hmax-cnn-%A_%a.log
#SBATCH --requeue
# Sent again, a part goes on from the shards that are there; done twice it gives the same bytes.
set -euo pipefail
cd {folder}
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK"
exec {python} -m hmax_cnn extract {words} --part "$SLURM_ARRAY_TASK_ID/{parts}"
"""


@click.group()
def slurm() -> None:
    """Print a script for SLURM, to be handed to `sbatch`."""


@slurm.command(context_settings={"ignore_unknown_options": True})
@click.option("--parts", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--cpus", default=4, show_default=True, type=click.IntRange(min=1))
@click.option("--memory", default="4G", show_default=True, help="Of each part.")
@click.option("--time", default="04:00:00", show_default=True, help="Of each part.")
@click.option("--gpu", is_flag=True, help="A GPU for each part, which the model then uses.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@plainly
def extract(
    parts: int, cpus: int, memory: str, time: str, gpu: bool, words: tuple[str, ...]
) -> None:
    """Print a script that does `hmax-cnn extract WORDS` in parts.

    For example: hmax-cnn slurm extract --parts 100 pictures/ --output features.zarr > job.sh
    """
    given = list(words)
    if gpu:
        given += ["--set", "device=cuda"]
    # Parsed as the jobs will parse it: a slip is met here and not a hundred times in a queue.
    parsed = extract_command.make_context("extract", list(given)).params
    if not is_store(parsed["output"]) or parsed["part"] is not None:
        msg = "Parts need a store, such as --output features.zarr, and no --part of their own."
        raise ValueError(msg)
    more = "#SBATCH --gpus-per-task=1\n" if gpu else ""
    script = _SCRIPT.format(
        parts=parts,
        cpus=cpus,
        memory=shlex.quote(memory),
        time=shlex.quote(time),
        more=more,
        folder=shlex.quote(str(Path.cwd())),
        python=shlex.quote(sys.executable),
        words=shlex.join(given),
    )
    click.echo(script, nl=False)
