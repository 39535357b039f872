"""All ratios against their targets on one screen: `make bench`.

Everything is measured in one run on this machine, each of ours in turn with what it is held against. Writes
benchmarks/results/bench.json, bench.svg and, for the docs, bench.md. `--quick` makes the data of 10,000
series instead of 100,000; `--million` also runs 1,000,000 series, for the memory; names of parts (engine,
start-up, run, report, import, batch) limit it to these.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from batch_data import write
from processes import ENVIRONMENT, its_eval, paired, seconds, seconds_and_memory

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
GIB = 2**30
SAMPLE = ROOT / "configs" / "sample.yaml"
NHS = ROOT / "configs" / "nhs_vmi_ae4h.yaml"
#: 3 × 2 × 2 × 3 × 3 × 2 combinations, less the config's own.
CURVE = """
sensitivity:
  k: [5, 15]
  order: [1]
  season: [{harmonics: 2}]
  transition: [3, 6]
  end: [2019-06, 2019-12]
  pre_window: [24]
  cross: true
"""
LIBRARIES = "import pandas, scipy.stats, statsmodels.api, pyarrow.parquet"


def python(code):
    return [sys.executable, "-c", code]


def row(part, case, value, target, unit="×", *, at_least=False, about=""):
    met = value >= target if at_least else value <= target
    shown = f"{'≥' if at_least else '≤'} {target:g} {unit}"
    print(
        f"{part:10s} {case:52s} {value:8.2f} {unit:4s} {shown:>10s} {'met' if met else 'NOT MET':8s} {about}"
    )
    return {
        "part": part,
        "case": case,
        "value": round(value, 3),
        "unit": unit,
        "target": target,
        "at_least": at_least,
        "met": met,
        "about": about,
    }


def engine_rows():
    """Run the engine's own benchmark and take over what has a target."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, HERE / "engine.py"], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    (RESULTS / "engine.txt").write_text(done.stdout, encoding="utf-8")
    found = json.loads((RESULTS / "engine.json").read_text(encoding="utf-8"))
    for item in found["ratios"]:
        if item["target"]:
            case = f"{item['case']}, {item['series']:,} series / lstsq"
            yield row("engine", case, item["ratio"], item["target"])
    for item in found["milliseconds"]:
        if item["target"]:
            yield row("engine", item["case"], item["ms"], item["target"], "ms")
    for item in found["rivals"]:
        if item["ratio"] is None:
            print(f"{'engine':10s} {item['case']}: not installed here")
        else:
            yield row("engine", item["case"], item["ratio"], item["target"], at_least=True)


def startup_rows(pairs):
    own, other, ratio = paired(its_eval("--help"), python("import typer, rich"), pairs)
    yield row("start-up", "--help / import typer, rich", ratio, 1.5, about=f"{own:.2f} s / {other:.2f} s")
    sources = {"a table": ROOT / "data" / "sample" / "characteristics.csv", "a config": SAMPLE}
    for name, source in sources.items():
        own, other, _ = paired(its_eval("peers", source, "--unit", "SIM07"), python("import pandas"), pairs)
        yield row(
            "start-up",
            f"(peers of {name} − 100 ms) / import pandas",
            (own - 0.1) / other,
            1.3,
            about=f"{own:.2f} s / {other:.2f} s",
        )


def real_config():
    """Return the real evaluation, or the sample where the NHS files are not at hand."""
    return NHS if list((ROOT / "data" / "nhs").glob("*.csv")) else SAMPLE


def with_paths(config):
    """Return a config's text with its paths made absolute, so that it can stand elsewhere."""
    return config.read_text(encoding="utf-8").replace("../data/", f"{ROOT / 'data'}/")


def run_rows(folder, pairs):
    config = real_config()
    bare = ["-q", "--no-figures", "--no-report", "--force", "-o"]
    own, other, ratio = paired(its_eval("run", config, *bare, folder / "run"), python(LIBRARIES), pairs)
    shown = f"{own:.2f} s / {other:.2f} s"
    yield row("run", f"{config.stem} with placebos / its libraries", ratio, 2.5, about=shown)
    curve = folder / "curve.yaml"
    curve.write_text(with_paths(config) + CURVE, encoding="utf-8")
    long, libraries, _ = paired(its_eval("run", curve, *bare, folder / "curve"), python(LIBRARIES), 1)
    fits = own - other
    shown = f"{long:.2f} s; libraries {libraries:.2f} s, plain run {fits:.2f} s beyond them"
    ratio = long / (libraries + fits)
    yield row("run", "the same with 215 specifications / (libraries + plain fits)", ratio, 4.0, about=shown)


def report_rows(folder):
    """What figures and report add to a run, for each figure, beyond the fits."""
    config = real_config()
    plain = its_eval("run", config, "-q", "--no-figures", "--no-report", "--force", "-o", folder / "plain")
    whole = its_eval("run", config, "-q", "--force", "-o", folder / "whole")
    fits = min(seconds(plain) for _ in range(3))
    both = min(seconds(whole) for _ in range(3))
    figures = len(list((folder / "whole" / "figures").glob("*.svg")))
    each = 1e3 * (both - 2 * fits) / figures
    about = f"{figures} figures, {both:.1f} s in all, {fits:.1f} s without figures and report"
    yield row("report", "(figures and report − fits) / a figure", each, 150, "ms", about=about)
    weight = (folder / "whole" / "report.html").stat().st_size / 1e6
    yield row("report", "report of five trusts, two designs", weight, 5, "MB")


