"""The command line in tests: a process of its own, or a call in this one."""

import subprocess
import sys
from types import SimpleNamespace

from click.testing import CliRunner

from hmax_cnn.analysis.commands.main import main

HMAX_CNN = [sys.executable, "-m", "hmax_cnn"]


def run(*arguments, cwd=None, **options):
    return subprocess.run(
        [*HMAX_CNN, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        **options,
    )


def invoke(*arguments):
    """The same command in this process: quicker to start."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def inside(*arguments):
    """The same command in this process, with what `run` returns."""
    done = invoke(*arguments)
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)
