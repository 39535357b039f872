"""The search for another break against published F statistics and brute force."""

import numpy as np
import pytest
from scipy import linalg
from statsmodels.datasets import nile
from statsmodels.regression.linear_model import OLS, WLS

from its_eval.checks.autocorrelation import Whitening, simulate_residuals
from its_eval.checks.break_elsewhere import FTests, break_columns, distinct, search_break
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def search(X, y, order, shape, start, seed, draws=199, scale=None, near=6):
    """Search a series for breaks: the interruption is the last columns of the design."""
    n_added = 2 if shape == "step_and_slope" else 1
    divisor = np.ones(len(y)) if scale is None else scale
    matrix, outcome = X / divisor[:, None], y / divisor
    partials = (
        fit_reml_ar(matrix, outcome[:, None], order).partial_autocorrelations[0] if order else np.empty(0)
    )
    whitening = Whitening(matrix, partials, ~np.isnan(y))
    (drawn,) = simulate_residuals([whitening], [np.random.default_rng(seed)], draws)
    own = range(X.shape[1] - n_added, X.shape[1])
    return search_break(whitening, own, outcome, shape, start, near, drawn, scale)


def interrupted(X, start, shape="step_and_slope"):
    return np.hstack([X, break_columns(len(X), np.array([start]), shape)[0]])


PERIODS = [str(year) for year in range(1871, 1971)]


def test_published_statistic_of_the_nile():
    """strucchange's own test output: sup.F = 75.93, break after observation 28, 1898."""
    flow = nile.load_pandas().data["volume"].to_numpy(dtype=float)
    found = search(interrupted(np.ones((100, 1)), 28, "step"), flow, 0, "step", 28, 1, near=1)
    assert found.statistic == pytest.approx(75.93, abs=0.005)
    assert (found.largest, found.distance) == (28, 0)
    assert (found.dates[0], found.dates[-1], found.dates.size) == (15, 85, 71)
    # the average and exponential statistics of the same output: 21.215 and 33.759 (F is k F there, k = 1)
    assert found.statistics.mean() == pytest.approx(21.215, abs=0.0005)
    assert np.log(np.mean(np.exp(found.statistics / 2))) == pytest.approx(33.759, abs=0.0005)
    assert found.at_start == found.statistic
    assert found.p_value == 1.0
    check = found.check(PERIODS, 1)
    assert (check.status, check.check) == ("pass", "break_elsewhere")
    assert "at 1899, at or near the interruption" in check.message
    # held against an interruption thirty years later, the break stands out
    far = search(interrupted(np.ones((100, 1)), 60, "step"), flow, 0, "step", 60, 1, near=1)
    assert far.statistic == found.statistic
    assert far.p_value == pytest.approx(1 / 200)


@pytest.mark.parametrize(
    "partials", [np.zeros((3, 0)), np.array([[0.6], [-0.3], [0.2]]), np.array([[0.4, 0.3]] * 3)]
)
@pytest.mark.parametrize("shape", ["step", "slope", "step_and_slope"])
def test_statistics_are_those_of_whitened_regressions(made, partials, shape):
    n, observed = 48, np.ones(48, dtype=bool)
    observed[[5, 30, 31]] = False
    X = made.design(n, 20)[:, [0, 1, *range(4, 15)]]
    series = 80.0 + np.random.default_rng(2).standard_normal((n, 3))
    dates = np.array([10, 25, 36])
    candidates = break_columns(n, dates, shape)
    found = FTests(X, candidates, observed, partials.shape[1])(series, partials)
    for column in range(3):
        factor = np.linalg.cholesky(made.covariance(partials[column], n)[np.ix_(observed, observed)])
        white = linalg.solve_triangular(factor, np.column_stack([X, series[:, column]])[observed], lower=True)
        null = OLS(white[:, -1], white[:, :-1]).fit()
        for place in range(3):
            added = linalg.solve_triangular(factor, candidates[place][observed], lower=True)
            full = OLS(white[:, -1], np.hstack([white[:, :-1], added])).fit()
            assert found[place, column] == pytest.approx(full.compare_f_test(null)[0], rel=1e-7)


