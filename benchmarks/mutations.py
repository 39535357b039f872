"""Do the unit tests notice when the numeric core is wrong? Run by `make mutations`.

Every mutation of `mutation_list.py` is made in a copy of the package, by itself, and the unit tests that have
to notice are run against the copy. A function is named and not its file, so that the list outlives modules
that move; a text that is no longer there once, and once only, is an error, so that the list cannot rot.

    python benchmarks/mutations.py              all of them
    python benchmarks/mutations.py pool         those whose function has "pool" in its name
    python benchmarks/mutations.py --page       write the table of docs/reliability.md anew
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import multiprocessing
import os
import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutation_list import MUTATIONS, Mutation

ROOT = Path(__file__).parents[1]
PACKAGE = "its_eval"
PAGE = ROOT / "docs" / "reliability.md"
MARKS = ("<!-- mutations: written by benchmarks/mutations.py --page -->\n", "<!-- end of mutations -->\n")
#: What the package and its tests load, once for all runs: that takes longer than most tests.
LIBRARIES = (
    *("numpy", "pandas", "pytest", "pydantic", "yaml", "typer", "rich", "jinja2", "openpyxl"),
    *("scipy.stats", "scipy.optimize", "scipy.signal", "scipy.ndimage", "scipy.fft", "statsmodels.api"),
    *("statsmodels.tsa.statespace.sarimax", "statsmodels.stats.multitest", "sklearn.neighbors"),
    *("sklearn.covariance", "sklearn.preprocessing", "pyarrow.parquet", "pyarrow.dataset"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
)
FORKS = multiprocessing.get_context("forkserver")
#: Exit code of a run of tests that looked at another package than the copy.
NOT_SEEN = 99
#: Seconds after which a run of tests counts as one without a result.
LONGEST = 600.0
WORKERS = 2


@dataclass(frozen=True)
class Definition:
    """A function, method, class or constant of the package, with the characters that it takes in its file."""

    path: Path
    start: int
    end: int


def definitions(package: Path) -> dict[str, list[Definition]]:
    """Return every definition by its name, methods as ``Class.method``."""
    found: dict[str, list[Definition]] = {}
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))

        def visit(body: list[ast.stmt], prefix: str, path: Path = path, starts: list[int] = starts) -> None:
            for node in body:
                names: list[str] = []
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    names = [node.name]
                elif isinstance(node, ast.Assign | ast.AnnAssign):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    names = [
                        part.id
                        for target in targets
                        for part in ast.walk(target)
                        if isinstance(part, ast.Name)
                    ]
                for name in names:
                    place = Definition(path, starts[node.lineno - 1], starts[node.end_lineno or node.lineno])
                    found.setdefault(prefix + name, []).append(place)
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")

        visit(ast.parse(text).body, "")
    return found


def located(mutation: Mutation, package: Path, known: dict[str, list[Definition]]) -> tuple[Path, str]:
    """Return the file of a mutation, within the package, and its text after it.

    Raises
    ------
    LookupError
        When no definition of that name, or more than one, has the text, or one has it twice.
    """
    places = known.get(mutation.function, [])
    if not places:
        raise LookupError(f"{PACKAGE} defines no {mutation.function}")
    hits = []
    for place in places:
        text = place.path.read_text(encoding="utf-8")
        inside = text[place.start : place.end]
        hits += [(place, text)] * inside.count(mutation.text)
    if len(hits) != 1:
        raise LookupError(f"{mutation.function} has {mutation.text!r} {len(hits)} times, not once")
    ((place, text),) = hits
    inside = text[place.start : place.end].replace(mutation.text, mutation.instead)
    changed = text[: place.start] + inside + text[place.end :]
    compile(changed, str(place.path), "exec")
    return place.path.relative_to(package), changed


@dataclass(frozen=True)
class Result:
    """What a run of tests said.

    Attributes
    ----------
    code : int or None
        Exit code of pytest: 0 all passed, 1 some failed, others broke off; None without a result in time.
    line : str
        The last failure, or the last line that pytest wrote.
    seconds : float
        Processor time.
    """

    code: int | None
    line: str
    seconds: float

    @property
    def verdict(self) -> str:
        """What that says of a mutation: ``killed``, ``SURVIVED``, or ``ERROR`` where no test decided."""
        return {0: "SURVIVED", 1: "killed"}.get(-1 if self.code is None else self.code, "ERROR")


def run_tests(copy: Path, tests: tuple[str, ...]) -> Result:
    """Run tests of the repository against a copy of the package."""
    log = copy / "pytest.log"
    process = FORKS.Process(target=child, args=(str(copy), tests, str(log)))
    process.start()
    process.join(LONGEST)
    if process.is_alive():
        process.kill()
        process.join()
        return Result(None, f"no result after {LONGEST:g} s", LONGEST)
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    seconds = float(log.with_suffix(".seconds").read_text(encoding="utf-8"))
    return Result(process.exitcode, (failed or lines or [""])[-1], seconds)


def child(copy: str, tests: tuple[str, ...], log: str) -> None:
    """Run tests in a fork that has the libraries but not yet the package."""
    with Path(log).open("w", encoding="utf-8") as target:
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
    # the tracker that a fork inherits is its parent's: tests that end theirs would wait for it
    resource_tracker._resource_tracker = resource_tracker.ResourceTracker()  # noqa: SLF001
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = copy
    sys.path.insert(0, copy)
    import pytest  # noqa: PLC0415 - in the fork alone

    code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *tests]))
    package = sys.modules.get(PACKAGE)
    seen = package is not None and Path(package.__file__ or "").is_relative_to(copy)
    sys.stdout.flush()
    Path(log).with_suffix(".seconds").write_text(f"{time.process_time():.2f}", encoding="utf-8")
    os._exit(code if seen else NOT_SEEN)


def tried(mutation: Mutation, copy: Path) -> Result:
    """Make one mutation in a copy, run its tests, and undo it."""
    package = copy / PACKAGE
    try:
        path, changed = located(mutation, package, definitions(package))
    except (LookupError, SyntaxError) as error:
        return Result(None, str(error), 0.0)
    target = package / path
    before = target.read_text(encoding="utf-8")
    # compiled files go by size and second, which a mutation may leave as they are
    compiled = Path(importlib.util.cache_from_source(str(target)))
    try:
        target.write_text(changed, encoding="utf-8")
        compiled.unlink(missing_ok=True)
        return run_tests(copy, mutation.tests)
    finally:
        target.write_text(before, encoding="utf-8")
        compiled.unlink(missing_ok=True)


def page_table(mutations: tuple[Mutation, ...] = MUTATIONS) -> str:
    """Return the table of the documentation."""
    lines = [
        "| function | instead of | stands | what is wrong then | tests that notice |",
        "|---|---|---|---|---|",
    ]
    for item in mutations:
        tests = ", ".join(f"`{name.removeprefix('tests/')}`" for name in item.tests)
        breaks = item.breaks.replace("|", "\\|")
        lines.append(f"| `{item.function}` | {code(item.text)} | {code(item.instead)} | {breaks} | {tests} |")
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return a text as code in a cell of a table."""
    squeezed = " ".join(text.split()).replace("|", "\\|")
    return f"`{squeezed}`" if squeezed else "nothing"


