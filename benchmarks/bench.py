"""Every ratio that speed is held to, on one screen: `make bench`.

What is timed is timed in turn with what it is held against, in one run, and the median of five ratios counts.
Rows in seconds are reported. Another program would spoil the times, so a load above 0.5 is refused; with
`--force` the processor time of the processes and their children stands in for wall time, and the heading says
so (two processes then gain nothing that shows). `--large` adds the rows of minutes; words of a case
(e.g. `gaps fits`) limit it to the cases of these names. Writes benchmarks/results/bench.json and bench.md.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is loaded

import numpy as np
import pandas as pd
from batch_data import write, write_panel
from processes import its_eval, measured

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
SAMPLE = ROOT / "configs" / "sample.yaml"
TIMES, GIB, MOST_LOAD = 5, 2**30, 0.5
TABLES_ONLY = ("--no-figures", "--no-report")
PLAIN = "import pandas, scipy.linalg, scipy.special, pydantic, typer, rich"
DRAWN = (
    "import pandas, scipy.linalg, scipy.special, matplotlib.figure, matplotlib.backends.backend_svg, "
    "matplotlib.backends.backend_agg, PIL.Image, jinja2, pydantic, typer, rich"
)
NEIGHBOURS = """
import sys, pandas as pd
from sklearn.neighbors import NearestNeighbors
table = pd.read_csv(sys.argv[1], index_col=0)
points = ((table - table.mean()) / table.std()).to_numpy()
far, who = NearestNeighbors(n_neighbors=11, algorithm="brute", n_jobs=1).fit(points).kneighbors(points)
units = table.index.to_numpy()
found = {"unit": units.repeat(10), "peer": units[who[:, 1:].ravel()], "distance": far[:, 1:].ravel()}
pd.DataFrame(found).to_csv(sys.stdout, index=False)
"""
EVALUATE = """
import sys
from its_eval import evaluate, load_config
for path in sys.argv[1:]:
    evaluate(load_config(path))
