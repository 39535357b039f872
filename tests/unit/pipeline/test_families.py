"""Count and binomial families, logarithms and logits: what they are fitted to, and effects in outcome units."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from its_eval.words.numbers import measure

N, START = 60, 30


def base():
    time = np.arange(N)
    return np.column_stack([np.ones(N), time - START, time >= START, np.maximum(time - START, 0)]).astype(
        float
    )


def off():
    X = base()
    X[:, 2:] = 0
    return X


def effect(evaluation, estimand, scale="response", **keys):
    frame = evaluation.tables["effects"]
    for name, value in {"estimand": estimand, "scale": scale, **keys}.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    return row


@pytest.fixture
def counted(make_world):
    """Falls per 1,000 bed days, with exposure that grows."""
    rng = np.random.default_rng(12)
    days = 900 + 5.0 * np.arange(N)
    falls = rng.poisson(days / 1000 * np.exp(base() @ [2.5, 0.004, -0.3, -0.01])).astype(float)
    world = make_world({"T1": falls}, denominators={"T1": days}, counts={"T1": falls})
    world.falls, world.days = falls, days
    world.settings["outcomes"] = [world.outcome(kind="count", per=1000)]
    return world


def numerical(function, params, covariance):
    """Return value and standard error of a function of the parameters by a numerical gradient."""
    gradient = optimize.approx_fprime(params, function, 1e-7)
    return function(params), float(np.sqrt(gradient @ covariance @ gradient))


def check_delta(row, function, fit, df, rel=2e-5):
    value, std_error = numerical(function, np.asarray(fit.params), np.asarray(fit.cov_params()))
    assert row["estimate"] == pytest.approx(value, rel=1e-6)
    assert row["std_error"] == pytest.approx(std_error, rel=rel)
    half = (stats.norm.ppf(0.975) if df is None else stats.t.ppf(0.975, df)) * std_error
    assert row["conf_low"] == pytest.approx(value - half, rel=rel)
    assert row["conf_high"] == pytest.approx(value + half, rel=rel)


def test_poisson_with_exposure(counted):
    found = counted.run(estimators=["poisson", "quasi_poisson"])
    model = sm.GLM(
        counted.falls, base(), family=sm.families.Poisson(), offset=np.log(counted.days / 1000)
    ).fit(tol=1e-14)
    table = found.tables["coefficients"].query("estimator == 'poisson'")
    np.testing.assert_allclose(table["estimate"], model.params, rtol=1e-6)
    np.testing.assert_allclose(table["std_error"], model.bse, rtol=1e-5)
    ratio = effect(found, "level_change", "ratio", estimator="poisson")
    assert ratio["estimate"] == pytest.approx(np.exp(model.params[2]), rel=1e-6)
    quasi = found.tables["coefficients"].query("estimator == 'quasi_poisson'")
    scale = model.pearson_chi2 / model.df_resid
    np.testing.assert_allclose(quasi["std_error"], model.bse * np.sqrt(scale), rtol=1e-5)
    dispersion = found.tables["fits"].set_index("estimator")["dispersion"]
    assert dispersion["quasi_poisson"] == pytest.approx(scale, rel=1e-6)
    after = np.arange(N) >= START

    def averaged(params):
        """Per 1,000 bed days."""
        return (np.exp(base() @ params) - np.exp(off() @ params))[after].mean()

    def summed(params):
        """Falls."""
        change = np.exp(base() @ params) - np.exp(off() @ params)
        return (counted.days / 1000 * change)[after].sum()

    def relative(params):
        """Falls more or fewer, of those expected: months count by their bed days, as in the sum."""
        return 100 * summed(params) / (counted.days / 1000 * np.exp(off() @ params))[after].sum()

    for name, function in (
        ("average_effect", averaged),
        ("cumulative_effect", summed),
        ("relative_average_effect", relative),
        ("effect_at_2", lambda params: (np.exp(base() @ params) - np.exp(off() @ params))[START + 2]),
    ):
        row = effect(found, name, estimator="poisson")
        assert row["inference_scale"] == "identity"
        check_delta(row, function, model, row["df"])


def test_a_family_is_fitted_to_counts_and_shown_per_exposure(counted):
    found = counted.run(estimators=["poisson"])
    shown = found.tables["series"]
    np.testing.assert_allclose(shown["observed"], 1000 * counted.falls / counted.days)
    model = sm.GLM(
        counted.falls, base(), family=sm.families.Poisson(), offset=np.log(counted.days / 1000)
    ).fit()
    np.testing.assert_allclose(shown["fitted"], np.exp(base() @ model.params), rtol=1e-6)
    np.testing.assert_allclose(
        shown["counterfactual"][START:], np.exp(off() @ model.params)[START:], rtol=1e-6
    )
    assert shown[["prediction_low", "prediction_high"]].isna().all(axis=None)
    assert shown["counterfactual_low"][START:].notna().all()


def test_counts_without_a_denominator_have_no_exposure(make_world):
    rng = np.random.default_rng(3)
    falls = rng.poisson(np.exp(base() @ [3.0, 0.004, -0.3, 0.01])).astype(float)
    world = make_world({"T1": falls})
    found = world.run(outcomes=[world.outcome(kind="count")], estimators=["negative_binomial", "poisson"])
    model = sm.GLM(falls, base(), family=sm.families.Poisson()).fit(tol=1e-14)
    table = found.tables["coefficients"].query("estimator == 'poisson'")
    np.testing.assert_allclose(table["estimate"], model.params, rtol=1e-6)
    summed = effect(found, "cumulative_effect", estimator="poisson")
    change = np.exp(base() @ model.params) - np.exp(off() @ model.params)
    assert summed["estimate"] == pytest.approx(change[START:].sum(), rel=1e-6)


@pytest.fixture
def shares(make_world):
    """Per cent within four hours, with denominators."""
    rng = np.random.default_rng(14)
    people = 400 + 3.0 * np.arange(N)
    share = 1 / (1 + np.exp(-(base() @ [1.5, 0.01, 0.4, -0.02])))
    within = rng.binomial(people.astype(int), share).astype(float)
    world = make_world({"T1": 100 * within / people}, denominators={"T1": people})
    world.within, world.people = within, people
    world.settings["outcomes"] = [world.outcome(kind="percentage")]
    return world


def logit_effects(people):
    after = np.arange(N) >= START

    def mean(X, params):
        return 100 / (1 + np.exp(-(X @ params)))

    def change(params):
        return mean(base(), params) - mean(off(), params)

    return {
        "average_effect": lambda params: change(params)[after].mean(),
        "cumulative_effect": lambda params: (people / 100 * change(params))[after].sum(),
        "relative_average_effect": lambda params: (
            100 * change(params)[after].mean() / mean(off(), params)[after].mean()
        ),
        "effect_at_2": lambda params: change(params)[START + 2],
    }


def test_binomial_with_trials(shares):
    found = shares.run(estimators=["binomial", {"name": "quasi_binomial", "lags": 3}])
    trials = np.column_stack([shares.within, shares.people - shares.within])
    model = sm.GLM(trials, base(), family=sm.families.Binomial()).fit(tol=1e-14)
    table = found.tables["coefficients"].query("estimator == 'binomial'")
    np.testing.assert_allclose(table["estimate"], model.params, rtol=1e-5)
    odds = effect(found, "level_change", "ratio", estimator="binomial")
    assert odds["estimate"] == pytest.approx(np.exp(model.params[2]), rel=1e-5)
    for name, function in logit_effects(shares.people).items():
        row = effect(found, name, estimator="binomial")
        check_delta(row, function, model, row["df"], rel=1e-4)


def test_logits_of_percentages_by_least_squares(shares):
    shares.values["T1"][[4, 50]] = [0.0, 100.0]
    found = shares.run(outcomes=[shares.outcome(kind="percentage", transform="logit")])
    share = shares.values["T1"] / 100
    with np.errstate(divide="ignore"):
        y = np.log(share / (1 - share))
    y[4] = np.log(0.5 / (shares.people[4] + 0.5))
    y[50] = np.log((shares.people[50] + 0.5) / 0.5)
    model = sm.OLS(y, base()).fit()
    for name, function in logit_effects(shares.people).items():
        row = effect(found, name)
        check_delta(row, function, model, model.df_resid, rel=1e-4)
    (row,) = found.tables["summary"].to_dict("records")
    assert row["scale"] == "ratio"
    assert row["estimate"] == pytest.approx(np.exp(model.params[3]))
    shown = found.tables["series"]
    np.testing.assert_allclose(shown["fitted"], 100 / (1 + np.exp(-model.fittedvalues)), rtol=1e-9)
    assert shown["prediction_low"][START:].notna().all()


def test_a_difference_of_logits_is_shown_as_an_odds_ratio(make_world):
    rng = np.random.default_rng(4)
    logits = {"T1": 1.0, "D1": 0.5, "D2": 1.5}
    values = {unit: 100 / (1 + np.exp(-(level + rng.normal(0, 0.1, N)))) for unit, level in logits.items()}
    world = make_world(values)
    outcome = world.outcome(kind="percentage", transform="logit")
    found = world.run(outcomes=[outcome], peers={"k": 2}, designs=["difference"])
    link = {unit: np.log(series / (100 - series)) for unit, series in values.items()}
    gap = link["T1"] - (link["D1"] + link["D2"]) / 2
    shown = found.tables["series"]
    np.testing.assert_allclose(shown["observed"], np.exp(gap))
    np.testing.assert_allclose(shown["peer_mean"], 100 / (1 + np.exp(-(link["D1"] + link["D2"]) / 2)))
    model = sm.OLS(gap, base()).fit()
    after = np.arange(N) >= START
    peers = (link["D1"] + link["D2"]) / 2

    def averaged(params):
        with_it = 100 / (1 + np.exp(-(base() @ params + peers)))
        return (with_it - 100 / (1 + np.exp(-(off() @ params + peers))))[after].mean()

    row = effect(found, "average_effect")
    check_delta(row, averaged, model, model.df_resid, rel=1e-4)


def test_a_percentage_outside_its_range_has_no_logit(make_world):
    world = make_world({"T1": np.linspace(90, 101, N), "D1": np.linspace(40, 60, N)})
    outcome = world.outcome(transform="logit")
    found = world.run(outcomes=[outcome], treated=["T1", "D1"])
    (row,) = found.tables["not_estimated"].to_dict("records")
    assert (row["unit"], row["reason"]) == ("T1", "no_logit")
    assert row["message"] == (
        "T1 has a value below 0 or above 100 per cent, which has no logit; use `transform: none`"
    )


def test_families_stay_out_of_controlled_designs(make_world):
    rng = np.random.default_rng(3)
    world = make_world({unit: rng.poisson(20, N).astype(float) + 1 for unit in ("T1", "D1", "D2")})
    found = world.run(
        outcomes=[world.outcome(kind="count")],
        estimators=["ols", "poisson"],
        peers={"k": 2},
        designs=["single", "difference"],
    )
    fits = found.tables["fits"].groupby("design")["estimator"].apply(list)
    assert fits.to_dict() == {"difference": ["ols"], "single": ["ols", "poisson"]}


def test_a_month_without_events_is_a_count_like_others(make_world):
    """A count has the log scale by default, on which zero has no place: families do not need it."""
    rng = np.random.default_rng(4)
    days = {"T1": rng.uniform(900, 1100, N), "T2": rng.uniform(900, 1100, N)}
    falls = {"T1": rng.poisson(0.7, N).astype(float), "T2": rng.poisson(30, N).astype(float)}
    assert (falls["T1"] == 0).any()
    assert (falls["T2"] > 0).all()
    world = make_world(falls, denominators=days, counts=falls)
    world.settings["outcomes"] = [world.outcome(kind="count", per=1000)]
    found = world.run(estimators=["poisson", "ols"])
    for unit, counts in falls.items():
        offset = np.log(days[unit] / 1000)
        expected = sm.GLM(counts, base(), family=sm.families.Poisson(), offset=offset).fit(tol=1e-12)
        row = effect(found, "slope_change", "link", unit=unit, estimator="poisson")
        assert row["estimate"] == pytest.approx(expected.params[3], rel=1e-7)
        assert row["std_error"] == pytest.approx(expected.bse[3], rel=1e-7)
        shown = found.tables["series"].query("unit == @unit")
        np.testing.assert_allclose(shown["observed"], 1000 * counts / days[unit])
        np.testing.assert_allclose(shown["fitted"], np.exp(base() @ expected.params), rtol=1e-6)
    (lost,) = found.tables["not_estimated"].to_dict("records")
    assert (lost["unit"], lost["estimator"], lost["reason"]) == ("T1", "ols", "not_positive")
    assert set(found.tables["effects"].query("estimator == 'ols'")["unit"]) == {"T2"}
    alone = world.run(estimators=["poisson"])
    assert alone.tables["not_estimated"].empty
    assert set(alone.tables["summary"]["unit"]) == {"T1", "T2"}


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_autoregressive_errors_of_a_family(counted, family):
    """Wider where months resemble their neighbours, on the same scales; the plain family says that they do."""
    rng = np.random.default_rng(11)
    latent = np.zeros(N)
    for month in range(1, N):
        latent[month] = 0.7 * latent[month - 1] + 0.25 * rng.standard_normal()
    falls = rng.poisson(counted.days / 20 * np.exp(latent)).astype(float)
    counted.values["T1"], counted.counts["T1"] = falls, falls
    found = counted.run(
        estimators=[family, {"name": family, "errors": "ar1", "label": "ar"}], checks={"diagnostics": True}
    )
    plain, wide = (effect(found, "level_change", "link", estimator=name) for name in (family, "ar"))
    assert wide["std_error"] > 1.3 * plain["std_error"]
    fits = found.tables["fits"].set_index("estimator")
    assert 0.2 < fits.loc["ar", "rho1"] < 0.95
    assert np.isnan(fits.loc[family, "rho1"])
    average = effect(found, "average_effect", estimator="ar")
    half = stats.t.ppf(0.975, average["df"]) * average["std_error"]
    assert average["conf_high"] - average["estimate"] == pytest.approx(half)
    checks = found.tables["checks"].set_index("check")
    assert checks.loc["ljung_box", "status"] == "attention"
    assert "residual_autocorrelation" in fits.loc[family, "flags"]


def test_percentage_points_stand_beside_the_odds_ratios_of_a_binomial(shares):
    found = shares.run(estimators=["binomial"])
    points = effect(found, "average_effect")
    assert points["scale"] == "response"
    assert -100 < points["conf_low"] < points["conf_high"] < 100
    assert found.outcomes["y"]["link"] == "logit"
    assert measure(effect(found, "level_change", "ratio"), found.outcomes["y"]) == "% of the odds"
    assert measure(points, found.outcomes["y"]) == "percentage points"


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("family", ["poisson", "binomial"])
def test_without_events_in_a_segment_means_are_compared(make_world, family, where):
    binomial = family == "binomial"
    days = np.full(N, 200.0)
    events = np.where((np.arange(N) >= START) == (where == "before"), 3.0 + np.arange(N) % 3, 0.0)
    values = 100 * events / days if binomial else events
    world = make_world({"T1": values}, denominators={"T1": days}, counts={"T1": events})
    kind = {"kind": "percentage"} if binomial else {"kind": "count", "per": 1000}
    found = world.run(outcomes=[world.outcome(**kind)], estimators=[family])
    row = effect(found, "average_effect")  # one row, not two
    sign = 1 if where == "before" else -1
    rate = 100 * 4 / 200 if binomial else 1000 * 4 / 200
    assert row["estimate"] == pytest.approx(sign * rate)
    assert row["inference_scale"] == "means"
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["p_value"] < 1e-6
    assert effect(found, "cumulative_effect")["estimate"] == pytest.approx(sign * 120)
    assert not np.isinf(found.tables["effects"].select_dtypes("number")).drop(columns="df").any(axis=None)


def test_a_sum_of_rates_is_of_the_events_they_were_made_of(make_world):
    days = 800 + 10.0 * np.arange(N)
    rng = np.random.default_rng(3)
    falls = rng.poisson(days / 100).astype(float)
    world = make_world({"T1": 1000 * falls / days}, denominators={"T1": days}, counts={"T1": falls})
    found = world.run(outcomes=[world.outcome(kind="rate", per=1000)], estimators=["ols"])
    y = 1000 * falls / days
    b = np.linalg.lstsq(base(), y, rcond=None)[0]
    change = (base() - off()) @ b
    summed = effect(found, "cumulative_effect")
    assert summed["estimate"] == pytest.approx((days / 1000 * change)[START:].sum(), rel=1e-9)
    bare = make_world({"T1": y}).run(outcomes=[world.outcome(kind="rate", per=1000)], estimators=["ols"])
    assert "cumulative_effect" not in set(bare.tables["effects"]["estimand"])


@pytest.mark.parametrize("level", [-40.0, 0.5])
def test_no_per_cent_of_a_level_that_is_not_above_zero(make_world, level):
    values = level + np.sin(np.arange(N)) + np.where(np.arange(N) >= START, 3.0, 0.0) - 0.05 * np.arange(N)
    world = make_world({"T1": values})
    found = world.run(outcomes=[world.outcome(kind="number")], estimators=["ols"])
    assert "relative_average_effect" not in set(found.tables["effects"]["estimand"])
    assert "level_not_positive" in found.tables["fits"]["flags"][0]
    above = make_world({"T1": values + 60.0})
    found = above.run(outcomes=[above.outcome(kind="number")], estimators=["ols"])
    assert "relative_average_effect" in set(found.tables["effects"]["estimand"])
    assert "level_not_positive" not in str(found.tables["fits"]["flags"][0])


def test_levels_of_a_differenced_series_have_no_number(make_world):
    rng = np.random.default_rng(2)
    world = make_world({"T1": 500 + np.cumsum(rng.normal(1, 3, N))})
    entry = {"name": "arima", "order": [1, 1, 0], "seasonal_order": [0, 1, 1]}
    found = world.run(outcomes=[world.outcome(kind="number")], estimators=[entry])
    table = found.tables["effects"].set_index("estimand")
    for name in ("counterfactual_at_start", "pre_slope", "post_slope"):
        assert table.loc[name, ["estimate", "std_error", "p_value", "conf_low"]].isna().all()
    assert table.loc[["level_change", "slope_change", "average_effect"], "std_error"].notna().all()
    assert "relative_average_effect" not in table.index
