"""A variance for each month of the year, held against the default on the series where nothing happened.

    python benchmarks/evidence/seasonal_variance.py

A prototype that decision record 0006 rests on; no estimator of the tool. Residuals of a first fit by least
squares give a variance for each calendar month, drawn towards the common one as if by so many more residuals;
the default is then fitted with these variances as known.
"""

import numpy as np
from battery import ALPHA, COUNTRIES, admissions, fake_dates, matrix

from its_eval.estimators.kind import autoregressive_order
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.reml.reml_ar import fit_reml_ar

#: Residuals that the common variance counts for.
PRIOR = (2.0, 8.0)
#: A step down of a fifth, planted into the same series.
FALL = 0.2
#: The date just after an epidemic month.
JANUARY = "1997-01"


def monthly_variance(X, Y, months, prior):
    """Return the variance of each period over its geometric mean, shape (n, S)."""
    residuals = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    common = (residuals**2).mean(axis=0)
    variance = np.empty_like(Y)
    for month in np.unique(months):
        own = months == month
        variance[own] = ((residuals[own] ** 2).sum(axis=0) + prior * common) / (own.sum() + prior)
    return variance / np.exp(np.log(variance).mean(axis=0))


def rejected(X, Y, months, prior):
    """Return which steps are found, by the default (prior None) or with a variance for each month."""
    contrast = np.eye(X.shape[1])[[2]]
    order = autoregressive_order("auto", len(X))
    if prior is None:
        fit = fit_reml_ar(X, Y, order)
    else:
        root = np.sqrt(monthly_variance(X, Y, months, prior))
        fit = fit_reml_ar_own(X[None] / root.T[:, :, None], Y / root, order)
    return fit.contrasts(contrast).p_value[:, 0] <= ALPHA


def main():
    """Print per cent of steps found where nothing happened, and where admissions fell by a fifth."""
    for country in COUNTRIES:
        table = admissions(country)
        months = np.array([int(text[5:]) for text in table.index])
        logs = np.log(table.to_numpy())
        for name, prior in (("default", None), *((f"by month, prior {value:g}", value) for value in PRIOR)):
            null, fall = {}, []
            for start in fake_dates(country):
                X = matrix(list(table.index), start)
                null[start] = rejected(X, logs, months, prior)
                fall.append(rejected(X, logs + np.log(1.0 - FALL) * X[:, [2]], months, prior).mean())
            every = 100 * np.mean(list(null.values()))
            january = f", January 1997 {100 * null[JANUARY].mean():.1f}" if JANUARY in null else ""
            print(
                f"{country}, {name}: null {every:.1f}{january}; fall found {100 * np.mean(fall):.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
