"""Every question has one verdict: its p-value, what stands beside it, its label and its direction."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from by_hand import LeastSquares, holm, segments
from scipy import stats

from its_eval.checks.label_power import OwnTest, smallest_labelled
from its_eval.checks.power import minimum_detectable
from its_eval.columns import ALL_INTERRUPTIONS
from its_eval.effects.attribution import attribution
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.evaluation import CHANGED, CHANGED_MORE, NO_CLEAR_CHANGE, NOT_ANSWERED, NOT_CLEARLY_MORE
from its_eval.pipeline.donors import donor_targets

TREATED = ("T1", "T2", "T3")
MANY, FEW, TOO_FEW = 24, 12, 6
N, START = 60, 30
LEVEL, SLOPE, YEAR = np.array([0, 0, 1, 0]), np.array([0, 0, 0, 1]), np.array([0, 0, 1, 12])
CHANGE = {"primary": "change", "at": [2]}
PLACEBOS = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}
ALONE = PLACEBOS | {"placebo_units": False}


def donors(count):
    return tuple(f"D{place:02d}" for place in range(1, count + 1))


@pytest.fixture
def make(make_world, noisy):
    """Return a world of three treated units and so many donors; all changes are a test's own."""

    def world(n_donors=TOO_FEW, n=N, start=START, **settings):
        made = make_world(noisy((*TREATED, *donors(n_donors)), n=n, scale=0.5), start=start)
        made.settings |= {"peers": {"k": 3}, "designs": ["difference"], "checks": PLACEBOS} | settings
        made.settings["outcomes"] = [made.outcome(better="higher")]
        return made

    return world


def change(world, unit, level=0.0, slope=0.0, start=None):
    since = np.arange(world.n) - (world.start if start is None else start)
    world.values[unit] = world.values[unit] + level * (since >= 0) + slope * np.maximum(since, 0)


def gap_of(world, unit, peers):
    return world.values[unit] - np.mean([world.values[peer] for peer in peers], axis=0)


def gaps_of(world, result):
    """Return the gap of each treated unit to the peers that the run chose."""
    peers = result.tables["peers"].groupby("unit")["peer"].agg(list)
    return {unit: gap_of(world, unit, peers[unit]) for unit in world.settings["treated"]}


def verdicts(result, **keys):
    """Return the rows of the verdicts, those of the set left out, by unit."""
    frame = result.tables["verdicts"].query("unit != 'set'")
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    return frame.set_index("unit")


def answers(result, **keys):
    return verdicts(result, **keys).query("label != ''")


# the question


@pytest.mark.parametrize("design", ["single", "difference"])
def test_whether_anything_changed_is_the_joint_test_of_level_and_trend(make, design):
    world = make(designs=[design], estimands=CHANGE, checks=ALONE)
    change(world, "T1", level=0.4)
    change(world, "T2", slope=0.03)
    result = world.run()
    series = world.values if design == "single" else gaps_of(world, result)
    fits = {unit: LeastSquares(series[unit], segments(N, START)) for unit in TREATED}
    rows = answers(result)
    assert set(verdicts(result)["question"]) == {"change"}
    assert set(rows["estimand"]) == {"effect_at_12"}
    np.testing.assert_allclose(rows["p_value"], [fits[unit].joint_p([2, 3]) for unit in rows.index])
    np.testing.assert_allclose(rows["p_adjusted"], holm(rows["p_value"]))
    for unit in TREATED:
        read = fits[unit]
        estimate, error, _ = read.read(YEAR)
        shown = rows.loc[unit]
        assert shown["estimate"] == pytest.approx(estimate)
        np.testing.assert_allclose(shown[["conf_low", "conf_high"]].astype(float), read.interval(YEAR))
        assert shown["minimum_detectable"] == pytest.approx(minimum_detectable(error, N - 4), rel=1e-6)
        assert (shown["inference"], shown["level_used"], shown["interruption"]) == ("ols", 0.05, "Law")