def test_columns_of_a_break():
    columns = break_columns(5, np.array([2, 4]), "step_and_slope")
    np.testing.assert_array_equal(columns[0].T, [[0, 0, 1, 1, 1], [0, 0, 0, 1, 2]])
    np.testing.assert_array_equal(columns[1].T, [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(break_columns(5, np.array([2]), "slope")[0, :, 0], [0, 0, 0, 1, 2])


def test_candidates_without_columns_of_their_own_are_found(made):
    X = made.design(30, 12, months=False)
    dates = np.array([10, 12, 29])
    every = np.ones(30, dtype=bool)
    assert distinct(X, break_columns(30, dates, "step_and_slope"), every).tolist() == [True, False, False]
    assert distinct(X, break_columns(30, dates, "step"), every).tolist() == [True, False, True]


def test_a_break_elsewhere_is_found(made):
    X = interrupted(made.design(83, 27)[:, [0, 1, *range(4, 15)]], 27)
    y = made.ar_series(3, (0.3,), 83, 1)[:, 0]
    y[[40, 41]] = np.nan
    periods = [f"p{place}" for place in range(83)]
    calm = search(X, y, 1, "step_and_slope", 27, 4)
    assert calm.p_value > 0.05
    assert calm.check(periods, 6).status == "pass"
    y[60:] += 6.0
    found = search(X, y, 1, "step_and_slope", 27, 4)
    check = found.check(periods, 6)
    assert check.status == "note"
    assert (found.largest, found.distance) == (60, 33)
    assert "at p60, 33 periods after the interruption" in check.message
    moved = interrupted(X[:, :-2], 70)
    assert (
        "10 periods before the interruption"
        in search(moved, y, 1, "step_and_slope", 70, 4).check(periods, 6).message
    )
    near = search(interrupted(X[:, :-2], 57), y, 1, "step_and_slope", 57, 4)
    assert (near.check(periods, 6).status, near.p_value) == ("pass", 1.0)


def test_a_change_at_the_start_is_no_break_elsewhere(made):
    """A slope from the start on makes dates far from it fit well: they do not beat it."""
    n, start = 134, 78
    X = interrupted(made.design(n, start, months=False)[:, :2], start)
    Y = made.ar_series(11, (0.4,), n, 60) + np.maximum(np.arange(n) - start, 0)[:, None] * 0.08
    found = [search(X, y, 1, "step_and_slope", start, 12, 99) for y in Y.T]
    far = np.array([abs(one.distance) > 6 for one in found])
    assert far.sum() >= 5
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 60)


def test_a_step_in_an_ar2_series_is_found(made):
    X = interrupted(made.design(100, 60, months=False)[:, :2], 60, "step")
    y = made.ar_series(5, (0.3, 0.2), 100, 1)[:, 0]
    y[40:] += 8.0
    found = search(X, y, 2, "step", 60, 6, draws=99)
    assert (found.largest, found.p_value) == (40, 0.01)


def test_weighted_series_are_searched_on_their_own_scale(made):
    """Least squares with weights by statsmodels at every date."""
    X, n = made.design(60, 20, months=False)[:, :2], 60
    with_start = interrupted(X, 20, "step")
    scale = np.where(np.arange(n) < 15, 4.0, 1.0)
    y = 30.0 + scale * np.random.default_rng(8).standard_normal(n)
    found = search(with_start, y, 0, "step", 20, 9, 19, scale)
    for date, statistic in zip(
        [*found.dates[::9], 20], [*found.statistics[::9], found.at_start], strict=True
    ):
        full = np.column_stack([X, np.arange(n) >= date])
        fits = [WLS(y, columns, weights=1 / scale**2).fit() for columns in (full, X)]
        assert statistic == pytest.approx(fits[0].compare_f_test(fits[1])[0], rel=1e-8)
    level = search(with_start, y, 0, "step", 20, 9, 19, np.full(n, 7.0))
    plain = search(with_start, y, 0, "step", 20, 9, 19)
    np.testing.assert_allclose(level.statistics, plain.statistics)


@pytest.mark.parametrize("partials", [np.zeros((3, 0)), np.array([[0.6], [-0.3], [0.2]])])
def test_a_contrast_of_a_break_has_the_t_of_its_regression(made, partials):
    n, observed = 48, np.ones(48, dtype=bool)
    observed[[5, 30, 31]] = False
    X = made.design(n, 20)[:, [0, 1, *range(4, 15)]]
    series = 80.0 + np.random.default_rng(2).standard_normal((n, 3))
    dates, contrasts = np.array([10, 25, 36]), np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 6.0]])
    candidates = break_columns(n, dates, "step_and_slope")
    found = FTests(X, candidates, observed, partials.shape[1])(series, partials, contrasts)
    for column in range(3):
        factor = np.linalg.cholesky(made.covariance(partials[column], n)[np.ix_(observed, observed)])
        for place in range(3):
            full = np.column_stack([X, candidates[place], series[:, column]])[observed]
            white = linalg.solve_triangular(factor, full, lower=True)
            row = np.r_[np.zeros(X.shape[1]), contrasts[place]]
            t = OLS(white[:, -1], white[:, :-1]).fit().t_test(row).tvalue
            assert found[place, column] == pytest.approx(float(np.squeeze(t)) ** 2, rel=1e-7)


def test_a_design_that_has_every_break_leaves_none_to_search():
    steps = break_columns(20, np.arange(3, 18), "step")[:, :, 0].T
    X = interrupted(np.hstack([np.ones((20, 1)), steps]), 1, "step")
    y = np.random.default_rng(7).standard_normal(20)
    with pytest.raises(ValueError, match="20 periods are too few to search for a break of shape 'step'"):
        search(X, y, 0, "step", 1, 8)


@pytest.mark.slow
@pytest.mark.parametrize("partials", [(0.4,), (0.4, 0.3)])
def test_the_search_has_its_size(made, partials):
    X = interrupted(made.design(83, 27)[:, [0, 1, *range(4, 15)]], 27)
    series = made.ar_series(9, partials, 83, 400)
    p = [
        search(X, y, len(partials), "step_and_slope", 27, seed, 199).p_value
        for seed, y in enumerate(series.T)
    ]
    # both p-values have to be small
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 400)
