"""Estimands and bands against least squares worked out by statsmodels and numpy."""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
from msgspec.structs import asdict, replace
from scipy import optimize, stats

from its_eval.design.matrix import Interruption, Season, build_design
from its_eval.effects.bands import bands
from its_eval.effects.columns import Kind, Question, Setting, effect_columns, reading_of
from its_eval.effects.nonlinear import fieller_limits
from its_eval.estimators.least_squares import fit_ols
from its_eval.scales import SCALES

N, T0 = 60, 30


def make(
    shape="step_and_slope",
    *,
    season="none",
    phase_in=0,
    ramp=False,
    masked=(),
    level=50.0,
    seed=1,
    events=(),
):
    out = np.zeros(N, dtype=bool)
    out[list(masked)] = True
    design = build_design(
        [index % 12 for index in range(N)],
        12,
        "month",
        (Interruption("Law", T0, shape, phase_in, ramp), *events),
        Season(season),
        out,
    )
    rng = np.random.default_rng(seed)
    y = level + 0.1 * np.arange(N) + 3.0 * (np.arange(N) >= T0) + rng.normal(0, 1, N)
    y[~design.usable] = np.nan
    fit = fit_ols(design.matrix, np.column_stack([np.ones(N) * rng.normal(0, 1, N), y]))
    used = ~np.isnan(y)
    return design, fit, used, sm.OLS(y[used], design.matrix[used]).fit()


NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high", "df_floor")


def get(design, fit, used, *, confidence=0.95, number=0, link="none", offset=None, weights=None):
    """Return the effects of the second of two series that are read together, by estimand and scale."""
    question = Question((0, 12, 40), confidence)
    both = [None if part is None else np.tile(part, (2, 1)) for part in (offset, weights)]
    setting = Setting(used, SCALES[link], False, *both)
    reading = reading_of(design, setting, question)
    columns = effect_columns(design, reading, fit.contrasts(reading.rows), fit, setting, question)
    assert {kind.interruption for kind in columns.kinds} == set(range(len(design.interruptions)))
    found = {}
    for place, kind in enumerate(columns.kinds):
        if kind.interruption == number and columns.present[1, place]:
            assert (kind.estimand, kind.scale) not in found
            numbers = {name: getattr(columns, name)[1, place] for name in NUMBERS}
            found[kind.estimand, kind.scale] = SimpleNamespace(**asdict(kind), **numbers)
    return found


@pytest.mark.parametrize("season", ["none", "dummies"])
def test_linear_estimands(season):
    design, fit, used, expected = make(season=season)
    found = get(design, fit, used, weights=np.ones(N), confidence=0.9)
    k = len(design.terms)
    rows = {
        "counterfactual_at_start": [1, 0, 0, 0],
        "pre_slope": [0, 1, 0, 0],
        "level_change": [0, 0, 1, 0],
        "slope_change": [0, 0, 0, 1],
        "post_slope": [0, 1, 0, 1],
        "effect_at_0": [0, 0, 1, 0],
        "effect_at_12": [0, 0, 1, 12],
        "average_effect": [0, 0, 1, 14.5],
        "cumulative_effect": [0, 0, 30, 30 * 14.5],
    }
    assert {name for name, _ in found} == {*rows, "relative_average_effect"}
    for name, row in rows.items():
        test = expected.t_test(np.pad(row, (0, k - 4)).astype(float))
        got = found[name, "response"]
        low, high = test.conf_int(alpha=0.1)[0]
        np.testing.assert_allclose(
            [got.estimate, got.std_error, got.statistic, got.p_value, got.conf_low, got.conf_high],
            [test.effect[0], test.sd[0, 0], test.tvalue[0, 0], test.pvalue, low, high],
            rtol=1e-7,
            atol=1e-14,
        )
        assert got.df == N - k
        assert got.inference_scale == "identity"
        assert not got.df_floor


def test_masked_periods_enter_no_sum():
    design, fit, used, expected = make(masked=(35, 36))
    b = expected.params
    since = np.delete(np.arange(30), [5, 6])
    found = get(design, fit, used, weights=np.arange(N) * 1.0)
    change = b[2] + b[3] * since
    assert found["average_effect", "response"].estimate == pytest.approx(change.mean())
    weighted = ((since + 30) * change).sum()
    assert found["cumulative_effect", "response"].estimate == pytest.approx(weighted)


def test_periods_without_a_value_enter_no_sum():
    """Those that are usable, but in which this series has nothing."""
    design, fit, used, expected = make()
    used[[35, 36]] = False
    assert design.usable.all()
    b = expected.params
    since = np.delete(np.arange(30), [5, 6])
    found = get(design, fit, used, weights=np.arange(N) * 1.0)
    change = b[2] + b[3] * since
    assert found["average_effect", "response"].estimate == pytest.approx(change.mean())
    assert found["cumulative_effect", "response"].estimate == pytest.approx(((since + 30) * change).sum())


