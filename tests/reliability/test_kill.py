"""A run that is killed, stopped, out of space or not alone leaves the old result whole, or nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from its_eval.errors import OutputError
from its_eval.provenance import verify
from its_eval.report.write import only_run, replace_text, result_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")

#: Changes of files after which a run is killed, besides those around the exchange; the last ones remove the
#: old result.
MOMENTS = (*range(1, 400, 4), -2, -1)
FEWER_MOMENTS = (*range(1, 400, 10), -2, -1)
LARGEST_FILE = 2_000


#: Runs the program, which stops where it calls a function of the production: it says on a line who it is and
#: goes on when the file is there that the second argument names, so that a signal meets it at that place.
HELD = """
import os, sys, time
from pathlib import Path
from its_eval.cli import app
from its_eval.figures import drawing
from its_eval.pipeline import produce

name, go, free = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
sys.argv[1:4] = []
home = drawing if hasattr(drawing, name) else produce
held = getattr(home, name)

def hold(*arguments):
    global free
    free -= 1
    if free < 0:
        os.write(1, b"%d\\n" % os.getpid())
        while not go.exists():
            time.sleep(0.01)
    return held(*arguments)

setattr(home, name, hold)
app.main()
"""


@pytest.fixture
def killed(script, patience):
    """Run the script that kills runs: killed(study, wanted=..., exchange=..., moments=...)."""

    def run(study, *, wanted, exchange, moments):
        target = study.folder / "results" / "out"
        done = subprocess.run(
            script("killed_runs.py", study.config, target, wanted, exchange, *moments),
            capture_output=True, check=False, timeout=patience,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    ("wanted", "exchange", "moments"),
    [
        ("pictures", "swap", MOMENTS),
        ("tables", "swap", FEWER_MOMENTS),
        ("tables", "fallback", FEWER_MOMENTS),
    ],
)
def test_killed_at_any_change_of_a_file(small, killed, wanted, exchange, moments):
    small.write(text=small.config.read_text() + "output: {figures: [svg]}\n")
    found = killed(small, wanted=wanted, exchange=exchange, moments=moments)
    *kills, last = found["ends"]
    print(f"{len(kills)} of {found['total']} moments: {len(kills)} kills survived")
    assert len(kills) >= min(len(moments), 9)
    assert {end["code"] for end in kills} == {-signal.SIGKILL}
    states = [end["state"] for end in kills]
    # the exchange of two folders is one step; without it the old one is aside for a moment, and is put back
    allowed = {"whole"} if exchange == "swap" else {"whole", "nothing"}
    assert set(states) <= allowed
    # the next run puts the old one back first, a change more, so that its kill may meet the same moment; and a
    # moment of the list may be one of those around the exchange, which are tried once more
    assert states.count("nothing") <= 4
    for end in kills:
        assert end["state"] == "whole" or any(name.endswith(".old") for name in end["left"])
    assert (last["code"], last["state"], last["left"]) == (0, "whole", [])


@pytest.fixture
def started():
    """Start the program, or a program in its place; what goes on after the test is ended."""
    processes = []

    def start(*arguments, call=("-m", "its_eval"), **settings):
        process = subprocess.Popen(
            [sys.executable, *call, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **settings,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        # left alone, it would be complained of in some other test
        process.kill()
        process.communicate()


@pytest.fixture
def held(started, tmp_path):
    """Start a run that stops at calls of a function, but for the first ones, until ``go`` is there.

    held("draw_figure", arguments, free=1) gives the process and the path of ``go``.
    """

    def start(name, *arguments, free=0):
        go = tmp_path / "go"
        process = started(name, go, free, "run", *arguments, call=("-c", HELD))
        return process, go

    return start


def alive(pid):
    """Whether a process goes on; one that has ended may stand in the list until its parent has looked."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_stopped_while_several_processes_draw(small, held, number, code, patience):
    parent = small.folder / "results"
    process, go = held("draw_figure", small.config, "-o", parent / "out", "-j", "2", "-q", free=1)
    # each of the two has drawn a figure and stands before its next
    workers = [int(process.stdout.readline()) for _ in range(2)]
    assert len(set(workers)) == 2
    assert process.pid not in workers
    assert len(list(parent.glob(".out.*.tmp/figures/*"))) > 0
    os.kill(process.pid, number)
    if number != signal.SIGKILL:
        go.touch()
    _, err = process.communicate(timeout=patience)
    assert process.returncode == code, err.decode()
    assert not (parent / "out").exists()
    # no process goes on by itself
    end = time.monotonic() + patience
    while any(map(alive, workers)):
        assert time.monotonic() < end, "a process goes on"
        time.sleep(0.01)
    if code == 130:
        assert err.decode() == "its-eval: interrupted; no half result is left\n"
        assert list(parent.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_before_anything_is_written(small, held, number, patience):
    parent = small.folder / "results"
    process, go = held(
        "evaluate_plan", small.config, "-o", parent / "out", "--no-figures", "--no-report", "-q"
    )
    assert int(process.stdout.readline()) == process.pid
    os.kill(process.pid, number)
    go.touch()
    process.communicate(timeout=patience)
    assert not (parent / "out").exists()


def test_a_full_disk(small, its, contents, started, patience):
    """A file that may not grow stands for a disk that is full: the system refuses in the same way."""
    import resource

    out = small.folder / "results" / "out"
    assert its("run", small.config, "-o", out, "--no-figures", "--no-report", "-q").code == 0
    before = contents(out)
    process = started(
        "run", small.config, "-o", out, "--force", "--no-figures", "--no-report", "-q",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE)),
    )  # fmt: skip
    _, err = process.communicate(timeout=patience)
    assert process.returncode == 2
    assert err.decode().startswith(f"its-eval: cannot write the result to {out}: ")
    assert "File too large" in err.decode()
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert verify(out) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_read_only_folder(small, its):
    parent = small.folder / "results"
    parent.mkdir(mode=0o555)
    answer = its("run", small.config, "-o", parent / "out", "--no-figures", "--no-report", "-q")
    assert answer.code == 2
    assert "cannot write to" in answer.err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file system that takes no folders")
