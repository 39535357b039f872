"""How the cost of estimation grows: processor time per series by series, periods, terms and estimator.

`python benchmarks/scaling.py` prints the table and writes benchmarks/results/scaling.json. CPU time, not
wall time: other work on the machine matters little.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is loaded

import json
from pathlib import Path
from time import process_time

import numpy as np

from its_eval.estimators.least_squares import ols_statistics
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.reml.statistics import reml_ar_statistics


def design(n, *, months=False):
    time, start = np.arange(n), n // 3
    after = (time >= start) * 1.0
    X = np.column_stack([np.ones(n), time - start, after, after * (time - start)])
    return np.hstack([X, np.eye(12)[time % 12][:, :11]]) if months else X


def series(n, count):
    made = np.random.default_rng(1).standard_normal((n, count))
    for t in range(1, n):
        made[t] += 0.4 * made[t - 1]
    return made


def own(X, Y, rows):
    designs = np.repeat(X[None], Y.shape[1], axis=0)
    return fit_reml_ar_own(designs, Y, 2).contrasts(rows)


def ar(order):
    return lambda X, Y, rows: reml_ar_statistics(X, Y, rows, order)


CASES = (
    ("AR(2), 4 terms, 83 periods", 2_000, 83, False, ar(2)),
    ("AR(2), 4 terms, 83 periods", 10_000, 83, False, ar(2)),
    ("AR(2), 4 terms, 83 periods", 40_000, 83, False, ar(2)),
    ("AR(2), 4 terms, 166 periods", 10_000, 166, False, ar(2)),
    ("AR(2), month dummies, 83 periods", 10_000, 83, True, ar(2)),
    ("AR(1), 4 terms, 83 periods", 10_000, 83, False, ar(1)),
    ("AR(1), 4 terms, 166 periods", 10_000, 166, False, ar(1)),
    ("AR(1), month dummies, 83 periods", 10_000, 83, True, ar(1)),
    ("least squares, 83 periods", 10_000, 83, False, ols_statistics),
    ("AR(2), weighted: a design of its own each", 200, 83, False, own),
)


def main():
    found = []
    print(f"{'case':44s} {'series':>8s} {'µs each':>9s}")
    for name, count, n, months, run in CASES:
        X, Y = design(n, months=months), series(n, count)
        rows = np.eye(X.shape[1])[:4]
        run(X, Y[:, :50], rows)
        best = np.inf
        for _ in range(3):
            begin = process_time()
            run(X, Y, rows)
            best = min(best, process_time() - begin)
        print(f"{name:44s} {count:8,d} {1e6 * best / count:9.2f}")
        found.append({"case": name, "series": count, "us_each": round(1e6 * best / count, 2)})
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (folder / "scaling.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