def test_excluded_phase_in_counts_from_its_end():
    design, fit, used, expected = make(phase_in=6)
    b = expected.params
    found = get(design, fit, used)
    assert found["effect_at_12", "response"].estimate == pytest.approx(b[2] + 12 * b[3])
    assert found["average_effect", "response"].estimate == pytest.approx(b[2] + b[3] * 11.5)
    assert ("cumulative_effect", "response") not in found


@pytest.mark.parametrize(("shape", "absent"), [("step", "slope_change"), ("slope", "level_change")])
def test_shapes_have_their_own_estimands(shape, absent):
    design, fit, used, _ = make(shape)
    names = {name for name, _ in get(design, fit, used)}
    assert absent not in names
    assert ("post_slope" in names) == (shape == "slope")


def test_relative_effect_by_the_delta_method():
    offset = np.linspace(10, 20, N)
    for known in (None, offset):
        design, fit, used, expected = make(season="dummies")
        after = np.arange(N) >= T0
        level = 0.0 if known is None else known[after].mean()

        def ratio(b, design=design, after=after, level=level):
            base = (design.counterfactual[after] @ b).mean() + level
            return 100 * ((design.matrix - design.counterfactual)[after] @ b).mean() / base

        b = expected.params
        gradient = optimize.approx_fprime(b, ratio, 1e-6)
        se = np.sqrt(gradient @ expected.cov_params() @ gradient)
        found = get(design, fit, used, offset=known)["relative_average_effect", "response"]
        assert found.inference_scale == "identity"
        assert found.estimate == pytest.approx(ratio(b))
        assert found.std_error == pytest.approx(se, rel=1e-4)
        half = stats.t.ppf(0.975, expected.df_resid) * se
        assert found.conf_high == pytest.approx(ratio(b) + half, rel=1e-4)
        assert found.p_value == pytest.approx(2 * stats.t.sf(abs(ratio(b)) / se, expected.df_resid), rel=1e-3)


def test_relative_effect_by_fieller_near_a_level_of_zero():
    design, fit, used, expected = make(level=-2.0)
    found = get(design, fit, used)
    relative, average = found["relative_average_effect", "response"], found["average_effect", "response"]
    assert relative.inference_scale == "fieller"
    assert relative.p_value == average.p_value
    after = np.arange(N) >= T0
    c, c0 = (design.matrix - design.counterfactual)[after].mean(0), design.counterfactual[after].mean(0)
    V, b, t = expected.cov_params(), expected.params, stats.t.ppf(0.975, expected.df_resid)

    def excess(percent):
        row = c - percent / 100 * c0
        return (row @ b) ** 2 - t**2 * row @ V @ row

    assert c0 @ b / np.sqrt(c0 @ V @ c0) < 4
    assert excess(relative.estimate) < 0
    assert excess(relative.conf_low) == pytest.approx(0, abs=1e-8)
    assert excess(relative.conf_high) == pytest.approx(0, abs=1e-8)
    assert relative.conf_low < relative.estimate < relative.conf_high


def test_fieller_limits_are_the_roots_of_the_defining_quadratic():
    a, b, va, vab, vb, t = 2.0, 1.5, 0.2, 0.05, 0.1, 2.1

    def excess(r):
        return (a - r * b) ** 2 - t**2 * (va - 2 * r * vab + r * r * vb)

    low, high = fieller_limits(a, b, va, vab, vb, t)
    assert low == pytest.approx(optimize.brentq(excess, -50, a / b))
    assert high == pytest.approx(optimize.brentq(excess, a / b, 50))
    assert fieller_limits(a, 0.1, va, vab, vb, t) == (-np.inf, np.inf)


def test_no_relative_effect_of_a_level_of_zero():
    design, *_ = make()
    fit = fit_ols(design.matrix, np.zeros((N, 2)))
    assert ("relative_average_effect", "response") not in get(design, fit, np.ones(N, dtype=bool))


def test_logarithms_are_also_ratios_and_per_cent():
    design, fit, used, expected = make(level=2.0)
    found = get(design, fit, used, link="log", weights=np.ones(N))
    assert {name for name, scale in found if scale == "ratio"} == {
        *("pre_slope", "level_change", "slope_change", "post_slope", "average_effect"),
        *("effect_at_0", "effect_at_12"),
    }
    assert {name for name, scale in found if scale == "response"} == {"relative_average_effect"}
    test = expected.t_test([0, 0, 1, 14.5])
    low, high = test.conf_int()[0]
    got = found["relative_average_effect", "response"]
    np.testing.assert_allclose(
        [got.estimate, got.conf_low, got.conf_high, got.std_error, got.p_value],
        [*(100 * np.expm1([test.effect[0], low, high])), test.sd[0, 0], test.pvalue],
        rtol=1e-7,
    )
    ratio = found["average_effect", "ratio"]
    assert ratio.inference_scale == "log"
    assert ratio.estimate == pytest.approx(1 + got.estimate / 100)
    # the interval is that of the logarithm
    half = stats.t.ppf(0.975, ratio.df) * ratio.std_error
    assert np.log([ratio.conf_low, ratio.conf_high]) == pytest.approx(
        np.log(ratio.estimate) + np.array([-half, half])
    )


