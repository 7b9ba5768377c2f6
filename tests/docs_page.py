"""Runs the blocks of a page of the docs, in their order, in the working folder.

Shell blocks as bash runs them, and Python blocks in one namespace, as a reader would who goes down
the page; other blocks (TOML, output) are only shown.
"""

import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(page):
    text = Path(page).read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    for match in BLOCK.finditer(text):
        kind, code = match.groups()
        line = text[: match.start()].count("\n") + 2
        started = perf_counter()
        if kind == "python":
            # Errors name the line of the page.
            exec(compile("\n" * (line - 1) + code, page, "exec"), namespace)  # noqa: S102
        elif kind == "sh":
            subprocess.run(["bash", "-euc", code], check=True)
        else:
            continue
        print(f"{page}:{line} {kind} {perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
