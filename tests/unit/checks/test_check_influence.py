"""Deletion measures against statsmodels, against refits without the period, and against dense matrices."""

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS

from its_eval.checks.autocorrelation import Whitening, simulate_residuals
from its_eval.checks.influence import Deletion, influence, outliers
from its_eval.estimators.reml.reml_ar import fit_reml_ar

PERIODS = [f"month {place}" for place in range(60)]


def whitened(made, partials, missing=(), n=60, months=True):
    observed = np.ones(n, dtype=bool)
    observed[list(missing)] = False
    return Whitening(made.design(n, 20, months), np.array(partials), observed)


def test_without_autocorrelation_they_are_the_textbook_measures(made):
    whitening = whitened(made, ())
    y = made.ar_series(1, (), 60, 1)
    residuals = whitening.residuals(y)
    deletion = Deletion(whitening)
    expected = OLS(y[:, 0], whitening.matrix).fit().get_influence()
    np.testing.assert_allclose(deletion.studentised(residuals)[:, 0], expected.resid_studentized_external)
    for term in (2, 3):
        contrast = np.eye(15)[term]
        np.testing.assert_allclose(deletion.dfbetas(residuals, contrast)[:, 0], expected.dfbetas[:, term])


@pytest.mark.parametrize("partials", [(0.6,), (0.4, 0.3)])
@pytest.mark.parametrize("missing", [(), (5, 6, 40)])
def test_moves_are_those_of_generalised_least_squares_without_the_period(made, partials, missing):
    whitening = whitened(made, partials, missing, months=False)
    y = 50.0 + made.ar_series(2, partials, 60, 1)
    contrast = np.array([0.0, 0.0, 1.0, 12.0])
    deletion = Deletion(whitening)
    residuals = whitening.residuals(y)
    V = made.covariance(partials, 60)

    def gls(kept):
        X, inverse = whitening.matrix[kept], np.linalg.inv(V[np.ix_(kept, kept)])
        normal = X.T @ inverse @ X
        beta = np.linalg.solve(normal, X.T @ inverse @ y[kept, 0])
        errors = y[kept, 0] - X @ beta
        s2 = errors @ inverse @ errors / (kept.size - 4)
        return contrast @ beta, s2, contrast @ np.linalg.solve(normal, contrast)

    used = whitening.positions
    whole, _, length = gls(used)
    for place in range(0, used.size, 7):
        without, s2, _ = gls(np.delete(used, place))
        move = deletion.moves(residuals, contrast)[place, 0]
        assert move == pytest.approx(whole - without, rel=1e-7, abs=1e-10)
        dfbetas = deletion.dfbetas(residuals, contrast)[place, 0]
        assert dfbetas == pytest.approx((whole - without) / np.sqrt(s2 * length), rel=1e-7, abs=1e-10)
        # the t of a dummy for the period
        dummy = np.eye(60)[used, used[place]]
        X = np.column_stack([whitening.matrix[used], dummy])
        inverse = np.linalg.inv(V[np.ix_(used, used)])
        normal = X.T @ inverse @ X
        beta = np.linalg.solve(normal, X.T @ inverse @ y[used, 0])
        t = beta[-1] / np.sqrt(s2 * np.linalg.inv(normal)[-1, -1])
        assert deletion.studentised(residuals)[place, 0] == pytest.approx(t, rel=1e-7)


def test_a_period_with_a_term_of_its_own_cannot_be_left_out(made):
    X = np.column_stack([made.design(60, 20, months=False), np.arange(60) == 30])
    deletion = Deletion(Whitening(X, np.array([0.4]), np.ones(60, dtype=bool)))
    found = deletion.studentised(deletion.whitening.residuals(made.ar_series(3, (0.4,), 60, 2)))
    np.testing.assert_array_equal(np.isnan(found), np.tile(np.arange(60)[:, None] == 30, 2))


def refit_with(X, contrasts):
    return lambda Y: fit_reml_ar(X, Y, 1).contrasts(contrasts)