def page_with(table: str, page: str) -> str:
    """Return a page with the table between its marks."""
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}"


def main() -> int:
    """Run what is asked for; 1 when a mutation survived or could not be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only functions with one of these in their name")
    parser.add_argument("--page", action="store_true", help="write the table of docs/reliability.md anew")
    given = parser.parse_args()
    if given.page:
        PAGE.write_text(page_with(page_table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    chosen = [
        item for item in MUTATIONS if not given.names or any(name in item.function for name in given.names)
    ]
    began = time.monotonic()
    # one thread for each: set before any library is loaded
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    FORKS.set_forkserver_preload(list(LIBRARIES))
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(WORKERS):
            copy = Path(folder) / str(number)
            shutil.copytree(ROOT / PACKAGE, copy / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
            copies.put(copy)

        def with_copy(task: Callable[[Path], Result]) -> Result:
            copy = copies.get()
            try:
                return task(copy)
            finally:
                copies.put(copy)

        def unchanged(tests: tuple[str, ...]) -> Result:
            result = with_copy(lambda copy: run_tests(copy, tests))
            if result.code != 0:
                print(f"without a mutation these fail: {', '.join(tests)} ({result.line})", flush=True)
            return result

        def mutated(mutation: Mutation) -> Result:
            result = with_copy(lambda copy: tried(mutation, copy))
            print(f"{result.verdict:<9} {mutation.function}: {mutation.breaks}", flush=True)
            if result.verdict != "killed":
                print(f"          {mutation.text!r} -> {mutation.instead!r}; {result.line}", flush=True)
            return result

        with ThreadPoolExecutor(WORKERS) as pool:
            before = list(pool.map(unchanged, sorted({item.tests for item in chosen})))
            if any(result.code != 0 for result in before):
                return 1
            after = list(pool.map(mutated, chosen))
    verdicts = [result.verdict for result in after]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("killed", "SURVIVED", "ERROR"))
    seconds = sum(result.seconds for result in (*before, *after))
    print(
        f"{len(chosen)} mutations: {counts}; {seconds:.0f} s of processors, {time.monotonic() - began:.0f} s"
    )
    return int(verdicts.count("killed") < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
