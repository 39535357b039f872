"""Series whose autocorrelation sits on its bound have the answer of the differenced model, on every path."""

from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import astuple
from statsmodels.regression.linear_model import OLS

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.design.shapes import SHAPES
from its_eval.effects.several_units import reaches
from its_eval.estimators.kind import FitContext
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.autoregression import error_correlation
from its_eval.estimators.reml.entry import RANDOM_WALK, REML_AR
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.pipeline.error_model import error_covariance, error_variance
from its_eval.pipeline.estimate import Ask
from its_eval.pipeline.pooled import joint_check
from its_eval.pipeline.primary import Analysis

N, START = 60, 30
WALKS = tuple(f"T{place}" for place in range(1, 7))
STEADY = ("T7", "T8")
GAP = (3, 4, 40)
PLAIN = {"designs": ["single"], "estimators": [{"name": "reml_ar", "order": 1}], "peers": None}
ENTRIES = {
    "constant": {"name": "reml_ar", "order": 1},
    "second order": {"name": "reml_ar", "order": 2},
    "by segment": {"name": "reml_ar", "order": 1, "variance": "by_segment"},
    "noise": {"name": "reml_ar_noise"},
}


def make(make_world, scale=10.0, **options):
    rng = np.random.default_rng(7)
    curve = 0.01 * np.arange(N) ** 2.5
    values = {unit: 5000 + scale * np.cumsum(rng.normal(size=N)) + curve for unit in WALKS}
    values |= {unit: 5000 + rng.normal(size=N) for unit in STEADY}
    for unit in ("T2", "T7"):
        values[unit][list(GAP)] = np.nan
    return make_world(values, **options)


def percentages(make_world):
    """Return percentages with denominators that grow, walks among them."""
    rng = np.random.default_rng(3)
    sizes = {unit: np.round(np.linspace(2000, rng.uniform(9000, 20000), N)) for unit in (*WALKS, *STEADY)}
    curve = 0.001 * np.arange(N) ** 2.5
    values = {unit: 40 + np.cumsum(rng.normal(size=N)) + curve for unit in WALKS}
    values |= {unit: 50 + rng.normal(size=N) for unit in STEADY}
    return make_world({unit: np.clip(series, 1, 99) for unit, series in values.items()}, denominators=sizes)


def estimates_of(world, whole_fits, **changes):
    config, _, plan = world.plan(**{**PLAIN, **changes})
    ask = Ask(Analysis.of(config).question, whole_fits)
    found, failed = COMPARISONS["single"].estimates(plan, ask)
    assert not failed
    return found


def columns(item):
    return np.where(item.observed[:, None], item.sheet.values[:, item.columns], np.nan)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_they_are_estimates_of_their_own_with_the_numbers_of_explicit_differences(make_world, entry):
    found = estimates_of(make(make_world), True, estimators=[entry])
    walked = [item for item in found if item.inference == "random_walk"]
    others = [item for item in found if item.inference == "kr1"]
    assert sum(len(item.columns) for item in found) == len(WALKS) + len(STEADY)
    assert len(walked) == 2  # with and without a gap
    assert others
    for item in others:
        assert not item.whole.flags["at_bound"].any()
        assert item.whole.walk_variances is None
    for item in walked:
        assert item.whole.flags["at_bound"].all()
        assert not item.stuck.any()
        assert (item.kind, item.estimator) == (RANDOM_WALK, item.entry.label)
        used = np.flatnonzero(item.observed)
        root = np.sqrt(np.diff(used))
        effects = item.effects(Analysis.of(make(make_world).plan(**PLAIN)[0]).question)
        place = effects.places("level_change")[0]
        level = item.design.column("level_change")
        for series, y in enumerate(columns(item)[used].T):
            X = np.diff(item.design.matrix[used], axis=0)[:, 1:] / root[:, None]
            by_hand = OLS(np.diff(y) / root, X).fit()
            np.testing.assert_allclose(item.params[series, 1:], by_hand.params, rtol=1e-9)
            np.testing.assert_allclose(effects.p_value[series, place], by_hand.pvalues[level - 1], rtol=1e-7)
            assert effects.df[series, place] == len(used) - 4
            assert effects.counts(item.stuck)[series, place]


