"""How far the trend may bend, from a fit to the rows of a table; and jumps of one month."""

import numpy as np
import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.trend_bounds import before_square
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.one_month import one_month_checks
from its_eval.pipeline.period_weights import period_weights
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.trend_bounds import TrendBoundRows, asked_contrasts, bounds_of

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 7)))
N, START = 72, 36


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=0.5))
    for unit in ("T1", "D1", "D4"):
        world.values[unit][[5, 40]] = np.nan
    world.settings |= {
        "peers": {"k": 3},
        "designs": ["difference"],
        "estimators": ["reml_ar"],
        "estimands": {"primary": "slope_change"},
    }
    return world


def regressors(start=START, n=N):
    t = np.arange(n)
    return np.column_stack([np.ones(n), t - start, t >= start, np.maximum(t - start, 0)]).astype(float)


def maker_of(config, sources, plan, design):
    donors = targets_of_donors(config, sources, plan, plan.treated)
    return TrendBoundRows(plan, COMPARISONS[design], Analysis.of(config), donors)


@pytest.mark.parametrize(
    "entry",
    [
        "reml_ar",
        {"name": "reml_ar", "order": 2},
        {"name": "reml_ar", "variance": "by_segment"},
        "reml_ar_noise",
        "ols",
    ],
)
@pytest.mark.parametrize("kind", ["number", "percentage", "walk"])
def test_an_estimate_is_the_sum_of_its_periods(world, fitted, entry, kind):
    if kind == "percentage":
        world.denominators = {unit: np.linspace(100, 900, N) for unit in UNITS}
        world.values = {unit: series - 30.0 for unit, series in world.values.items()}
    if kind == "walk":
        steps = np.random.default_rng(5).standard_normal((N, len(UNITS)))
        world.values = {unit: 500 + 9 * np.cumsum(steps[:, place]) for place, unit in enumerate(UNITS)}
    outcome = world.outcome(kind="percentage" if kind == "percentage" else "number")
    config, _, plan = world.plan(estimators=[entry], outcomes=[outcome])
    estimates, _ = fitted(config, plan, "difference")
    analysis = Analysis.of(config)
    seen = 0
    for item in estimates:
        row = asked_contrasts(analysis, item)["slope_change"]
        for position, column in enumerate(item.columns):
            (w,) = period_weights(item, position, row[None])
            y = np.where(item.observed, item.sheet.values[:, column], 0.0)
            expected = float(item.whole.one(position).contrasts(row[None]).estimate[0, 0])
            assert w @ y == pytest.approx(expected, rel=1e-5, abs=1e-9)
            seen += 1
    assert seen == 2


def test_estimators_without_a_covariance_have_no_weights(world, fitted):
    world.values = {unit: np.round(series) for unit, series in world.values.items()}
    config, sources, plan = world.plan(
        designs=["single"], estimators=["poisson"], outcomes=[world.outcome(kind="count")], peers=None
    )
    estimates, _ = fitted(config, plan, "single")
    (item, *_) = estimates
    assert period_weights(item, 0, np.eye(4)[[3]]) is None
    maker = maker_of(config, sources, plan, "single")
    assert [check.status for _, check, _ in maker.of(item)] == ["not_applicable"] * len(item.units)
    assert [check.status for _, check in one_month_checks(Analysis.of(config), item)] == [
        *["not_applicable"] * len(item.units)
    ]


def test_rows_show_the_interval_by_the_bend_it_allows(world, fitted):
    t = np.arange(N)
    world.values["T1"] = world.values["T1"] + 0.4 * np.maximum(t - START, 0)
    config, sources, plan = world.plan()
    estimates, _ = fitted(config, plan, "difference")
    analysis = Analysis.of(config)
    maker = maker_of(config, sources, plan, "difference")
    found = {unit: (check, rows) for item in estimates for unit, check, rows in maker.of(item)}
    check, rows = found["T1"]
    assert check.statistic > 0.0
    assert f"over the {START} months before" in check.message
    bends = np.array([row["bend"] for row in rows])
    assert bends[0] == 0.0
    assert check.statistic < bends[-1]
    low, high = (np.array([row[name] for row in rows]) for name in ("conf_low", "conf_high"))
    assert (np.diff(low) < 0).all()
    assert (np.diff(high) > 0).all()
    # the interval includes 0 from the breakdown on
    assert (low > 1e-9).tolist() == (bends < check.statistic * (1 - 1e-9)).tolist()
    own = {unit: (item, place) for item in estimates for place, unit in enumerate(item.units)}
    item, place = own["T1"]
    assert bounds_of(analysis, item, place)["slope_change"].breakdown == check.statistic
    read = item.whole.one(place).contrasts(np.eye(4)[[3]]).interval(0.95)
    assert (low[0], high[0]) == pytest.approx((float(read[0][0, 0]), float(read[1][0, 0])), rel=1e-9)
    # the bend of the gap, and those of donors, each beside its own peers: the nearest by place
    gap = item.sheet.values[:, item.columns[place]]
    fit = fit_reml_ar(np.column_stack([regressors(), before_square(N, START)]), gap[:, None], 2)
    assert rows[0]["bend_before"] == pytest.approx(float(fit.params[0, -1]), rel=1e-6)
    assert rows[0]["n_donors"] == 6
    assert rows[0]["donor_bend_median"] <= rows[0]["donor_bend_p90"]
    assert (rows[0]["n_before"], rows[0]["estimand"]) == (START, "slope_change")


