"""The blocks of a batch run on a Dask cluster of separate processes on this machine."""

import os
import signal
import subprocess
import sys
import time

import pytest
from batch_study import write_study
from test_batch_equality import batch

from its_eval.errors import UsageError

#: A cluster of its own process: its event loops and its sockets end with it.
CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        pids = [worker.process.process.pid for worker in cluster.workers.values()]
        print(cluster.scheduler_address, *pids, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, patience):
    """Address of the scheduler and process ids of the two workers."""
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(CLUSTER, encoding="utf-8")
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    address, *pids = process.stdout.readline().split()
    yield address, [int(pid) for pid in pids]
    process.stdin.close()
    try:
        process.wait(timeout=patience)
    finally:
        process.kill()
        process.stdout.close()


def url_study(folder):
    """A study whose indicators are named by a URL, as object storage is."""
    path = write_study(folder)
    dataset = folder / "monitor.parquet"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("path: monitor.parquet", f"path: 'file://{dataset}'"), encoding="utf-8")
    return path


def test_a_cluster_writes_the_bytes_of_a_local_run_and_a_killed_worker_loses_nothing(
    tmp_path, cluster, contents
):
    address, pids = cluster
    path = url_study(tmp_path)
    _, local = batch(path, "local", block_rows=1)
    _, remote = batch(path, "remote", block_rows=1, scheduler=address)
    assert contents(local, without=("manifest.json",)) == contents(remote, without=("manifest.json",))

    # stopped, it takes blocks and answers nothing; killed, when a block has come from the other, it takes them
    # along
    os.kill(pids[0], signal.SIGSTOP)
    killed = []

    def kill(_phrase, done, _total):
        if done and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    result, survived = batch(path, "survived", block_rows=1, progress=kill, scheduler=address)
    assert killed
    assert (result.blocks, result.resumed) == (4, 0)
    assert contents(local, without=("manifest.json",)) == contents(survived, without=("manifest.json",))


def test_no_scheduler_at_the_address(tmp_path, patience):
    started = time.monotonic()
    with pytest.raises(
        UsageError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler answers there"
    ) as error:
        batch(write_study(tmp_path), scheduler="tcp://127.0.0.1:9")
    assert "dask scheduler" in error.value.hint
    assert time.monotonic() - started < patience


def test_without_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="--scheduler needs Dask") as error:
        batch(write_study(tmp_path), scheduler="tcp://127.0.0.1:8786")
    assert error.value.hint == "pip install 'its-eval[dask]'"


def test_two_processes_write_the_bytes_of_one(tmp_path, contents):
    path = write_study(tmp_path)
    _, one = batch(path, "one", block_rows=1)
    _, two = batch(path, "two", block_rows=1, jobs=2)
    assert contents(one, without=("manifest.json",)) == contents(two, without=("manifest.json",))