def test_level_and_trend_stand_beside_a_change_and_have_no_label(make):
    world = make(estimands=CHANGE, checks=ALONE)
    change(world, "T1", level=2.0)
    result = world.run()
    fits = [LeastSquares(gap, segments(N, START)) for gap in gaps_of(world, result).values()]
    for name, row in (("level_change", LEVEL), ("slope_change", SLOPE)):
        beside = verdicts(result, estimand=name).loc[list(TREATED)]
        read = np.array([fit.read(row) for fit in fits])
        np.testing.assert_allclose(beside[["estimate", "p_value"]], read[:, [0, 2]])
        np.testing.assert_allclose(beside["p_adjusted"], holm(read[:, 2]))
        assert set(beside["label"]) == {""}
    # the answer comes first
    ordered = result.tables["verdicts"].query("unit == 'T1'")["estimand"].tolist()
    assert ordered == ["effect_at_12", "level_change", "slope_change"]


def test_the_joint_test_is_that_of_the_estimator(make):
    world = make(designs=["single"], estimands=CHANGE, checks=ALONE, estimators=["reml_ar"])
    rows = answers(world.run())
    X, contrasts = segments(N, START), np.eye(4)[[2, 3]]
    for unit in TREATED:
        fit = fit_reml_ar(X, world.values[unit][:, None], 2)
        assert rows.loc[unit, "p_value"] == pytest.approx(joint_f(fit, 0, contrasts).p_value, rel=1e-6)
    assert set(rows["inference"]) == {"kr1"}


def test_short_series_that_drift_are_answered(make):
    """At a bound by the F of least squares on the steps from period to period, where the level is no term.

    Where F has no denominator, by twice the smaller of the two p-values.
    """
    rng = np.random.default_rng(4)
    world = make(n=16, start=8, designs=["single"], estimands=CHANGE, checks=ALONE, estimators=["reml_ar"])
    for unit in TREATED:
        world.values[unit] = 50 + rng.normal(size=16).cumsum()
    rows = answers(world.run())
    X = segments(16, 8)
    how = set()
    for unit, row in rows.iterrows():
        y, contrasts = world.values[unit], np.eye(4)[[2, 3]]
        fit = fit_reml_ar(X, y[:, None], 1)  # so few periods have an autoregression of order 1
        expected = joint_f(fit, 0, contrasts).p_value
        if row["inference"] == "random_walk":
            expected = LeastSquares(np.diff(y), np.diff(X, axis=0)[:, 1:]).joint_p([1, 2])
        elif np.isnan(expected):
            expected = min(1.0, 2 * fit.contrasts(contrasts).p_value.min())
            how.add("no F")
        how.add(row["inference"])
        assert row["p_value"] == pytest.approx(expected, rel=1e-6), unit
    assert {"no F", "random_walk"} <= how


def test_a_short_series_shows_the_effect_in_its_last_period(make):
    world = make(n=40, start=32, designs=["single"], estimands=CHANGE, checks=ALONE)
    rows = answers(world.run())
    fit = LeastSquares(world.values["T1"], segments(40, 32))
    assert set(rows["estimand"]) == {"effect_at_7"}
    assert rows.loc["T1", "estimate"] == pytest.approx(fit.read([0, 0, 1, 7])[0])


@pytest.mark.parametrize(("shape", "column", "row"), [("step", 2, [0, 0, 1]), ("slope", 3, [0, 0, 12])])
def test_a_change_of_one_term_is_that_term(make, shape, column, row):
    world = make(designs=["single"], checks=ALONE, estimands=CHANGE)
    result = world.run(intervention={**world.settings["intervention"], "shape": shape})
    fit = LeastSquares(world.values["T1"], segments(N, START)[:, [0, 1, column]])
    found = verdicts(result).loc[["T1"]]
    assert len(found) == 1
    estimate, _, p_value = fit.read(row)
    assert found[["estimate", "p_value"]].to_numpy()[0] == pytest.approx([estimate, p_value])


@pytest.mark.parametrize(
    ("question", "row"), [("level_change", LEVEL), ("slope_change", SLOPE), ("effect_at_2", [0, 0, 1, 2])]
)
def test_a_question_of_one_term_has_its_own_p_value_and_the_year_beside_it(make, question, row):
    world = make(checks=ALONE, estimands={"primary": question, "at": [2]})
    result = world.run()
    read = [LeastSquares(gap, segments(N, START)).read(row) for gap in gaps_of(world, result).values()]
    rows = answers(result).loc[list(TREATED)]
    np.testing.assert_allclose(rows[["estimate", "p_value"]], np.array(read)[:, [0, 2]])
    beside = verdicts(result, label="").loc["T1"]
    assert set(beside["estimand"]) == {"level_change", "slope_change", "effect_at_12"} - {question}
    assert set(beside["question"]) == {question}


