"""What people see while they wait: on stderr, on a terminal only, and only after two seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from clvsim.report import format as say

#: Seconds that nobody minds.
PATIENCE = 2.0
#: Relative step in which counts are shown.
_STEP = 1e-3


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """A spinner with a line while something of unknown length runs."""
    if not console.is_terminal:
        yield
        return
    status = console.status(text)
    timer = threading.Timer(PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


class Bar:
    """A progress bar over a count that is known in advance; a context.

    Parameters
    ----------
    console : Console
    text : str
    unit : str
        What is counted.
    """

    def __init__(self, console: Console, text: str, unit: str) -> None:
        self._watched = console.is_terminal
        self._begun = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn(f"{{task.fields[count]}} {unit}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task(text, total=None, count="")
        self._shown = False

    def __call__(self, done: float, total: float) -> None:
        """Tell how many are done, and how many there are."""
        if not self._watched:
            return
        # More than expected may turn up: arrivals are random.
        total = max(total, done)
        count = f"{_counted(done)} of {_counted(total)}"
        self._progress.update(self._task, completed=done, total=total, count=count)
        if not self._shown and time.monotonic() - self._begun > PATIENCE:
            self._progress.start()
            self._shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()


def _counted(number: float) -> str:
    """A count: ``850``, ``51.17 M``."""
    return say.number(round(number), max(0.5, _STEP * number))