def test_what_describes_the_errors_is_that_of_the_fit_that_met_the_bound(make_world):
    for item in estimates_of(make(make_world), True):
        original = fit_reml_ar(item.design.matrix, columns(item), 1)
        for name in ("partial_autocorrelations", "log_likelihood", "sigma", "n_used"):
            np.testing.assert_allclose(getattr(item.whole, name), getattr(original, name))
        np.testing.assert_array_equal(item.whole.flags["at_bound"], original.flags["at_bound"])


@pytest.mark.parametrize("made", [make, percentages])
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_contrasts_alone_have_the_numbers_of_whole_fits(make_world, made, entry):
    world = made(make_world)
    kind = "percentage" if made is percentages else "number"
    changes = {"estimators": [entry], "outcomes": [world.outcome(kind=kind)]}
    by_unit = []
    for whole_fits in (True, False):
        rows = {}
        for item in estimates_of(world, whole_fits, **changes):
            read = item.statistics.estimates
            for place, unit in enumerate(item.units):
                numbers = np.concatenate([array[place] for array in astuple(read)])
                rows[unit] = (item.inference, item.reading.names, numbers)
        by_unit.append(rows)
    assert {inference for inference, *_ in by_unit[0].values()} == {"random_walk", "kr1"}
    assert by_unit[0].keys() == by_unit[1].keys()
    for unit, (inference, names, numbers) in by_unit[0].items():
        assert by_unit[1][unit][:2] == (inference, names)
        np.testing.assert_allclose(by_unit[1][unit][2], numbers, rtol=2e-5, atol=1e-9)


def test_weighted_ones_keep_their_weights(make_world):
    world = percentages(make_world)
    outcome = {"outcomes": [world.outcome(kind="percentage")]}
    (item,) = (item for item in estimates_of(world, True, **outcome) if item.inference == "random_walk")
    assert item.relative_variance.std() > 0.001
    expected = fit_random_walk(item.design.matrix, columns(item), item.relative_variance)
    np.testing.assert_allclose(item.params, expected.params)
    np.testing.assert_allclose(item.whole.walk_variances, expected.walk_variances)
    rows = np.eye(4)
    read, alone = item.whole.contrasts(rows), expected.contrasts(rows)
    np.testing.assert_allclose(read.std_error, alone.std_error)
    np.testing.assert_allclose(read.df, alone.df)
    assert "independent_errors" in item.whole.flags
    covariance = error_covariance(item, 0)
    walk, noise = expected.walk_variances[0]
    np.testing.assert_allclose(covariance[4, 9], 5 * walk)
    np.testing.assert_allclose(
        np.diag(covariance), walk * np.arange(1, N + 1) + noise * item.relative_variance[:, 0]
    )
    np.testing.assert_allclose(np.diag(covariance), error_variance(item)[0])


def test_a_refit_of_one_of_them_is_a_random_walk_too(make_world):
    item = next(item for item in estimates_of(make(make_world), True) if item.inference == "random_walk")
    values = columns(item)[:, [1]]
    again = item.refit(values, 1)
    np.testing.assert_allclose(again.params[0], item.params[1])
    values[10] = np.nan
    np.testing.assert_allclose(
        item.refit(values, 1).params, fit_random_walk(item.design.matrix, values).params
    )