@pytest.mark.parametrize(
    ("question", "bent"),
    [
        ("change", {"effect_at_12", "level_change", "slope_change"}),
        ("slope_change", {"slope_change"}),
        ("level_change", {"level_change"}),
        ("average_effect", {"average_effect"}),
        ("effect_at_12", {"effect_at_12"}),
    ],
)
def test_the_bend_that_would_undo_a_finding_stands_by_what_was_asked(make, question, bent):
    """The effect after a year has none where it is only told beside a question of its own."""
    world = make(checks=ALONE | {"trend_bounds": True}, estimands={"primary": question})
    change(world, "T1", level=3.0, slope=0.5)
    result = world.run()
    rows = verdicts(result).loc[["T1"]].set_index("estimand")["breakdown_bend"].dropna()
    assert set(rows.index) == bent
    bounds = result.tables["trend_bounds"].query("unit == 'T1'").groupby("estimand")["breakdown_bend"].max()
    for name, value in rows.items():
        expected = bounds.max() if (question, name) == ("change", "effect_at_12") else bounds[name]
        assert value == pytest.approx(expected)


def test_a_relative_effect_of_logarithms_has_the_bend_of_its_average(make):
    world = make(checks=ALONE | {"trend_bounds": True}, estimands={"primary": "relative_average_effect"})
    change(world, "T1", level=30.0)
    result = world.run(outcomes=[world.outcome(transform="log")])
    row = verdicts(result).loc[["T1"]].set_index("estimand").loc["relative_average_effect"]
    bounds = result.tables["trend_bounds"].query("unit == 'T1' and estimand == 'average_effect'")
    assert row["breakdown_bend"] == bounds["breakdown_bend"].iloc[0] > 0


def test_the_effect_after_a_year_is_told_once_where_it_is_the_question(make):
    result = make(checks=ALONE, estimands={"primary": "effect_at_12"}).run()
    told = verdicts(result).loc["T1", "estimand"].tolist()
    assert sorted(told) == ["effect_at_12", "level_change", "slope_change"]


def test_a_count_that_doubles_is_called_changed(make):
    """It jumps and does not bend: the trend alone has nothing to say of it."""
    world = make(n=48, start=24, designs=["single"], checks=ALONE, estimators=["quasi_poisson"])
    rng = np.random.default_rng(8)
    for unit in TREATED:
        world.values[unit] = rng.poisson(np.where(np.arange(48) >= 24, 40.0, 20.0)).astype(float)
    outcome = world.outcome(kind="count", better="lower")
    rows = answers(world.run(outcomes=[outcome], estimands=CHANGE))
    X = segments(48, 24)
    for unit in TREATED:
        fit = sm.GLM(world.values[unit], X, family=sm.families.Poisson()).fit(scale="X2")
        joint = fit.f_test(np.eye(4)[[2, 3]])
        assert rows.loc[unit, "p_value"] == pytest.approx(float(joint.pvalue), rel=1e-4)
        assert rows.loc[unit, "estimate"] == pytest.approx(np.exp(YEAR @ fit.params), rel=1e-6)
        assert (rows.loc[unit, "label"], rows.loc[unit, "scale"]) == (CHANGED, "ratio")
    of_trend = answers(world.run(outcomes=[outcome], estimands={"primary": "slope_change"}))
    assert set(of_trend["label"]) == {NO_CLEAR_CHANGE}


# several interruptions


