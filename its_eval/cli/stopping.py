"""Signals that ask the program to stop, as schedulers and closing terminals send them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Asked to end; the terminal was closed (not on every system).
_SIGNALS = ("SIGTERM", "SIGHUP")


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Let such a signal end the program as Ctrl-C does: what is half done is removed.

    Signals that the caller of the program ignores, as ``nohup`` does, stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
