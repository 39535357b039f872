"""The search for another break against published F statistics and brute force."""

import numpy as np
import pytest
from scipy import linalg
from statsmodels.datasets import nile
from statsmodels.regression.linear_model import OLS, WLS

from its_eval.checks.break_elsewhere import break_columns, distinct, f_statistics, search_break

PERIODS = [str(year) for year in range(1871, 1971)]


def test_published_statistic_of_the_nile():
    """strucchange's own test output: sup.F = 75.93, break after observation 28, 1898."""
    flow = nile.load_pandas().data["volume"].to_numpy(dtype=float)
    found = search_break(np.ones((100, 1)), flow, 0, "step", 28, np.random.default_rng(1), draws=199)
    assert found.statistic == pytest.approx(75.93, abs=0.005)
    assert (found.largest, found.distance) == (28, 0)
    assert (found.dates[0], found.dates[-1], found.dates.size) == (15, 85, 71)
    # the average and exponential statistics of the same output: 21.215 and 33.759 (F is k F there, k = 1)
    assert found.statistics.mean() == pytest.approx(21.215, abs=0.0005)
    assert np.log(np.mean(np.exp(found.statistics / 2))) == pytest.approx(33.759, abs=0.0005)
    assert found.p_value == pytest.approx(1 / 200)
    check = found.check(PERIODS, 1)
    assert (check.status, check.check) == ("pass", "break_elsewhere")
    assert "at 1899, at or near the interruption" in check.message


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
    found = f_statistics(X, candidates, series, partials, observed)
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


def test_a_break_elsewhere_asks_for_attention(made):
    X = made.design(83, 27)[:, [0, 1, *range(4, 15)]]
    y = made.ar_series(3, (0.3,), 83, 1)[:, 0]
    y[[40, 41]] = np.nan
    periods = [f"p{place}" for place in range(83)]
    calm = search_break(X, y, 1, "step_and_slope", 27, np.random.default_rng(4), draws=199)
    assert calm.p_value > 0.05
    assert "No date has a clear break" in calm.check(periods, 12).message
    y[60:] += 6.0
    found = search_break(X, y, 1, "step_and_slope", 27, np.random.default_rng(4), draws=199)
    check = found.check(periods, 12)
    assert check.status == "attention"
    assert (found.largest, found.distance) == (60, 33)
    assert "at p60, 33 periods after the interruption" in check.message
    again = search_break(X, y, 1, "step_and_slope", 70, np.random.default_rng(4), draws=199)
    assert again.p_value == found.p_value
    assert "10 periods before the interruption" in again.check(periods, 12).message
    near = search_break(X, y, 1, "step_and_slope", 57, np.random.default_rng(4), draws=199)
    assert near.check(periods, 12).status == "pass"


def test_a_step_in_an_ar2_series_is_found(made):
    X = made.design(100, 50, months=False)[:, :2]
    y = made.ar_series(5, (0.3, 0.2), 100, 1)[:, 0]
    y[40:] += 8.0
    found = search_break(X, y, 2, "step", 50, np.random.default_rng(6), draws=99)
    assert (found.largest, found.p_value) == (40, 0.01)


def test_weighted_series_are_searched_on_their_own_scale(made):
    """Least squares with weights by statsmodels at every date."""
    X, n = made.design(60, 20, months=False)[:, :2], 60
    scale = np.where(np.arange(n) < 15, 4.0, 1.0)
    y = 30.0 + scale * np.random.default_rng(8).standard_normal(n)
    found = search_break(X, y, 0, "step", 20, np.random.default_rng(9), 19, scale)
    for date, statistic in zip(found.dates[::9], found.statistics[::9], strict=True):
        full = np.column_stack([X, np.arange(n) >= date])
        fits = [WLS(y, columns, weights=1 / scale**2).fit() for columns in (full, X)]
        assert statistic == pytest.approx(fits[0].compare_f_test(fits[1])[0], rel=1e-8)
    level = search_break(X, y, 0, "step", 20, np.random.default_rng(9), 19, np.full(n, 7.0))
    plain = search_break(X, y, 0, "step", 20, np.random.default_rng(9), 19)
    np.testing.assert_allclose(level.statistics, plain.statistics)


def test_too_few_periods_for_a_break(made):
    y = np.random.default_rng(7).standard_normal(4)
    with pytest.raises(
        ValueError, match="4 periods are too few to search for a break of shape 'step_and_slope'"
    ):
        search_break(
            made.design(4, 2, months=False)[:, :2], y, 0, "step_and_slope", 2, np.random.default_rng(8)
        )


@pytest.mark.slow
@pytest.mark.parametrize("partials", [(0.4,), (0.4, 0.3)])
def test_the_search_has_its_size(made, partials):
    X = made.design(83, 27)[:, [0, 1, *range(4, 15)]]
    series, rng = made.ar_series(9, partials, 83, 400), np.random.default_rng(10)
    p = [search_break(X, y, len(partials), "step_and_slope", 27, rng, 199).p_value for y in series.T]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 400))