def test_outliers_are_named_and_refitted(made):
    whitening = whitened(made, (0.4,), (10,))
    y = made.ar_series(4, (0.4,), 60, 1)[:, 0]
    y[~whitening.observed] = np.nan
    drawn = simulate_residuals([whitening], [np.random.default_rng(5)], 199)[0].known
    slope = np.eye(15)[[3]]
    clean = outliers(
        Deletion(whitening), y, drawn, PERIODS, refit_with(whitening.matrix, slope), {"slope_change": 0.25}
    )
    assert (clean.check.status, clean.positions.size, clean.refitted) == ("pass", 0, None)
    assert clean.check.message.startswith("No period stands apart")

    spiked = y.copy()
    spiked[[25, 44]] += [8.0, -8.0]
    found = outliers(
        Deletion(whitening),
        spiked,
        drawn,
        PERIODS,
        refit_with(whitening.matrix, slope),
        {"slope_change": 0.25},
    )
    np.testing.assert_array_equal(found.positions, [25, 44])
    assert found.check.status == "note"
    assert found.check.p_value == pytest.approx(1 / 200)
    assert found.check.message.startswith("month 25 (+")
    assert "month 44 (-" in found.check.message
    assert " stand apart" in found.check.message
    estimate = float(found.refitted.estimate[0, 0])
    assert found.check.message.endswith(
        f"a known event; without them slope_change is {estimate:.3g} (with: 0.25)."
    )
    # with the spikes out the estimate is that of the series with a dummy for each
    dummies = np.column_stack([whitening.matrix, np.eye(60)[:, [25, 44]]])
    expected = fit_reml_ar(dummies, spiked[:, None], 1).contrasts(np.eye(17)[[3]])
    np.testing.assert_allclose(found.refitted.estimate, expected.estimate, rtol=1e-6)
    np.testing.assert_allclose(found.refitted.std_error, expected.std_error, rtol=1e-6)


def test_many_outliers_are_counted(made):
    # so many that they hide each other in a short series
    longer = Whitening(made.design(150, 60, months=False), np.empty(0), np.ones(150, dtype=bool))
    y = 1e-3 * made.ar_series(6, (), 150, 1)[:, 0]
    y[[13, 32, 52, 81, 103, 132]] += 1.0
    names = [f"month {place}" for place in range(150)]
    found = outliers(
        Deletion(longer), y, np.random.default_rng(9).standard_normal((150, 99)), names, lambda _: None, {}
    )
    assert found.positions.size == 6
    assert "and 1 more stand apart" in found.check.message
    assert found.check.message.endswith("without them too few periods are left for an estimate.")
    whitening = whitened(made, (), months=False)
    one = outliers(
        Deletion(whitening),
        np.where(np.arange(60) == 30, 1.0, 0.0),
        np.random.default_rng(9).standard_normal((60, 99)),
        PERIODS,
        lambda _: None,
        {},
    )
    assert one.check.message.startswith("month 30 (+")
    assert " stands apart" in one.check.message
    assert "without it " in one.check.message
    assert np.isfinite(one.studentised).all()


def test_influence_names_the_period_an_effect_leans_on(made):
    whitening = whitened(made, (0.4,), months=False)
    deletion = Deletion(whitening)
    y = made.ar_series(7, (0.4,), 60, 1)[:, 0]
    drawn = simulate_residuals([whitening], [np.random.default_rng(8)], 199)[0].known
    contrast = np.eye(4)[3]
    weights = np.linalg.solve(
        whitening.factored[1], whitening.factored[0].T @ whitening.inverse_factor
    )  # coefficients from outcomes
    estimate = float(contrast @ weights @ y)
    calm = influence(deletion, y, drawn, contrast, "slope_change", estimate, PERIODS)
    assert calm.check.check == "influence_slope_change"
    assert calm.check.status == "pass"
    assert calm.dfbetas.shape == calm.without.shape == (60,)
    kept = np.arange(60) != 40
    shorter = Whitening(whitening.matrix, whitening.partials, kept)
    own = np.linalg.solve(shorter.factored[1], shorter.factored[0].T @ shorter.inverse_factor)
    assert calm.without[40] == pytest.approx(float(contrast @ own @ y[kept]), rel=1e-8)

    y[59] += 9.0
    estimate = float(contrast @ weights @ y)
    found = influence(deletion, y, drawn, contrast, "slope_change", estimate, PERIODS)
    assert found.check.status == "note"
    assert found.check.message.startswith("The effect leans on month 59: leaving out any one period")
    assert f"of 60 periods beyond DFBETAS {2 / np.sqrt(60):.2f}" in found.check.message
    assert found.without.min() <= estimate <= found.without.max()
