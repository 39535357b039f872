"""What the engine costs against a least-squares solve of the same matrix, on this machine, in one run.

`make bench` prints the table and writes benchmarks/results/engine.json. Ratios are medians of paired runs:
the two are timed in turn, so that a machine that changes speed changes both.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is loaded

import json
import statistics
from pathlib import Path
from time import perf_counter

import numpy as np

from its_eval.estimate.reml_ar import PreparedReml, fit_reml_ar
from its_eval.estimate.reml_statistics import reml_ar_statistics

N, START, PAIRS = 83, 27, 7


def design(*, months):
    time = np.arange(N)
    after = (time >= START) * 1.0
    matrix = np.column_stack([np.ones(N), time - START, after, after * (time - START)])
    if months:
        dummies = (time[:, None] % 12 == np.arange(11)) * 1.0
        dummies[time % 12 == 11] = -1.0
        matrix = np.hstack([matrix, dummies])
    return matrix


def contrasts(k):
    """Level, slope, post slope, average effect, effect at 12."""
    rows = np.zeros((5, k))
    rows[0, 2] = rows[1, 3] = rows[2, 1] = rows[2, 3] = rows[3, 2] = rows[4, 2] = 1.0
    rows[3, 3], rows[4, 3] = (N - START - 1) / 2, 12.0
    return rows


def series(count):
    rng = np.random.default_rng(1)
    errors = rng.standard_normal((N, count))
    for t in range(1, N):
        errors[t] = 0.4 * errors[t - 1] + np.sqrt(1 - 0.16) * errors[t]
    return errors


def paired(ours, reference):
    """Return median seconds of both and the median of their ratios."""
    ours()
    reference()
    pairs = []
    for _ in range(PAIRS):
        begin = perf_counter()
        reference()
        middle = perf_counter()
        ours()
        pairs.append((perf_counter() - middle, middle - begin))
    ours_median, reference_median = (statistics.median(values) for values in zip(*pairs, strict=True))
    return ours_median, reference_median, statistics.median(own / other for own, other in pairs)


def with_p_values(X, Y, rows):
    found = reml_ar_statistics(X, Y, rows, 1).estimates
    return found.p_value, found.interval(0.95)


CASES = (
    ("AR(1), KR1 se and df", 10_000, False, lambda X, Y, rows: reml_ar_statistics(X, Y, rows, 1), 1.5),
    ("AR(1), KR1 se and df", 100_000, False, lambda X, Y, rows: reml_ar_statistics(X, Y, rows, 1), 1.0),
    ("AR(1), month dummies", 10_000, True, lambda X, Y, rows: reml_ar_statistics(X, Y, rows, 1), 1.5),
    ("AR(1), exact p and interval", 10_000, False, with_p_values, 6.0),
    ("AR(1), full covariance", 10_000, False, lambda X, Y, _: fit_reml_ar(X, Y, 1), None),
    ("AR(2), full covariance", 10_000, False, lambda X, Y, _: fit_reml_ar(X, Y, 2), None),
)


def main():
    """Run every case, print the table and write it as JSON."""
    results = []
    print(f"{'case':32s} {'series':>8s} {'µs each':>8s} {'lstsq':>8s} {'ratio':>7s} {'target':>7s}")
    for name, count, months, run, target in CASES:
        X, Y = design(months=months), series(count)
        rows = contrasts(X.shape[1])
        ours, reference, ratio = paired(
            lambda X=X, Y=Y, rows=rows, run=run: run(X, Y, rows),
            lambda X=X, Y=Y: np.linalg.lstsq(X, Y, rcond=None),
        )
        micro, other = 1e6 * ours / count, 1e6 * reference / count
        shown = f"{target:.1f}" if target else "-"
        print(f"{name:32s} {count:8d} {micro:8.2f} {other:8.2f} {ratio:7.2f} {shown:>7s}")
        results.append(
            {
                "case": name,
                "series": count,
                "us_per_series": micro,
                "lstsq_us": other,
                "ratio": ratio,
                "target": target,
            }
        )
    begin = perf_counter()
    for _ in range(10):
        PreparedReml(design(months=True), 2)
    print(f"preparing an AR(2) design with month dummies: {100 * (perf_counter() - begin):.1f} ms")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "engine.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
