"""Adjusted p-values against examples worked by hand."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from its_eval.effects.several_units import adjust

P = np.array([0.01, 0.04, np.nan, 0.03, 0.005])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("holm", [0.03, 0.06, np.nan, 0.06, 0.02]),
        ("bh", [0.02, 0.04, np.nan, 0.04, 0.02]),
        ("none", [0.01, 0.04, np.nan, 0.03, 0.005]),
    ],
)
def test_by_hand(method, expected):
    np.testing.assert_allclose(adjust(P, method), expected)


@pytest.mark.parametrize(("method", "name"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_against_statsmodels(method, name):
    rng = np.random.default_rng(4)
    for size in (1, 2, 7, 40):
        for digits in (2, 6):  # with ties and without
            p_values = np.round(rng.random(size) ** 3, digits)
            np.testing.assert_array_equal(adjust(p_values, method), multipletests(p_values, method=name)[1])


def test_holm_stops_at_one_and_keeps_order():
    np.testing.assert_allclose(adjust(np.array([0.6, 0.4, 0.3]), "holm"), [0.9, 0.9, 0.9])
    np.testing.assert_allclose(adjust(np.array([0.9, 0.8]), "holm"), [1.0, 1.0])


@pytest.mark.parametrize("method", ["holm", "bh", "none"])
def test_nothing_known(method):
    assert np.isnan(adjust(np.array([np.nan, np.nan]), method)).all()
    assert adjust(np.array([]), method).shape == (0,)


def test_one_question_is_not_adjusted():
    assert adjust(np.array([0.04]), "holm").tolist() == [0.04]


@pytest.mark.parametrize("method", ["holm", "bh", "none"])
def test_lost_questions_of_a_family_count_as_ones(method):
    p_values = np.array([0.03, np.nan, 0.004, 0.2])
    every = adjust(np.append(p_values, [1.0, 1.0]), method)
    np.testing.assert_array_equal(adjust(p_values, method, 5), every[:4])
    np.testing.assert_array_equal(adjust(p_values, method, 2), adjust(p_values, method))
