"""What the program is called with and writes to: pipes that close, disks that are full, odd file names."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any, cast

from its_eval.errors import OutputError, UsageError


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
