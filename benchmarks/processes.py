"""Timing whole processes: wall time and the memory that a process and its children held at most."""

import os
import statistics
import subprocess
import sys
import threading
import time

import psutil

#: One thread of linear algebra a process, whoever is timed.
ENVIRONMENT = os.environ | {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONDONTWRITEBYTECODE": "",
}


def its_eval(*arguments):
    """Return the command of the installed program."""
    return [sys.executable, "-m", "its_eval", *map(str, arguments)]


def seconds(command):
    """Return the wall time of a command, which has to succeed."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - begin


def seconds_and_memory(command):
    """Return wall time and the most bytes held by the process and its children at one moment."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)  # noqa: S603
    most, watched = 0, psutil.Process(process.pid)

    def watch():
        nonlocal most
        while process.poll() is None:
            try:
                every = [watched, *watched.children(recursive=True)]
                most = max(most, sum(one.memory_info().rss for one in every))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    code = process.wait()
    took = time.perf_counter() - begin
    thread.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return took, most


def paired(ours, reference, pairs):
    """Return median seconds of both and the median of their ratios; the two are timed in turn."""
    found = []
    seconds(reference)
    seconds(ours)
    for _ in range(pairs):
        other = seconds(reference)
        found.append((seconds(ours), other))
    own, other = (statistics.median(values) for values in zip(*found, strict=True))
    return own, other, statistics.median(a / b for a, b in found)
