"""Autocorrelation and season, against exact permutation moments, books and simulation."""

import itertools
import math

import numpy as np
import pytest

from its_eval.improvement.xmr import xmr_limits
from its_eval.improvement.xmr_tables import autocorrelation, limit_share, season_p


def test_the_series_of_a_textbook():
    # Box, Jenkins & Reinsel, Time Series Analysis, section 2.1: r_1 of the first ten batch yields is -0.79
    yields = np.array([47.0, 64, 23, 71, 38, 64, 55, 41, 59, 48])
    centred = yields - yields.mean()
    expected = centred[:-1] @ centred[1:] / (centred @ centred)
    assert expected == pytest.approx(-0.79, abs=0.005)
    # twice in a row it is long enough to be judged
    r, p = autocorrelation(np.tile(yields, 2))
    assert r == pytest.approx(-0.79, abs=0.05)
    assert p < 0.01


def test_the_mean_over_all_orders_is_the_one_subtracted():
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    centred = values - values.mean()
    every = [np.array(order) for order in itertools.permutations(centred)]
    r = np.array([order[:-1] @ order[1:] / (order @ order) for order in every])
    assert r.mean() == pytest.approx(-1 / len(values))


def test_p_values_of_independent_points_are_uniform():
    rng = np.random.default_rng(5)
    p = np.array([autocorrelation(rng.normal(size=30))[1] for _ in range(4000)])
    for level in (0.01, 0.05, 0.2, 0.5):
        error = math.sqrt(level * (1 - level) / len(p))
        # the approximation itself is good to a fifth of the level
        assert np.mean(p < level) == pytest.approx(level, abs=3.5 * error + 0.2 * level)


def test_too_short_or_constant_series_are_not_judged():
    for values in (np.arange(11.0), np.full(20, 4.0), np.empty(0)):
        assert all(math.isnan(value) for value in autocorrelation(values))


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.4, 0.8])
def test_how_far_limits_reach_in_an_autoregression(rho):
    rng = np.random.default_rng(11)
    size = 200_000
    noise = rng.normal(size=size) * math.sqrt(1 - rho**2)
    values = np.empty(size)
    values[0] = rng.normal()
    for place in range(1, size):
        values[place] = rho * values[place - 1] + noise[place]
    limits = xmr_limits(values)
    # three standard deviations of a series whose standard deviation is 1
    assert (limits.upper - limits.mean) / 3.0 == pytest.approx(limit_share(rho), rel=0.02)


def test_a_season_is_found_and_noise_is_not():
    rng = np.random.default_rng(2)
    places = np.arange(60) % 12
    noise = rng.normal(size=60)
    assert season_p(noise, places, 12) > 0.05
    assert season_p(noise + 4.0 * np.sin(2 * np.pi * places / 12), places, 12) < 1e-4
    # a trend alone is no season
    assert season_p(noise + 0.5 * np.arange(60), places, 12) > 0.05


def test_season_needs_two_years_and_every_place_twice():
    values = np.random.default_rng(1).normal(size=30)
    assert math.isnan(season_p(values[:20], np.arange(20) % 12, 12))
    assert math.isnan(season_p(values, np.arange(30), 12))
    assert math.isnan(season_p(values, np.zeros(30, dtype=int), 1))
    assert math.isnan(season_p(np.full(30, 2.0), np.arange(30) % 12, 12))


def test_size_of_the_season_test():
    rng = np.random.default_rng(9)
    places = np.arange(48) % 12
    p = np.array([season_p(rng.normal(size=48), places, 12) for _ in range(600)])
    assert np.mean(p < 0.05) < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 600)
