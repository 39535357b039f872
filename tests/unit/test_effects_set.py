"""The mean effect of a set of units against dense covariance matrices and the cases that are known exactly."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import linalg, special, stats

from its_eval.effects.set_effect import UnitPart, set_effect, whitened_parts
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.least_squares import fit_ols

N = 48


def segmented(start, n=N):
    time = np.arange(n)
    columns = [np.ones(n), time, time >= start, np.maximum(time - start, 0)]
    return np.column_stack(columns).astype(float)


def numbers(estimate, std_error, df):
    estimate, std_error, df = (np.atleast_2d(item).astype(float) for item in (estimate, std_error, df))
    return ContrastEstimates(estimate, std_error, df, df)


def orthogonal_parts(estimate, std_error, df):
    """Parts whose whitened residuals and contrasts are at right angles."""
    size = len(estimate)
    axes = np.eye(2 * size)
    return [
        UnitPart(np.array([b]), np.array([s]), np.array([d]), axes[place], axes[[size + place]])
        for place, (b, s, d) in enumerate(zip(estimate, std_error, df, strict=True))
    ]


def dense_problem(rng, dates, contrasts):
    """Units with dates, gaps, autocorrelation and weights of their own: parts, and their dense numbers."""
    parts, dense = [], []
    for place, start in enumerate(dates):
        X, rho = segmented(start), rng.uniform(-0.4, 0.9)
        root = np.exp(rng.normal(0, 0.3, N))
        R = rho ** np.abs(np.subtract.outer(np.arange(N), np.arange(N))) * np.outer(root, root)
        used = np.ones(N, dtype=bool)
        used[rng.choice(N, place, replace=False)] = False
        L = np.linalg.cholesky(R[np.ix_(used, used)])
        y = 1e4 + 0.3 * np.arange(N) + np.linalg.cholesky(R) @ rng.standard_normal(N)
        s, df = rng.uniform(0.5, 2, len(contrasts)), rng.uniform(4, 30, len(contrasts))
        V = np.linalg.inv(R[np.ix_(used, used)])
        G = np.linalg.inv(X[used].T @ V @ X[used])
        b = G @ X[used].T @ V @ y[used]
        e, h = np.zeros(N), np.zeros((len(contrasts), N))
        e[used] = np.linalg.solve(L, y[used] - X[used] @ b)
        h[:, used] = (np.linalg.solve(L, X[used]) @ G @ contrasts.T).T
        dense.append((contrasts @ b, s, df, e, h))
        white = linalg.solve_triangular(L, np.column_stack([X, y])[used], lower=True)
        found = numbers(contrasts @ b, s, df)
        parts += whitened_parts(white[None, :, :-1], white[None, :, -1], used, contrasts, found)
    return parts, dense


def test_agrees_with_dense_matrices():
    """The definitions with R as a matrix, term by term: dates, gaps and weights differ."""
    rng = np.random.default_rng(5)
    contrasts = np.eye(4)[[2, 3]]
    parts, dense = dense_problem(rng, [15, 20, 24, 24, 30], contrasts)
    found = set_effect(parts)
    for term in range(2):
        b, s, df = (np.array([unit[part][term] for unit in dense]) for part in range(3))
        E = np.column_stack([unit[3] / np.linalg.norm(unit[3]) for unit in dense])
        H = np.column_stack([unit[4][term] / np.linalg.norm(unit[4][term]) for unit in dense])
        A, r = (H.T @ H) * np.outer(s, s), E.T @ E
        variance = np.sum(A * r) / len(b) ** 2
        f = np.maximum(df, [N - 4 - missing for missing in range(5)])
        share = np.trace(A @ r @ A @ r) / np.trace(A @ r) ** 2 / f.mean()
        for i in range(5):
            for j in range(5):
                w = (A[i] @ r[i]) * (A[j] @ r[j]) / np.sum(A * r) ** 2
                share += w * r[i, j] ** 2 * np.sqrt((1 / df[i] - 1 / f[i]) * (1 / df[j] - 1 / f[j]))
        nu = 1 / share
        assert found.estimate[term] == pytest.approx(b.mean(), rel=1e-12)
        assert found.std_error[term] == pytest.approx(np.sqrt(variance), rel=1e-8)
        assert found.df[term] == pytest.approx(nu, rel=1e-8)
        t = b.mean() / np.sqrt(variance)
        assert found.p_values[term] == pytest.approx(2 * stats.t.sf(abs(t), nu), rel=1e-6)
        low, high = found.interval(0.9)
        half = stats.t.ppf(0.95, nu) * np.sqrt(variance)
        assert (low[term], high[term]) == pytest.approx((b.mean() - half, b.mean() + half))
    assert found.p_value == pytest.approx(min(1.0, 2 * found.p_values.min()))
    assert found.n_units == 5


def test_without_error_models_the_degrees_of_freedom_are_those_of_the_traces():
    """``mean(nu) tr(Ar)^2 / tr(ArAr)``, where nothing but the variance was estimated."""
    rng = np.random.default_rng(6)
    E, H = (item / np.linalg.norm(item, axis=1, keepdims=True) for item in rng.uniform(0, 1, (2, 4, N)))
    s = rng.uniform(0.5, 2, 4)
    own = [np.array([value]) for value in s]
    parts = [UnitPart(b, b, np.array([20.0]), e, h[None], 20.0) for b, e, h in zip(own, E, H, strict=True)]
    A, r = np.outer(s, s) * (H @ H.T), E @ E.T
    expected = 20 * np.trace(A @ r) ** 2 / np.trace(A @ r @ A @ r)
    assert set_effect(parts).df[0] == pytest.approx(expected)
    assert 20 < expected < 80


def test_independent_units_have_the_sum_of_their_variances_and_degrees_of_freedom():
    s = np.array([1.0, 2.0, 0.5])
    found = set_effect(orthogonal_parts([3.0, 1.0, 2.0], s, [7.0, 9.0, 11.0]))
    assert found.estimate[0] == pytest.approx(2.0)
    assert found.std_error[0] ** 2 == pytest.approx(np.sum(s**2) / 9)
    parts = orthogonal_parts([3.0, 1.0, 2.0], np.full(3, 0.7), np.full(3, 8.0))
    equal = set_effect(parts)
    assert equal.df[0] == pytest.approx(24.0)
    assert set_effect([replace(part, residual_df=40.0) for part in parts]).df[0] == pytest.approx(24.0)
    alone = [UnitPart.alone(np.array([b]), np.array([0.7]), np.array([8.0])) for b in (3.0, 1.0, 2.0)]
    assert set_effect(alone).df[0] == pytest.approx(24.0)
    assert set_effect(alone).std_error[0] == pytest.approx(equal.std_error[0])


def test_identical_units_have_the_standard_error_and_degrees_of_freedom_of_one():
    (part,) = orthogonal_parts([1.3], [0.4], [6.5])
    found = set_effect([replace(part, residual_df=40.0)] * 4)
    assert (found.std_error[0], found.df[0]) == pytest.approx((0.4, 6.5))
    assert found.p_value == pytest.approx(2 * special.stdtr(6.5, -1.3 / 0.4))


def test_degrees_of_freedom_stay_between_one_and_their_sum():
    assert set_effect(orthogonal_parts([1.0], [1.0], [0.3])).df[0] == 1.0
    few = orthogonal_parts([1.0, 2.0], [1.0, 3.0], [2.0, 4.0])
    assert 1.0 <= set_effect(few).df[0] <= 6.0
    normal = set_effect(orthogonal_parts([1.0, 2.0], [1.0, 1.0], [np.inf, np.inf]))
    assert normal.p_value == pytest.approx(2 * stats.norm.sf(1.5 / np.sqrt(0.5)))


def test_a_set_without_variance_has_no_p_value():
    found = set_effect(orthogonal_parts([1.0, 2.0], [0.0, 0.0], [5.0, 5.0]))
    assert found.std_error[0] == 0.0
    assert np.isnan(found.p_value)
    with pytest.raises(ValueError, match="at least one unit"):
        set_effect([])


def test_units_of_another_size_or_level_have_the_same_correlations():
    rng = np.random.default_rng(8)
    X, Y = segmented(24), rng.standard_normal((N, 3))
    row = np.eye(4)[[3]]
    used = np.ones(N, dtype=bool)

    def parts(values):
        fit = fit_ols(X, values).contrasts(row)
        return whitened_parts(np.broadcast_to(X, (3, *X.shape)), values.T, used, row, fit)

    plain, moved = set_effect(parts(Y)), set_effect(parts(1e6 * Y + 1e9))
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-6)
    assert moved.df == pytest.approx(plain.df, rel=1e-6)


def test_the_mean_of_independent_errors_is_the_mean_series():
    """With least squares and one start the set is the fit of the mean series, whose variance V estimates."""
    rng = np.random.default_rng(9)
    X, row, used = segmented(24), np.eye(4)[[3]], np.ones(N, dtype=bool)
    shared = rng.standard_normal(N)
    Y = shared[:, None] + 0.7 * rng.standard_normal((N, 4))
    fit = fit_ols(X, Y).contrasts(row)
    found = set_effect(whitened_parts(np.broadcast_to(X, (4, *X.shape)), Y.T, used, row, fit))
    mean = fit_ols(X, Y.mean(axis=1)[:, None]).contrasts(row)
    assert found.estimate == pytest.approx(mean.estimate[0])
    assert found.std_error == pytest.approx(mean.std_error[0], rel=1e-9)
    assert found.df == pytest.approx(mean.df[0])


def test_a_repeated_column_changes_nothing():
    """Comparative models have the columns of the unit twice; the contrast is on the second ones."""
    rng = np.random.default_rng(10)
    X, y, used = segmented(20), rng.standard_normal((2, N)), np.ones(N, dtype=bool)
    row = np.eye(4)[[2]]
    two = numbers([[1.0], [2.0]], [[1.0], [1.0]], [[5.0], [5.0]])
    once = whitened_parts(np.broadcast_to(X, (2, N, 4)), y, used, row, two)
    double = np.broadcast_to(np.hstack([X, X]), (2, N, 8))
    twice = whitened_parts(double, y, used, np.hstack([0 * row, row]), two)
    for a, b in zip(once, twice, strict=True):
        np.testing.assert_allclose(a.residual, b.residual, atol=1e-10)
        np.testing.assert_allclose(a.contrasts, b.contrasts, atol=1e-10)
