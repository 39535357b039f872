"""How the interpreter is set up before anything heavy is loaded."""

from __future__ import annotations

import gc
import os

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
