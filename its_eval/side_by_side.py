"""Processes that work on parts of one thing, which is handed over once and not with every part."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")

#: What this process works on.
_KEPT: list[Any] = []


def _nothing() -> None:
    """Do nothing."""


def side_by_side(
    make: Callable[[Any, Part], Made],
    of: Any,
    parts: Sequence[Part],
    jobs: int,
    meanwhile: Callable[[], None] = _nothing,
) -> Iterator[Made]:
    """Yield what is made of each part, in their order, by several processes.

    Parameters
    ----------
    make : callable
        A function of a module: from `of` and a part.
    of : object
        What all parts are of.
    parts : sequence
        Begun in this order.
    jobs : int
        Processes.
    meanwhile : callable
        What this process does while the others work.
    """
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415  (start-up time, as below)

    with ProcessPoolExecutor(min(jobs, len(parts)), initializer=_keep, initargs=(of,)) as pool:
        futures = [pool.submit(_made, make, part) for part in parts]
        try:
            meanwhile()
            for future in futures:
                yield future.result()
        except BaseException:
            # an interrupt, too, need not wait for what nobody will see
            pool.shutdown(cancel_futures=True)
            raise


def _keep(of: Any) -> None:
    """Keep what this process works on, and end with the one that started it."""
    # Ctrl-C reaches every process of a terminal; the first one decides what becomes of the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    # what came with the process is no garbage of its own
    gc.freeze()
    _KEPT[:] = [of]


def end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot say so itself."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    from multiprocessing import parent_process  # noqa: PLC0415

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _made(make: Callable[[Any, Part], Made], part: Part) -> Made:
    return make(_KEPT[0], part)
