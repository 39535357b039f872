"""Carry out runs of the corpus in one process, with whichever version of the program is on the path.

Loading the libraries costs more than a small run. So the program is entered as its script enters it, again
and again, with streams of its own, and what it prints and returns is kept beside its result. Only the entry
point of the script and the names that docs/python.md calls stable are used, as all else may move.

Called with a JSON file that lists the runs, in the folder of the corpus.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main() -> None:
    """Carry out all runs of the list, and note how long each took."""
    # before anything is loaded: one thread of linear algebra, so that no digit depends on the number of cores
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    for entry in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        folder = Path("runs") / entry["name"]
        folder.mkdir(parents=True)
        started = time.perf_counter()
        if entry["arguments"]:
            _program(folder, entry["arguments"], entry["form"])
        else:
            _package()
        (folder / "seconds").write_text(f"{time.perf_counter() - started:.3f}", encoding="utf-8")
        # the program freezes what is there when it starts, which a process of one run need not care about
        gc.unfreeze()
        gc.collect()


def _program(folder: Path, arguments: Sequence[str], form: str) -> None:
    """Call the program, and keep what it prints and returns."""
    from its_eval.cli.app import main as program  # noqa: PLC0415

    before = sys.argv, sys.stdout, sys.stderr
    sys.argv = ["its-eval", *arguments]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in range(2)]
    sys.stdout, sys.stderr = streams
    code: Any = 0
    try:
        with warnings.catch_warnings():
            # each is told once per process, and with a line number: neither is a result
            warnings.simplefilter("ignore")
            program()
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001  (a bug in one run is that run's result)
        code = "raised"
        traceback.print_exc()
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    # the two versions run in folders of their own
    here = os.fsencode(Path.cwd())
    texts = [stream.buffer.getvalue().replace(here, b".") for stream in streams]  # type: ignore[attr-defined]
    (folder / f"stdout.{form}").write_bytes(texts[0])
    (folder / "stderr.txt").write_bytes(texts[1])
    for path in (folder / "result").glob("*.yaml"):
        path.write_bytes(path.read_bytes().replace(here, b"."))
    (folder / "exit.txt").write_text(f"{code}\n", encoding="utf-8")


def _package() -> None:
    """Call the package, and keep its tables as runs of their own."""
    from baseline_fits import python_calls  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, tables, text in python_calls():
            folder = Path("runs") / f"python_{name}"
            (folder / "result" / "tables").mkdir(parents=True)
            for table, frame in tables.items():
                frame.to_csv(folder / "result" / "tables" / f"{table}.csv", index=False, lineterminator="\n")
            (folder / "stdout.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
