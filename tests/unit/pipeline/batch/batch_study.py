"""A study of many units and outcomes in a Parquet dataset, with everything that makes a series special."""

import numpy as np
import pandas as pd

from its_eval.calendar import MONTHS

N, START = 60, 36

CONFIG = """\
version: 1
title: Many series
data:
  indicators: {path: monitor.parquet}
  characteristics: {path: characteristics.csv}
  units: {path: units.csv, columns: {unit: unit, closed: closed}}
intervention: {name: New rota, date: 2016-01, phase_in: {periods: 2}}
events:
  - {name: Strike, date: 2014-05, until: 2014-06, as: mask}
  - {name: Flood, date: 2017-02, as: mask, units: [U03]}
  - {name: Tariff, date: 2017-04, as: step}
treated: each
peers: {k: 4}
outcomes:
  - {indicator: waits, label: Waits, better: lower}
  - {indicator: stays, label: Stays, transform: log, better: lower}
  - {indicator: late, label: Late starters}
  - {indicator: calls, label: Calls, kind: count, transform: none}
designs: [single, difference]
estimators: [reml_ar]
estimands: {primary: slope_change, at: [6, 12, 40]}
checks: {placebo_units: false, placebo_dates: false, leave_one_peer_out: false, diagnostics: false}
output: {detail: estimates}
"""


def series(rng, count):
    errors = rng.standard_normal((N, count))
    for t in range(1, N):
        errors[t] += 0.4 * errors[t - 1]
    return 50 + 0.05 * np.arange(N)[:, None] + rng.normal(0, 3, count) + errors


def rows_of(indicator, values, units, first=0):
    start = MONTHS.parse("2013-01")
    periods = MONTHS.span(start, start + N - 1)
    frame = pd.DataFrame(values, index=periods, columns=units)
    long = frame.iloc[first:].melt(ignore_index=False, var_name="unit", value_name="value").dropna()
    long = long.rename_axis("period").reset_index()
    return long.assign(indicator=indicator)[["indicator", "unit", "period", "value"]]


def write_study(folder, units=12, config=CONFIG, row_group_size=500):
    """Write data with gaps, a unit of zeros, one without data, one too short and one that never changes."""
    rng = np.random.default_rng(7)
    names = [f"U{place:02d}" for place in range(units)]
    waits = series(rng, units)
    waits[10:13, 2] = np.nan
    waits[38:, 4] = np.nan  # nothing to see after the start
    waits[:, 5] = 7.0
    stays = series(rng, units)
    stays[20, 1] = 0.0
    late = series(rng, units)[:, : units - 1]
    late[:30, 0] = np.nan
    calls = np.round(series(rng, units) * 10)
    parts = [
        rows_of("waits", waits, names),
        rows_of("stays", stays, names),
        rows_of("late", late, names[:-1], first=6),
        rows_of("calls", calls, names),
        rows_of("unwanted", calls, names),
    ]
    dataset = folder / "monitor.parquet"
    dataset.mkdir(parents=True, exist_ok=True)
    whole = pd.concat(parts).sort_values(["indicator", "unit", "period"], ignore_index=True)
    half = len(whole) // 2
    for place, part in enumerate((whole[:half], whole[half:])):
        part.to_parquet(dataset / f"{place}.parquet", index=False, row_group_size=row_group_size)
    table = {"unit": names, "Beds": rng.integers(100, 900, units), "Staff": rng.integers(10, 90, units)}
    pd.DataFrame(table).to_csv(folder / "characteristics.csv", index=False)
    closed = ["2015-03" if name == "U07" else "" for name in names]
    pd.DataFrame({"unit": names, "closed": closed}).to_csv(folder / "units.csv", index=False)
    path = folder / "many.yaml"
    path.write_text(config, encoding="utf-8")
    return path
