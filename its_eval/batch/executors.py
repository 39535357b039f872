"""Where blocks are worked on: in this process, on processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from its_eval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


T = TypeVar("T")
#: Linear algebra on one thread a process: processes share the cores, and results are those of any machine.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_WORK = "its_eval.batch.work"


class SameProcess(Executor):
    """An executor that does each task at once, in this process."""

    def submit(self, fn: Callable[..., T], /, *args: object, **kwargs: object) -> Future[T]:
        """Do a task; an error of it is raised here, where its traceback is whole."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextlib.contextmanager
def local_executor(jobs: int) -> Iterator[tuple[Executor, int]]:
    """Give an executor of this machine and how many tasks should be under way.

    Parameters
    ----------
    jobs : int
        Processes; with 1 everything is done in this one.
    """
    if jobs == 1:
        yield SameProcess(), 1
        return
    # a server that has loaded everything once and is forked per process; elsewhere each process loads it all
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    context.set_forkserver_preload([_WORK]) if method == "forkserver" else None
    with _environment(dict.fromkeys(_ONE_THREAD, "1")), ProcessPoolExecutor(jobs, context) as pool:
        for _ in range(jobs):
            pool.submit(os.getpid)  # they load what they need while the data are looked over
        try:
            yield pool, jobs + 1
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def cluster_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """Give an executor of a running Dask cluster and how many tasks should be under way.

    Parameters
    ----------
    address : str
        Of the scheduler, e.g. ``tcp://10.0.0.5:8786``.

    Raises
    ------
    UsageError
        When Dask is not installed or the scheduler does not answer.
    """
    try:
        from distributed import Client  # noqa: PLC0415  (an optional extra)
    except ImportError:
        raise UsageError("--scheduler needs Dask", "pip install 'its-eval[dask]'") from None
    try:
        connect: Any = Client  # without types
        client = connect(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler {address}: no Dask scheduler answers there: {error}",
            "expected an address such as tcp://10.0.0.5:8786, as `dask scheduler` prints it",
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise UsageError(f"--scheduler {address}: the cluster has no workers", "start some: dask worker")
        yield client.get_executor(pure=False), threads + threads // 2 + 1


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set already, for processes started meanwhile."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