"""
TO_CSV = "import sys, pandas as pd; pd.read_csv(sys.argv[1]).to_csv(sys.argv[2], index=False)"


class Bench:
    """Cases by name, timed by wall or, when forced, by processor time."""

    def __init__(self, folder, *, forced):
        self.folder, self.forced = folder, forced
        self.rows = []

    def seconds(self, command):
        wall, cpu, *_ = measured(command)
        return cpu if self.forced else wall

    def run(self, config, *options):
        return its_eval("run", config, "-q", "--force", "-o", self.folder / "out", *options)

    def row(self, case, value, goal, unit="×", *, least=False, gated=True, about=""):
        met = value >= goal if least else value <= goal
        word = ("met" if met else "NOT MET") if gated else "reported"
        shown = f"{'≥' if least else '≤'} {goal:g} {unit}"
        print(f"{case:58s} {value:9.2f} {unit:3s} {shown:>9s} {word:8s} {about}", flush=True)
        row = {"case": case, "value": round(value, 3), "unit": unit, "goal": goal, "least": least}
        self.rows.append(row | {"met": bool(met), "gated": gated, "about": about})

    def ratio(self, case, ours, other, goal, *, least=False):
        """Time two commands, or two functions, in turn."""
        of = self.seconds if isinstance(ours, list) else self.called
        of(other)
        of(ours)
        pairs = []
        for _ in range(TIMES):
            under = of(other)
            pairs.append((of(ours), under))
        own, beside = (statistics.median(values) for values in zip(*pairs, strict=True))
        about = f"{own:.3g} s / {beside:.3g} s"
        self.row(case, statistics.median(a / b for a, b in pairs), goal, least=least, about=about)

    def called(self, function):
        clock = process_time if self.forced else perf_counter
        begin = clock()
        function()
        return clock() - begin

    def took(self, case, command, goal):
        wall, cpu, most, _ = measured(command)
        about = f"{wall:.1f} s wall, {cpu:.1f} s of processor, {most / GIB:.2f} GiB"
        self.row(case, wall, goal, "s", gated=False, about=about)


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def donors(bench):
    few, many, most = (
        write_panel(bench.folder / f"donors{count}", 5 + count, treated=5) for count in (60, 2000, 6500)
    )
    case = "five treated, full detail: 2,000 donors / 60 donors"
    bench.ratio(case, bench.run(many, *TABLES_ONLY), bench.run(few, *TABLES_ONLY), 2.5)
    bench.took("five treated, full detail: 6,500 donors", bench.run(most, *TABLES_ONLY), 60)


def controlled(bench):
    single, both = (
        write_panel(bench.folder / f"each{k}", 6500, treated="each", batch=True, k=k) for k in (0, 10)
    )
    bench.ratio("controlled batch of 6,500 units / single", bench.run(both), bench.run(single), 2)
    table = both.parent / "characteristics.csv"
    peers = its_eval("peers", table, "--unit", "all", "--format", "csv")
    bench.ratio("peers of all 6,500 units / NearestNeighbors", peers, python(NEIGHBOURS, table), 2)


def controlled_large(bench):
    single, both = (
        write_panel(bench.folder / f"large{k}", 100_000, treated="each", batch=True, k=k) for k in (0, 10)
    )
    table = both.parent / "characteristics.csv"
    search, alone = (bench.seconds(command) for command in (python(NEIGHBOURS, table), bench.run(single)))
    wall, cpu, most, _ = measured(bench.run(both))
    ratio = (cpu if bench.forced else wall) / (search + alone)
    about = f"search {search:.0f} s, single {alone:.0f} s"
    bench.row("controlled batch of 100,000 units / (search + single)", ratio, 1.5, about=about)
    bench.row("controlled batch of 100,000 units, memory", most / GIB, 4, "GiB")


def fits(bench):
    from engine import design, series  # noqa: PLC0415  (only this case)

    from its_eval import fit  # noqa: PLC0415
    from its_eval.config.estimators import Estimator  # noqa: PLC0415

    values = series(2000) + 50.0
    index = pd.period_range("2013-04", periods=len(values), freq="M")
    table = pd.DataFrame(values, index=index, columns=[f"S{place}" for place in range(values.shape[1])])
    four = {"estimator": Estimator(name="reml_ar", order=1), "seasonality": "none"}
    cases = (("four terms, order 1", four, False, 50), ("default call", {}, True, 100))
    for name, settings, months, goal in cases:
        ours = partial(fit, table, "2015-07", **settings)
        solve = partial(np.linalg.lstsq, design(months=months), values, rcond=None)
        bench.ratio(f"its_eval.fit of 2,000 series, {name} / lstsq", ours, solve, goal)


def one_series(bench):
    config = write_panel(bench.folder / "one", 1, treated=1, k=0, frequency="quarter")
    bench.ratio("one quarterly series, default output / its imports", bench.run(config), python(DRAWN), 1.9)
    case = "one quarterly series, tables alone / its imports"
    bench.ratio(case, bench.run(config, *TABLES_ONLY), python(PLAIN), 1.7)


def sample(bench):
    bench.ratio("the sample, default output / imports", bench.run(SAMPLE), python(DRAWN), 14)
    bench.ratio("the sample, -j 2 / imports", bench.run(SAMPLE, "-j", "2"), python(DRAWN), 9)


def many_treated(bench):
    config = write_panel(bench.folder / "thirty", 130, treated=30, outcomes=2)
    case = "30 treated × 2 outcomes among 130, default output, -j 2"
    bench.took(case, bench.run(config, "-j", "2"), 75)


def configs(bench):
    config = write_panel(bench.folder / "twenty", 1, treated=1, k=0, frequency="quarter")
    every = [config.with_name(f"c{number:02d}.yaml") for number in range(20)]
    for path in every:
        shutil.copy(config, path)
    run = its_eval("run", *every, "-q", "-o", bench.folder / "twenty_out")
    forced = [*run, "--force", "-j", "2", *TABLES_ONLY]
    bench.ratio("20 configs, tables alone, -j 2 / one process", forced, python(EVALUATE, *every), 3)
    again = [*run, "--if-changed", *TABLES_ONLY]
    case = "20 unchanged configs, --if-changed / import pydantic, yaml, typer"
    bench.ratio(case, again, python("import pydantic, yaml, typer"), 5)


def gaps(bench):
    cases = (
        ("batch of 5,000 series, 5 % gaps / none", {}, 2),
        ("the same, percentages with denominators", {"percent": True}, 1.5),
        ("the same, controlled", {"k": 10}, 2),
    )
    for case, settings, goal in cases:
        every = {"treated": "each", "batch": True, "k": 0} | settings
        folder = bench.folder / f"gaps-{'-'.join(map(str, every.values()))}"
        whole, broken = (
            write_panel(folder.with_name(f"{folder.name}{share}"), 5000, gaps=share, **every)
            for share in (0.0, 0.05)
        )
        bench.ratio(case, bench.run(broken), bench.run(whole), goal)


def engine(bench):
    import scaling  # noqa: PLC0415  (only this case)
    from engine import contrasts, design, exact, series, statistics_of  # noqa: PLC0415

    X, Y = design(months=False), series(10_000)
    rows = contrasts(4)
    ours = partial(exact(statistics_of(1))(X, rows), Y)
    bench.ratio("AR(1), p and interval, 10,000 series / lstsq", ours, partial(np.linalg.lstsq, X, Y), 4)
    count = 1_000
    shared, own = scaling.ar(2), partial(scaling.own, X, Y[:, :count], rows)
    times = [
        (bench.called(own) / count, bench.called(partial(shared, X, Y, rows)) / 10_000) for _ in range(3)
    ]
    ratio = statistics.median(a / b for a, b in times)
    bench.row("weighted percentage / shared design AR(2), a series", ratio, 15)


def batch(bench, indicators=500):
    folder = bench.folder / "monitor"
    write(folder, indicators)
    series = f"{200 * indicators:,} series"
    ours = bench.run(folder / "monitor.yaml")
    bare = [sys.executable, HERE / "bare_batch.py", folder / "monitor.parquet", folder / "bare.parquet"]
    if indicators == 500:
        bench.ratio(f"batch of {series} / bare read, solve, write", ours, bare, 1.2)
    gain = measured(ours)[0] / measured([*ours, "-j", "2"])[0]
    goal = 1.35 if indicators == 500 else 1.75
    bench.row(f"batch of {series}, one process / two, wall", gain, goal, least=True)


def long_peers(bench):
    config = write_panel(bench.folder / "peers300", 300, treated=5)
    table, found = config.parent / "characteristics.csv", bench.folder / "peers.csv"
    peers = its_eval("peers", table, "--unit", "all", "-k", "200", "--format", "csv")
    found.write_bytes(measured(peers, keep=True)[3])
    bench.ratio("peers -k 200 of 300 units / pandas", peers, python(TO_CSV, found, os.devnull), 4)


def charts(bench):
    config = write_panel(bench.folder / "spc", 500, treated=1)
    table = pd.read_parquet(config.parent / "indicators.parquet")
    table.to_csv(bench.folder / "spc.csv", index=False)
    spc = its_eval("spc", bench.folder / "spc.csv", "-o", bench.folder / "spc_out", "--force", "-j", "2")
    bench.took("spc -o of 500 units, -j 2", spc, 45)


def demo(bench):
    """`make demo` in a fresh clone, once its packages are there to be installed."""
    clone = bench.folder / "clone"
    measured(["git", "clone", "-q", ROOT, clone])
    bench.took("make demo in a fresh clone", ["make", "-s", "-C", clone, "demo"], 45)


def tests(bench):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "-m",
        "not slow",
        "--rootdir",
        ROOT,
        ROOT / "tests",
    ]
    bench.took("the tests", command, 480)


CASES = (donors, controlled, fits, one_series, sample, many_treated, configs, gaps, engine, batch)
CASES += (long_peers, charts)
LARGE = (controlled_large, partial(batch, indicators=5000), demo, tests)


def page(rows):
    """Return the rows as a table for the docs."""
    lines = ["| case | measured | goal | |", "|---|---:|---:|---|"]
    for item in rows:
        sign, word = "≥" if item["least"] else "≤", "" if item["met"] else "not met"
        measured_, goal = f"{item['value']:.2f} {item['unit']}", f"{sign} {item['goal']:g} {item['unit']}"
        lines.append(f"| {item['case']} | {measured_} | {goal} | {word} |")
    return "\n".join([*lines, ""])


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    forced, load = "--force" in sys.argv, os.getloadavg()[0]
    if load > MOST_LOAD and not forced:
        sys.exit(f"load {load:.1f}: others would spoil the times; wait, or use --force for processor time")
    what = f"processor time, at a load of {load:.1f}" if forced else "wall time"
    print(f"{what}; median of {TIMES}\n")
    cases = {getattr(case, "__name__", "batch_large"): case for case in (*CASES, *LARGE)}
    if unknown := set(words) - set(cases):
        sys.exit(f"no case {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    RESULTS.mkdir(exist_ok=True)
    bench = Bench(Path(tempfile.mkdtemp(prefix="its-eval-bench-")), forced=forced)
    try:
        for case in (*CASES, *(LARGE if "--large" in sys.argv else ())):
            name = getattr(case, "__name__", "batch_large")
            if not words or name in words:
                case(bench)
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    found = {"measured": what, "rows": bench.rows}
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (RESULTS / "bench.json").write_text(text, encoding="utf-8")
    (RESULTS / "bench.md").write_text(page(bench.rows), encoding="utf-8")


if __name__ == "__main__":
    main()
