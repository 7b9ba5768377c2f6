"""hmax-cnn: the command line.

A command's module is imported when it is run, so that the list of commands is there at once.
"""

from __future__ import annotations

from importlib import import_module

import click

# Each command: the module that it is in, its name there, and its line in the list.
_COMMANDS = {
    "classify": ("classify", "classify", "Test how well a linear SVM tells classes apart."),
    "completion": ("main", "completion", "Print what a shell needs to complete commands."),
    "doctor": ("doctor", "doctor", "Compare what this machine computes with shipped answers."),
    "extract": ("extract", "extract_command", "Write features of images into a file."),
    "fields": ("describe", "fields", "Receptive fields of every layer, in pixels."),
    "figure": ("figure", "figure", "Draw a figure from a study's folder or a table."),
    "measure": ("new", "measure", "Start a measure of your own."),
    "model": ("new", "model", "Start a model of your own."),
    "models": ("describe", "models", "List the models that there are."),
    "report": ("study", "report", "Write the page of a study's folder again."),
    "slurm": ("slurm", "slurm", "Print a script for SLURM that does a command in parts."),
    "store": ("store", "store", "Check, mend, copy and classify a store of features."),
    "study": ("study", "study", "Run comparison studies, and check and list them."),
    "summary": ("describe", "summary", "Layers, output shapes, parameters and operations."),
    "train": ("train", "train", "Train a network and write its weights."),
}


class _Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in alphabetical order."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported."""
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f".{module}", __package__), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in sorted(_COMMANDS)])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hmax-cnn")
def main() -> None:
    """HMAX, perceptrons and convolutional networks.

    Studies, figures, features, fields and a readout.

    A MODEL is package:Class, such as hmax:HMAX; its parameters are given with --set.
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what a shell needs to complete our commands.

    For bash, add to ~/.bashrc: eval "$(hmax-cnn completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(main, {}, "hmax-cnn", "_HMAX_CNN_COMPLETE").source())