def test_the_prediction_band_has_the_variance_of_a_walk(make_world):
    found = estimates_of(make(make_world), True)
    item = next(item for item in found if item.inference == "random_walk" and item.observed.all())
    steps = fit_random_walk(item.design.matrix, columns(item)).sigma
    np.testing.assert_allclose(error_variance(item), np.outer(steps**2, np.arange(1, N + 1)))
    gap = next(item for item in found if item.inference == "random_walk" and not item.observed.all())
    used = np.flatnonzero(gap.observed) + 1.0
    covariance = error_covariance(gap, 0)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.minimum(used[:, None], used))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_other_series_have_the_covariance_of_their_own_errors(make_world, entry):
    item = next(
        item for item in estimates_of(make(make_world), True, estimators=[entry]) if item.inference == "kr1"
    )
    expected = error_correlation(entry["name"], item.whole, 0, N, np.arange(N) >= START)
    np.testing.assert_allclose(error_covariance(item, 0), expected[np.ix_(item.observed, item.observed)])


def test_tables_name_the_procedure_and_no_p_value_is_withheld(make_world):
    world = make(make_world)
    found = world.run(**{**PLAIN, "estimators": ["reml_ar", "ols", "newey_west"]})
    effects, summary = found.tables["effects"], found.tables["summary"]
    named = effects.groupby("estimator")["inference"].unique().map(set).to_dict()
    assert named == {"reml_ar": {"kr1", "random_walk"}, "ols": {"ols"}, "newey_west": {"newey_west"}}
    at_bound = found.tables["fits"].query("flags.str.contains('at_bound')")["unit"]
    assert set(effects.query("inference == 'random_walk'")["unit"]) == set(at_bound)
    assert len(at_bound)
    assert summary["p_value"].notna().all()
    assert not summary["label"].eq("not answered").any()
    changed = summary["label"] == "changed"
    np.testing.assert_array_equal(changed, reaches(summary["p_adjusted"].to_numpy(), 0.05))


def test_the_joint_test_of_a_walk_is_an_f_with_the_residual_degrees_of_freedom(make_world):
    item = next(item for item in estimates_of(make(make_world), True) if item.inference == "random_walk")
    (check,) = joint_check(item, 0)
    used = np.flatnonzero(item.observed)
    root = np.sqrt(np.diff(used))[:, None]
    y = columns(item)[used][:, [0]]
    fitted = OLS(np.diff(y, axis=0) / root, np.diff(item.design.matrix[used], axis=0)[:, 1:] / root).fit()
    expected = fitted.f_test(np.eye(3)[1:])
    assert check.p_value == pytest.approx(float(expected.pvalue), rel=1e-6)
    assert check.statistic == pytest.approx(float(expected.fvalue), rel=1e-6)
    assert f"F(2, {len(used) - 4})" in check.message


def test_without_an_f_distribution_the_joint_p_value_is_bonferronis():
    n = 20
    time = np.arange(n)
    X = np.column_stack([np.ones(n), time, time >= 10, np.maximum(time - 10, 0)]).astype(float)
    rng = np.random.default_rng(0)
    Y = np.zeros((n, 400))
    for t in range(1, n):
        Y[t] = 0.8 * Y[t - 1] + rng.normal(size=400)
    fit = REML_AR.fit(X, Y, SimpleNamespace(order=1, variance="constant"), FitContext(n, time >= 10))
    rows = np.eye(4)[2:]
    without = [place for place in range(400) if np.isnan(joint_f(fit, place, rows).p_value)]
    assert len(without) > 10
    began = SimpleNamespace(form=SHAPES["step_and_slope"])
    design = SimpleNamespace(
        columns=[(2, 3)],
        terms=("a", "b", "level_change", "slope_change"),
        interruption=began,
        interruptions=[began],
    )
    sheet = SimpleNamespace(plan=SimpleNamespace(per_year=12))
    item = SimpleNamespace(design=design, sheet=sheet, placebo_only=False, whole=fit)
    for place in without:
        (check,) = joint_check(item, place)
        smaller = fit.contrasts(rows).p_value[place].min()
        assert check.p_value == pytest.approx(min(1.0, 2 * smaller))
        assert check.status == "pass"
