"""Where output goes: data on stdout, people's messages and progress on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters per line of output that does not go to a terminal.
WIDTH = 100
#: Work shorter than this shows no progress bar.
PROGRESS_AFTER_SECONDS = 2.0


def data_console() -> Console:
    """Return the console for results: plain and 100 characters wide when piped, plain with NO_COLOR."""
    if not sys.stdout.isatty():
        return Console(highlight=False, markup=False, width=WIDTH, color_system=None, force_terminal=False)
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(highlight=False, markup=False, color_system=None if plain else "auto")


def message_console() -> Console:
    """Return the console for messages to people."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (phrase, done, total) that moves a bar on stderr.

    The bar appears only on a terminal, and only when the work has taken two seconds.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _phrase, _done, _total: None
        return
    started = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=message_console(),
        transient=True,
    )
    task = bar.add_task("", total=1)
    started_drawing = False

    def move(phrase: str, done: int, total: int) -> None:
        nonlocal started_drawing
        if not started_drawing and time.monotonic() - started > PROGRESS_AFTER_SECONDS:
            bar.start()
            started_drawing = True
        bar.update(task, description=phrase, completed=done, total=max(total, 1))

    try:
        yield move
    finally:
        bar.stop()
