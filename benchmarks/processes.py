"""Timing whole processes: wall time, processor time, and the memory they held at most."""

import os
import subprocess
import sys
import time

#: One thread of linear algebra a process, whoever is timed.
ENVIRONMENT = os.environ | {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONDONTWRITEBYTECODE": "",
}


def its_eval(*arguments):
    """Return the command of the installed program."""
    return [sys.executable, "-m", "its_eval", *map(str, arguments)]


def measured(command, *, keep=False):
    """Run a command, which has to succeed.

    Returns wall time, the processor time of the process and its children, the most bytes that one of them
    held, and what it printed where that is kept.
    """
    begin = time.perf_counter()
    where = subprocess.PIPE if keep else subprocess.DEVNULL
    process = subprocess.Popen(list(map(str, command)), env=ENVIRONMENT, stdout=where)  # noqa: S603
    printed = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, printed
