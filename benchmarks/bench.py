"""All ratios against their targets on one screen: `make bench`.

Everything is measured in one run on this machine, each of ours in turn with what it is held against. Writes
benchmarks/results/bench.json and bench.svg. `--quick` makes the data of 10,000 series instead of 100,000;
`--million` also runs 1,000,000 series, for the memory.
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
    """Run the engine's own benchmark and take its ratios over."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, HERE / "engine.py"], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    (RESULTS / "engine.txt").write_text(done.stdout, encoding="utf-8")
    for item in json.loads((RESULTS / "engine.json").read_text(encoding="utf-8")):
        if item.get("target"):
            yield row("engine", f"{item['case']}, {item['series']:,} series", item["ratio"], item["target"])


def startup_rows(pairs):
    own, other, ratio = paired(its_eval("--help"), python("import typer, rich"), pairs)
    yield row("start-up", "--help / import typer, rich", ratio, 1.5, about=f"{own:.2f} s / {other:.2f} s")
    peers = its_eval("peers", ROOT / "configs" / "sample.yaml", "--unit", "SIM07")
    own, other, _ = paired(peers, python("import pandas"), pairs)
    ratio = (own - 0.1) / other
    yield row(
        "start-up", "(peers − 100 ms) / import pandas", ratio, 1.3, about=f"{own:.2f} s / {other:.2f} s"
    )


def run_rows(folder, pairs):
    config = ROOT / "configs" / "nhs_vmi_ae4h.yaml"
    if not (ROOT / "data" / "nhs").is_dir() or not list((ROOT / "data" / "nhs").glob("*.csv")):
        config = ROOT / "configs" / "sample.yaml"
    ours = its_eval("run", config, "-q", "--no-figures", "--no-report", "--force", "-o", folder / "run")
    own, other, ratio = paired(ours, python(LIBRARIES), pairs)
    yield row("run", f"{config.stem} / its libraries", ratio, 2.5, about=f"{own:.2f} s / {other:.2f} s")


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
    ours = its_eval("run", folder / "monitor.yaml", "-q", "--force", "-o", folder / "out", "--jobs", "2")
    took, most = seconds_and_memory(ours)
    yield row("batch", "1,000,000 series, memory", most / GIB, 2.0, "GiB", about=f"{took:.0f} s")


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


def main():
    quick = "--quick" in sys.argv
    RESULTS.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="its-eval-bench-"))
    rows = []
    try:
        rows += engine_rows() if "--no-engine" not in sys.argv else []
        rows += startup_rows(5)
        rows += run_rows(folder, 3)
        rows += batch_rows(folder / "batch", 50 if quick else 500, 2)
        if "--million" in sys.argv:
            rows += million_rows(folder / "million")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (RESULTS / "bench.json").write_text(
        json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    chart(rows)


if __name__ == "__main__":
    main()