def second(both):
    """Return the bands of the second of two series."""
    assert both.fitted.shape == (2, N)
    parts = {name: getattr(both, name)[1] for name in ("fitted", "season", "counterfactual")}
    limits = {name: [limit[1] for limit in getattr(both, name)] for name in ("confidence", "prediction")}
    return SimpleNamespace(**parts, **limits)


def test_changes_are_shown_as_their_row_shows_estimates():
    """A tenth more is 0.0953 on the logarithm that standard errors are of."""
    tenth = np.log([1.1])
    assert Kind("slope_change", "ratio", "log").as_shown(tenth) == pytest.approx([1.1])
    assert Kind("relative_average_effect", "response", "log").as_shown(tenth) == pytest.approx([10.0])
    assert Kind("relative_average_effect", "response", "identity").as_shown(tenth) == pytest.approx(tenth)
    assert Kind("slope_change", "link", "identity").as_shown(tenth) == pytest.approx(tenth)


def test_bands_are_those_of_a_prediction():
    design, fit, _, expected = make(season="dummies")
    shown = second(bands(design, fit, 0.9))
    predicted = expected.get_prediction(design.counterfactual).summary_frame(alpha=0.1)
    before = np.arange(N) < T0
    for limits, names in (
        (shown.confidence, ("mean_ci_lower", "mean_ci_upper")),
        (shown.prediction, ("obs_ci_lower", "obs_ci_upper")),
    ):
        for limit, name in zip(limits, names, strict=True):
            assert np.isnan(limit[before]).all()
            np.testing.assert_allclose(limit[~before], predicted[name][~before])
    np.testing.assert_allclose(shown.counterfactual, predicted["mean"])
    np.testing.assert_allclose(shown.fitted, expected.fittedvalues)
    np.testing.assert_allclose(shown.season, design.matrix[:, 4:] @ expected.params[4:])


def test_the_prediction_band_widens_with_the_variance_of_the_period():
    design, fit, *_ = make()
    plain = second(bands(design, fit, 0.95))
    variance = (fit.sigma**2)[:, None] * np.stack([np.ones(N), np.full(N, 4.0)])
    wide = second(bands(design, fit, 0.95, variance))
    np.testing.assert_array_equal(plain.confidence, wide.confidence)
    half = [(shown.prediction[1] - shown.counterfactual)[T0:] for shown in (plain, wide)]
    added = 3 * (stats.t.ppf(0.975, N - 4) * fit.sigma[1]) ** 2
    np.testing.assert_allclose(half[1] ** 2, half[0] ** 2 + added)


def test_other_parametrisations_give_the_conversions_of_the_methods():
    design, fit, used, _ = make()
    found = get(design, fit, used)
    level, slope = found["level_change", "response"], found["slope_change", "response"]
    time = np.arange(N)
    y = design.matrix @ fit.params[1]
    step = (time >= T0) * 1.0
    common = [np.ones(N), time - T0, step]
    times = sm.OLS(y, np.column_stack([*common, step * time])).fit().params
    assert times[2] == pytest.approx(level.estimate - slope.estimate * T0)
    assert times[3] == pytest.approx(slope.estimate)
    from_one = sm.OLS(y, np.column_stack([*common, step * (time - T0 + 1)])).fit().params
    assert from_one[2] == pytest.approx(level.estimate - slope.estimate)


def test_a_slope_has_no_effect_at_its_own_start():
    """It is 0 there by the shape, not by the data: a row of it would have no standard error."""
    design, fit, used, _ = make("slope")
    assert {name for name, _ in get(design, fit, used) if name.startswith("effect_at_")} == {"effect_at_12"}
    found = get(design, fit, used, link="logit")
    assert {name for name, _ in found if name.startswith("effect_at_")} == {"effect_at_12"}


def test_limits_by_fieller_agree_with_the_p_value_where_the_model_covariance_is_larger():
    design, fit, used, _ = make(level=-2.0)
    wide = replace(fit, covariance=replace(fit.covariance, model=4.0 * fit.covariance.model))
    found = get(design, wide, used, confidence=0.5)
    average, relative = found["average_effect", "response"], found["relative_average_effect", "response"]
    assert relative.inference_scale == "fieller"
    after = np.arange(N) >= T0
    c, c0 = (design.matrix - design.counterfactual)[after].mean(0), design.counterfactual[after].mean(0)
    V, b = wide.covariance.model[1], wide.params[1]
    assert average.std_error == pytest.approx(np.sqrt(c @ V @ c))
    t = stats.t.ppf(0.75, N - 4)
    limits = fieller_limits(c @ b, c0 @ b, c @ V @ c, c @ V @ c0, c0 @ V @ c0, t)
    assert (relative.conf_low, relative.conf_high) == pytest.approx(tuple(100 * np.array(limits)))