def test_every_interruption_has_a_verdict_and_all_of_them_a_joint_one(make):
    second = 45
    world = make(estimands=CHANGE, checks=ALONE)
    change(world, "T1", level=1.0)
    change(world, "T2", level=1.0, start=second)
    event = {"name": "Flood", "date": world.period(second), "as": "step_and_slope"}
    result = world.run(events=[event])
    X = segments(N, START, second)
    fits = {unit: LeastSquares(gap, X) for unit, gap in gaps_of(world, result).items()}
    found = {name: answers(result, interruption=name) for name in ("Law", "Flood", ALL_INTERRUPTIONS)}
    expected = {
        name: [fits[unit].joint_p(columns) for unit in TREATED]
        for name, columns in (("Law", [2, 3]), ("Flood", [4, 5]), (ALL_INTERRUPTIONS, [2, 3, 4, 5]))
    }
    for name, p_values in expected.items():
        np.testing.assert_allclose(found[name].loc[list(TREATED), "p_value"], p_values)
    # one family of units and interruptions, and one of the joint tests
    adjusted = holm([*expected["Law"], *expected["Flood"]])
    shown = pd.concat([found["Law"].loc[list(TREATED)], found["Flood"].loc[list(TREATED)]])
    np.testing.assert_allclose(shown["p_adjusted"], adjusted)
    assert shown["label"].tolist() == [CHANGED if p <= 0.05 else NO_CLEAR_CHANGE for p in adjusted]
    joint = found[ALL_INTERRUPTIONS].loc[list(TREATED)]
    np.testing.assert_allclose(joint["p_adjusted"], holm(expected[ALL_INTERRUPTIONS]))
    assert joint["estimate"].isna().all()
    assert result.tables["verdicts"].query("unit == 'T1'")["interruption"].iloc[0] == ALL_INTERRUPTIONS
    # the effect of the second after a year, which the data reach; and the summary is about the intervention
    assert set(found["Flood"]["estimand"]) == {"effect_at_12"}
    estimate = fits["T2"].read([0, 0, 0, 0, 1, 12])[0]
    assert found["Flood"].loc["T2", "estimate"] == pytest.approx(estimate)
    assert len(result.tables["summary"]) == len(TREATED)


def test_an_event_without_the_term_in_question_is_asked_whether_anything_changed(make):
    second = 45
    world = make(checks=ALONE, estimands={"primary": "slope_change"})
    change(world, "T2", level=1.0, start=second)
    event = {"name": "Flood", "date": world.period(second), "as": "step", "units": ["T2"]}
    result = world.run(events=[event])
    X = segments(N, START, second)[:, :5]
    gaps = gaps_of(world, result)
    (flood,) = answers(result, interruption="Flood").to_dict("records")
    assert flood["question"] == "change"
    assert flood["p_value"] == pytest.approx(LeastSquares(gaps["T2"], X).read([0, 0, 0, 0, 1])[2])
    # the others have no such event, but the family counts units x interruptions as configured
    p_values = [
        *(LeastSquares(gaps[unit], segments(N, START)).read(SLOPE)[2] for unit in ("T1", "T3")),
        LeastSquares(gaps["T2"], X).read([0, 0, 0, 1, 0])[2],
        flood["p_value"],
    ]
    law = answers(result, interruption="Law").loc[["T1", "T3", "T2"], "p_adjusted"]
    np.testing.assert_allclose([*law, flood["p_adjusted"]], holm(p_values, size=6))
    # one interruption is no joint question
    assert answers(result, interruption=ALL_INTERRUPTIONS).index.tolist() == ["T2"]


# other units


def of_others(world, terms):
    """Return by unit the attribution of its gap among those of the donors, from numbers by least squares."""
    config, sources, plan = world.plan()
    X = segments(world.n, world.start)

    def read(gaps):
        fits = [LeastSquares(gap, X) for gap in gaps]
        b, s = (np.array([[fit.read(row)[place] for row in terms] for fit in fits]) for place in (0, 1))
        df = np.full(b.shape, fits[0].df, dtype=float)
        return ContrastEstimates(b, s, df, df)

    found = {}
    for unit in plan.treated:
        targets = donor_targets(config, sources, plan, unit)
        others = read([gap_of(world, target.unit, target.peers) for target in targets])
        own = read([gap_of(world, unit, plan.peer_sets[unit].peers)])
        (found[unit],) = attribution(own, others, centred=True)
    return found


