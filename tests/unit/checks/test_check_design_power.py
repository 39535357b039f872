"""Power before any data: dense matrices, textbook least squares, simulation through the estimator."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.power import design_fit, minimum_detectable, power_at
from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import reml_ar_statistics

sys.path.append(str(Path(__file__).parents[2] / "reference"))
from dense_reference import DenseReml

CONTRASTS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 27.5]])


@pytest.mark.parametrize("partials", [[0.0], [0.4], [-0.5], [0.9], [0.4, 0.3]])
@pytest.mark.parametrize("missing", [[], [3, 20, 21]])
def test_precision_is_that_of_dense_matrices(made, partials, missing):
    X, observed = made.design(40, 15, months=False), np.ones(40, dtype=bool)
    observed[missing] = False
    found = design_fit(X, np.array([partials]), observed).contrasts(CONTRASTS)
    dense = DenseReml.__new__(DenseReml)
    dense.keep, dense.X, dense.n, dense.order = observed, X[observed], 40, len(partials)
    dense.df = int(observed.sum()) - 4
    y = np.random.default_rng(1).standard_normal(int(observed.sum()))
    rows, variance, _ = dense.inference(np.array(partials), y, CONTRASTS)
    np.testing.assert_allclose(found.std_error[0], rows[:, 1] / np.sqrt(variance), rtol=1e-8)
    np.testing.assert_allclose(found.df[0], np.clip(rows[:, 2], 1, dense.df), rtol=1e-8)


def test_at_the_estimate_it_is_the_standard_error_of_the_fit(made):
    X = made.design(83, 27)
    contrasts = np.hstack([CONTRASTS, np.zeros((3, 11))])
    fit = fit_reml_ar(X, made.ar_series(2, (0.4,), 83, 5), 2)
    found = design_fit(X, fit.partial_autocorrelations).contrasts(contrasts)
    read = fit.contrasts(contrasts)
    np.testing.assert_allclose(found.std_error * fit.sigma[:, None], read.std_error, rtol=1e-8)
    np.testing.assert_allclose(found.df, read.df, rtol=1e-8)


@pytest.mark.parametrize(
    ("lengths", "rho", "level", "slope"),
    [
        ((27, 56), 0.0, 1.4, 0.9), ((27, 56), 0.4, 2.0, 1.4), ((27, 56), 0.7, 2.1, 2.0),
        ((78, 56), 0.0, 1.0, 0.33), ((78, 56), 0.4, 1.5, 0.51), ((78, 56), 0.7, 1.8, 0.80),
    ],
)  # fmt: skip
def test_an_independent_table(made, lengths, rho, level, slope):
    """Computed with other code for the plain design and AR(1), the slope per year; to its number of digits."""
    X = made.design(sum(lengths), lengths[0], months=False)
    found = design_fit(X, np.array([[rho]])).contrasts(np.array([[0, 0, 1, 0], [0, 0, 0, 12]]))
    smallest = [minimum_detectable(*pair) for pair in zip(found.std_error[0], found.df[0], strict=True)]
    digits = 0.05 if slope in {0.9, 1.4, 2.0} else 0.0051
    assert smallest == [pytest.approx(level, abs=0.05), pytest.approx(slope, abs=digits)]


@pytest.mark.parametrize(
    ("n", "start", "rho", "powers"),
    [
        *((n, start, rho, (0.79, 0.79)) for n, start in ((83, 27), (134, 78)) for rho in (0.0, 0.4)),
        (83, 27, 0.7, (0.83, 0.74)),
        # degrees of freedom from 1 on: where few are left they are themselves hardly known
        (48, 24, 0.7, (0.85, 0.643)),
    ],
)
def test_power_of_the_estimator_at_the_smallest_detectable_effect(made, n, start, rho, powers):
    """Nominally 80 %; what estimating the autocorrelation makes of it, as the docstring says."""
    X = made.design(n, start, months=False)
    found = design_fit(X, np.array([[rho]])).contrasts(CONTRASTS[:2])
    noise = made.ar_series(3, (rho,), n, 20_000) * np.sqrt(1 - rho**2)
    for column in range(2):
        effect = minimum_detectable(found.std_error[0, column], found.df[0, column])
        Y = noise + effect * X[:, [2 + column]]
        p = reml_ar_statistics(X, Y, CONTRASTS[:2], 1).estimates.p_value[:, column]
        assert np.mean(p < 0.05) == pytest.approx(powers[column], abs=0.015)


def test_power_is_the_inverse_of_the_smallest_effect():
    for df in (3.0, 14.7, 200.0):
        effect = minimum_detectable(0.7, df, 0.05, 0.9)
        power = power_at(np.array([-effect, 0.0, effect, 60.0]), 0.7, df)
        np.testing.assert_allclose(power, [0.9, 0.05, 0.9, 1.0], atol=1e-7)
    # a one-sample t test as tabulated by Cohen 1988: n = 34, d = .5
    assert float(power_at(np.array(0.5), 1 / np.sqrt(34), 33.0)) == pytest.approx(0.808, abs=0.001)
    t = stats.t.isf(0.005, 9.0)
    assert float(power_at(np.array(0.0), 1.0, 9.0, alpha=0.01)) == pytest.approx(2 * stats.t.sf(t, 9.0))


def test_where_hardly_any_information_is_left_the_smallest_effect_is_the_larger(made):
    found = design_fit(made.design(16, 8, months=False), np.array([[0.95]])).contrasts(CONTRASTS[:2])
    assert found.df[0, 1] == 1.0
    assert 12 * minimum_detectable(found.std_error[0, 1], 1.0) > 60.0


def test_faults_are_named(made):
    with pytest.raises(ValueError, match=r"have to be in -0\.8 to 0.99; got \[\[1.0\]\]"):
        design_fit(made.design(40, 15), np.array([[1.0]]))
    with pytest.raises(ValueError, match=r"-0\.5 to 0\.975, -0\.6 to 0\.7"):
        design_fit(made.design(40, 15), np.array([[-0.7, 0.0]]))
    with pytest.raises(SingularDesignError):
        design_fit(made.design(16, 8), np.array([[0.1]]))
