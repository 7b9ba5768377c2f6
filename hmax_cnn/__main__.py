"""The command `hmax-cnn`, also as `python -m hmax_cnn`."""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it plainly, from the first import to the last line."""
    # Figures are written into files, whatever window or notebook the shell's settings name.
    os.environ["MPLBACKEND"] = "Agg"
    # The worker processes of a study: no file of the working folder hides a module.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        # The import takes seconds, and happens here so that Ctrl-C in it is heard.
        from hmax_cnn.analysis.commands.main import main as commands

        commands(prog_name="hmax-cnn")
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(_INTERRUPTED)
    finally:
        # All is done and said: a late Ctrl-C shall not break off how Python ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