def test_labels_among_many_donors(make):
    world = make(MANY)
    rng = np.random.default_rng(5)
    for unit in donors(MANY):
        change(world, unit, slope=rng.normal(0, 0.05))
    change(world, "T1", slope=0.6)
    change(world, "T2", slope=0.1)
    rows = answers(world.run()).loc[list(TREATED)]
    expected = of_others(world, [SLOPE])
    for unit in TREATED:
        found, row = expected[unit], rows.loc[unit]
        (term,) = found.terms
        assert row["p_attribution"] == pytest.approx(found.p_value, rel=1e-6)
        assert row["p_rank"] == pytest.approx(found.rank_p_value)
        for name, value in (
            ("attribution_low", term.low),
            ("attribution_high", term.high),
            ("tau", term.tau),
            ("own_change", term.own_change),
            ("own_change_high", term.own_change_limit),
            ("coincident_change", term.smallest_other),
        ):
            assert row[name] == pytest.approx(value, rel=1e-5, abs=1e-7), (unit, name)
        assert (row["n_donors"], row["n_as_large"]) == (MANY, term.as_large)
        own_test = OwnTest(np.array([[term.std_error**2]]), N - 4.0, np.array([N - 4.0]))
        smallest = smallest_labelled(own_test, found.terms, np.eye(1), alpha=0.05 / 3)
        assert row["minimum_detectable_label"] == pytest.approx(smallest[0], rel=1e-4)
        assert row["minimum_detectable_label"] > row["minimum_detectable"]
    own, beside = rows["p_value"], rows["p_attribution"]
    np.testing.assert_allclose(rows["p_adjusted"], holm(own))
    np.testing.assert_allclose(rows["p_attribution_adjusted"], holm(np.maximum(own, beside)))
    assert rows["label"].tolist() == [CHANGED_MORE, NOT_CLEARLY_MORE, NO_CLEAR_CHANGE]
    assert rows["direction"].tolist() == ["better", "better", "unclear"]


def test_a_change_of_two_terms_is_unusual_in_the_clearer_of_them(make):
    world = make(MANY, estimands=CHANGE)
    rng = np.random.default_rng(6)
    for unit in donors(MANY):
        change(world, unit, level=rng.normal(0, 0.5), slope=rng.normal(0, 0.05))
    change(world, "T1", level=5.0)
    change(world, "T2", slope=-0.6)
    result = world.run()
    rows, expected = answers(result).loc[list(TREATED)], of_others(world, [LEVEL, SLOPE])
    np.testing.assert_allclose(rows["p_attribution"], [expected[u].p_value for u in TREATED], rtol=1e-6)
    np.testing.assert_allclose(rows["p_rank"], [expected[u].rank_p_value for u in TREATED])
    for name, place in (("level_change", 0), ("slope_change", 1)):
        beside = verdicts(result, estimand=name).loc[list(TREATED)]
        terms = [expected[unit].terms[place] for unit in TREATED]
        # intervals of two terms together
        np.testing.assert_allclose(beside["attribution_low"], [term.low for term in terms], rtol=1e-5)
        np.testing.assert_allclose(beside["p_attribution"], [term.p_value for term in terms], rtol=1e-5)
    # of the effect after a year too: it is no term of the test, and its interval stands alone
    year = of_others(world, [YEAR])
    np.testing.assert_allclose(rows["attribution_high"], [year[u].terms[0].high for u in TREATED], rtol=1e-5)
    # the gap of T3 moved with those of its peers
    assert rows["label"].tolist() == [CHANGED_MORE, CHANGED_MORE, NOT_CLEARLY_MORE]
    assert rows["direction"].tolist()[:2] == ["better", "worse"]


@pytest.mark.parametrize("count", [FEW, TOO_FEW])
def test_few_donors_decide_no_label(make, count):
    world = make(count)
    change(world, "T1", slope=1.0)
    rows = answers(world.run())
    assert rows["label"].to_dict() == {"T1": CHANGED, "T2": NO_CLEAR_CHANGE, "T3": NO_CLEAR_CHANGE}
    assert all("few_donors" in flags for flags in rows["flags"])
    assert rows["n_donors"].tolist() == [count] * 3
    assert rows["p_rank"].notna().all()
    # from ten on the interval is shown
    assert rows["attribution_low"].notna().tolist() == [count == FEW] * 3
    assert rows["p_attribution"].notna().tolist() == [count == FEW] * 3
    assert rows["minimum_detectable_label"].isna().all()


@pytest.mark.parametrize("design", ["single", "difference"])
def test_without_other_units_a_change_is_a_change(make, design):
    world = make(designs=[design], checks=ALONE)
    change(world, "T1", slope=1.0)
    rows = answers(world.run())
    assert rows["label"].to_dict() == {"T1": CHANGED, "T2": NO_CLEAR_CHANGE, "T3": NO_CLEAR_CHANGE}
    assert rows[["p_attribution", "p_rank", "n_donors"]].isna().all(axis=None)
    assert set(rows["flags"]) == {""}


