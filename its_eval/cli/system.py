"""What the program shares with the system: threads, signals, pipes that close, disks that are full."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

from its_eval.errors import OutputError, UsageError

#: Threads of linear algebra: matrices here are small, so that more than one only wait for each other, and the
#: order in which partial sums are added, so the last digit, would depend on the machine's number of cores.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Objects made before the collector looks for cycles. Libraries and tables make some hundred thousand that
#: live to the end; at Python's default of 700 looking through them again and again is a sixth of the start.
YOUNG_OBJECTS = 100_000


def set_up_interpreter() -> None:
    """One thread of linear algebra, unless the caller chose another number, and a patient collector."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    gc.set_threshold(YOUNG_OBJECTS)


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


class _Tolerant(io.FileIO):
    """A pipe or file that may be closed or full before the program has ended.

    A reader that has seen enough, as in ``its-eval diff … | head``, changes neither what is done nor the exit
    code: what is still written goes nowhere.
    """

    def write(self, content: Any, /) -> int:
        """Write, or give up writing for good."""
        try:
            # None where a pipe that does not block is full: the buffer knows what that means
            return cast("int", super().write(content))
        except BrokenPipeError:
            self._give_up()
        except OSError as error:
            self._give_up()
            self._report(error)
        return memoryview(content).nbytes

    def _give_up(self) -> None:
        """Send the rest nowhere, so that the flush at exit does not fail once more."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)

    def _report(self, error: OSError) -> None:
        raise OutputError(
            f"cannot write to standard output: {error.strerror}", "the disk may be full; redirect elsewhere"
        ) from error


class _Silent(_Tolerant):
    """Standard error: when it fails there is nowhere left to say so, and the exit code still tells."""

    def _report(self, error: OSError) -> None:
        """Say nothing."""


def prepare_streams() -> None:
    """Make standard output and error ready: UTF-8 in pipes and files, and never an end of the program.

    A terminal keeps its encoding; what it cannot show, it shows as an escape.
    """
    for name, number, kind in (("stdout", 1, _Tolerant), ("stderr", 2, _Silent)):
        stream = getattr(sys, name)
        if stream is None:
            # closed by the caller (`>&-`); the new handle takes its number, so that no result file can
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  (for good)
        elif not isinstance(stream, io.TextIOWrapper):
            continue
        elif stream.isatty():
            stream.reconfigure(errors="backslashreplace")
        elif stream is getattr(sys, f"__{name}__"):
            raw = io.BufferedWriter(kind(number, "w", closefd=False))
            lines = name == "stderr"
            made = io.TextIOWrapper(raw, "utf-8", "backslashreplace", newline="\n", line_buffering=lines)
            setattr(sys, name, made)
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def require_sound_names(arguments: Sequence[str]) -> None:
    """Check that the working folder exists, and that it and every argument can be written as UTF-8.

    Raises
    ------
    UsageError
        When a name could not be written to a manifest.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109  (text, which is what is looked at)
    except OSError as error:
        raise UsageError(f"the working folder: {error.strerror}", "change to a folder that exists") from None
    for name in (folder, *arguments):
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(
                f"{name!a} is not UTF-8, so it cannot be written to a manifest or a report",
                "rename the file or folder",
            ) from None
