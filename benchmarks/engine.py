"""What the engine costs against a least-squares solve of the same matrix, on this machine, in one run.

Prints the tables and writes benchmarks/results/engine.json. Processor time is measured, so that
other programs take nothing from the result but the cache; ratios are medians of paired runs: the two are
timed in turn, so that a machine that changes speed changes both.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is loaded

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
from statsmodels.regression.linear_model import GLSAR

from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import Ar1Tables, Ar2Tables, reml_ar_statistics

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
        begin = process_time()
        reference()
        middle = process_time()
        ours()
        pairs.append((process_time() - middle, middle - begin))
    ours_median, reference_median = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(own / max(other, 1e-9) for own, other in pairs)
    return ours_median, reference_median, ratio


def with_p_values(found):
    return found.p_value, found.interval(0.95)


def statistics_of(order):
    """Everything from the outcomes to standard errors and df, tables of the design included."""
    return lambda X, rows: lambda Y: reml_ar_statistics(X, Y, rows, order).estimates


def tables_of_ar2(X, rows):
    """The same with tables made before: one design serves many outcomes."""
    tables = Ar2Tables(X, rows)
    return lambda Y: tables.evaluate(Y).estimates


def exact(prepare):
    """The same with p-values and intervals by scipy."""

    def prepared(X, rows):
        run = prepare(X, rows)
        return lambda Y: with_p_values(run(Y))

    return prepared


def full_fit(order):
    """The covariance of all parameters of every series."""
    return lambda X, _: lambda Y: fit_reml_ar(X, Y, order)


CASES = (
    # name, series, month dummies, function of design and contrasts that returns one of outcomes, target
    ("AR(1), KR1 se and df", 10_000, False, statistics_of(1), 1.5),
    ("AR(1), KR1 se and df", 100_000, False, statistics_of(1), 1.0),
    ("AR(1), month dummies", 10_000, True, statistics_of(1), 1.5),
    ("AR(1), exact p and interval", 10_000, False, exact(statistics_of(1)), 6.0),
    ("AR(2), KR1 se and df", 10_000, False, tables_of_ar2, 5.0),
    ("AR(2), month dummies", 10_000, True, tables_of_ar2, 5.0),
    ("AR(2), exact p and interval", 10_000, False, exact(tables_of_ar2), 10.0),
    ("AR(2), making its tables too", 10_000, False, statistics_of(2), None),
    ("AR(2), making its tables too", 100_000, False, statistics_of(2), None),
    ("AR(1), full covariance", 10_000, False, full_fit(1), None),
    ("AR(2), full covariance", 10_000, False, full_fit(2), None),
)


def ratio_table():
    """Cost of every case against least squares."""
    print(f"{'case':32s} {'series':>8s} {'µs each':>8s} {'lstsq':>8s} {'ratio':>7s} {'target':>7s}")
    results = []
    for name, count, months, prepare, target in CASES:
        X, Y = design(months=months), series(count)
        run = prepare(X, contrasts(X.shape[1]))
        ours, reference, ratio = paired(
            lambda Y=Y, run=run: run(Y), lambda X=X, Y=Y: np.linalg.lstsq(X, Y, rcond=None)
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
    return results


def without(outcomes, months_missing, patterns):
    """Outcomes of which consecutive groups of series miss the same random months."""
    gappy = outcomes.copy()
    rng = np.random.default_rng(2)
    for group in np.array_split(np.arange(outcomes.shape[1]), patterns):
        gappy[np.ix_(rng.choice(N, months_missing, replace=False), group)] = np.nan
    return gappy


def pattern_costs(order, rows, X):
    """Milliseconds a pattern: alone, and beyond twice the cost of complete series where many share it."""
    alone = series(60)
    own = without(alone, 3, 60)
    each, _, _ = paired(lambda: reml_ar_statistics(X, own, rows, order), lambda: None)
    patterns = 5
    shared = series(patterns * 2000)
    gappy = without(shared, 2, patterns)
    grouped, complete, _ = paired(
        lambda: reml_ar_statistics(X, gappy, rows, order), lambda: reml_ar_statistics(X, shared, rows, order)
    )
    return 1e3 * each / 60, 1e3 * (grouped - 2.0 * complete) / patterns


def fixed_costs():
    """Milliseconds for what is done once a design or once a missing pattern."""
    found = []
    for name, tables, target in (("AR(1)", Ar1Tables, 3.0), ("AR(2)", Ar2Tables, 200.0)):
        for months in (False, True):
            X = design(months=months)
            cost, _, _ = paired(lambda X=X, make=tables: make(X, contrasts(X.shape[1])), lambda: None)
            label = f"{name}, tables of a design" + (", month dummies" if months else "")
            found.append((label, 1e3 * cost, target))
    X = design(months=False)
    for order, target in ((1, 3.0), (2, None)):
        alone, shared = pattern_costs(order, contrasts(X.shape[1]), X)
        found.append((f"AR({order}), a pattern of its own for every series", alone, target))
        found.append((f"AR({order}), a pattern of 2,000 series, beyond 2 x", shared, target))
    print(f"\n{'once a design or pattern':52s} {'ms':>8s} {'target':>7s}")
    for label, cost, target in found:
        print(f"{label:52s} {cost:8.2f} {f'{target:.0f}' if target else '-':>7s}")
    return [{"case": label, "ms": cost, "target": target} for label, cost, target in found]


R_CODE = """
library(nlme)
y <- as.matrix(read.csv(commandArgs(TRUE)[1], header = FALSE))
x <- as.matrix(read.csv(commandArgs(TRUE)[2], header = FALSE))[, -1]
started <- proc.time()
for (place in seq_len(ncol(y))) gls(y[, place] ~ x, correlation = corAR1())
used <- proc.time() - started
cat(used[["user.self"]] + used[["sys.self"]])
"""


def seconds_of_glsar(X, Y):
    """Seconds of one series of statsmodels' iterated feasible least squares with AR(1) errors."""
    begin = process_time()
    for y in Y.T:
        GLSAR(y, X, rho=1).iterative_fit(maxiter=50)
    return (process_time() - begin) / Y.shape[1]


def seconds_of_gls(X, Y):
    """Seconds of one series of R's nlme::gls, or None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / "y.csv", Path(name) / "x.csv", Path(name) / "gls.R"]
        np.savetxt(paths[0], Y, delimiter=",")
        np.savetxt(paths[1], X, delimiter=",")
        paths[2].write_text(R_CODE, encoding="utf-8")
        command = ["Rscript", "--vanilla", paths[2], paths[0], paths[1]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return float(done.stdout) / Y.shape[1] if done.returncode == 0 else None


def rivals():
    """How many times faster a series is than with the programs that analysts use."""
    X, many = design(months=False), series(10_000)
    each, _, _ = paired(lambda: statistics_of(1)(X, contrasts(4))(many), lambda: None)
    found = []
    print(f"\n{'times faster a series, AR(1)':52s} {'ratio':>8s} {'target':>7s}")
    for name, seconds_of, target in (
        ("statsmodels GLSAR.iterative_fit / ours", seconds_of_glsar, 300),
        ("R nlme::gls / ours", seconds_of_gls, 3000),
    ):
        other = seconds_of(X, series(200))
        ratio = None if other is None else other / (each / 10_000)
        print(f"{name:52s} {'none' if ratio is None else f'{ratio:8.0f}':>8s} {target:7d}")
        found.append({"case": name, "ratio": ratio, "target": target})
    return found


def main():
    """Run every case, print the tables and write them as JSON."""
    results = {"ratios": ratio_table(), "milliseconds": fixed_costs(), "rivals": rivals()}
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "engine.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