def test_donors_of_a_single_series_bend_by_themselves(world, fitted):
    config, sources, plan = world.plan(designs=["single", "difference"])
    estimates, _ = fitted(config, plan, "single")
    maker = maker_of(config, sources, plan, "single")
    rows = next(rows for item in estimates for unit, _, rows in maker.of(item) if unit == "T2")
    sizes = []
    for unit in UNITS[2:]:
        y = world.values[unit][:, None]
        bent = np.column_stack([regressors(), before_square(N, START)])
        sizes.append(abs(float(fit_reml_ar(bent, y, 2).params[0, -1])))
    assert rows[0]["donor_bend_median"] == pytest.approx(np.quantile(sizes, 0.5), rel=1e-5)
    assert rows[0]["donor_bend_p90"] == pytest.approx(np.quantile(sizes, 0.9), rel=1e-5)


def test_the_terms_of_a_change_share_the_level(world, fitted):
    config, _, plan = world.plan(estimands={"primary": "change"})
    estimates, _ = fitted(config, plan, "difference")
    analysis = Analysis.of(config)
    bounds = bounds_of(analysis, estimates[0], 0)
    assert list(bounds) == ["level_change", "slope_change"]
    assert [item.confidence for item in bounds.values()] == pytest.approx([0.975, 0.975])


def test_a_quadratic_trend_is_a_choice(world, noisy, rows_of):
    world.values = noisy(UNITS, n=N, scale=0.5)
    found = world.run(sensitivity={"standard": False, "trend": ["quadratic"]})
    (row,) = rows_of(found, "sensitivity", unit="T2", dimension="trend").itertuples()
    assert row.choice == "quadratic"
    peers = rows_of(found, "peers", unit="T2")["peer"]
    gap = world.values["T2"] - np.mean([world.values[unit] for unit in peers], axis=0)
    t = np.arange(N)
    X = np.column_stack([regressors(), (t - START) ** 2])
    fit = fit_reml_ar(X, gap[:, None], 2)
    assert row.estimate == pytest.approx(float(fit.params[0, 3]), rel=1e-6)
    standard = world.run(sensitivity={})
    assert not rows_of(standard, "sensitivity", dimension="trend").empty


def test_a_jump_of_one_month_asks_for_attention(make_world, fitted):
    """A series of slow shocks with one epidemic month before a start at which nothing happened."""
    rng, n, start = np.random.default_rng(2), 72, 36
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = 0.97 * y[t - 1] + rng.normal(0, 0.05)
    season = 0.3 * np.sin(2 * np.pi * np.arange(n) / 12)
    values = np.exp(6 + y - y.mean() + season)
    values[start - 1] *= 1.8
    world = make_world({"T1": values})
    world.settings |= {"designs": ["single"], "peers": None, "estimators": ["reml_ar"]}
    world.settings["intervention"]["shape"] = "step"
    config, _, plan = world.plan(outcomes=[world.outcome(transform="log", seasonality="months")])
    estimates, _ = fitted(config, plan, "single")
    ((unit, check),) = one_month_checks(Analysis.of(config), estimates[0])
    assert (unit, check.status) == ("T1", "attention")
    assert check.p_value <= 0.05
    before, after = values[start - 12 : start].mean(), values[start : start + 12].mean()
    for mean in (before, after):
        assert (f"{mean:.3g}" if mean < 1000 else f"{mean:,.0f}") in check.message
    row = np.eye(len(estimates[0].design.terms))[estimates[0].design.column("level_change")]
    jump = float(estimates[0].whole.contrasts(row[None]).estimate[0, 0])
    assert f"{100 * np.expm1(jump):+.0f} %" in check.message
    assert "December 2012 and January 2013 hold" in check.message
