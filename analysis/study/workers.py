"""Worker processes of a study: they end with the process that started them."""

from __future__ import annotations

import os
import threading
import time

_LOOK = 0.5  # seconds between two looks for the parent
_watched: list[int] = []


def end_with_parent(parent: int | None) -> None:
    """End this process soon after its parent, which may be killed without a word to its workers.

    Parameters
    ----------
    parent : int or None
        Number of the process that the work is for; nothing is done within that itself, nor without
        one.
    """
    if parent is None or os.name == "nt" or os.getpid() == parent or _watched:
        return
    _watched.append(parent)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    # An orphan is taken over by another process.
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
