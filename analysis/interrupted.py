"""Interrupted: work that was stopped by a signal, what is done being kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Ctrl-C ends a command with an exception; these would end it without one.
_ENDING = ("SIGTERM", "SIGHUP")
_heard: list[int] = []


class Interrupted(Exception):  # noqa: N818 - an event, not an error
    """Work was interrupted; the text says what was kept and how to go on."""


@contextmanager
def heeding_signals() -> Iterator[None]:
    """Take the end of a job (SIGTERM) and of a terminal (SIGHUP) as Ctrl-C within the block.

    A signal that is ignored, as after `nohup`, stays ignored.

    Yields
    ------
    None
    """
    before: dict[int, Any] = {}
    _heard.clear()
    if threading.current_thread() is threading.main_thread():  # Python lets no other set them
        for name in _ENDING:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: Any) -> None:
    _heard.append(number)
    raise KeyboardInterrupt


def exit_status() -> int:
    """What a command ends with that was interrupted: 128 and the number of the signal."""
    return 128 + (_heard[-1] if _heard else signal.SIGINT)