def test_a_change_that_is_unusual_and_not_clear_is_no_change_with_a_flag(make):
    """Donors without changes leave the t quantile of 24 degrees of freedom, the own series that of 12."""
    n, start = 16, 8
    world = make(MANY, n=n, start=start, designs=["single"], treated=["T1"])
    X = segments(n, start)
    for unit in world.units[1:]:
        world.values[unit] = world.values[unit] - X[:, 2:] @ LeastSquares(world.values[unit], X).b[2:]
    fit = LeastSquares(world.values["T1"], X)
    slope, error, _ = fit.read(SLOPE)
    change(world, "T1", slope=2.16 * error - slope)
    (row,) = answers(world.run()).to_dict("records")
    assert row["p_adjusted"] > 0.05 >= row["p_attribution"]
    assert (row["label"], row["direction"]) == (NO_CLEAR_CHANGE, "unclear")
    assert "attribution_only" in row["flags"].split("; ")


# the family


def test_a_unit_that_is_lost_counts_as_one(make):
    world = make(checks=ALONE)
    change(world, "T1", slope=0.02)
    world.values["T3"][START + 1 :] = np.nan
    result = world.run()
    rows = answers(result)
    assert rows.index.tolist() == ["T1", "T2"]
    gaps = gaps_of(world, result)
    p_values = [LeastSquares(gaps[unit], segments(N, START)).read(SLOPE)[2] for unit in ("T1", "T2")]
    np.testing.assert_allclose(rows["p_adjusted"], holm(p_values, size=3))
    assert result.tables["not_estimated"]["unit"].tolist() == ["T3"]


def test_a_series_that_does_not_vary_is_not_answered_and_counts_as_one(make):
    world = make(checks=ALONE, designs=["single"], estimands=CHANGE)
    world.values["T3"] = np.full(N, 7.0)
    rows = answers(world.run())
    assert rows.loc["T3", ["label", "direction", "flags"]].tolist() == [NOT_ANSWERED, "unclear", "degenerate"]
    assert rows.loc["T3", ["p_value", "p_adjusted"]].isna().all()
    p_values = [LeastSquares(world.values[u], segments(N, START)).joint_p([2, 3]) for u in ("T1", "T2")]
    np.testing.assert_allclose(rows.loc[["T1", "T2"], "p_adjusted"], holm(p_values, size=3))


def test_units_in_turn_are_no_family_and_no_set(make):
    result = make(treated="each", checks=ALONE, peers=None, designs=["single"]).run()
    rows = result.tables["verdicts"]
    assert len(rows.query("label != ''")) == len(TREATED) + TOO_FEW
    assert "set" not in set(rows["unit"])
    np.testing.assert_array_equal(rows["p_adjusted"], rows["p_value"])
    assert rows["set_p"].isna().all()


@pytest.mark.parametrize("method", ["none", "bh"])
def test_other_adjustments(make, method):
    rows = answers(make(checks=ALONE, multiplicity={"method": method}).run())
    p_values = rows["p_value"].to_numpy()
    order = np.sort(p_values)
    by_bh = [min((order * 3 / np.arange(1, 4))[order >= p]) for p in p_values]
    np.testing.assert_allclose(rows["p_adjusted"], p_values if method == "none" else by_bh)


# which way


@pytest.mark.parametrize(
    ("better", "changes", "way"),
    [
        ("higher", {"slope": 1.0}, "better"),
        ("lower", {"slope": 1.0}, "worse"),
        ("lower", {"level": -3.0}, "better"),
        # the jump and the effect a year later have opposite signs
        ("higher", {"level": -6.0, "slope": 1.0}, "mixed"),
        # a jump that is made good in a year
        ("higher", {"level": 6.0, "slope": -0.5}, "better"),
        ("higher", {}, "unclear"),
        (None, {"slope": 1.0}, "unclear"),
    ],
)
def test_direction_of_a_change(make, better, changes, way):
    world = make(estimands=CHANGE, checks=ALONE)
    # what is there by chance is taken off: the changes are those of the test
    gap = gaps_of(world, world.run())["T1"]
    b = LeastSquares(gap, segments(N, START)).b
    change(world, "T1", changes.get("level", 0.0) - b[2], changes.get("slope", 0.0) - b[3])
    outcome = world.outcome(**({} if better is None else {"better": better}))
    result = world.run(outcomes=[outcome])
    assert answers(result).loc["T1", "direction"] == way
    (summary,) = result.tables["summary"].query("unit == 'T1'").to_dict("records")
    assert summary["direction"] == ("unclear" if way == "mixed" else way)