def import_rows():
    """Run the importers' own benchmark and take its ratio over."""
    script = [sys.executable, HERE / "importing.py"]
    done = subprocess.run(script, env=ENVIRONMENT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(f"{'import':10s} not measured: {done.stderr.strip()}")
        return
    found = json.loads((RESULTS / "importing.json").read_text(encoding="utf-8"))
    case = f"{found['workbooks']} workbooks / the reading library"
    yield row("import", case, found["ratio"], found["target"])


def batch_rows(folder, indicators, pairs):
    write(folder, indicators)
    series = f"{200 * indicators:,} series"
    ours = its_eval("run", folder / "monitor.yaml", "-q", "--force", "-o", folder / "one")
    bare = [sys.executable, HERE / "bare_batch.py", folder / "monitor.parquet", folder / "bare.parquet"]
    own, other, ratio = paired(ours, bare, pairs)
    yield row("batch", f"{series} / bare script", ratio, 3.0, about=f"{own:.1f} s / {other:.1f} s")
    two, most = seconds_and_memory([*ours[:-1], folder / "two", "--jobs", "2"])
    two = min(two, seconds([*ours[:-1], folder / "two", "--jobs", "2"]))
    faster = min(own, seconds(ours)) / two
    yield row("batch", f"{series}, one process / two", faster, 1.7, at_least=True, about=f"{two:.1f} s")
    yield row("batch", f"{series}, memory of two processes", most / GIB, 2.0, "GiB")
    peers = its_eval("run", folder / "peers.yaml", "-q", "--force", "-o", folder / "peers")
    own = seconds(peers)
    print(f"{'':10s} with differences from 10 peers as well: {own:.1f} s")


def million_rows(folder):
    write(folder, 5000)
    ours = its_eval("run", folder / "monitor.yaml", "-q", "--force", "-o", folder / "out")
    one, _ = seconds_and_memory(ours)
    two, most = seconds_and_memory([*ours, "--jobs", "2"])
    shown = f"{one:.0f} s / {two:.0f} s"
    yield row("batch", "1,000,000 series, one process / two", one / two, 1.7, at_least=True, about=shown)
    yield row("batch", "1,000,000 series, memory of two processes", most / GIB, 2.0, "GiB")


def chart(rows):
    """Draw every ratio as a share of its target."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "its-eval", "svg.fonttype": "none", "font.size": 12})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    shares = [
        item["target"] / item["value"] if item["at_least"] else item["value"] / item["target"]
        for item in rows
    ]
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(rows) + 1.2))
    axes.barh(range(len(rows)), shares, color=["#12436D" if item["met"] else "#F46A25" for item in rows])
    axes.axvline(1.0, color="#3D3D3D")
    axes.text(1.0, -0.9, "target", ha="center")
    for place, (item, share) in enumerate(zip(rows, shares, strict=True)):
        word = "" if item["met"] else ", not met"
        axes.text(share + 0.02, place, f"{item['value']:.2f} {item['unit']}{word}", va="center")
    axes.set_yticks(range(len(rows)), [item["case"] for item in rows])
    axes.invert_yaxis()
    axes.set_xlabel("share of the target (shorter is better)")
    axes.set_xlim(0, max(1.3, 1.25 * max(shares)))
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(RESULTS / "bench.svg", metadata={"Date": None})


def page(rows):
    """Return the rows as a table for the docs."""
    lines = ["| part | case | measured | target | |", "|---|---|---:|---:|---|"]
    for item in rows:
        sign, word = ("≥", "≤")[not item["at_least"]], "" if item["met"] else "not met"
        measured, target = f"{item['value']:.2f} {item['unit']}", f"{sign} {item['target']:g} {item['unit']}"
        lines.append(f"| {item['part']} | {item['case']} | {measured} | {target} | {word} |")
    return "\n".join([*lines, ""])


def main():
    quick = "--quick" in sys.argv
    parts = [word for word in sys.argv[1:] if not word.startswith("-")]
    RESULTS.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="its-eval-bench-"))
    measures = {
        "engine": engine_rows,
        "start-up": lambda: startup_rows(7),
        "run": lambda: run_rows(folder, 5),
        "report": lambda: report_rows(folder),
        "import": import_rows,
        "batch": lambda: batch_rows(folder / "batch", 50 if quick else 500, 3),
    }
    rows = []
    try:
        for name, measure in measures.items():
            if not parts or name in parts:
                rows += measure()
        if "--million" in sys.argv:
            rows += million_rows(folder / "million")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    (RESULTS / "bench.json").write_text(text, encoding="utf-8")
    (RESULTS / "bench.md").write_text(page(rows), encoding="utf-8")
    chart(rows)


if __name__ == "__main__":
    main()
