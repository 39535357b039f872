"""The treated units as a set: their mean effect, its place among sets of all units, and its verdict."""

import numpy as np
import pytest
from by_hand import LeastSquares, p_of_all_sets, segments, set_terms
from scipy import stats

from its_eval.columns import THE_SET
from its_eval.evaluation import CHANGED, CHANGED_MORE, NO_CLEAR_CHANGE, NOT_CLEARLY_MORE
from its_eval.pipeline.donors import donor_targets

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 9)))
N, START, LATER = 60, 30, 36
LEVEL, SLOPE, YEAR = np.array([0, 0, 1, 0]), np.array([0, 0, 0, 1]), np.array([0, 0, 1, 12])
CHANGE = {"primary": "change", "at": [2]}
PLACEBOS = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N, scale=0.5), start=START)
    world.settings |= {"peers": {"k": 3}, "designs": ["difference"], "checks": PLACEBOS}
    world.settings["outcomes"] = [world.outcome(better="higher")]
    return world


def change(world, unit, level=0.0, slope=0.0, start=START):
    since = np.arange(N) - start
    world.values[unit] = world.values[unit] + level * (since >= 0) + slope * np.maximum(since, 0)


def of_the_set(result, design="difference"):
    """Return the verdict of the set, and what stands beside it by estimand."""
    rows = result.tables["verdicts"].query("unit == @THE_SET and design == @design")
    (answer,) = rows.query("label != ''").to_dict("records")
    return answer, rows.query("label == ''").set_index("estimand")


def gap(world, unit, peers):
    return world.values[unit] - np.mean([world.values[peer] for peer in peers], axis=0)


def fits_of_treated(world, plan, starts=None):
    starts = starts or dict.fromkeys(plan.treated, START)
    return {
        unit: LeastSquares(gap(world, unit, plan.peer_sets[unit].peers), segments(N, starts[unit]))
        for unit in plan.treated
    }


def fits_of_donors(world, config, sources, plan, unit, start=START):
    """Return the fit of every donor in the place of a treated unit."""
    targets = donor_targets(config, sources, plan, unit)
    X = segments(N, start)
    return {target.unit: LeastSquares(gap(world, target.unit, target.peers), X) for target in targets}


@pytest.mark.parametrize("question", ["slope_change", "level_change"])
def test_the_mean_effect_has_the_variance_of_what_units_share(world, question):
    row = SLOPE if question == "slope_change" else LEVEL
    for unit in ("T1", "T2"):
        change(world, unit, level=0.4, slope=0.02)
    result = world.run(estimands={"primary": question})
    answer, beside = of_the_set(result)
    fits = [*fits_of_treated(world, world.plan()[2]).values()]
    (estimate,), (error,), (df,) = set_terms(fits, [row])
    assert answer["estimate"] == pytest.approx(estimate)
    assert answer["p_value"] == pytest.approx(2 * stats.t.sf(abs(estimate / error), df))
    reach = stats.t.ppf(0.975, df) * error
    assert [answer["conf_low"], answer["conf_high"]] == pytest.approx([estimate - reach, estimate + reach])
    # the primary hypothesis is not adjusted; no other unit has a share in its numbers
    assert answer["p_adjusted"] == answer["p_value"] == answer["set_p"]
    # with one start and one error model it is the fit of the mean gap
    mean = LeastSquares(np.mean([fit.y for fit in fits], axis=0), segments(N, START))
    assert [estimate, error] == pytest.approx(mean.read(row)[:2])
    assert set(beside.index) == {"level_change", "slope_change", "effect_at_12"} - {question}


def test_a_change_of_the_set_is_the_clearer_of_its_terms(world):
    change(world, "T1", level=1.0)
    change(world, "T2", level=0.6)
    answer, beside = of_the_set(world.run(estimands=CHANGE))
    fits = [*fits_of_treated(world, world.plan()[2]).values()]
    estimate, error, df = set_terms(fits, [LEVEL, SLOPE, YEAR])
    p_values = 2 * stats.t.sf(np.abs(estimate / error), df)
    assert answer["p_value"] == pytest.approx(min(1.0, 2 * p_values[:2].min()))
    assert (answer["question"], answer["estimand"]) == ("change", "effect_at_12")
    assert answer["estimate"] == pytest.approx(estimate[2])
    found = beside.loc[["level_change", "slope_change"], ["estimate", "p_value"]]
    np.testing.assert_allclose(found, np.column_stack([estimate[:2], p_values[:2]]))
    assert beside["p_adjusted"].isna().all()


