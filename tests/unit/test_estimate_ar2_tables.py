"""Tables of AR(2) against the exact path, and never a worse optimum than an exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.reml import statistics as ar2_tables
from its_eval.estimators.reml import statistics as reml_statistics
from its_eval.estimators.reml.ar2_search import to_partials, warped_box
from its_eval.estimators.reml.profile import evaluate_profile, objective_table
from its_eval.estimators.reml.reduction import reduce_series
from its_eval.estimators.reml.reml_ar import PreparedReml, fit_reml_ar
from its_eval.estimators.reml.statistics import Ar2Tables

CONTRASTS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 12.0]])
TRUTHS = ((-0.6, 0.0), (0.0, 0.0), (0.4, 0.0), (0.95, 0.0), (0.3, 0.3), (0.7, -0.4), (0.1, 0.8))


def its_design(n, start, months=False):
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    return np.hstack([X, (t[:, None] % 12 == np.arange(1, 12)) * 1.0]) if months else X


def contrasts_of(X):
    return np.hstack([CONTRASTS, np.zeros((4, X.shape[1] - 4))])


def simulate(seed, n, each, truths=TRUTHS):
    """AR(2) series, ``each`` of every pair of coefficients."""
    coefficients = np.repeat(np.array(truths), each, axis=0).T
    series = np.random.default_rng(seed).standard_normal((n + 200, coefficients.shape[1]))
    for t in range(2, n + 200):
        series[t] += coefficients[0] * series[t - 1] + coefficients[1] * series[t - 2]
    return series[200:]


def assert_same(found, expected, expected_fit):
    """Agreement to 1e-6 of a standard error, standard errors and df to 1e-5."""
    deviation = (found.estimates.estimate - expected.estimate) / expected.std_error
    np.testing.assert_allclose(deviation, 0.0, atol=1e-6)
    for name in ("std_error", "df", "df_unclipped"):
        np.testing.assert_allclose(getattr(found.estimates, name), getattr(expected, name), rtol=1e-5)
    np.testing.assert_allclose(
        found.partial_autocorrelations, expected_fit.partial_autocorrelations, atol=1e-6
    )
    for name, flag in expected_fit.flags.items():
        np.testing.assert_array_equal(found.flags[name], flag)


@pytest.mark.parametrize(
    ("n", "start", "months", "missing"),
    [
        (83, 27, False, ()),
        (83, 27, True, ()),
        (83, 27, False, (0, 5, 40, 41, 82)),
        (48, 24, True, (30,)),
        (24, 12, False, ()),
        (200, 100, False, ()),
    ],
)
def test_tables_agree_with_the_exact_path(n, start, months, missing):
    X = its_design(n, start, months)
    contrasts = contrasts_of(X)
    observed = np.ones(n, dtype=bool)
    observed[list(missing)] = False
    Y = np.where(observed[:, None], 40.0 + simulate(n, n, 12), 0.0)
    fit = PreparedReml(X, 2, observed).fit(Y)
    assert_same(Ar2Tables(X, contrasts, observed).evaluate(Y), fit.contrasts(contrasts), fit)


def test_no_optimum_is_worse_than_that_of_an_exhaustive_search():
    X = its_design(20, 10)
    tables = Ar2Tables(X, CONTRASTS)
    Y = simulate(1, 20, 120, ((0.99, 0.0), (0.6, 0.3), (1.2, -0.3), (-0.3, 0.5), (0.1, 0.8)))
    found = tables.evaluate(Y).partial_autocorrelations
    series = reduce_series(tables.design, Y)
    low, high = warped_box()
    axes = [np.linspace(low[i], high[i], count) for i, count in enumerate((160, 120))]
    dense = to_partials(np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]))
    lowest = np.full(Y.shape[1], np.inf)
    moments = series.moments()
    for part in np.array_split(dense, 16):
        np.minimum(lowest, (objective_table(tables.design, part) @ moments).min(axis=0), out=lowest)
    assert np.all(evaluate_profile(tables.design, series, found).value <= np.log(lowest) + 1e-9)


@pytest.mark.parametrize("sizes", [{"SEARCH_SERIES": 5, "CELL_SERIES": 3}, {"ROUNDS": 0}, {"ROUNDS": 1}])
def test_blocks_and_the_exact_refinement_make_no_difference(sizes, monkeypatch):
    X, Y = its_design(36, 18), simulate(2, 36, 8)
    expected = Ar2Tables(X, CONTRASTS).evaluate(Y)
    for name, size in sizes.items():
        monkeypatch.setattr(ar2_tables, name, size)
    found = Ar2Tables(X, CONTRASTS).evaluate(Y)
    np.testing.assert_allclose(found.estimates.std_error, expected.estimates.std_error, rtol=2e-6)
    np.testing.assert_allclose(found.partial_autocorrelations, expected.partial_autocorrelations, atol=1e-6)


def test_one_series_and_any_order_of_series_give_the_same():
    X, Y = its_design(48, 24), simulate(3, 48, 6)
    tables = Ar2Tables(X, CONTRASTS)
    expected = tables.evaluate(Y).estimates
    shuffled = np.random.default_rng(4).permutation(Y.shape[1])
    found = tables.evaluate(Y[:, shuffled]).estimates
    np.testing.assert_allclose(found.std_error, expected.std_error[shuffled], rtol=1e-9)
    assert tables.evaluate(Y[:, :0]).estimates.estimate.shape == (0, 4)
    alone = tables.evaluate(Y[:, 7:8]).estimates
    np.testing.assert_allclose(alone.df, expected.df[7:8], rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-60, 1e-8, 1.0, 1e12, 1e60])
def test_degenerate_series_have_no_uncertainty_and_do_not_disturb_the_others(unit):
    X = its_design(40, 20)
    truth = np.array([3.0, 0.2, -1.0, 0.5])
    noise = simulate(5, 40, 2)
    Y = unit * np.column_stack([X @ truth, noise, np.full(40, 7.0), np.zeros(40)])
    tables = Ar2Tables(X, CONTRASTS)
    found = tables.evaluate(Y)
    expected = tables.evaluate(noise).estimates
    none = [0, -2, -1]
    np.testing.assert_array_equal(
        np.flatnonzero(found.flags["degenerate"]), [0, Y.shape[1] - 2, Y.shape[1] - 1]
    )
    np.testing.assert_allclose(found.estimates.estimate[0], unit * (CONTRASTS @ truth), rtol=1e-9)
    np.testing.assert_array_equal(found.estimates.std_error[none], 0.0)
    np.testing.assert_array_equal(found.estimates.df[none], 36.0)
    np.testing.assert_array_equal(found.partial_autocorrelations[none], 0.0)
    assert not found.flags["at_bound"][none].any()
    np.testing.assert_allclose(found.estimates.std_error[1:-2], unit * expected.std_error, rtol=1e-6)
    only = tables.evaluate(Y[:, none])
    assert only.flags["degenerate"].all()
    np.testing.assert_array_equal(only.estimates.std_error, 0.0)


def test_statistics_take_the_tables_where_many_series_share_a_pattern(monkeypatch):
    X, Y = its_design(60, 30), simulate(6, 60, 3)
    Y[[7, 8], 5:14] = np.nan
    Y[20, 14] = np.nan
    fit = fit_reml_ar(X, Y, 2)
    made = []

    class Counted(Ar2Tables):
        def __init__(self, X, contrasts, observed):
            made.append(int(observed.sum()))
            super().__init__(X, contrasts, observed)

    policy = replace(reml_statistics.TABLES[2], tables=Counted, enough_series=9)
    monkeypatch.setitem(reml_statistics.TABLES, 2, policy)
    found = reml_statistics.reml_ar_statistics(X, Y, CONTRASTS, 2)
    assert made == [60, 58]
    assert_same(found, fit.contrasts(CONTRASTS), fit)


def test_too_few_observations_are_refused():
    X = its_design(10, 5)
    observed = np.ones(10, dtype=bool)
    observed[[0, 4, 7, 9]] = False
    with pytest.raises(SingularDesignError, match="at least 7 are needed"):
        Ar2Tables(X, CONTRASTS, observed)
