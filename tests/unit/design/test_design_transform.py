"""Scales of a series: there and back, and what has no place on them."""

import numpy as np
import pytest
from scipy import special

from its_eval.scales import SCALES


@pytest.mark.parametrize("transform", ["none", "log", "logit"])
def test_there_and_back(transform):
    values = np.array([[0.5, 40.0], [99.5, np.nan]])
    scale = SCALES[transform]
    back = scale.back(scale.to(values))
    np.testing.assert_allclose(back, values, rtol=1e-12)


def test_the_scales_are_those_of_scipy():
    values = np.array([1.0, 37.0, 98.0])
    np.testing.assert_allclose(SCALES["logit"].to(values), special.logit(values / 100), rtol=1e-12)
    np.testing.assert_allclose(
        SCALES["logit"].back(np.array([-3.0, 0.0, 2.5])), 100 * special.expit([-3, 0, 2.5])
    )
    np.testing.assert_allclose(SCALES["log"].to(values), np.log(values))


def test_a_percentage_at_the_edge_takes_half_a_case_when_its_denominator_is_known():
    values, denominators = np.array([0.0, 100.0, 100.0, 50.0]), np.array([20.0, 40.0, np.nan, 10.0])
    got = SCALES["logit"].to(values, denominators)
    # Haldane 1956: log((c + 1/2) / (n - c + 1/2))
    np.testing.assert_allclose(got[[0, 1, 3]], [np.log(0.5 / 20.5), np.log(40.5 / 0.5), 0.0], atol=1e-14)
    assert np.isnan(got[2])
    assert np.isnan(SCALES["logit"].to(np.array([0.0, 100.0]))).all()


def test_what_has_no_place_is_missing():
    assert np.isnan(SCALES["log"].to(np.array([0.0, -1.0, np.nan]))).all()
    assert np.isnan(SCALES["logit"].to(np.array([-1.0, 101.0]), np.array([5.0, 5.0]))).all()


@pytest.mark.parametrize(
    ("values", "denominators", "transform", "message"),
    [
        ([0.0, 1.0], [5.0, 5.0], "none", ""),
        ([np.nan, 1.0], [5.0, 5.0], "log", ""),
        ([0.0, 1.0], [5.0, 5.0], "log", "a value of zero or less, which has no logarithm"),
        ([-2.0, 1.0], [5.0, 5.0], "log", "a value of zero or less, which has no logarithm"),
        ([0.0, 100.0], [5.0, 5.0], "logit", ""),
        ([np.nan, 50.0], [np.nan, np.nan], "logit", ""),
        (
            *([0.0, 50.0], [np.nan, 5.0], "logit"),
            "a value of 0 or 100 per cent without a denominator, which has no logit",
        ),
        (
            *([100.0, 50.0], [0.0, 5.0], "logit"),
            "a value of 0 or 100 per cent without a denominator, which has no logit",
        ),
        ([101.0, 50.0], [5.0, 5.0], "logit", "a value below 0 or above 100 per cent, which has no logit"),
    ],
)
def test_obstacles(values, denominators, transform, message):
    assert SCALES[transform].obstacle(np.array(values), np.array(denominators)) == message
