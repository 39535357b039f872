"""What a jump rests on, and whether the years beside it bear it out."""

import numpy as np
import pytest
from scipy import linalg

from its_eval.checks.one_month import contradicted, jump_evidence, one_month
from its_eval.effects.trend_bounds import gls_weights

WORDS = ("-51 %", "649", "670", "December 1996", "January 1997")


def weights(rho, n=72, start=36):
    t = np.arange(n)
    X = np.column_stack([np.ones(n), t, t >= start]).astype(float)
    return gls_weights(X, linalg.toeplitz(rho**t), np.ones(n, dtype=bool), np.eye(3)[2])


def evidence(rho=0.95):
    return jump_evidence(weights(rho), 36, 36, 12)


def test_two_periods_hold_more_the_more_neighbours_resemble_each_other():
    shares = [evidence(rho).share for rho in (0.0, 0.4, 0.8, 0.95)]
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] > 0.9
    w = weights(0.8)
    found = evidence(0.8)
    assert found.share == pytest.approx((w[35] ** 2 + w[36] ** 2) / (w @ w))
    assert (found.before, found.after) == (35, 36)
    assert found.year_before.tolist() == list(range(24, 36))
    assert found.year_after.tolist() == list(range(36, 48))


def test_periods_that_did_not_enter_are_no_neighbours():
    t, observed = np.arange(60), np.ones(60, dtype=bool)
    observed[[29, 30, 31, 32, 40]] = False
    X = np.column_stack([np.ones(60), t, t >= 33]).astype(float)
    covariance = linalg.toeplitz(0.9**t)[np.ix_(observed, observed)]
    w = gls_weights(X, covariance, observed, np.eye(3)[2])
    found = jump_evidence(w, 30, 33, 12)
    assert (found.before, found.after) == (28, 33)
    assert found.year_before.tolist() == list(range(18, 29))
    assert found.year_after.tolist() == [*range(33, 40), *range(41, 45)]
    series = np.arange(60.0)[:, None] * [1.0, 2.0]
    expected = series[found.year_after].mean(axis=0) - series[found.year_before].mean(axis=0)
    np.testing.assert_allclose(found.moved(series), expected)
    assert jump_evidence(w[:36], 30, 33, 12) is None


def test_a_year_contradicts_by_sign_or_by_less_than_half():
    jump = np.array([-0.7, -0.7, -0.7, 0.7, 0.7])
    assert contradicted(jump, np.array([0.02, -0.34, -0.36, -0.1, 0.4])).tolist() == [
        *(True, True, False, True, False)
    ]


def test_a_jump_of_one_month_asks_for_attention():
    found = one_month(evidence(), -0.7, 0.02, claimed=True, p_value=lambda: 0.001, words=WORDS)
    assert (found.status, found.p_value) == ("attention", 0.001)
    assert found.statistic == pytest.approx(evidence().share)
    for words in ("December 1996 and January 1997 hold 100 %", "-51 %", "649 in the 12", "670 in the 12"):
        assert words in found.message


@pytest.mark.parametrize(
    ("rho", "jump", "moved", "claimed"),
    [(0.95, -0.7, 0.02, False), (0.95, -0.7, -0.6, True), (0.2, -0.7, 0.02, True)],
)
def test_other_jumps_pass_without_a_simulation(rho, jump, moved, claimed):
    def never():
        raise AssertionError("nothing to tell")

    found = one_month(evidence(rho), jump, moved, claimed=claimed, p_value=never, words=WORDS)
    assert (found.status, np.isnan(found.p_value)) == ("pass", True)
    assert "the mean is 649 in the 12 periods before and 670" in found.message


def test_too_few_periods_for_a_mean():
    found = one_month(None, 1.0, 1.0, claimed=True, p_value=lambda: 1.0, words=WORDS)
    assert found.status == "not_applicable"
