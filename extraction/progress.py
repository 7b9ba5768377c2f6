"""Progress bars on a terminal and in a notebook, lines of a log elsewhere; one switch for all."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOBase
from typing import Any

from tqdm.std import TqdmWarning
from tqdm.std import tqdm as plain_tqdm

with warnings.catch_warnings():
    # A notebook without ipywidgets has bars of text, which need no warning.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

LOG = logging.getLogger("hmax_cnn")
_SILENT: ContextVar[bool] = ContextVar("silent", default=False)
_SECONDS = 30  # between two lines of a log
_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}s after {elapsed}, {remaining} to go"
_IN_NOTEBOOK = any(found.__name__ == "tqdm_notebook" for found in tqdm.__mro__)


def progress_bar(
    steps: Iterable[Any] | None = None,
    *,
    name: str,
    unit: str = "step",
    progress: bool | None = None,
    delay: float = 2,
    **options: Any,
) -> Any:
    """Return a progress bar for work that may take over two seconds.

    Where the output is neither a terminal nor a notebook, such as in a job on a cluster, a line is
    logged every half minute instead, by the logger `hmax_cnn` at the level INFO.

    Parameters
    ----------
    steps : iterable or None
        What the bar counts; None for a bar that is moved on with `update`.
    name : str
        What is being done.
    unit : str
        What is counted, such as 'image'.
    progress : bool or None
        True shows the bar, False hides it; None shows it on a terminal and in a notebook, and logs
        lines elsewhere. Within `silence` nothing is shown.
    delay : float
        Seconds before the bar appears.
    **options
        Of tqdm, such as `total`, `initial` and `leave`.

    Returns
    -------
    tqdm.tqdm
        An iterator over `steps`, and a context manager.

    Examples
    --------
    >>> list(progress_bar([1, 2], name="Counting", unit="number", progress=False))
    [1, 2]
    """
    if _SILENT.get() or progress is False:
        return tqdm(steps, desc=name, unit=unit, disable=True, **options)
    if progress is None and not _IN_NOTEBOOK and not _is_terminal():
        return _logged(steps, name, unit, options)
    return tqdm(steps, desc=name, unit=unit, delay=delay, **options)


def _is_terminal() -> bool:
    # Standard error is None where a program has no console.
    return bool(sys.stderr and sys.stderr.isatty())


def _logged(steps: Any, name: str, unit: str, options: dict[str, Any]) -> Any:
    """A bar whose text goes into the log, a line at a time."""
    return plain_tqdm(
        steps,
        desc=name,
        unit=unit,
        file=_Lines(),
        mininterval=_SECONDS,
        maxinterval=_SECONDS,
        delay=_SECONDS,
        bar_format=_LINE,
        disable=not LOG.isEnabledFor(logging.INFO),
        **{**options, "leave": False},
    )


class _Lines(TextIOBase):
    """What a bar writes as lines of the log; it goes back to the start of its line in between."""

    def write(self, text: str) -> int:
        if line := text.strip():
            LOG.info(line)
        return len(text)


@contextmanager
def silence(progress: bool | None = False) -> Iterator[None]:
    """Hide every bar that is made within the block, whoever makes it.

    Parameters
    ----------
    progress : bool or None
        The switch of whoever calls: only False hides the bars.

    Yields
    ------
    None
    """
    token = _SILENT.set(_SILENT.get() or progress is False)
    try:
        yield
    finally:
        _SILENT.reset(token)
