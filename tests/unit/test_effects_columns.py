"""Effects of many series at once are those of each series by itself, by the formulas of one."""

import numpy as np
import pytest

from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.effects.columns import Question, Setting, effect_columns, reading_of
from its_eval.effects.nonlinear import fieller_limits
from its_eval.estimators.least_squares import fit_ols
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.scales import SCALES

N, T0 = 60, 30
NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


def one_limit(numerator, denominator, var_numerator, covariance, var_denominator, quantile):
    """Return Fieller's limits of one ratio, from the quadratic that defines them."""
    square = quantile**2
    leading = denominator**2 - square * var_denominator
    if leading <= 0:
        return -np.inf, np.inf
    middle = numerator * denominator - square * covariance
    constant = numerator**2 - square * var_numerator
    root = np.sqrt(max(middle**2 - leading * constant, 0.0))
    return (middle - root) / leading, (middle + root) / leading


def build(*events):
    positions = [index % 12 for index in range(N)]
    interruptions = (Interruption("Law", T0), *events)
    return build_design(positions, 12, "month", interruptions, Season(), np.zeros(N, dtype=bool))


def series(levels, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(N)
    noise = rng.normal(0, 1, (N, len(levels)))
    return np.asarray(levels) + 0.02 * time[:, None] + 2.0 * (time >= T0)[:, None] + noise


def read(design, fit, setting, at=(0, 12)):
    question = Question(at, 0.95)
    reading = reading_of(design, setting, question)
    return effect_columns(design, reading, fit.contrasts(reading.rows), fit, setting, question)


def by_kind(columns, place):
    return {
        kind: [getattr(columns, name)[place, column] for name in NUMBERS]
        for column, kind in enumerate(columns.kinds)
        if columns.present[place, column]
    }


def test_limits_of_many_ratios_are_those_of_each():
    rng = np.random.default_rng(3)
    numerator, denominator = rng.normal(0, 3, 500), rng.normal(0, 2, 500)
    spread = rng.uniform(0.1, 1.5, (2, 500))
    covariance = rng.uniform(-0.95, 0.95, 500) * spread[0] * spread[1]
    quantile = rng.uniform(1.5, 4.0, 500)
    parts = (numerator, denominator, spread[0] ** 2, covariance, spread[1] ** 2, quantile)
    low, high = fieller_limits(*parts)
    expected = np.array([one_limit(*numbers) for numbers in zip(*parts, strict=True)])
    open_sets = np.isinf(expected[:, 0])
    assert 50 < open_sets.sum() < 450
    np.testing.assert_allclose(np.column_stack([low, high]), expected, rtol=1e-12)


@pytest.mark.parametrize("with_offset", [False, True])
def test_relative_effects_near_a_level_of_zero_are_by_fieller_series_by_series(with_offset):
    """Some series have a level that is well known, some may be zero, and one may be anything."""
    design = build()
    levels = [50.0, -2.0, 0.3, 20.0, -0.5, 1.5, -30.0]
    fit = fit_reml_ar(design.matrix, series(levels), 1)
    offset = np.linspace(-1, 1, len(levels))[:, None] + np.zeros(N) if with_offset else None
    used = np.ones(N, dtype=bool)
    columns = read(design, fit, Setting(used, offset=offset))
    after = np.arange(N) >= T0
    effect = (design.matrix - design.counterfactual)[after].mean(0)
    base = design.counterfactual[after].mean(0)
    seen, bounded = set(), []
    for place in range(len(levels)):
        found = by_kind(columns, place)
        kinds = [item for item in found if item.estimand == "relative_average_effect"]
        known = 0.0 if offset is None else offset[place]
        lowest = (design.counterfactual @ fit.params[place] + known)[after].min()
        assert bool(kinds) == (lowest > 0)  # a share of what is below zero has no sign to read
        seen.add(kinds[0].inference_scale if kinds else "none")
        if not kinds:
            continue
        (kind,) = kinds
        level = 0.0 if offset is None else offset[place][after].mean()
        alone = fit.one(place)
        both = alone.contrasts(np.array([effect, base]))
        mu = both.estimate[0, 1] + level
        uncertain = abs(mu) < 4.0 * both.std_error[0, 1]
        assert (kind.inference_scale == "fieller") == uncertain
        ratio = both.estimate[0, 0] / mu
        spread = alone.contrasts((100 / mu * (effect - ratio * base))[None])
        numbers = dict(zip(NUMBERS, found[kind], strict=True))
        assert numbers["estimate"] == pytest.approx(100 * ratio, rel=1e-12)
        assert numbers["std_error"] == pytest.approx(spread.std_error[0, 0], rel=1e-10)
        assert numbers["df"] == pytest.approx(spread.df[0, 0], rel=1e-10)
        if not uncertain:
            half = spread.quantile(0.95)[0, 0] * spread.std_error[0, 0]
            assert numbers["conf_low"] == pytest.approx(100 * ratio - half, rel=1e-10)
            assert numbers["conf_high"] == pytest.approx(100 * ratio + half, rel=1e-10)
            continue
        (average,) = [item for item in found if item.estimand == "average_effect"]
        own = dict(zip(NUMBERS, found[average], strict=True))
        # the covariance behind the standard error of the average, so that limits and p-value agree
        matrices = (fit.covariance.adjusted[place], fit.covariance.model[place])
        V = max(matrices, key=lambda matrix: effect @ matrix @ effect)
        t = (own["conf_high"] - own["estimate"]) / own["std_error"]
        limits = one_limit(
            both.estimate[0, 0], mu, effect @ V @ effect, effect @ V @ base, base @ V @ base, t
        )
        # an unbounded set has no limits to print
        written = 100 * np.where(np.isinf(limits), np.nan, limits)
        assert (numbers["conf_low"], numbers["conf_high"]) == pytest.approx(
            tuple(written), rel=1e-9, nan_ok=True
        )
        bounded.append(np.isfinite(written).all())
        assert (numbers["statistic"], numbers["p_value"]) == (own["statistic"], own["p_value"])
    assert seen == {"identity", "fieller", "none"}
    assert not all(bounded)


def test_relative_effects_of_counts_weigh_periods_by_what_they_arose_from():
    """The cumulative effect in per cent of the sum expected, with its own p-value where Fieller's set stands."""
    design = build()
    levels = [50.0, 20.0, 0.9, 0.4, 0.2]
    fit = fit_reml_ar(design.matrix, series(levels), 1)
    weights = np.random.default_rng(4).uniform(1, 9, (5, N))
    columns = read(design, fit, Setting(np.ones(N, dtype=bool), weights=weights, by_weight=True))
    after = np.arange(N) >= T0
    change = (fit.params @ (design.matrix - design.counterfactual).T)[:, after]
    expected = (fit.params @ design.counterfactual.T)[:, after]
    seen = set()
    for place in range(5):
        found = by_kind(columns, place)
        kinds = [item for item in found if item.estimand == "relative_average_effect"]
        assert bool(kinds) == (expected[place] > 0).all()
        if not kinds:
            continue
        (kind,) = kinds
        (total,) = [item for item in found if item.estimand == "cumulative_effect"]
        seen.add(kind.inference_scale)
        own = weights[place, after]
        ratio = 100 * (own @ change[place]) / (own @ expected[place])
        numbers = dict(zip(NUMBERS, found[kind], strict=True))
        assert numbers["estimate"] == pytest.approx(ratio, rel=1e-10)
        if kind.inference_scale == "fieller":
            assert numbers["p_value"] == dict(zip(NUMBERS, found[total], strict=True))["p_value"]
    assert seen == {"identity", "fieller"}


@pytest.mark.parametrize("alike", [True, False])
def test_cumulative_effects_weigh_periods_as_each_series_does(alike):
    design = build()
    fit = fit_ols(design.matrix, series([50.0, 60.0, 70.0]))
    rng = np.random.default_rng(8)
    weights = np.tile(rng.uniform(1, 4, N), (3, 1)) if alike else rng.uniform(1, 4, (3, N))
    if not alike:
        weights[1] = np.nan  # a percentage without all its denominators has none
    used = np.ones(N, dtype=bool)
    used[[35, 36]] = False
    columns = read(design, fit, Setting(used, weights=weights))
    after = (np.arange(N) >= T0) & used
    difference = design.matrix - design.counterfactual
    for place in range(3):
        found = {kind.estimand: numbers for kind, numbers in by_kind(columns, place).items()}
        if np.isnan(weights[place]).all():
            assert "cumulative_effect" not in found
            continue
        row = np.zeros(len(design.terms))
        for t in np.flatnonzero(after):
            row += weights[place, t] * difference[t]
        expected = fit.one(place).contrasts(row[None])
        got = dict(zip(NUMBERS, found["cumulative_effect"], strict=True))
        assert got["estimate"] == pytest.approx(expected.estimate[0, 0], rel=1e-12)
        assert got["std_error"] == pytest.approx(expected.std_error[0, 0], rel=1e-12)


@pytest.mark.parametrize(
    ("link", "is_family"),
    [("none", False), ("log", False), ("logit", False), ("log", True), ("logit", True)],
)
@pytest.mark.parametrize("own_weights", [False, True])
def test_together_or_alone_gives_the_same_rows(link, is_family, own_weights):
    """Whatever series are beside it, a series has the same estimands with the same numbers."""
    design = build(Interruption("Flood", 45, "step"))
    scale = SCALES[link]
    levels = [1.0, -1.5, 0.4, 2.0] if link != "none" else [50.0, -2.0, 0.2, 30.0]
    values = series(levels, seed=5) * (1.0 if link == "none" else 0.3)
    fit = fit_reml_ar(design.matrix, values, 1)
    rng = np.random.default_rng(1)
    weights = rng.uniform(1, 3, (4, N)) if own_weights else np.ones((4, N))
    if own_weights:
        weights[2] = np.nan
    offset = rng.normal(0, 0.2, (4, N))
    used = np.ones(N, dtype=bool)
    together = read(design, fit, Setting(used, scale, is_family, offset, weights), at=(0, 12, 40))
    for place in range(4):
        own = Setting(used, scale, is_family, offset[[place]], weights[[place]])
        alone = read(design, fit.one(place), own, at=(0, 12, 40))
        got, expected = by_kind(together, place), by_kind(alone, 0)
        assert set(got) == set(expected)
        assert len(got) > 15
        for kind, numbers in expected.items():
            np.testing.assert_allclose(got[kind], numbers, rtol=1e-9, atol=1e-13, err_msg=str(kind))
