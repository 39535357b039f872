"""The numbers of 0.1, kept, and the numbers of this tree held against them.

``make baseline`` installs 0.1 in an environment of its own, writes the corpus and runs it; ``make same`` runs
the same corpus with this tree and compares every table. The folder is ``BASELINE_DIR`` (results/baseline);
several checkouts can share it, as ``same`` only reads there.
"""

from __future__ import annotations

import argparse
import filecmp
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from baseline_commands import NHS, PYTHON, RUNS, Case, add_shipped, all_cases, write_corpus, write_parquet
from baseline_compare import Difference, compare_run
from baseline_exceptions import judge, read_exceptions

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
#: Version 0.1.
COMMIT = "50f50b3"
#: File that tells a whole baseline from one that was interrupted.
COMPLETE = "complete"
#: Lines of a report per table, and tables in all: what is more is counted.
MOST_EXAMPLES, MOST_TABLES = 3, 60


def main() -> int:
    """Make the baseline, or compare with it; 1 is for a difference and 2 for a missing baseline."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    folder = Path(os.environ.get("BASELINE_DIR") or REPOSITORY / "results" / "baseline")
    for name, words in (
        ("make", "install 0.1, run the corpus, keep all tables"),
        ("same", "compare this tree"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument(
            "--folder", type=Path, default=folder, help="where the baseline is [BASELINE_DIR]"
        )
        command.add_argument("--jobs", type=int, default=2, help="processes [2]")
    commands.choices["make"].add_argument(
        "--python",
        default=os.environ.get("PYTHON_01"),
        help="with the dependencies of 0.1; its own when left out",
    )
    commands.choices["same"].add_argument(
        "--only", default=os.environ.get("ONLY"), help="pattern of runs, e.g. 'batch_*' [ONLY]"
    )
    given = parser.parse_args()
    if given.command == "make":
        return make(given.folder.resolve(), given.python, given.jobs)
    return same(given.folder.resolve(), given.only or "*", given.jobs)


def make(folder: Path, python: str | None, jobs: int) -> int:
    """Install 0.1, write the corpus and run it."""
    work, source = folder / "work", folder / "source"
    (folder / COMPLETE).unlink(missing_ok=True)
    for old in (work, source):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "archive", COMMIT], cwd=REPOSITORY, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(source, filter="data")
    chosen = python or _installed(folder / "environment", source)
    work.mkdir()
    write_corpus(work)
    write_parquet(work)
    nhs = Path(os.environ.get("NHS_DATA") or REPOSITORY.parent / "shared" / "data" / "nhs")
    add_shipped(work, source, nhs)
    cases = all_cases(work)
    started = time.monotonic()
    if not run_cases(cases, work, chosen, source, jobs):
        print("a process ended before its last run, so there is no baseline", file=sys.stderr)
        return 1
    (folder / COMPLETE).write_text(f"{COMMIT}\n", encoding="utf-8")
    print(f"{len(cases)} calls of {COMMIT} in {time.monotonic() - started:.0f} s: {work / RUNS}")
    if not (work / "data" / "nhs").exists():
        print(f"without the configs {NHS}*: no folder {nhs}; set NHS_DATA")
    return 0


def _installed(environment: Path, source: Path) -> str:
    """Return the Python of an environment made for 0.1 as its own `make setup` makes one."""
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / ("Scripts" if os.name == "nt" else "bin") / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*install, "--require-hashes", "-r", "constraints.txt"], cwd=source, check=True)
    subprocess.run([*install, "--no-build-isolation", "-e", "."], cwd=source, check=True)
    return python


def run_cases(cases: Sequence[Case], work: Path, python: str, source: Path, jobs: int,
              seconds: Callable[[str], float] = lambda _name: 1.0) -> bool:  # fmt: skip
    """Carry out runs with the sources of a version; false when a process ended before its last run.

    Parameters
    ----------
    cases : sequence of Case
        What is run.
    work : Path
        Folder of the corpus.
    python : str
        Interpreter that has the dependencies.
    source : Path
        Folder that holds the package.
    jobs : int
        Processes.
    seconds : callable
        How long a run is expected to take, so that all processes end together.
    """
    shares: list[list[Case]] = [[] for _ in range(max(jobs, 1))]
    loads = [0.0] * len(shares)
    for case in sorted(cases, key=lambda case: -seconds(case.name)):
        least = loads.index(min(loads))
        shares[least].append(case)
        loads[least] += seconds(case.name)
    # what the caller sets may change what is printed
    left_out = {"COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"PYTHONPATH": str(source), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    processes = []
    for number, share in enumerate(shares):
        listed = work / f"share_{number}.list"
        listed.write_text(json.dumps([asdict(case) for case in share]), encoding="utf-8")
        command = [python, str(HERE / "baseline_drive.py"), str(listed)]
        processes.append(subprocess.Popen(command, cwd=work, env=environment))
    codes = [process.wait() for process in processes]
    return not any(codes)


def same(folder: Path, only: str, jobs: int) -> int:
    """Run the corpus with this tree and compare; 0 when every difference is explained."""
    kept = folder / "work"
    if not (folder / COMPLETE).exists():
        print(f"no whole baseline in {folder}: `make baseline`, or set BASELINE_DIR", file=sys.stderr)
        return 2
    changed = _changed_corpus(kept)
    if changed:
        shown = ", ".join(changed[:5])
        print(f"the corpus is another than that of {folder}: {shown}; `make baseline`", file=sys.stderr)
        return 2
    exceptions = read_exceptions(HERE / "exceptions.yaml")
    work = REPOSITORY / "results" / "same"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(kept, work, ignore=lambda path, _names: [RUNS] if Path(path) == kept else [])
    cases = [case for case in all_cases(work) if fnmatchcase(case.name, only) or _in_python(case, only)]
    if not cases:
        print(f"no run is called {only}", file=sys.stderr)
        return 2
    started = time.monotonic()
    whole = run_cases(
        cases, work, sys.executable, REPOSITORY, jobs, lambda name: _seconds(kept / RUNS / name)
    )
    took = time.monotonic() - started
    names = sorted({path.name for path in [*(kept / RUNS).iterdir(), *_folders(work / RUNS)]})
    names = [name for name in names if fnmatchcase(name, only)]
    differences = [found for name in names for found in compare_run(kept / RUNS / name, work / RUNS / name)]
    verdict = judge(differences, exceptions, names)
    report(verdict.unexplained)
    for defect, count in verdict.explained.items():
        print(f"explained, {count} differences: {defect}")
    for known in verdict.unused:
        print(f"explains nothing, so it has to go: {known.defect} ({', '.join(known.run)})")
    if not whole:
        print("a process ended before its last run")
    good = whole and verdict.good
    print(f"{len(names)} runs compared, {took:.0f} s to run: {'as 0.1' if good else 'NOT as 0.1'}")
    return 0 if good else 1


def _in_python(case: Case, only: str) -> bool:
    """Whether a run that makes many may make one of those asked for."""
    return case.name == PYTHON and only.startswith(PYTHON)


def _folders(path: Path) -> list[Path]:
    return [found for found in path.iterdir() if found.is_dir()] if path.is_dir() else []


def _seconds(run: Path) -> float:
    path = run / "seconds"
    return float(path.read_text(encoding="utf-8")) if path.exists() else 1.0


def _changed_corpus(kept: Path) -> list[str]:
    """Return the files that this tree would write in another way, or that only one of the two has."""
    with tempfile.TemporaryDirectory() as made:
        new = Path(made)
        write_corpus(new)
        names = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()}
        old = {path.name for path in kept.glob("*.yaml")}
        missing = [name for name in old if name not in names]
        differing = [
            name
            for name in names
            if not (kept / name).exists() or not filecmp.cmp(new / name, kept / name, shallow=False)
        ]
    return sorted([*missing, *differing])


def report(differences: Sequence[Difference]) -> None:
    """Print differences by run and table: how many of which kind and column, and the largest ones."""
    grouped: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in differences:
        grouped[difference.run, difference.table].append(difference)
    for (run, table), found in list(grouped.items())[:MOST_TABLES]:
        kinds = Counter(f"{one.kind} {one.column}".strip() for one in found)
        print(f"{run}: {table}: {', '.join(f'{count} × {kind}' for kind, count in kinds.most_common(8))}")
        for one in sorted(found, key=lambda one: -one.size)[:MOST_EXAMPLES]:
            about = ", ".join(f"{name} {value}" for name, value in one.row if value)
            words = f"{one.column} {one.before!r} -> {one.after!r}" if one.before or one.after else one.column
            print(f"    {one.kind}: {about}{': ' if about else ''}{words}")
    if len(grouped) > MOST_TABLES:
        print(f"and {len(grouped) - MOST_TABLES} tables more")


if __name__ == "__main__":
    raise SystemExit(main())
