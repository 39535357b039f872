"""Iterations of counts with AR(1) errors that have no rest: each ends, in numbers, and says what it is."""

import numpy as np

from its_eval.estimators.glm_ar import fit_glm_ar

#: Of 50 cases each month, 60 months; the last count is 0, and a random walk that follows it has no end.
TO_ZERO = """
    3 3 3 4 3 1 5 5 13 3 7 6 5 7 5 3 9 5 3 5 5 3 6 3 3 4 2 2 4 3 0 7 3 3 6 4 3 5 4 4 8 8 5 4 4 2 7 8
    7 4 3 6 5 7 5 4 11 1 2 0
"""
#: Counts whose autocorrelation has two best values, each of which makes a working response that prefers the other.
TWO_BEST = """
    7 9 14 13 15 12 15 12 18 21 19 30 24 26 29 33 14 40 18 25 16 8 18 6 15 16 8 14 10 18 15 8 15 15
    23 10 17 13 19 29 15 25 21 17 14 18 18 22 36 23 33 25 25 32 30 18 17 19 22 13
"""


def sixty_months():
    t = np.arange(60)
    post = (t >= 30) * 1.0
    return np.column_stack([np.ones(60), t - 30, post, post * (t - 30)])


def one_series(text):
    return np.array(text.split(), dtype=float)[:, None]


def test_coefficients_that_leave_for_infinity_are_not_followed():
    counts = one_series(TO_ZERO)
    fit = fit_glm_ar(sixty_months(), counts, "binomial", trials=np.full(counts.shape, 50.0))
    assert fit.flags["not_converged"].tolist() == [True]
    found = fit.contrasts(np.eye(4)[2:])
    assert np.isfinite(found.estimate).all()
    # nothing near the e^-10 that the walk had come to
    assert (np.abs(found.estimate) < 1.0).all()
    assert (found.std_error > 0.1).any()


def test_a_series_that_returns_to_the_upper_bound_is_a_random_walk():
    fit = fit_glm_ar(sixty_months(), one_series(TWO_BEST), "poisson")
    flags = {name: bool(flag[0]) for name, flag in fit.flags.items()}
    assert flags == {"at_bound": True, "near_unit_root": True, "not_converged": False, "degenerate": False}
    assert np.isfinite(fit.contrasts(np.eye(4)[2:]).std_error).all()