@pytest.mark.parametrize("rows", [[SLOPE], [LEVEL, SLOPE]])
def test_its_place_is_that_among_all_sets_of_all_units(world, rows):
    for unit in ("T1", "T2"):
        change(world, unit, level=0.3, slope=0.02)
    estimands = CHANGE if len(rows) == 2 else {"primary": "slope_change"}
    result = world.run(estimands=estimands)
    answer, _ = of_the_set(result)
    config, sources, plan = world.plan()
    everybody = fits_of_treated(world, plan) | fits_of_donors(world, config, sources, plan, "T1")
    p_value, n_sets = p_of_all_sets(["T1", "T2"], [everybody] * 2, rows)
    assert n_sets == 45
    assert answer["set_p_placebo"] == answer["p_attribution"] == pytest.approx(p_value)
    assert answer["n_donors"] == 8
    (check,) = result.tables["checks"].query("check == 'joint_placebo'").to_dict("records")
    assert check["p_value"] == pytest.approx(p_value)
    assert f"all 45 sets of 2 among 10 units (p = {p_value:.4f})" in check["message"]
    # its p-values stand beside those of its units
    units = result.tables["verdicts"].query("unit != @THE_SET")
    assert set(units["set_p"]) == {answer["set_p"]}
    assert set(units["set_p_placebo"]) == {answer["set_p_placebo"]}


def test_units_of_different_starts_are_averaged_and_every_order_is_a_set(world):
    starts = {"T1": START, "T2": LATER}
    for unit, start in starts.items():
        change(world, unit, slope=0.05, start=start)
    changes = {
        "treated": {unit: world.period(start) for unit, start in starts.items()},
        "intervention": {"name": "Law"},
    }
    answer, _ = of_the_set(world.run(**changes))
    config, sources, plan = world.plan(**changes)
    own = fits_of_treated(world, plan, starts)
    (estimate,), (error,), (df,) = set_terms([*own.values()], [SLOPE])
    assert answer["estimate"] == pytest.approx(estimate)
    assert answer["p_value"] == pytest.approx(2 * stats.t.sf(abs(estimate / error), df))
    # everybody in both places, the other treated unit too, at the start of that place
    places = []
    for unit, start in starts.items():
        donors = fits_of_donors(world, config, sources, plan, unit, start)
        places.append(donors | fits_of_treated(world, plan, dict.fromkeys(starts, start)))
    p_value, n_sets = p_of_all_sets([*starts], places, [SLOPE])
    assert n_sets == 90
    assert answer["set_p_placebo"] == pytest.approx(p_value)


def test_labels_of_a_set(world):
    flat = world.values.copy()
    rng = np.random.default_rng(2)
    for unit in ("T1", "T2"):
        change(world, unit, slope=1.0)
    answer, _ = of_the_set(world.run())
    assert (answer["label"], answer["direction"]) == (CHANGED_MORE, "better")
    assert answer["set_p_placebo"] == pytest.approx(1 / 45)
    # everybody changes, each its own way
    for unit in UNITS[2:]:
        change(world, unit, slope=rng.normal(0, 3.0))
    answer, _ = of_the_set(world.run())
    assert answer["p_value"] <= 0.05 < answer["set_p_placebo"]
    assert answer["label"] == NOT_CLEARLY_MORE
    world.values = flat
    answer, _ = of_the_set(world.run())
    assert answer["p_value"] > 0.05
    assert (answer["label"], answer["direction"]) == (NO_CLEAR_CHANGE, "unclear")


def test_a_set_is_not_gated_by_its_units_nor_they_by_it(world):
    """Opposite changes cancel in the mean, and each is found."""
    change(world, "T1", slope=1.0)
    change(world, "T2", slope=-1.0)
    result = world.run()
    answer, _ = of_the_set(result)
    assert answer["label"] == NO_CLEAR_CHANGE
    units = result.tables["verdicts"].query("unit != @THE_SET and label != ''").set_index("unit")
    assert units["label"].to_dict() == {"T1": CHANGED, "T2": CHANGED}
    assert units["direction"].to_dict() == {"T1": "better", "T2": "worse"}


def test_with_so_few_sets_that_no_level_is_reached_a_change_is_a_change(world):
    given = {"given": {"T1": ["D1", "D2", "D3"], "T2": ["D1", "D2", "D3"]}}
    for unit in ("T1", "T2"):
        change(world, unit, slope=1.0)
    answer, _ = of_the_set(world.run(peers=given, data={"characteristics": None}))
    # 5 units make 10 sets of 2
    assert answer["set_p_placebo"] == pytest.approx(1 / 10)
    assert (answer["label"], answer["direction"]) == (CHANGED, "better")


@pytest.mark.parametrize("design", ["single", "difference"])
def test_without_other_units_the_set_is_labelled_by_its_own_interval(world, design):
    for unit in ("T1", "T2"):
        change(world, unit, slope=1.0)
    answer, _ = of_the_set(world.run(designs=[design], checks=PLACEBOS | {"placebo_units": False}), design)
    assert answer["label"] == CHANGED
    assert np.isnan(answer["set_p_placebo"])


