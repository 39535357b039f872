"""How time and memory of each command grow with the units: `python benchmarks/growth.py [COMMAND ...]`.

Processor time and memory of whole processes at three sizes. The exponent is that of the time beyond a table
of twelve units, between the smallest and the largest size: 1 is in proportion. Writes
benchmarks/results/growth.md, the table of docs/scaling.md.
"""

import math
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from batch_data import write_panel
from processes import its_eval, measured

TINY = 12
FIT = """
import sys, pandas as pd, its_eval
wide = pd.read_parquet(sys.argv[1]).pivot(index="period", columns="unit", values="value")
its_eval.fit(wide, "2011-04")
"""


def run(folder, units):
    config = write_panel(folder, units, treated=5)
    return its_eval("run", config, "-q", "--no-figures", "--no-report", "-o", folder / "out")


def batch(folder, units):
    config = write_panel(folder, units, treated="each", batch=True)
    return its_eval("run", config, "-q", "-o", folder / "out")


def single_batch(folder, units):
    config = write_panel(folder, units, treated="each", batch=True, k=0)
    return its_eval("run", config, "-q", "-o", folder / "out")


def peers(folder, units):
    table = write_panel(folder, units, treated=1).parent / "characteristics.csv"
    return its_eval("peers", table, "--unit", "all", "--format", "csv")


def validate(folder, units):
    return its_eval("validate", write_panel(folder, units, treated=5))


def spc(folder, units):
    config = write_panel(folder, units, treated=1, k=0)
    table = folder / "values.csv"
    pd.read_parquet(config.parent / "indicators.parquet").to_csv(table, index=False)
    return its_eval("spc", table, "-o", folder / "out", "--no-figures")


def fit(folder, units):
    write_panel(folder, units, treated=1, k=0)
    return [sys.executable, "-c", FIT, folder / "indicators.parquet"]


COMMANDS = {
    "run": ("`run`, five treated, full detail", run, (500, 2000, 6500)),
    "batch": ("`run`, batch with ten peers", batch, (1000, 4000, 16_000)),
    "single_batch": ("`run`, batch without peers", single_batch, (1000, 4000, 16_000)),
    "peers": ("`peers --unit all`", peers, (1000, 4000, 16_000)),
    "validate": ("`validate`", validate, (500, 2000, 8000)),
    "spc": ("`spc -o`, without charts", spc, (100, 300, 900)),
    "fit": ("`its_eval.fit`", fit, (1000, 4000, 16_000)),
}


def main():
    chosen = sys.argv[1:] or COMMANDS
    lines = ["| command | units | seconds | GiB | exponent |", "|---|---:|---:|---:|---:|"]
    root = Path(tempfile.mkdtemp(prefix="its-eval-growth-"))
    try:
        for name in chosen:
            about, prepare, sizes = COMMANDS[name]
            used = {}
            for units in (TINY, *sizes):
                folder = root / f"{name}{units}"
                _, seconds, most, _ = measured(prepare(folder, units))
                used[units] = seconds
                shutil.rmtree(folder)
                if units == TINY:
                    continue
                exponent = ""
                if units == sizes[-1]:
                    grown = (seconds - used[TINY]) / max(used[sizes[0]] - used[TINY], 1e-3)
                    exponent = f"{math.log(grown) / math.log(units / sizes[0]):.2f}"
                lines.append(f"| {about} | {units:,} | {seconds:.1f} | {most / 2**30:.2f} | {exponent} |")
                print(lines[-1], flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "growth.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
