"""Roots of many numbers at once, beside SciPy's of one."""

import numpy as np
import pytest
from scipy import optimize, special

from its_eval.estimators.roots import crossing


def test_every_number_has_the_root_that_scipy_finds():
    df, level = np.array([1.0, 3.0, 40.0]), 0.9
    found = crossing(lambda t: special.stdtr(df, t) - level, np.zeros(3), np.full(3, 50.0))
    for place, own in enumerate(df):
        expected = optimize.brentq(lambda t, own=own: special.stdtr(own, t) - level, 0.0, 50.0, xtol=1e-14)
        assert found[place] == pytest.approx(expected, rel=1e-13)


def test_bounds_of_one_number_serve_all():
    found = crossing(lambda x: x**3 - np.array([1.0, 8.0]), np.zeros(()), np.array([3.0, 3.0]))
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-15)


def test_a_number_without_bounds_has_no_root_and_the_others_keep_theirs():
    low, high = np.array([0.0, np.nan]), np.array([3.0, np.nan])
    found = crossing(lambda x: x**3 - 8.0, low, high)
    np.testing.assert_allclose(found, [2.0, np.nan], rtol=1e-15)
