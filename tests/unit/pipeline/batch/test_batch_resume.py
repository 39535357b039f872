"""A batch run that is interrupted goes on where it stopped, and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys

import pytest
from batch_study import write_study
from test_batch_equality import batch

from its_eval.batch import run as batch_run
from its_eval.batch.run import JOURNAL, batch_folder
from its_eval.errors import OutputError

STOPPED = """
import os, signal, sys
from pathlib import Path
from its_eval.config import load_config
from its_eval.batch.run import Means, run_batch

def stop(phrase, done, total):
    if done > total * 0.4:
        os.kill(os.getpid(), signal.SIGKILL)

path = Path(sys.argv[1])
run_batch(load_config(path), path, Path(sys.argv[2]), command="c", means=Means(), progress=stop, block_rows=1)
"""


#: Two processes, of which one holds the last block until both are killed: it cannot have been done by then.
LOST = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
from its_eval.batch import run
from its_eval.config import load_config

work = run.evaluate_block

def held(block):
    parent = os.getppid()
    while block.number == 3 and os.getppid() == parent:
        time.sleep(0.01)
    return work(block)

def stop(phrase, done, total):
    if done > total * 0.4:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

if __name__ == "__main__":
    run.evaluate_block = held
    path, target = map(Path, sys.argv[1:])
    run.run_batch(
        load_config(path), path, target, command="c", means=run.Means(jobs=2), progress=stop, block_rows=1
    )
"""


def journal(target):
    lines = (target.parent / f".{target.name}.batch" / JOURNAL).read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def killed(patience):
    """Run a batch in a process that is killed half way: killed(path, target) gives the blocks it did."""

    def run(path, target):
        command = [sys.executable, "-c", STOPPED, path, target]
        done = subprocess.run(command, check=False, timeout=patience)
        assert done.returncode == -signal.SIGKILL
        assert not target.exists()
        return journal(target)[1:]

    return run


@pytest.fixture
def counted(monkeypatch):
    """The numbers of the blocks that are worked on."""
    numbers = []
    work = batch_run.evaluate_block

    def noted(block):
        numbers.append(block.number)
        return work(block)

    monkeypatch.setattr(batch_run, "evaluate_block", noted)
    return numbers


def test_a_killed_run_goes_on_without_loss_or_repetition(tmp_path, killed, counted, contents):
    path = write_study(tmp_path)
    before = killed(path, tmp_path / "killed")
    assert [line["block"] for line in before] == [0, 1]
    resumed, target = batch(path, "killed", block_rows=1, resume=True)
    assert counted == [2, 3]
    assert (resumed.blocks, resumed.resumed) == (4, 2)
    straight, other = batch(path, "straight", block_rows=1)
    assert (straight.estimated, straight.failed) == (resumed.estimated, resumed.failed)
    assert contents(target, without=("manifest.json",)) == contents(other, without=("manifest.json",))
    assert sorted(part.name for part in tmp_path.iterdir() if part.name.startswith(".")) == []


def test_a_block_whose_file_is_not_whole_is_done_again(tmp_path, killed, counted, contents):
    path = write_study(tmp_path)
    killed(path, tmp_path / "killed")
    folder = tmp_path / ".killed.batch"
    torn = folder / "tables" / "effects.parquet" / "part-00000.parquet"
    torn.write_bytes(torn.read_bytes()[:100])
    with (folder / JOURNAL).open("a") as stream:
        stream.write('{"block": 2, "fil')  # it was being written
    _, target = batch(path, "killed", block_rows=1, resume=True)
    assert counted == [0, 2, 3]
    _, other = batch(path, "straight", block_rows=1)
    assert contents(target, without=("manifest.json",)) == contents(other, without=("manifest.json",))


def test_an_interrupted_run_is_neither_forgotten_nor_mixed_with_another(tmp_path, killed, counted):
    path = write_study(tmp_path)
    killed(path, tmp_path / "out")
    with pytest.raises(OutputError, match=r"an interrupted batch run of .*out is in") as error:
        batch(path, block_rows=1)
    assert error.value.hint == "--resume goes on with it, --force starts anew"
    path.write_text(path.read_text().replace("at: [6, 12, 40]", "at: [6]"), encoding="utf-8")
    with pytest.raises(OutputError, match="was of another config, data or version"):
        batch(path, block_rows=1, resume=True)
    assert counted == []
    result, _ = batch(path, block_rows=1, force=True)
    assert (result.resumed, counted) == (0, [0, 1, 2, 3])


def test_resume_without_anything_to_go_on_with_starts(tmp_path):
    result, target = batch(write_study(tmp_path), resume=True)
    assert result.resumed == 0
    assert (target / "manifest.json").is_file()


def test_a_failure_of_the_disk_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot write to"),
        batch_folder(tmp_path / "file" / "out", "f", resume=False, force=False),
    ):
        pass


def test_a_lost_process_stops_the_run_and_what_is_done_stays(tmp_path, patience):
    path = write_study(tmp_path)
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1"}
    script = tmp_path / "script.py"
    script.write_text(LOST)
    done = subprocess.run(
        [sys.executable, script, path, tmp_path / "out"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience,
    )
    assert done.returncode != 0
    assert "WorkerLostError: a process of the batch run was ended from outside" in done.stderr
    assert len(journal(tmp_path / "out")) > 1
    result, _ = batch(path, block_rows=1, resume=True)
    assert result.resumed > 0
