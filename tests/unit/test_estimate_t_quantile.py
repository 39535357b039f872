"""Quantiles of the t distribution: polynomials in 1/df stand for SciPy where they are very many."""

import numpy as np
import pytest
from scipy import special

from its_eval.estimators import quantiles
from its_eval.estimators.quantiles import FURTHEST_QUANTILE, MANY_QUANTILES, t_quantile

DF = np.concatenate([np.geomspace(1.0, 1e6, 6000), np.linspace(1.0, 200.0, 4000), [1.0, 2.0, 3.0, np.inf]])
#: The quantile of 0.975 with 98 degrees of freedom, by mpmath in 40 digits. SciPy 1.15 is off by 4e-11 there, and so
#: is what interpolates its numbers.
EXACT = 1.984467454508481813256924
RTOL = max(1e-12, 10.0 * abs(special.stdtrit(98.0, 0.975) / EXACT - 1.0))


@pytest.fixture
def scipy_calls(monkeypatch):
    """Count how many quantiles SciPy itself is asked for."""
    asked = []

    class Special:
        @staticmethod
        def stdtrit(df, probability):
            asked.append(np.size(df))
            return special.stdtrit(df, probability)

    monkeypatch.setattr(quantiles, "special", Special)
    quantiles._polynomials.cache_clear()
    yield asked
    quantiles._polynomials.cache_clear()


@pytest.mark.parametrize("probability", [0.9, 0.95, 0.975, 0.995])
def test_very_many_quantiles_are_those_of_scipy(probability, scipy_calls):
    assert DF.size >= MANY_QUANTILES
    got = t_quantile(probability, DF)
    assert 0 < sum(scipy_calls) < DF.size / 10  # the polynomials
    np.testing.assert_allclose(got, special.stdtrit(DF, probability), rtol=RTOL)


@pytest.mark.parametrize(
    ("probability", "df"),
    [
        (0.975, DF[: MANY_QUANTILES - 1]),
        (FURTHEST_QUANTILE + 1e-4, DF),
        (0.975, np.where(DF > 5, DF, 0.5)),
        (0.975, np.where(DF > 5, DF, np.nan)),
    ],
    ids=["few", "far out", "below one", "missing"],
)
def test_elsewhere_scipy_is_asked_for_each(probability, df, scipy_calls):
    got = t_quantile(probability, df)
    assert scipy_calls == [df.size]
    np.testing.assert_array_equal(got, special.stdtrit(df, probability))


def test_the_shape_is_kept():
    df = DF[:8000].reshape(1000, 8)
    got = t_quantile(0.975, df)
    assert got.shape == df.shape
    np.testing.assert_allclose(got, special.stdtrit(df, 0.975), rtol=RTOL)
