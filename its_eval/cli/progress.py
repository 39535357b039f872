"""How far long work has come: a bar on the terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Work shorter than this shows no progress bar.
PROGRESS_AFTER_SECONDS = 2.0


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function (phrase, done, total) that moves a bar on stderr.

    The bar appears only on a terminal, and only when the work has taken two seconds.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _phrase, _done, _total: None
        return
    # a script that asks for no bar does not wait for what draws one
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from its_eval.cli.console import message_console  # noqa: PLC0415

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