@pytest.mark.parametrize(("better", "way"), [("higher", "better"), ("lower", "worse"), (None, "unclear")])
def test_direction_of_the_set(world, better, way):
    for unit in ("T1", "T2"):
        change(world, unit, slope=1.0)
    outcome = world.outcome(**({} if better is None else {"better": better}))
    assert of_the_set(world.run(outcomes=[outcome]))[0]["direction"] == way


def test_one_unit_is_no_set(world):
    change(world, "T1", slope=1.0)
    result = world.run(treated=["T1"])
    assert THE_SET not in set(result.tables["verdicts"]["unit"])
    assert result.tables["verdicts"]["set_p"].isna().all()
    assert result.verdict_of_the_set("y", "difference", "New rota") is None
    assert "joint_placebo" not in set(result.tables["checks"]["check"])


def test_units_that_are_lost_are_not_averaged_and_that_is_said(make_world, noisy):
    world = make_world(noisy(("T1", "T2", "T3", *UNITS[2:]), n=N, scale=0.5), start=START)
    world.settings |= {"peers": {"k": 3}, "designs": ["difference"], "checks": PLACEBOS}
    world.values["T2"][START + 3 :] = np.nan
    result = world.run()
    answer, _ = of_the_set(result)
    fits = {
        unit: LeastSquares(gap(world, unit, peers), segments(N, START))
        for unit, peers in result.tables["peers"].groupby("unit")["peer"].agg(list).items()
        if unit != "T2"
    }
    (estimate,), _, _ = set_terms([*fits.values()], [SLOPE])
    assert answer["estimate"] == pytest.approx(estimate)
    assert answer["flags"] == "some_units_missing"
    (check,) = result.tables["checks"].query("check == 'joint_placebo'").to_dict("records")
    assert "of 2 of 3 treated units" in check["message"]
    (row,) = result.tables["pooled"].query("method == 'set'").to_dict("records")
    assert row["n_units"] == 2


def test_few_months_of_one_unit_do_not_take_the_others_away(world):
    """It is averaged over the periods that it has."""
    world.values["T2"][START + 10 :] = np.nan
    answer, _ = of_the_set(world.run())
    fits = []
    for unit, fit in fits_of_treated(world, world.plan()[2]).items():
        assert len(fit.y) == (N if unit == "T1" else START + 10)
        fits.append(fit)
    assert answer["estimate"] == pytest.approx(np.mean([fit.read(SLOPE)[0] for fit in fits]))
    assert answer["flags"] == ""
    assert np.isfinite([answer["p_value"], answer["set_p_placebo"]]).all()


def test_a_unit_that_does_not_vary_is_no_part_of_the_set(world):
    world.values["T2"] = np.full(N, 7.0)
    result = world.run(designs=["single"])
    assert THE_SET not in set(result.tables["verdicts"]["unit"])


def test_a_synthetic_control_has_no_variance_and_no_set(world):
    for unit in ("T1", "T2"):
        change(world, unit, slope=1.0)
    result = world.run(designs=["synthetic", "difference"])
    sets = result.tables["verdicts"].query("unit == @THE_SET and label != ''")
    assert sets["design"].tolist() == ["difference"]
    own = result.tables["verdicts"].query("unit != @THE_SET and design == 'synthetic'")
    assert own[["set_p", "set_p_placebo"]].isna().all(axis=None)


def test_every_interruption_has_a_set(world):
    for unit in ("T1", "T2"):
        change(world, unit, level=2.0, start=45)
    event = {"name": "Flood", "date": world.period(45), "as": "step_and_slope"}
    result = world.run(events=[event], estimands=CHANGE)
    rows = result.tables["verdicts"].query("unit == @THE_SET and label != ''").set_index("interruption")
    fits = {
        unit: LeastSquares(gap(world, unit, peers), segments(N, START, 45))
        for unit, peers in result.tables["peers"].groupby("unit")["peer"].agg(list).items()
    }
    for name, place in (("Law", 2), ("Flood", 4)):
        terms = [np.eye(6)[place], np.eye(6)[place + 1]]
        estimate, error, df = set_terms([*fits.values()], terms)
        p_values = 2 * stats.t.sf(np.abs(estimate / error), df)
        assert rows.loc[name, "p_value"] == pytest.approx(min(1.0, 2 * p_values.min()))
    # donors are fitted with the event too
    assert rows.loc["Flood", "set_p_placebo"] == pytest.approx(1 / 45)
    assert rows["label"].to_dict()["Flood"] == CHANGED_MORE
    # the set stands first
    assert result.tables["verdicts"]["unit"].iloc[0] == THE_SET
