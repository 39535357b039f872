"""The engine against 50 digits, where double precision is short: scale, length, roots, gaps, many terms."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from exact_reml import DIGITS, ExactReml

from its_eval.estimators.reml.autoregression import BOUNDS
from its_eval.estimators.reml.reml_ar import BOUND_MARGIN, fit_reml_ar

#: What a fit without the flag ``precision_lost`` keeps: estimates in standard errors, the rest relative.
KEPT = 1e-6


def design(n, start, terms=4):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    months = (t[:, None] % 12 == np.arange(1, 12)) * 1.0
    waves = [f(2 * np.pi * j * t / 60.5) for j in range(1, 16) for f in (np.sin, np.cos)]
    return np.hstack([X, months, np.column_stack(waves)])[:, :terms]


def series(n, partials, seed):
    """A stationary AR process with given partial autocorrelations, marginal variance about 1."""
    rng = np.random.default_rng(seed)
    first, second = (*partials, 0.0)[:2]
    shocks = rng.standard_normal(n + 500) * np.sqrt((1 - first**2) * (1 - second**2))
    y = np.zeros(n + 500)
    for t in range(2, n + 500):
        y[t] = first * (1 - second) * y[t - 1] + second * y[t - 2] + shocks[t]
    return y[500:]


def deviations(X, y, order):
    """Largest deviations of the engine from 50 digits, and its flags."""
    observed = ~np.isnan(y)
    n, start = len(y), int(np.argmax(X[:, 2] > 0))
    fit = fit_reml_ar(X, y[:, None], order)
    contrasts = np.zeros((3, X.shape[1]))
    contrasts[0, 2] = contrasts[1, 3] = contrasts[2, 2] = 1.0
    contrasts[2, 3] = (n - start - 1) / 2
    found = fit.contrasts(contrasts)
    partials = fit.partial_autocorrelations[0]
    low, high = np.array(BOUNDS[order]).T
    inside = (partials > low + BOUND_MARGIN) & (partials < high - BOUND_MARGIN)
    with mp.workdps(DIGITS):
        exact = ExactReml(X[observed], y[observed], np.flatnonzero(observed).tolist(), order)
        theta = exact.optimum(partials, inside)
        rows, variance = exact.inference(theta, contrasts)
        expected = np.array([[float(value) for value in row] for row in rows])
        errors = {
            "partials": max(abs(float(value) - ours) for value, ours in zip(theta, partials, strict=True)),
            "estimate": np.max(np.abs([float((mp.mpf(ours) - row[0]) / row[1])
                                       for ours, row in zip(found.estimate[0].tolist(), rows, strict=True)])),
            "std_error": np.max(np.abs(found.std_error[0] / expected[:, 1] - 1)),
            "df": np.max(np.abs(found.df_unclipped[0] / expected[:, 2] - 1)),
            "sigma": abs(float(fit.sigma[0] / mp.sqrt(variance)) - 1),
        }  # fmt: skip
    return errors, {name for name, flagged in fit.flags.items() if flagged[0]}


def gaps(y, *months):
    y = y.copy()
    y[list(months)] = np.nan
    return y


CASES = {
    # name: (X, y, order, whether a flag has to say that precision is lost)
    "scale 1e-8": (design(48, 24), 1e-8 * (5 + series(48, (0.5,), 1)), 1, False),
    "scale 1e-8, order 2": (design(48, 24), 1e-8 * series(48, (0.5, 0.2), 2), 2, False),
    "scale 1e12": (design(48, 24), 1e12 * (5 + series(48, (0.5,), 3)), 1, False),
    "scale 1e12, order 2": (design(48, 24), 1e12 * series(48, (0.5, 0.2), 4), 2, False),
    "scale 1e-40": (design(48, 24), 1e-40 * series(48, (0.3,), 5), 1, False),
    "scale 1e40": (design(48, 24), 1e40 * series(48, (0.3,), 6), 1, False),
    "level 1e6": (design(48, 24), 1e6 + series(48, (0.5,), 7), 1, False),
    "level 1e8": (design(48, 24), 1e8 + series(48, (0.5,), 8), 1, False),
    "level 1e11": (design(48, 24), 1e11 + series(48, (0.5,), 9), 1, True),
    "level 1e12": (design(48, 24), 1e12 + series(48, (0.5,), 10), 1, True),
    "fewest months": (design(6, 3), series(6, (0.2,), 11), 1, False),
    "fewest months, order 2": (design(7, 3), series(7, (0.2, 0.1), 12), 2, False),
    "sixteen months": (design(16, 8), series(16, (0.4,), 13), 1, False),
    "200 months": (design(200, 100), series(200, (0.6,), 14), 1, False),
    "rho near 1": (design(83, 30), series(83, (0.985,), 15), 1, False),
    "rho near 1, order 2": (design(83, 30), series(83, (0.96, 0.1), 16), 2, False),
    "rho near -1": (design(48, 24), series(48, (-0.95,), 17), 1, False),
    "rho at the lower end, order 2": (design(48, 24), series(48, (-0.45, -0.5), 18), 2, False),
    "a month missing in every segment": (design(48, 24), gaps(series(48, (0.5,), 19), 7, 31), 1, False),
    "gaps at every end": (design(48, 24), gaps(series(48, (0.5,), 20), 0, 23, 24, 47), 1, False),
    "40 terms": (design(60, 30, terms=40), series(60, (0.4,), 21), 1, False),
}


@pytest.mark.parametrize("name", CASES)
def test_against_50_digits(name):
    X, y, order, lost = CASES[name]
    errors, flags = deviations(X, y, order)
    print(name, {key: f"{value:.1e}" for key, value in errors.items()}, sorted(flags))
    assert ("precision_lost" in flags) == lost
    if not lost:
        assert max(errors.values()) < KEPT, errors


def test_the_flag_comes_before_the_precision_goes():
    """Over levels up to 1e14: whatever is not flagged keeps what a fit has to keep."""
    X, noise = design(48, 24), series(48, (0.5,), 22)
    flagged = []
    for exponent in range(0, 16, 2):
        y = 10.0**exponent + noise
        flags = fit_reml_ar(X, y[:, None], 1).flags
        if flags["precision_lost"][0] or flags["degenerate"][0]:
            flagged.append(exponent)
            continue
        errors, _ = deviations(X, y, 1)
        assert max(errors.values()) < KEPT, (exponent, errors)
    assert flagged == [10, 12, 14]
