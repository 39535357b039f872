"""Contrasts of a hand-made covariance model: standard errors, degrees of freedom, intervals, p-values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from its_eval.estimators.fit import ContrastEstimates, CovarianceModel
from its_eval.estimators.reml.statistics import complete_statistics


def one_parameter(*, model, adjusted, gradient, spread, df):
    """Return a covariance model of one coefficient and one variance parameter."""
    return CovarianceModel(
        adjusted=np.full((1, 1, 1), adjusted),
        model=np.full((1, 1, 1), model),
        gradients=np.full((1, 1, 1, 1), gradient),
        parameter_covariance=np.full((1, 1, 1), spread),
        df_residual=np.array([df]),
    )


def read(**numbers):
    found = one_parameter(**numbers).estimate(np.array([[3.0]]), np.array([[1.0]]))
    return found.std_error[0, 0], found.df[0, 0], found.df_unclipped[0, 0]


def test_satterthwaite_by_hand():
    """2 v^2 / (g' W g) = 2 * 16 / (0.5^2 * 4) with v = 4, g = -0.5, W = 4."""
    assert read(model=4.0, adjusted=9.0, gradient=0.5, spread=4.0, df=50.0) == pytest.approx(
        (3.0, 32.0, 32.0)
    )


def test_a_variance_estimated_from_nu_squares_has_nu_degrees_of_freedom():
    """Var(log s^2) = 2 / nu to first order, and dv / dlog s^2 = v."""
    assert read(model=7.0, adjusted=7.0, gradient=-7.0, spread=2 / 13, df=40.0)[1] == pytest.approx(13.0)


def test_the_larger_of_two_standard_errors_counts():
    assert read(model=4.0, adjusted=1.0, gradient=0.5, spread=4.0, df=50.0)[0] == pytest.approx(2.0)
    assert read(model=4.0, adjusted=6.25, gradient=0.5, spread=4.0, df=50.0)[0] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("spread", "df", "expected"),
    [(4.0, 20.0, (20.0, 32.0)), (256.0, 20.0, (1.0, 0.5)), (4.0, 1.0, (1.0, 32.0)), (16.0, 20.0, (8.0, 8.0))],
)
def test_degrees_of_freedom_stay_between_one_and_those_of_the_residuals(spread, df, expected):
    assert read(model=4.0, adjusted=4.0, gradient=0.5, spread=spread, df=df)[1:] == pytest.approx(expected)


def test_two_coefficients_by_matrices():
    rng = np.random.default_rng(3)
    half = rng.standard_normal((3, 3, 3))
    adjusted, model, spread = half @ np.swapaxes(half, 1, 2)
    gradients = rng.standard_normal((3, 3, 3))
    gradients += np.swapaxes(gradients, 1, 2)
    covariance = CovarianceModel(adjusted[None], model[None], gradients[None], spread[None], np.array([1e9]))
    contrasts, params = rng.standard_normal((4, 3)), rng.standard_normal(3)
    found = covariance.estimate(params[None], contrasts)
    for row, c in enumerate(contrasts):
        v = c @ model @ c
        g = np.array([-c @ gradient @ c for gradient in gradients])
        assert found.estimate[0, row] == pytest.approx(c @ params)
        assert found.std_error[0, row] == pytest.approx(np.sqrt(max(v, c @ adjusted @ c)))
        assert found.df_unclipped[0, row] == pytest.approx(2 * v**2 / (g @ spread @ g))


def test_interval_and_p_value_of_the_t_table():
    """2.228 is the 97.5 % point and 1.812 the 95 % point of t(10) in every printed table."""
    df = np.array([[10.0]])
    found = ContrastEstimates(np.array([[2.228]]), np.array([[1.0]]), df, df)
    assert np.ravel(found.interval(0.95)) == pytest.approx([0.0, 4.456], abs=5e-4)
    assert np.ravel(found.interval(0.9)) == pytest.approx([2.228 - 1.812, 2.228 + 1.812], abs=6e-4)
    assert found.p_value[0, 0] == pytest.approx(0.05, abs=1e-4)
    assert found.p_value[0, 0] == pytest.approx(2 * stats.t.sf(2.228, 10))


def test_a_batch_holds_its_degrees_of_freedom_in_the_same_bounds():
    n_series = 4
    flags = {name: np.zeros(n_series, dtype=bool) for name in ("degenerate", "precision_lost")}
    df = np.array([[0.5, 5.0, 100.0, 10.0]])
    ones = np.ones((1, n_series))
    found = complete_statistics(ones, ones.copy(), df, np.zeros((n_series, 1)), flags, 10)
    assert found.estimates.df[:, 0].tolist() == [1.0, 5.0, 10.0, 10.0]
    assert found.estimates.df_unclipped[:, 0].tolist() == [0.5, 5.0, 100.0, 10.0]
    narrow = complete_statistics(ones, ones.copy(), df, np.zeros((n_series, 1)), flags, 1)
    assert narrow.estimates.df[:, 0].tolist() == [1.0] * n_series
