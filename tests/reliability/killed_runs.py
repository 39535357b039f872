"""Kills runs at given moments of their work on the disk, and says what each left behind.

Called as ``killed_runs.py CONFIG TARGET pictures|tables swap|fallback MOMENT...``; prints JSON.
The config is evaluated once; every run is a process of its own that writes the result through the ordinary
code and kills itself with SIGKILL as soon as it has asked the system for so many changes of files (a negative
number counts from the last one). What a kill leaves must be the old result, whole, or the new one, whole.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from its_eval.config import load_config
from its_eval.figures import catalogue
from its_eval.pipeline import produce as production
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.run import evaluate_plan
from its_eval.pipeline.sources import load_sources
from its_eval.provenance import read_manifest, verify
from its_eval.report import html
from its_eval.report import write as exchange

#: What changes files; reading them does not count.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.call_function"}


class Counter:
    """Counts the changes of files of this process, and kills it at a given one."""

    def __init__(self):
        self.count = 0
        self.last = None

    def watch(self, event, arguments):
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if self.last is None or not (writes or event in CHANGES):
            return
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def write_result(config, path, target, evaluation, wanted):
    """Write the result of an evaluation that is there already."""
    production.load_sources = lambda _config, **_: None
    production.make_plan = lambda _config, _sources: None
    production.require_detail = lambda *_: None
    production.evaluate_plan = lambda *_: evaluation
    production.produce(
        config, path, target, command="its-eval run", force=True, jobs=1, progress=lambda *_: None,
        wanted=production.Wanted(figures=wanted, report=wanted),
    )  # fmt: skip


def remembered(work, key):
    """Return a function that works once for each key of its arguments."""
    results = {}

    def recall(*arguments, **options):
        key_of_these = key(*arguments)
        if key_of_these not in results:
            results[key_of_these] = work(*arguments, **options)
        return results[key_of_these]

    return recall


def in_a_process(work):
    """Run work in a process of its own and return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (a process that must not go on as a test)
            print(type(error).__name__, error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def state(target):
    """Return what stands at the target: a whole result, nothing, or something damaged."""
    if not target.exists():
        return "nothing"
    if read_manifest(target) is None or verify(target):
        return "damaged"
    return "whole"


def main():
    config_path, target = Path(sys.argv[1]), Path(sys.argv[2])
    wanted, fallback = sys.argv[3] == "pictures", sys.argv[4] == "fallback"
    config = load_config(config_path)
    sources = load_sources(config)
    evaluation = evaluate_plan(config, sources, make_plan(config, sources), lambda _: None)
    if fallback:
        exchange._exchange = lambda _one, _other: False
    # libraries are loaded, figures laid out and the report written once, not in each process that is forked:
    # it is killed while it changes files, and what it saves is the same
    catalogue.draw = remembered(catalogue.draw, lambda _, task: task.stem)
    html.render_report = remembered(html.render_report, lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        write_result(config, config_path, Path(folder) / "out", evaluation, wanted)
    counter = Counter()
    sys.addaudithook(counter.watch)

    def attempt(last):
        counter.last = last
        write_result(config, config_path, target, evaluation, wanted)

    def measured():
        attempt(0)
        (target.parent / "count").write_text(str(counter.count))

    # a first result, then one that takes its place as those that are killed would: it also removes the old one
    totals = []
    for _ in range(2):
        assert in_a_process(measured) == 0
        totals.append(int((target.parent / "count").read_text()))
        (target.parent / "count").unlink()
    first, total = totals
    moments = [int(text) for text in sys.argv[5:]]
    steps = {step if step > 0 else total + 1 + step for step in moments if -total < step <= total}
    # every one around the moment at which the two change places
    steps = sorted(steps | set(range(first - 3, first + 5)))
    ends = []
    for step in steps:
        code = in_a_process(lambda step=step: attempt(step))
        left = sorted(path.name for path in target.parent.iterdir() if path.name != target.name)
        ends.append({"step": step, "code": code, "state": state(target), "left": left})
    code = in_a_process(lambda: attempt(0))
    left = sorted(path.name for path in target.parent.iterdir() if path.name != target.name)
    ends.append({"step": "whole", "code": code, "state": state(target), "left": left})
    json.dump({"total": total, "ends": ends}, sys.stdout)


if __name__ == "__main__":
    main()
