"""Estimates against R (lm, sandwich, nlme), Stata conventions and stored dense-matrix values."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from case_models import cigarettes

from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.improvement.paired import effect_size
from its_eval.peers.donor_weights import RIDGE, synthetic_weights

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CASES = ("nile", "prop99_single", "reml_kr1")
NILE_MODELS = ("step_only", "level_slope_ramp0", "level_slope_ramp1")


def load(case):
    return json.loads((HERE / "cases" / f"{case}.json").read_text(encoding="utf-8"))


def nile_series(model):
    data = load("nile")["data"]
    year = np.array(data["year"])
    step = (year >= 1899) * 1.0
    columns = [np.ones(year.size), step]
    if model != "step_only":
        first = 1899 if model == "level_slope_ramp0" else 1898
        columns = [np.ones(year.size), year - 1870, step, np.maximum(0.0, year - first)]
    return np.column_stack(columns), np.array(data["flow"])[:, None]


def prop99_series():
    data = load("prop99_single")["data"]
    year = np.array(data["year"])
    post = (year >= 1989) * 1.0
    X = np.column_stack([np.ones(year.size), year - 1970, post, (year - 1989) * post])
    return X, np.array(data["cigsale"])[:, None]


def case_series(name):
    if name == "prop99_single":
        return *prop99_series(), load(name)["expected"]["oracle"]
    return *nile_series(name), load("nile")["expected"]["oracle"][name]


def kr1_series(name):
    expected = load("reml_kr1")["expected"][name]
    n, start = int(name[1:]), expected["T0"]
    t = np.arange(n)
    step, ramp = (t >= start) * 1.0, np.maximum(t - start, 0.0)
    y = 50 + 0.1 * t + 2 * step + 0.05 * ramp + np.sin(0.7 * t) + 0.8 * np.cos(2.3 * t + 0.05 * t * t)
    return np.column_stack([np.ones(n), t - start, step, ramp]), y[:, None], expected


def assert_coefficients(fit, block, rtol):
    """Estimates, standard errors and degrees of freedom term by term."""
    found = fit.contrasts(np.eye(len(block)))
    for term, expected in enumerate(block.values()):
        np.testing.assert_allclose(found.estimate[0, term], expected["estimate"], rtol=rtol)
        np.testing.assert_allclose(found.std_error[0, term], expected["se"], rtol=rtol)
        np.testing.assert_allclose(found.df_unclipped[0, term], expected["df"], rtol=rtol)


@pytest.mark.parametrize("name", [*NILE_MODELS, "prop99_single"])
def test_least_squares(name):
    X, y, expected = case_series(name)
    fit = fit_ols(X, y)
    assert_coefficients(fit, expected["ols"]["coef"], 1e-8)
    np.testing.assert_allclose(fit.sigma[0], expected["ols"]["sigma"], rtol=1e-8)
    np.testing.assert_allclose(fit.log_likelihood[0], expected["ols"]["loglik"], rtol=1e-8)


@pytest.mark.parametrize("name", [*NILE_MODELS, "prop99_single"])
@pytest.mark.parametrize("lags", [0, 1, 2, 3])
def test_newey_west_is_that_of_stata(name, lags):
    X, y, expected = case_series(name)
    assert_coefficients(fit_newey_west(X, y, lags), expected[f"newey_west_lag{lags}_stata"]["coef"], 1e-8)


@pytest.mark.parametrize(
    ("key", "contrast"),
    [("posttrend_newey_lag1", [0, 1, 0, 1]), ("effect_2000_newey_lag1", [0, 0, 1, 11])],
)
def test_newey_west_linear_combination(key, contrast):
    X, y, expected = case_series("prop99_single")
    found = fit_newey_west(X, y, 1).contrasts(np.array([contrast], dtype=float))
    low, high = found.interval(0.95)
    values = [found.estimate, found.std_error, found.df, found.p_value, low, high]
    stored = [expected[key][name] for name in ("estimate", "se", "df", "p", "lo", "hi")]
    np.testing.assert_allclose(np.ravel(values), stored, rtol=1e-8)


@pytest.mark.parametrize("model", NILE_MODELS)
def test_reml_is_that_of_nlme(model):
    X, y, suite = case_series(model)
    expected = suite["gls_ar1_reml"]
    fit = fit_reml_ar(X, y, 1)
    np.testing.assert_allclose(fit.partial_autocorrelations[0, 0], expected["phi"], rtol=1e-4)
    np.testing.assert_allclose(fit.sigma[0], expected["sigma"], rtol=1e-4)
    np.testing.assert_allclose(fit.log_likelihood[0], expected["loglik"], rtol=1e-9)
    found = fit.contrasts(np.eye(X.shape[1]))
    model_error = np.sqrt(np.diag(fit.covariance.model[0]))
    for term, block in enumerate(expected["satterthwaite_eim"].values()):
        np.testing.assert_allclose(found.estimate[0, term], block["estimate"], rtol=1e-4)
        np.testing.assert_allclose(model_error[term], block["se"], rtol=1e-4)
        np.testing.assert_allclose(found.df_unclipped[0, term], block["df"], rtol=1e-4)


def test_proposition_99_sits_on_the_bound():
    X, y = prop99_series()
    fit = fit_reml_ar(X, y, 1)
    np.testing.assert_allclose(fit.partial_autocorrelations[0, 0], 0.99, atol=1e-9)
    assert fit.flags["at_bound"][0]
    assert fit.flags["near_unit_root"][0]


@pytest.mark.parametrize(("name", "order"), [("n24", 1), ("n83", 1), ("n83", 2)])
def test_kr1(name, order):
    X, y, stored = kr1_series(name)
    expected = stored[f"REML_AR{order}"]
    fit = fit_reml_ar(X, y, order)
    found = fit.contrasts(np.eye(4)[2:])
    low, high = found.interval(0.95)
    np.testing.assert_allclose(fit.partial_autocorrelations[0], expected["pacf"], atol=1e-6)
    np.testing.assert_allclose(fit.sigma[0] ** 2, expected["s2_marginal"], rtol=1e-4)
    np.testing.assert_allclose(fit.params[0], expected["b"], rtol=1e-4)
    first_order = np.sqrt(np.diag(fit.covariance.adjusted[0]))[2:]
    model = np.sqrt(np.diag(fit.covariance.model[0]))[2:]
    for column, name_of_contrast in enumerate(("level", "slope")):
        block = expected[name_of_contrast]
        np.testing.assert_allclose(first_order[column], block["se_KR_firstorder_unclipped"], rtol=1e-4)
        np.testing.assert_allclose(model[column], block["se_model"], rtol=1e-4)
        values = [found.std_error, found.df, found.statistic, found.p_value, low, high]
        keys = [block[key] for key in ("se_used", "df_used", "t", "p")] + block["ci"]
        np.testing.assert_allclose([value[0, column] for value in values], keys, rtol=1e-4)


def test_precision_of_the_partial_autocorrelations():
    X, y, stored = kr1_series("n83")
    for order in (1, 2):
        spread = fit_reml_ar(X, y, order).covariance.parameter_covariance[0]
        expected = stored[f"REML_AR{order}"]["se_pacf"]
        np.testing.assert_allclose(np.sqrt(np.diag(spread))[1:], expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["n24", "n83"])
def test_classical_estimators_of_the_kr1_series(name):
    X, y, stored = kr1_series(name)
    identity = np.eye(4)
    found = fit_ols(X, y).contrasts(identity)
    np.testing.assert_allclose(found.estimate[0], stored["OLS"]["b"], rtol=1e-8)
    np.testing.assert_allclose(found.std_error[0], stored["OLS"]["se"], rtol=1e-8)
    for lags in (1, 3):
        found = fit_newey_west(X, y, lags).contrasts(identity)
        np.testing.assert_allclose(found.std_error[0], stored[f"NW{lags}_se"], rtol=1e-8)


@pytest.mark.parametrize("name", ["lead", "defects", "pct"])
def test_paired_tests(name):
    stored = load("reml_kr1")["expected"]["paired"][name]
    size = effect_size(stored["t"], stored["df"])
    found = [size.r, size.p_value, size.dz, size.dz_low, size.dz_high]
    np.testing.assert_allclose(
        found, [*(stored[key] for key in ("r", "p", "dz")), *stored["dz_ci"]], rtol=1e-6
    )


def assert_subset(stored, original):
    """Every stored number is the original one."""
    if isinstance(stored, dict):
        for key, value in stored.items():
            assert_subset(value, original[key])
    else:
        assert stored == original


@pytest.mark.parametrize("case", CASES)
def test_stored_numbers_are_those_of_the_reference_folder(case):
    folder = Path(os.environ.get("ITS_EVAL_REFERENCE", REPOSITORY.parent / "shared" / "reference"))
    if not (folder / case).is_dir():
        pytest.skip(f"no reference folder at {folder / case}: set ITS_EVAL_REFERENCE to compare with it")
    stored = load(case)
    assert_subset(
        stored["expected"], json.loads((folder / case / "expected.json").read_text(encoding="utf-8"))
    )
    if "data" in stored:
        header, *rows = (folder / case / "data.csv").read_text(encoding="utf-8").split()
        columns = dict(
            zip(header.split(","), zip(*(row.split(",") for row in rows), strict=True), strict=True)
        )
        assert {name: [float(cell) for cell in cells] for name, cells in columns.items()} == stored["data"]


def test_synthetic_control_with_a_level_of_its_own_is_the_published_one():
    """California's mean effect of 1989 to 2000 is -11.1 packs (DIFP in table 1 of Arkhangelsky et al. 2021).

    *American Economic Review* 111:4088; weights at least 0 that sum to 1 and an intercept, all 38 states
    (Doudchenko & Imbens 2016). Ours have a ridge penalty that picks one of many equal mixtures.
    """
    year, states, sales = cigarettes()
    before, treated = year < 1989, states.index("California")
    donors = np.delete(sales, treated, axis=1)
    for ridge, tolerance in ((1e-9, 0.05), (RIDGE, 0.06)):
        weights, level = synthetic_weights(sales[before, treated], donors[before], ridge)
        gap = sales[:, treated] - donors @ weights - level
        assert gap[before].mean() == pytest.approx(0.0, abs=1e-9)
        assert gap[~before].mean() == pytest.approx(-11.1, abs=tolerance)
