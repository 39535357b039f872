"""The treated unit's place among its donors, and donors that share peers."""

import numpy as np
import pytest
from scipy import stats

from its_eval.effects.exchangeability import effective_donors, percentiles


def test_percentiles_are_those_of_scipy():
    rng = np.random.default_rng(1)
    donors = (
        rng.normal(80, 5, 40) + np.arange(27)[:, None] * rng.normal(0, 0.1, 40) + rng.normal(0, 2, (27, 40))
    )
    donors[rng.random(donors.shape) < 0.1] = np.nan
    own = donors[:, 7].copy()
    found = percentiles(own, donors)

    def portrait(y):
        t, y = np.flatnonzero(np.isfinite(y)), y[np.isfinite(y)]
        line = stats.linregress(t, y)
        return y.mean(), line.slope, np.sum((y - line.intercept - line.slope * t) ** 2) / (y.size - 2)

    everyone = np.array([portrait(donors[:, j]) for j in range(40)])
    expected = [stats.percentileofscore(everyone[:, c], everyone[7, c], kind="mean") for c in range(3)]
    np.testing.assert_allclose([found.level, found.trend, found.variance], expected)


def test_what_lies_outside_is_named():
    rng = np.random.default_rng(2)
    donors = rng.normal(0, 1, (30, 50))
    assert percentiles(rng.normal(0, 0.1, 30) + 3, donors).unusual == ("level", "variance")
    noise = 3 * rng.normal(0, 1, 30)
    tilted = np.arange(30) - 14.5 + noise - noise.mean()
    assert percentiles(tilted, donors).unusual == ("trend", "variance")


def test_too_few_values_have_no_place():
    own = np.full(12, np.nan)
    own[:2] = 1.0
    found = percentiles(own, np.random.default_rng(3).normal(size=(12, 5)))
    assert np.isnan([found.level, found.trend, found.variance]).all()
    assert found.unusual == ()


def sharing(J, k, rng):
    weights = np.eye(J)
    for j in range(J):
        peers = rng.choice(np.delete(np.arange(J), j), k, replace=False)
        weights[j, peers] = -1 / k
    return weights


@pytest.mark.parametrize("k", [1, 3, 10])
def test_effective_donors_are_the_variance_of_the_mean_square(k):
    """Simulated: the mean square of J correlated normals varies as that of so many independent ones."""
    rng = np.random.default_rng(k)
    weights = sharing(40, k, rng)
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    squares = ((unit @ rng.standard_normal((40, 40_000))) ** 2).mean(axis=0)
    assert effective_donors(weights) == pytest.approx(2 / squares.var(), rel=0.05)


def test_all_others_as_peers_leave_one_donor_less():
    J = 30
    assert effective_donors(np.eye(J) - (1 - np.eye(J)) / (J - 1)) == pytest.approx(J - 1)


def test_more_donors_than_units_is_the_same_sum():
    weights = np.random.default_rng(5).normal(size=(12, 7))
    c = weights @ weights.T
    c /= np.sqrt(np.outer(np.diag(c), np.diag(c)))
    assert effective_donors(weights) == pytest.approx(144 / np.sum(c**2))
