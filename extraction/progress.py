"""Progress bars: one switch for all of them, on a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm.auto import tqdm

_SILENT: ContextVar[bool] = ContextVar("silent", default=False)


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

    Parameters
    ----------
    steps : iterable or None
        What the bar counts; None for a bar that is moved on with `update`.
    name : str
        What is being done.
    unit : str
        What is counted, such as 'image'.
    progress : bool or None
        True shows the bar, False hides it; None shows it on a terminal and in a notebook only.
        Within `silence` no bar is shown.
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
    # tqdm takes None for "on a terminal only"; its notebook bar shows itself then, too.
    if progress is None:
        disable = None
    else:
        disable = not progress
    if _SILENT.get():
        disable = True
    return tqdm(steps, desc=name, unit=unit, delay=delay, disable=disable, **options)


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
