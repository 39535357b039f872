"""How often each check asks for attention, in series with nothing wrong and in series that it is there for.

    python benchmarks/checks_power.py [SERIES]        the table of docs/checks.md, from so many series a row

Series of 134 months, 78 before, first-order autocorrelation 0.4, marginal variance 1. "Alone" is a p-value up
to 5 %, as every check had it in 0.1; "attention" is after sharing out over the checks of a series.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from its_eval import evaluate
from its_eval.config import load_config

N, START, RHO = 134, 78, 0.4
TIME = np.arange(N)[:, None]
CONFIG = """\
version: 1
title: What checks see
data: {{indicators: {{path: data.csv}}}}
intervention: {{name: Start, date: {start}}}
treated: [{units}]
outcomes: [{{indicator: y, label: Y, kind: number, better: higher, seasonality: months}}]
designs: [single]
estimands: {{primary: slope_change}}
sensitivity: {{standard: false}}
"""


def errors(rng: np.random.Generator, count: int, rho: float = RHO, df: float = np.inf) -> np.ndarray:
    """Return autoregressive series of variance 1, normal or with t innovations."""
    noise = rng.standard_normal((N + 200, count))
    if np.isfinite(df):
        noise = rng.standard_t(df, noise.shape) / np.sqrt(df / (df - 2.0))
    series = np.zeros_like(noise)
    for t in range(1, N + 200):
        series[t] = rho * series[t - 1] + np.sqrt(1.0 - rho**2) * noise[t]
    return series[200:]


def seasonal(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return series that resemble those of a year before (0.5) beside their neighbours."""
    noise, series = rng.standard_normal((N + 300, count)), np.zeros((N + 300, count))
    for t in range(13, N + 300):
        series[t] = RHO * series[t - 1] + 0.5 * series[t - 12] - 0.5 * RHO * series[t - 13] + noise[t]
    return series[300:] / series[300:].std()


#: What is wrong, and how such series are made.
WRONG = {
    "nothing": errors,
    "trend bends by 2.5 over half the window": lambda rng, s: (
        errors(rng, s) + 2.5 * ((TIME - N / 2) / (N / 2)) ** 2
    ),
    "spread doubles at the start": lambda rng, s: errors(rng, s) * np.where(TIME >= START, 2.0, 1.0),
    "one month stands out by 5": lambda rng, s: errors(rng, s) + 5.0 * (TIME == START + 22),
    "jump of 2 a year before": lambda rng, s: errors(rng, s) + 2.0 * (TIME >= START - 12),
    "jump of 2, 18 months after": lambda rng, s: errors(rng, s) + 2.0 * (TIME >= START + 18),
    "heavy tails (t with 3 df)": lambda rng, s: errors(rng, s, df=3.0),
    "season that changes": seasonal,
    "random walk beneath": lambda rng, s: (
        errors(rng, s) + np.cumsum(0.3 * rng.standard_normal((N, s)), axis=0)
    ),
    "epidemic month before the start": lambda rng, s: errors(rng, s, rho=0.95) + 2.0 * (TIME == START - 1),
    "a true jump of 2": lambda rng, s: errors(rng, s) + 2.0 * (TIME >= START),
    "a true change of slope, 3 by the end": lambda rng, s: (
        errors(rng, s) + np.maximum(TIME - START, 0) * 3.0 / (N - START)
    ),
}


def checks(folder: Path, values: np.ndarray) -> pd.DataFrame:
    """Return the checks of series (n, S)."""
    units = [f"u{place:04d}" for place in range(values.shape[1])]
    periods = pd.period_range("2001-01", periods=N, freq="M").astype(str)
    rows = {"indicator": "y", "unit": np.repeat(units, N), "period": np.tile(periods, len(units))}
    pd.DataFrame(rows | {"value": 100.0 + values.T.ravel()}).to_csv(folder / "data.csv", index=False)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(start=periods[START], units=", ".join(units)), encoding="utf-8")
    found = evaluate(load_config(config)).tables["checks"]
    return found[found["unit"].isin(units)]


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| what is wrong | any attention | checks: attention (alone), % |\n|---|---|---|")
    for place, (what, make) in enumerate(WRONG.items()):
        with tempfile.TemporaryDirectory() as folder:
            found = checks(Path(folder), make(np.random.default_rng([29, place]), count))
        found = found[~found["check"].isin(["joint_change", "breusch_godfrey", "durbin_watson"])]
        loud = found["status"] == "attention"
        any_loud = found.loc[loud, "unit"].nunique() / count
        shares = []
        for name, rows in found.groupby("check"):
            attention = (rows["status"] == "attention").sum() / count
            alone = rows["status"].isin(["attention", "note"]).sum() / count
            if alone >= 0.1:
                shares.append(f"`{name}` {100 * attention:.0f} ({100 * alone:.0f})")
        print(f"| {what} | {100 * any_loud:.0f} % | {', '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
