"""`python -m benchmarks`: speed and memory, one kind of table, JSON beside it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import click

from . import cnn, dask_cluster, family, gpu, hmax, store, study
from .memory import growth
from .rounds import conditions, run_cases, write
from .scaling import rows

_OUTPUT = click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="JSON of the same."
)
_ROUNDS = click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
_ONLY = click.option("--only", default="", help="Part of the names of the rows to measure.")
_AGAINST = click.option(
    "--against", multiple=True, help="Part of the names of the other sides; again for more."
)


@click.group()
def main() -> None:
    """Speed and memory beside the strongest that there is, in turn, one process a side."""


def _of(module: ModuleType, about: str) -> click.Command:
    @_ROUNDS
    @_ONLY
    @_AGAINST
    @_OUTPUT
    def command(rounds: int, only: str, against: tuple[str, ...], output: Path | None) -> None:
        every = module.cases()
        chosen = [case for case in every if only.lower() in case.name.lower()]
        if not chosen:
            names = "; ".join(case.name for case in every)
            msg = f"--only {only!r} is part of no row. There are: {names}."
            raise click.UsageError(msg)
        for case in chosen:
            if against:
                case.against = [
                    side
                    for side in case.against
                    if any(part.lower() in side.lower() for part in against)
                ]
            if not case.against:
                msg = f"--against {', '.join(against)} is part of no other side of {case.name!r}."
                raise click.UsageError(msg)
        try:
            about_all = module.before() if hasattr(module, "before") else {}
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
        run_cases(chosen, rounds, output, **about_all)

    return click.command(help=about)(command)


@main.command()
@_OUTPUT
def scaling(output: Path | None) -> None:
    """How time grows with images, prototypes, batch and cores."""
    write(output, {"rows": rows()})


@main.command()
@click.option("--images", "counts", multiple=True, type=int, default=[1000, 10000])
@click.option("--format", "forms", multiple=True, default=["npz"], show_default=True)
def memory(counts: tuple[int, ...], forms: tuple[str, ...]) -> None:
    """Peak memory of `hmax-cnn extract` for few and many images."""
    growth(counts, forms)


@main.command("store")
@click.argument("what", type=click.Choice(["plans", "cluster", "names", "overhead", "many"]))
@click.option("--only", default="", help="Of plans: part of the names of the models.")
def of_stores(what: str, only: str) -> None:
    """Stores of features.

    Plans beside what is taken; a cluster that loses workers; listing of names; what storing adds to
    computing; few and many images.
    """
    if what == "names":
        for line in store.names():
            click.echo(line)
        return
    tables = {"cluster": dask_cluster.cluster, "overhead": store.overhead, "many": store.many}
    found = store.plans(only) if what == "plans" else tables[what]()
    click.echo(found.to_string(index=False))


@main.command("family")
def of_the_family() -> None:
    """Every member of the HMAX family: time of an image, beside what it computes."""
    click.echo(family.rows().to_string(index=False))


@main.command("study")
@click.argument("names", nargs=-1)
@_OUTPUT
def of_studies(names: tuple[str, ...], output: Path | None) -> None:
    """The shipped studies, or those of these NAMES: what is planned, and what is taken."""
    write(output, {"conditions": conditions(1), "rows": study.rows(names)})


main.add_command(_of(hmax, "Image to C1 and C2, beside PyTorch."), "hmax")
main.add_command(_of(gpu, "On a GPU: the tests, then HMAX and networks beside PyTorch."), "gpu")
main.add_command(_of(cnn, "Networks, beside PyTorch, ONNX Runtime and OpenVINO."), "cnn")

if __name__ == "__main__":
    main()
