"""Made-up data of a monitor: 200 units × so many indicators × 83 months, a Parquet dataset with its config.

`python benchmarks/batch_data.py FOLDER [INDICATORS]` writes monitor.parquet (a file for 50 indicators, a
row group for 10), outcomes.csv and the configs monitor.yaml (single series) and peers.yaml (differences too).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

UNITS, MONTHS, START = 200, 83, 27
PER_FILE, PER_GROUP = 50, 10

CONFIG = """\
version: 1
title: A national monitor, made up
data:
  indicators: {path: monitor.parquet}
  characteristics: {path: characteristics.csv}
intervention: {name: New pathway, date: 2015-07}
treated: each
outcomes: {from: outcomes.csv}
estimators: [reml_ar]
output: {detail: estimates}
"""


def errors(rng, count):
    """Return AR(1) errors of variance 1 and autocorrelation 0.4."""
    made = rng.standard_normal((MONTHS, count))
    for month in range(1, MONTHS):
        made[month] = 0.4 * made[month - 1] + np.sqrt(1 - 0.16) * made[month]
    return made


def indicator_table(names, rng):
    """Return the rows of some indicators, sorted by indicator, unit and period."""
    months = [f"{2013 + (3 + index) // 12}-{(3 + index) % 12 + 1:02d}" for index in range(MONTHS)]
    count = UNITS * len(names)
    time = np.arange(MONTHS)[:, None]
    level, slope = rng.normal(50, 5, count), rng.normal(0, 0.05, count)
    change = rng.normal(0, 0.02, count)
    values = level + slope * time + change * np.maximum(time - START, 0) + errors(rng, count)
    codes = np.arange(count * MONTHS) // MONTHS

    def words(places, texts):
        return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), pa.array(texts))

    return pa.table(
        {
            "indicator": words(codes // UNITS, list(names)),
            "unit": words(codes % UNITS, [f"U{unit:03d}" for unit in range(UNITS)]),
            "period": words(np.tile(np.arange(MONTHS), count), months),
            "value": values.T.ravel(),
        }
    )


def write(folder, indicators):
    """Write dataset, dictionary and configs."""
    dataset = folder / "monitor.parquet"
    dataset.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    names = [f"I{place:04d}" for place in range(indicators)]
    for number, first in enumerate(range(0, indicators, PER_FILE)):
        schema, writer = None, None
        for begin in range(first, min(first + PER_FILE, indicators), PER_GROUP):
            table = indicator_table(names[begin : begin + PER_GROUP], rng)
            if writer is None:
                schema = table.schema
                writer = pq.ParquetWriter(dataset / f"{number:03d}.parquet", schema)
            writer.write_table(table)
        writer.close()
    pd.DataFrame({"indicator": names}).to_csv(folder / "outcomes.csv", index=False)
    units = [f"U{unit:03d}" for unit in range(UNITS)]
    about = {"unit": units, "Beds": rng.integers(100, 900, UNITS), "Staff": rng.integers(500, 9000, UNITS)}
    pd.DataFrame(about).to_csv(folder / "characteristics.csv", index=False)
    (folder / "monitor.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "peers.yaml").write_text(CONFIG + "peers: {k: 10}\n", encoding="utf-8")


def write_panel(
    folder, units, *, treated, outcomes=1, k=10, gaps=0.0, percent=False, batch=False, frequency="month"
):
    """Write a table of some units with twelve characteristics, and its config, whose path is returned.

    `treated` is a number of units or ``each``, `k` the number of peers (0: none), `gaps` the share of values
    that are missing; `batch` leaves out everything but estimates.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    codes = [f"U{unit:06d}" for unit in range(units)]
    names = [str(period) for period in pd.period_range("2009-01", periods=MONTHS, freq=frequency[0].upper())]
    tables = []
    for place in range(outcomes):
        values = rng.normal(80, 3, units) + errors(rng, units)
        missing = rng.random(values.shape) < gaps
        tables.append(
            pa.table(
                {
                    "indicator": np.full(values.size, f"I{place}"),
                    "unit": np.repeat(codes, MONTHS),
                    "period": np.tile(names, units),
                    "value": np.round(values.T.ravel(), 3),
                    **({"denominator": rng.integers(50, 500, values.size)} if percent else {}),
                }
            ).filter(pa.array(~missing.T.ravel()))
        )
    pq.write_table(pa.concat_tables(tables), folder / "indicators.parquet")
    about = pd.DataFrame(rng.standard_normal((units, 12)).round(4), index=pd.Index(codes, name="unit"))
    about.add_prefix("C").to_csv(folder / "characteristics.csv")
    kind = ", kind: percentage" if percent else ""
    listed = "".join(f"  - {{indicator: I{place}{kind}}}\n" for place in range(outcomes))
    text = f"""\
version: 1
title: Made up
data:
  indicators: {{path: indicators.parquet}}
  frequency: {frequency}
{"  characteristics: {path: characteristics.csv}" if k else ""}
intervention: {{name: Made up, date: {names[START]}}}
treated: {treated if treated == "each" else codes[:treated]}
outcomes:
{listed}designs: {"[difference]" if batch and k else "[single, difference]" if k else "[single]"}
{f"peers: {{k: {k}}}" if k else ""}
{"output: {detail: estimates}" if batch else ""}
"""
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500)
