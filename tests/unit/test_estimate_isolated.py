"""Isolated missing months as forms: against the inverse covariance of the other months, and differences."""

from __future__ import annotations

import numpy as np
import pytest

from its_eval.estimators.reml.autoregression import autocovariances
from its_eval.estimators.reml.error_model import constant_variance
from its_eval.estimators.reml.forms import own_forms, weighted_columns
from its_eval.estimators.reml.isolated import (
    add_isolated,
    alike,
    isolated_months,
    terms_without,
    traces_without,
)

N = 14
#: Months that are missing; the last series has two that are isolated only where p is 1.
MISSING = ([], [3], [4, 9], [2, 5, 8, 11], [4, 6])


@pytest.fixture(params=[1, 2])
def model(request):
    return constant_variance(request.param, N)


def isolated(order):
    mask = np.zeros((len(MISSING), N), dtype=bool)
    for own, months in zip(mask, MISSING, strict=True):
        own[months] = True
    return mask & isolated_months(~mask, order)


def some_parameters(model, seed=3):
    low, high = model.bounds()
    return np.random.default_rng(seed).uniform(low, high, (len(MISSING), model.order))


def test_which_months_are_isolated():
    observed = np.ones((5, 10), dtype=bool)
    observed[0, [0, 4, 9]] = observed[1, [1, 8]] = observed[2, [4, 5]] = observed[3, [3, 5]] = False
    assert [np.flatnonzero(own).tolist() for own in isolated_months(observed, 1)] == [
        [4],
        [1, 8],
        [],
        [3, 5],
        [],
    ]
    assert [np.flatnonzero(own).tolist() for own in isolated_months(observed, 2)] == [[4], [], [], [], []]
    groups = [
        (places.tolist(), count, gaps)
        for places, count, gaps in alike(observed, isolated_months(observed, 2))
    ]
    assert groups == [([4], 0, False), ([0, 1, 2, 3], 2, True)]


def test_forms_are_the_inverse_covariance_of_the_other_months(model):
    missing = isolated(model.order)
    theta, count = some_parameters(model), missing.sum(axis=1)
    assert count.tolist() == ([0, 1, 2, 4, 2] if model.order == 1 else [0, 1, 2, 4, 0])
    terms = terms_without(model.terms(theta), count)
    basis = np.eye(N) * ~missing[:, :, None]
    forms = own_forms(model, basis, np.zeros((len(MISSING), N)), missing)[:, :, :N, :N]
    columns = weighted_columns(model, terms.weights[:, None, : model.lags.size], basis)
    add_isolated(columns, basis, missing, terms.weights[:, None, model.lags.size :])
    traces = traces_without(model, theta, count)
    lags = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    for s, gamma in enumerate(autocovariances(theta, N)):
        used = ~missing[s]
        own = np.ix_(used, used)
        expected = np.zeros((N, N))
        expected[own] = np.linalg.inv(gamma[lags][own])
        precision = np.tensordot(terms.weights[s], forms[s], axes=1)
        np.testing.assert_allclose(precision, expected, atol=1e-9)
        np.testing.assert_allclose(columns[s, 0], expected, atol=1e-9)
        np.testing.assert_allclose(terms.log_determinant[s], np.linalg.slogdet(expected[own])[1], rtol=1e-9)
        np.testing.assert_allclose(traces[s], np.einsum("mij,ji->m", forms[s], gamma[lags]), rtol=1e-9)


def test_derivatives_of_the_terms(model):
    count = isolated(model.order).sum(axis=1)
    theta, step = 0.9 * some_parameters(model), 1e-5
    terms = terms_without(model.terms(theta), count)
    for a, shift in enumerate(step * np.eye(model.order)):
        up, down = (terms_without(model.terms(theta + sign * shift), count) for sign in (1.0, -1.0))
        for own, name in (
            (terms.first, "weights"),
            (terms.second, "first"),
            (terms.log_determinant_first, "log_determinant"),
            (terms.log_determinant_second, "log_determinant_first"),
        ):
            slope = (getattr(up, name) - getattr(down, name)) / (2.0 * step)
            np.testing.assert_allclose(own[:, a], slope, rtol=1e-6, atol=1e-6, err_msg=name)
