"""Effect sizes of paired t-tests against published values and high-precision integrals."""

import math

import mpmath
import pytest

from its_eval.improvement.paired import effect_size, noncentrality_interval


@pytest.mark.parametrize(("t", "df", "r"), [(4.077, 81, 0.413), (3.385, 53, 0.422), (12.768, 89, 0.804)])
def test_r_is_that_of_the_published_evaluation(t, df, r):
    assert round(effect_size(t, df).r, 3) == r


@pytest.mark.parametrize(
    ("t", "df", "dz", "low", "high", "p"),
    [
        (4.077, 81, 0.45, 0.22, 0.68, 1.1e-4),
        (3.385, 53, 0.46, 0.18, 0.74, 1.3e-3),
        (12.768, 89, 1.35, 1.06, 1.63, 8e-22),
    ],
)
def test_d_z_and_p_of_the_published_tests(t, df, dz, low, high, p):
    size = effect_size(t, df)
    assert (round(size.dz, 2), round(size.dz_low, 2), round(size.dz_high, 2)) == (dz, low, high)
    assert size.p_value == pytest.approx(p, rel=0.05)


@pytest.mark.parametrize(
    ("t", "df", "low", "high"),
    [
        # example of conf.limits.nct in R's MBESS
        (2.83, 126, 0.8337502, 4.815359),
        # conf.limits.nct as quoted in the tests of statsmodels
        (1.5, 98, -0.474934, 3.467371),
    ],
)
def test_noncentrality_limits_of_r(t, df, low, high):
    found = noncentrality_interval(t, df)
    assert found == (pytest.approx(low, abs=2e-6), pytest.approx(high, abs=2e-6))


def noncentral_t_cdf(t, df, noncentrality):
    """Return P(T ≤ t) as an integral over the chi-squared denominator, to 30 digits."""
    with mpmath.workdps(30):
        half = mpmath.mpf(df) / 2

        def density(v):
            scaled = mpmath.exp(
                (half - 1) * mpmath.log(v) - v / 2 - half * mpmath.log(2) - mpmath.loggamma(half)
            )
            return mpmath.ncdf(t * mpmath.sqrt(v / df) - noncentrality) * scaled

        spread = mpmath.sqrt(2 * df)
        inner = [df + k * spread for k in (-6, -3, -1, 0, 1, 3, 6) if df + k * spread > 0]
        return mpmath.quad(density, [0, *inner, df + 40 * spread + 100])


@pytest.mark.parametrize(
    ("t", "df", "confidence"),
    [
        *((4.077, 81, 0.95), (12.768, 89, 0.95), (0.0, 10, 0.999), (5.0, 3, 0.95)),
        *((40.0, 200, 0.9), (100.0, 50, 0.95), (-3.0, 7, 0.999)),
    ],
)
def test_the_limits_put_the_tails_where_they_belong(t, df, confidence):
    low, high = noncentrality_interval(t, df, confidence)
    tail = (1.0 - confidence) / 2.0
    assert float(1 - noncentral_t_cdf(t, df, low)) == pytest.approx(tail, rel=1e-7)
    assert float(noncentral_t_cdf(t, df, high)) == pytest.approx(tail, rel=1e-7)


def test_the_mirror_image_has_mirrored_limits():
    low, high = noncentrality_interval(2.83, 126)
    assert noncentrality_interval(-2.83, 126) == (-high, -low)


@pytest.mark.parametrize(("t", "df"), [(500.0, 1), (1000.0, 5), (300.0, 1e5), (1e-9, 3)])
def test_extreme_statistics_have_finite_limits_around_them(t, df):
    low, high = noncentrality_interval(t, df)
    assert math.isfinite(low)
    assert low < t < high
    assert math.isfinite(high)


def test_pairs_may_differ_from_df_plus_one():
    assert effect_size(2.0, 9, n=20).dz == pytest.approx(2.0 / math.sqrt(20))
