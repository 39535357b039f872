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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
LONGEST = 180.0
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


def run_tests(copy: Path, tests: tuple[str, ...], longest: float = LONGEST) -> tuple[int | None, str]:
    """Run tests of the repository against a copy of the package.

    Returns
    -------
    code : int or None
        Exit code of pytest; None without a result in time.
    line : str
        The last failure, or the last line that pytest wrote.
    """
    log = copy / "pytest.log"
    process = FORKS.Process(target=child, args=(str(copy), tests, str(log)))
    process.start()
    process.join(longest)
    if process.is_alive():
        process.kill()
        process.join()
        return None, f"no result after {longest:g} s"
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return process.exitcode, (failed or lines or [""])[-1]


def child(copy: str, tests: tuple[str, ...], log: str) -> None:
    """Run tests in a fork that has the libraries but not yet the package."""
    with Path(log).open("w", encoding="utf-8") as target:
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = copy
    sys.path.insert(0, copy)
    import pytest  # noqa: PLC0415 - in the fork alone

    code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *tests]))
    package = sys.modules.get(PACKAGE)
    seen = package is not None and Path(package.__file__ or "").is_relative_to(copy)
    sys.stdout.flush()
    Path(f"{log}.seconds").write_text(f"{time.process_time():.2f}", encoding="utf-8")
    os._exit(code if seen else NOT_SEEN)


def outcome(mutation: Mutation, copy: Path) -> tuple[str, str]:
    """Make one mutation in a copy, run its tests, undo it; return ``killed``, ``SURVIVED`` or ``ERROR``."""
    package = copy / PACKAGE
    try:
        path, changed = located(mutation, package, definitions(package))
    except (LookupError, SyntaxError) as error:
        return "ERROR", str(error)
    target = package / path
    before = target.read_text(encoding="utf-8")
    # compiled files go by size and second, which a mutation may leave as they are
    compiled = Path(importlib.util.cache_from_source(str(target)))
    try:
        target.write_text(changed, encoding="utf-8")
        compiled.unlink(missing_ok=True)
        code, line = run_tests(copy, mutation.tests)
    finally:
        target.write_text(before, encoding="utf-8")
        compiled.unlink(missing_ok=True)
    # 1: a test failed; anything else is a collection that broke, or tests that do not exist
    return {0: "SURVIVED", 1: "killed"}.get(-1 if code is None else code, "ERROR"), line


def page_table(mutations: tuple[Mutation, ...] = MUTATIONS) -> str:
    """Return the table of the documentation."""
    lines = [
        "| function | instead of | stands | what is wrong then | tests that notice |",
        "|---|---|---|---|---|",
    ]
    for item in mutations:
        tests = ", ".join(f"`{name.removeprefix('tests/')}`" for name in item.tests)
        lines.append(
            f"| `{item.function}` | {code(item.text)} | {code(item.instead)} | {item.breaks} | {tests} |"
        )
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
        first = copies.get()
        every = tuple(sorted({test for item in chosen for test in item.tests}))
        exit_code, line = run_tests(first, every, 10.0 * LONGEST)
        copies.put(first)
        if exit_code:
            print(f"the tests fail without a mutation (code {exit_code}): {line}")
            return 1
        print(f"{len(every)} files of tests pass without a mutation", flush=True)

        def one(mutation: Mutation) -> str:
            copy = copies.get()
            try:
                verdict, line = outcome(mutation, copy)
            finally:
                copies.put(copy)
            print(f"{verdict:<9} {mutation.function}: {mutation.breaks}", flush=True)
            if verdict != "killed":
                print(f"          {mutation.text!r} -> {mutation.instead!r}; {line}", flush=True)
            return verdict

        with ThreadPoolExecutor(WORKERS) as pool:
            verdicts = list(pool.map(one, chosen))
    counts = {word: verdicts.count(word) for word in ("killed", "SURVIVED", "ERROR")}
    print(f"{counts} of {len(chosen)} in {time.monotonic() - began:.0f} s")
    return int(counts["killed"] < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