def test_a_place_that_is_refused_to_root_too(small, its):
    answer = its("run", small.config, "-o", "/proc/its-eval/out", "--no-figures", "--no-report", "-q")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("its-eval: cannot write to /proc/its-eval: ")


def test_a_disk_that_turns_read_only_is_told_of(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*page\.html: Read-only file system"):
        replace_text(tmp_path / "page.html", "page")
    with only_run(tmp_path / "out", tmp_path / "out"):
        pass


def test_two_runs_into_one_folder(tmp_path):
    target = tmp_path / "out"
    with result_folder(target, force=False) as folder:
        (folder / "a.txt").write_text("first")
        for force in (False, True):
            with (
                pytest.raises(OutputError, match=r"another run is writing to .*out") as refused,
                result_folder(target, force=force),
            ):
                pass
            assert "wait" in refused.value.hint
    assert (target / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_processes_into_one_folder(small, started, patience):
    """Both start at once; one result stands at the end, whole, and the other run says why it gave up."""
    parent = small.folder / "results"
    options = ("--no-figures", "--no-report", "-q")
    both = [started("run", small.config, "-o", parent / "out", *options) for _ in range(2)]
    answers = [process.communicate(timeout=patience)[1].decode() for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    refusal = "".join(answers)
    assert "another run is writing to" in refusal or "exists already" in refusal
    assert verify(parent / "out") == []
    assert [path.name for path in parent.iterdir()] == ["out"]


def test_leftovers_of_killed_runs_go_and_an_old_result_comes_back(tmp_path):
    place = tmp_path / "out"
    (tmp_path / ".out.0123abcd.tmp").mkdir()
    for token in ("aaaaaaaa", "bbbbbbbb"):
        (tmp_path / f".out.{token}.old").mkdir()
        (tmp_path / f".out.{token}.old" / "which").write_text(token)
    kept = [".out.txt", ".other.0123abcd.tmp", ".out.0123abcd.tmp.txt"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    with only_run(place, place):
        assert (place / "which").read_text() == "aaaaaaaa"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "out"])


def test_a_place_that_cannot_be_locked(tmp_path, monkeypatch):
    from its_eval.report import write as exchange

    def refuse(_handle):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(exchange, "_take", refuse)
    place = tmp_path / "out"
    with (
        pytest.raises(OutputError, match=r"cannot lock .*out: Operation not supported"),
        only_run(place, place),
    ):
        pass
    (tmp_path / ".blocked.lock").mkdir()
    place = tmp_path / "blocked"
    with pytest.raises(OutputError, match=r"cannot write to .*: Is a directory"), only_run(place, place):
        pass


def test_a_lock_that_its_holder_has_just_removed_is_taken_anew(tmp_path, monkeypatch):
    from its_eval.report import write as exchange

    take, lock = exchange._take, tmp_path / ".out.lock"
    calls = []

    def late(handle):
        if not calls:
            lock.unlink()
        calls.append(handle)
        take(handle)

    monkeypatch.setattr(exchange, "_take", late)
    with only_run(tmp_path / "out", tmp_path / "out"):
        assert lock.exists()
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_an_exchange_that_the_system_refuses_is_an_error(tmp_path, monkeypatch):
    from its_eval.report import write as exchange

    class Library:
        @staticmethod
        def renameat2(*_):
            exchange.ctypes.set_errno(13)
            return -1

    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    monkeypatch.setattr(exchange.ctypes, "CDLL", lambda *_, **__: Library)
    with pytest.raises(PermissionError):
        exchange.put_in_place(one, other)
    monkeypatch.setattr(exchange.ctypes, "CDLL", lambda *_, **__: object())
    (one / "new").write_text("")
    exchange.put_in_place(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert (other / "new").exists()
