"""What an import costs against what the reading library alone needs for the sheets used, in one run.

`python benchmarks/importing.py` prints the table and writes benchmarks/results/importing.json. It needs the
publisher's monthly A&E workbooks (ITS_EVAL_NHS_DATA names their folder): 86 are made from them, each of a
month of its own. Ratios are medians of paired runs: the two are timed in turn, so that a machine that changes
speed changes both.
"""

import json
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from python_calamine import CalamineWorkbook

from its_eval.importers.collect import import_files, layouts_of, write_table

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs")) / "ae_workbooks"
WORKBOOKS, PAIRS, TARGET = 86, 7, 2.0
SHEET = "Provider Level Data"


def copies(originals, folder):
    """Write workbooks that differ in the year of their period; the bytes keep their length."""
    paths = []
    for place in range(WORKBOOKS):
        raw = originals[place % len(originals)]
        year = 2000 + place
        changed, count = re.subn(
            rb"((?:January|February|April|June|July|October|December) )(20\d\d|\d\d)(?![\d,])",
            lambda found, year=year: found[1] + str(year)[-len(found[2]) :].encode(),
            raw,
        )
        if not count:
            sys.exit("a workbook does not say its period in the way expected")
        paths.append(folder / f"workbook-{place:02d}.xls")
        paths[-1].write_bytes(changed)
    return paths


def library_alone(paths):
    for path in paths:
        CalamineWorkbook.from_path(path).get_sheet_by_name(SHEET).to_python(skip_empty_area=False)


def our_import(paths, target):
    imported = import_files(paths, layouts_of("nhs-ae"))
    write_table(imported.table, target, force=True)
    return imported


def main():
    """Time both, print the table and write it as JSON."""
    if not FOLDER.is_dir():
        sys.exit(f"{FOLDER} is not there; ITS_EVAL_NHS_DATA names the folder with the published NHS files")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = copies([path.read_bytes() for path in sorted(FOLDER.glob("*.xls"))], folder)
        library_alone(paths)
        imported = our_import(paths, folder / "t.parquet")
        pairs = []
        for _ in range(PAIRS):
            begin = perf_counter()
            library_alone(paths)
            middle = perf_counter()
            our_import(paths, folder / "t.parquet")
            pairs.append((perf_counter() - middle, middle - begin))
    ours, alone = (1000 * statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(own / other for own, other in pairs)
    print(f"{'case':22s} {'rows':>8s} {'import ms':>10s} {'library ms':>10s} {'ratio':>6s} {'target':>6s}")
    rows, periods = len(imported.table), imported.table["period"].nunique()
    print(f"{WORKBOOKS} A&E workbooks{rows:13d} {ours:10.1f} {alone:10.1f} {ratio:6.2f} {TARGET:6.1f}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    found = {
        "workbooks": WORKBOOKS,
        "periods": periods,
        "rows": rows,
        "import_ms": ours,
        "library_ms": alone,
        "ratio": ratio,
        "target": TARGET,
    }
    (results / "importing.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