def test_the_direction_is_told_at_the_level_of_the_family(make):
    """The effect after a year excludes 0 by itself, but not in an interval for three units."""
    world = make(estimands=CHANGE, checks=ALONE)
    fit = LeastSquares(gaps_of(world, world.run())["T1"], segments(N, START))
    # a bend against a jump, so that the joint test rejects while the year's effect is 2.2 standard errors
    bend = 0.2
    after = 2.2 * fit.read(YEAR)[1]
    change(world, "T1", after - 12 * bend - fit.b[2], bend - fit.b[3])
    (row,) = answers(world.run()).loc[["T1"]].to_dict("records")
    assert row["label"] == CHANGED
    assert row["conf_low"] > 0
    # the jump alone is clear at that level, and it is down
    assert row["direction"] == "worse"


def test_a_trend_tells_the_direction_where_neither_the_year_nor_the_level_does(make):
    world = make(estimands=CHANGE, checks=ALONE)
    for other in ("T2", "T3"):
        # so clear that Holm's method multiplies the p-value of the first by 1
        change(world, other, level=9.0)
    fit = LeastSquares(gaps_of(world, world.run())["T1"], segments(N, START))
    _, error, _ = fit.read(SLOPE)
    inner = stats.t(N - 4).ppf(1 - 0.05 / 2 / 3)
    # a jump against the bend leaves next to nothing after a year; its own interval holds 0 as well
    for size, way in ((1.02 * inner, "better"), (0.98 * inner, "unclear")):
        change(world, "T1", slope=size * error - fit.b[3], level=-6 * size * error - fit.b[2])
        gap = LeastSquares(gaps_of(world, world.run())["T1"], segments(N, START))
        year, level = (gap.read(row) for row in (YEAR, LEVEL))
        assert abs(year[0]) < inner * year[1]
        assert abs(level[0]) < inner * level[1]
        row = answers(world.run()).loc["T1"]
        assert row["p_adjusted"] <= 0.05
        assert row["direction"] == way
        fit = gap


# the summary


def test_the_summary_is_read_off_the_verdicts(make):
    world = make(FEW, designs=["single", "difference"])
    change(world, "T1", slope=1.0)
    result = world.run()
    shown = result.tables["summary"].set_index(["unit", "design"])
    told = result.tables["verdicts"].query("label != '' and unit != 'set'").set_index(["unit", "design"])
    assert sorted(shown.index) == sorted(told.index)
    same = ("outcome", "estimand", "estimate", "conf_low", "conf_high", "p_value", "p_adjusted")
    for name in (*same, "minimum_detectable", "direction", "label", "scale"):
        pd.testing.assert_series_equal(shown[name].sort_index(), told[name].sort_index())
    np.testing.assert_array_equal(shown["p_placebo"].sort_index(), told["p_rank"].sort_index())
    effects = result.tables["effects"].query("role == 'primary'").set_index(["unit", "design"])
    np.testing.assert_allclose(effects["p_adjusted"].sort_index(), told["p_adjusted"].sort_index())


def test_effects_of_a_change_have_no_adjusted_p_value(make):
    """It is that of the joint test, which is no row of the table."""
    effects = make(checks=ALONE, estimands=CHANGE).run().tables["effects"]
    assert set(effects.query("role == 'primary'")["estimand"]) == {"effect_at_12"}
    assert effects["p_adjusted"].isna().all()


def test_records_are_the_rows(make):
    result = make(estimands=CHANGE).run()
    rows = result.tables["verdicts"].query("label != ''")
    assert [item.label for item in result.concluded if item.is_answer] == rows["label"].tolist()
    fits = result.tables["fits"].set_index("unit")["flags"]
    for item in result.concluded:
        if item.is_answer and item.unit != "set":
            flags = [flag for flag in item.listed_flags if flag != "unlike_donors"]
            assert flags == [*filter(None, fits[item.unit].split("; ")), "few_donors"]
