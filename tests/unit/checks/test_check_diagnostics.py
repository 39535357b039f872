"""All checks of one series together, and their size."""

import numpy as np
import pytest
from scipy import stats

from its_eval.checks.autocorrelation import Whitening, ljung_box_statistic, simulate_residuals
from its_eval.checks.diagnostics import FittedSeries, diagnose
from its_eval.checks.result import CheckResult, number, p_text
from its_eval.estimators.reml.reml_ar import fit_reml_ar

NAMES = [
    *("ljung_box", "seasonal_autocorrelation", "heteroscedasticity", "arch", "variance_ratio", "normality"),
    *("outliers", "influence_slope_change"),
]


def fitted(made, y, order, people=None):
    n = y.size
    X = made.design(n, 27)
    fit = fit_reml_ar(X, y[:, None], order)
    series = FittedSeries(
        X, y, fit.partial_autocorrelations[0], np.arange(n) >= 27, [f"p{t}" for t in range(n)], 12, people
    )
    return series, {"slope_change": (np.eye(15)[3], float(fit.params[0, 3]))}


def drawn(series, rng):
    return simulate_residuals([series.whitening], [rng], 199)[0]


def refit(X, order):
    return lambda Y: fit_reml_ar(X, Y, order).contrasts(np.eye(15)[[3]])


def test_every_check_reports(made):
    y = 70.0 + made.ar_series(1, (0.4,), 83, 1)[:, 0]
    y[[12, 50]] = np.nan
    series, estimands = fitted(made, y, 2, np.linspace(50.0, 900.0, 83))
    found = diagnose(series, estimands, refit(series.matrix, 2), drawn(series, np.random.default_rng(2)))
    assert [check.check for check in found.checks] == NAMES
    for check in found.checks:
        assert check.status in {"pass", "note"}
        assert 0.0 < check.p_value <= 1.0
        assert check.message.endswith(".")
        assert check.message.count(". ") == 0
    assert found.residuals.shape == (81,)
    assert found.correlogram.lags[-1] == 16
    assert list(found.influence) == ["slope_change"]
    again = diagnose(series, estimands, refit(series.matrix, 2), drawn(series, np.random.default_rng(2)))
    assert again.checks == found.checks
    # the unit of the outcome does not matter
    scaled = FittedSeries(
        series.matrix, 1000.0 * y, series.partials, series.after, series.periods, 12, series.denominators
    )
    other = diagnose(scaled, estimands, refit(series.matrix, 2), drawn(scaled, np.random.default_rng(2)))
    assert [c.p_value for c in other.checks] == pytest.approx([c.p_value for c in found.checks])


def test_what_does_not_fit_is_seen(made):
    y = made.ar_series(3, (0.3,), 83, 1)[:, 0]
    y[27:] *= 0.2
    y[60] += 12.0
    series, estimands = fitted(made, y, 1)
    found = diagnose(series, estimands, refit(series.matrix, 1), drawn(series, np.random.default_rng(4)))
    status = {check.check: check.status for check in found.checks}
    assert status["outliers"] == "note"
    assert found.outliers.positions.tolist() == [60]
    assert status["normality"] == "note"


def test_a_fit_without_autocorrelation_relies_on_the_residuals(made):
    y = made.ar_series(11, (0.7,), 83, 1)[:, 0]
    X = made.design(83, 27)
    series = FittedSeries(X, y, np.empty(0), np.arange(83) >= 27, ["p"] * 83, 12)
    found = diagnose(series, {}, lambda _: None, drawn(series, np.random.default_rng(4)))
    assert found.checks[0].p_value <= 0.05
    assert found.checks[0].status == "attention"


def test_exact_series_are_refused(made):
    y = 3.0 + 2.0 * np.arange(83.0)
    X = made.design(83, 27)
    series = FittedSeries(X, y, np.array([0.0]), np.arange(83) >= 27, ["p"] * 83, 12)
    with pytest.raises(ValueError, match="no residuals to check"):
        diagnose(series, {}, refit(X, 1), drawn(series, np.random.default_rng(1)))


def test_ljung_box_has_its_size_where_its_textbook_limit_has_not(made):
    """n = 83, month dummies, white noise: chi-squared rejects a quarter, simulation one in twenty."""
    X, n = made.design(83, 27), 83
    whitening = Whitening(X, np.empty(0), np.ones(n, dtype=bool))
    null = ljung_box_statistic(
        simulate_residuals([whitening], [np.random.default_rng(5)])[0].refitted, np.arange(n), 16
    )
    clean = whitening.residuals(np.random.default_rng(6).standard_normal((n, 2000)))
    q = ljung_box_statistic(clean, np.arange(n), 16)
    assert np.mean(q > stats.chi2.isf(0.05, 16)) == pytest.approx(0.24, abs=3.5 * np.sqrt(0.24 * 0.76 / 2000))
    p = (1 + (null >= q[:, None]).sum(axis=1)) / 1000
    # one simulated null for all series: its own quantile is off by sqrt(.05 .95 / 999)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 * (1 / 2000 + 1 / 999)))


@pytest.mark.slow
@pytest.mark.parametrize("partials", [(), (0.4,), (0.4, 0.3)])
def test_checks_have_their_size_when_the_autocorrelation_is_estimated(made, partials):
    series = made.ar_series(7, partials, 83, 400)
    order, X = len(partials), made.design(83, 27)
    estimated = fit_reml_ar(X, series, order).partial_autocorrelations if order else np.zeros((400, 0))
    rejected = dict.fromkeys(NAMES, 0)
    rng = np.random.default_rng(8)
    for column in range(400):
        one = FittedSeries(
            X, series[:, column], estimated[column], np.arange(83) >= 27, [str(t) for t in range(83)], 12
        )
        for check in diagnose(
            one, {"slope_change": (np.eye(15)[3], 0.0)}, lambda _: None, drawn(one, rng)
        ).checks:
            rejected[check.check] += check.p_value <= 0.05
    # its null is a ratio of 0.6 to 1.7: that of one variance is well inside
    assert rejected.pop("variance_ratio") <= 0.02 * 400
    for name, count in rejected.items():
        assert count / 400 == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / 400)), name


def test_numbers_in_messages():
    assert [number(value) for value in (0.0, 1.23456, -0.00012345, 1234.5)] == [
        "0",
        "1.23",
        "-0.000123",
        "1.23e+03",
    ]
    assert (p_text(0.0004), p_text(0.0312)) == ("p < 0.001", "p = 0.031")
    assert CheckResult("a", 1.0, 0.5, "pass", "m") == CheckResult("a", 1.0, 0.5, "pass", "m")
