"""The specification curve: every choice alone, all together, without each peer, and its rank among donors."""

from itertools import combinations

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.pipeline.donors import donor_targets, targets_of_donors
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.specifications import curve_checks, sensitivity_rows, specifications
from its_eval.pipeline.variants import variants

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 6)))
N, START = 72, 40
CHECKS = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False, "placebo_units": False}


def regressors(time, start, *extra):
    columns = [np.ones(len(time)), time - start, time >= start, np.maximum(time - start, 0), *extra]
    return np.column_stack(columns).astype(float)


def slope(y, time=None, start=START, *extra):
    time = np.arange(len(y)) if time is None else time
    return np.linalg.lstsq(regressors(time, start, *extra), y, rcond=None)[0][3]


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N), start=START)
    world.settings |= {"peers": {"k": 2}, "designs": ["single", "difference"], "checks": CHECKS}
    return world


def table_rows(config, sources, plan, design, estimates):
    """Return the rows of the table ``sensitivity`` beside those that curves are made of."""
    own = Analysis.of(config).primary(estimates)
    rows = sensitivity_rows(config, sources, plan, COMPARISONS[design], own)
    return rows, [row.row(plan.outcome.name, design) for row in rows]


@pytest.fixture
def rows_by_choice(fitted):
    """Return the plan and the rows of a unit by dimension and choice."""

    def look(world, design="single", unit="T1", **changes):
        config, sources, plan = world.plan(**changes)
        label = plan.outcome.estimators[0].label
        first = [item for item in fitted(config, plan, design)[0] if item.estimator == label]
        _, rows = table_rows(config, sources, plan, design, first)
        return plan, {(row["dimension"], row["choice"]): row for row in rows if row["unit"] == unit}

    return look


def test_nothing_is_written_without_another_choice(world, rows_by_choice):
    _, rows = rows_by_choice(world)
    assert rows == {}
    assert world.run().tables["sensitivity"].empty


def test_choices_of_time(world, rows_by_choice):
    sensitivity = {
        "season": ["none", {"harmonics": 1}],
        "pre_window": [24, 40, 60],
        "transition": [0, 3],
        "end": [world.period(N - 1), world.period(60), "2009-01", world.period(30)],
        "transform": ["none", "log"],
    }
    _, rows = rows_by_choice(world, sensitivity=sensitivity)
    y, time = world.values["T1"], np.arange(N)
    late, early = time >= START - 24, time <= 60
    without = ~np.isin(time, [START, START + 1, START + 2])
    moved = np.linalg.lstsq(
        np.column_stack([np.ones(N), time, time >= START + 3, np.maximum(time - START - 3, 0)])[without],
        y[without],
        rcond=None,
    )[0][3]
    angle = 2 * np.pi * time / 12
    expected = {
        ("primary", "as configured"): slope(y),
        ("season", "none"): slope(y),
        ("season", "1 harmonics"): slope(y, time, START, np.sin(angle), np.cos(angle)),
        ("pre_window", "24"): slope(y[late], time[late]),
        ("transition", "0"): slope(y),
        ("transition", "3"): moved,
        ("end", world.period(60)): slope(y[early], time[early]),
        ("transform", "log"): np.exp(slope(np.log(y))),
    }
    # a window as long as the data, an end that is the last period, or the scale that is used anyhow: no row
    assert set(rows) == set(expected)
    for key, value in expected.items():
        assert rows[key]["estimate"] == pytest.approx(value, rel=1e-7), key


def test_choices_of_peers(world, rows_by_choice):
    world.settings["designs"] = ["difference"]
    sensitivity = {"k": [1, 4], "drop_characteristic": True, "random_donors": 2}
    sensitivity |= {"metric": ["mahalanobis"], "scale": ["none"]}
    plan, rows = rows_by_choice(world, "difference", sensitivity=sensitivity)
    y = world.values
    places = np.arange(len(UNITS))

    def nearest(distances, number):
        order = [UNITS[place] for place in np.argsort(distances, kind="stable")]
        return [code for code in order if code.startswith("D")][:number]

    def gap(peers):
        return slope(y["T1"] - np.mean([y[peer] for peer in peers], axis=0))

    both = np.hypot((places - 0) / places.std(), (places % 3) / (places % 3).std())
    expected = {
        ("primary", "as configured"): gap(plan.peer_sets["T1"].peers),
        ("k", "1"): gap(nearest(both, 1)),
        ("k", "4"): gap(nearest(both, 4)),
        ("drop_characteristic", "place"): gap(nearest(places % 3, 2)),
        ("drop_characteristic", "turn"): gap(nearest(places, 2)),
        ("scale", "none"): gap(nearest(np.hypot(places, places % 3), 2)),
    }
    for key, value in expected.items():
        assert rows[key]["estimate"] == pytest.approx(value, rel=1e-6), key
    assert set(rows) == {*expected, ("metric", "mahalanobis"), ("random_donors", "1"), ("random_donors", "2")}
    pairs = [gap(pair) for pair in combinations([code for code in UNITS if code.startswith("D")], 2)]
    for draw in ("1", "2"):
        value = rows["random_donors", draw]["estimate"]
        assert min(abs(value - other) for other in pairs) < 1e-9
    # the same donors in every run
    _, again = rows_by_choice(world, "difference", sensitivity=sensitivity)
    assert again == rows


def test_choices_of_peers_are_not_for_a_single_series(world):
    config, sources, plan = world.plan(sensitivity={"k": [1], "season": ["none"], "order": [1]})
    assert [item.dimension for item in variants(config, sources, plan, COMPARISONS["single"])] == ["season"]
    assert [item.dimension for item in variants(config, sources, plan, COMPARISONS["difference"])] == [
        "k",
        "season",
    ]


def test_a_unit_without_characteristics_keeps_its_peers_order(world):
    given = {"given": {"T1": ["D1", "D2"], "T2": ["D1"]}}
    data = {"characteristics": None}
    sensitivity = {"k": [1], "random_donors": 1}
    config, sources, plan = world.plan(peers=given, data=data, sensitivity=sensitivity)
    # distances need characteristics, a draw does not
    assert [item.dimension for item in variants(config, sources, plan, COMPARISONS["difference"])] == [
        "random_donors"
    ]


def test_choices_of_the_estimator(world, rows_by_choice, primaries):
    world.denominators = {unit: 300 + 4.0 * np.arange(N) for unit in UNITS}
    sensitivity = {
        "order": [1, 2, "reml_ar_noise"],
        "variance": ["constant", "by_segment"],
        "weighting": ["sampling_variance", "none"],
        "standard": False,
    }
    outcome = world.outcome(kind="percentage")
    changes = {"outcomes": [outcome], "sensitivity": sensitivity}
    _, rows = rows_by_choice(world, estimators=["reml_ar"], **changes)
    assert set(rows) == {
        ("primary", "as configured"),
        *(("order", order) for order in ("1", "2", "reml_ar_noise")),
        *(("variance", name) for name in ("constant", "by_segment")),
        *(("weighting", name) for name in ("sampling_variance", "none")),
    }
    # 72 periods: two is the order that auto takes
    for same in (("order", "2"), ("variance", "constant"), ("weighting", "sampling_variance")):
        assert rows[same]["estimate"] == pytest.approx(rows["primary", "as configured"]["estimate"], rel=1e-9)
    options = [
        (("order", "1"), {"name": "reml_ar", "order": 1}),
        (("order", "reml_ar_noise"), "reml_ar_noise"),
        (("variance", "by_segment"), {"name": "reml_ar", "variance": "by_segment"}),
    ]
    for key, estimator in options:
        config, _, plan = world.plan(outcomes=[outcome], estimators=[estimator])
        (alone, _) = primaries(config, plan, "single")
        assert rows[key]["estimate"] == pytest.approx(alone.estimate, rel=1e-9), key
        assert rows[key]["std_error"] == pytest.approx(alone.std_error, rel=1e-9), key
    plain = rows["weighting", "none"]["estimate"]
    config, _, plan = world.plan(estimators=["reml_ar"])
    (alone, _) = primaries(config, plan, "single")
    assert plain == pytest.approx(alone.estimate, rel=1e-9)
    # other estimators have no such choices
    _, rows = rows_by_choice(world, estimators=["ols"], **changes)
    assert rows == {}


def test_every_combination(world, rows_by_choice):
    sensitivity = {"season": ["none", {"harmonics": 1}], "transition": [2], "cross": True}
    config, sources, plan = world.plan(sensitivity=sensitivity)
    crossed = specifications(config, sources, plan, COMPARISONS["single"])
    assert [item.choice for item in crossed] == [
        "transition=2",
        "season=none",
        "season=none; transition=2",
        "season=1 harmonics",
        "season=1 harmonics; transition=2",
    ]
    assert {item.dimension for item in crossed} == {"combination"}
    _, rows = rows_by_choice(world, sensitivity=sensitivity)
    time = np.arange(N)
    used = ~np.isin(time, [START, START + 1])
    angle = 2 * np.pi * time / 12
    X = np.column_stack(
        [np.ones(N), time, time >= START + 2, np.maximum(time - START - 2, 0), np.sin(angle), np.cos(angle)]
    )
    expected = np.linalg.lstsq(X[used], world.values["T1"][used], rcond=None)[0][3]
    got = rows["combination", "season=1 harmonics; transition=2"]["estimate"]
    assert got == pytest.approx(expected, rel=1e-7)


def test_each_peer_is_left_out_in_turn(world, rows_by_choice):
    checks = CHECKS | {"leave_one_peer_out": True}
    plan, rows = rows_by_choice(world, "difference", checks=checks, peers={"k": 3})
    peers = plan.peer_sets["T1"].peers
    assert set(rows) == {("primary", "as configured"), *(("leave_one_peer_out", peer) for peer in peers)}
    for peer in peers:
        kept = [code for code in peers if code != peer]
        gap = world.values["T1"] - np.mean([world.values[code] for code in kept], axis=0)
        assert rows["leave_one_peer_out", peer]["estimate"] == pytest.approx(slope(gap), rel=1e-7)
    _, alone = rows_by_choice(world, "difference", checks=checks, peers={"k": 1})
    assert alone == {}
    _, single = rows_by_choice(world, "single", checks=checks)
    assert single == {}


def test_a_unit_without_peers_has_no_specification(world):
    world.settings["sensitivity"] = {"season": [{"harmonics": 1}]}
    (world.folder / "few.csv").write_text("unit,place\nT1,1\nD1,2\nD2,3\n", encoding="utf-8")
    data = {"characteristics": {"path": str(world.folder / "few.csv")}}
    found = world.run(data=data, designs=["difference"])
    assert set(found.tables["sensitivity"]["unit"]) == {"T1"}
    assert found.tables["not_estimated"][["unit", "reason"]].to_numpy().tolist() == [["T2", "no_peers"]]


@pytest.fixture
def curve(fitted):
    """Return what was planned, the rows of the table, and the checks of the curve."""

    def look(world, **changes):
        config, sources, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, "difference")
        rows, shown = table_rows(config, sources, plan, "difference", estimates)
        donors = targets_of_donors(config, sources, plan, plan.treated)
        checks = curve_checks(config, sources, plan, COMPARISONS["difference"], rows, donors)
        return config, sources, plan, shown, checks

    return look


@pytest.mark.parametrize(("estimator", "number"), [("ols", 6), ("reml_ar", 10)])
@pytest.mark.parametrize("starts", [{}, {"T1": START, "T2": START - 6}], ids=["one start", "staggered"])
def test_the_curve_is_ranked_among_those_of_the_donors(world, estimator, number, starts, curve, primaries):
    world.settings |= {
        "designs": ["difference"],
        "sensitivity": {"k": [1, 3], "season": [{"harmonics": 1}], "pre_window": [30], "transition": [2]},
        "checks": CHECKS | {"placebo_units": True},
        "estimators": [estimator],
    }
    if starts:
        world.settings |= {
            "treated": {unit: world.period(start) for unit, start in starts.items()},
            "intervention": {"name": "Law"},
        }
    config, sources, plan, rows, checks = curve(world)
    assert [unit for unit, _ in checks] == ["T1", "T2"]
    for treated, check in checks:
        estimates = np.array([row["estimate"] for row in rows if row["unit"] == treated])
        assert check.statistic == pytest.approx(np.median(estimates))
        medians = {
            unit: median_of_curve(primaries, config, sources, plan, treated, unit, number)
            for unit in (treated, *plan.donors[treated])
        }
        extreme = sum(medians[donor] >= medians[treated] for donor in plan.donors[treated])
        assert check.p_value == pytest.approx((1 + extreme) / 6)
        assert check.message.startswith(f"{number} specifications: median ")
        low, high = np.quantile(estimates, [0.25, 0.75])
        assert f", the middle half {low:.3g} to {high:.3g}, " in check.message
        rank = (
            f"Among the 5 donors with the same curve its median statistic is number {extreme + 1} "
            f"(p = {(1 + extreme) / 6:.3f})."
        )
        assert rank in check.message


def median_of_curve(primaries, config, sources, plan, treated, unit, number):
    """Return the median |t| of a unit in the place of a treated one, one specification at a time."""
    difference = COMPARISONS["difference"]
    base = difference.target(plan, treated)
    if unit != treated:
        base = next(item for item in donor_targets(config, sources, plan, treated) if item.unit == unit)
    parts = [part for item in specifications(config, sources, plan, difference) for part in item.parts]
    statistics = []
    for part in [None, *parts]:
        changed = plan if part is None else part.change_plan(plan)
        target = replace(base, interruptions=changed.interruptions[treated])
        estimators = list(difference.entries(plan.outcome.estimators))
        if part is not None:
            target = part.change_target(target, plan.donors[treated], treated)
            estimators = [part.change_estimator(item) for item in estimators]
        found = primaries(config, changed, "difference", [target], estimators)
        statistics += [abs(item.statistic) for item in found]
    assert len(statistics) == number
    return np.median(statistics)


@pytest.fixture
def standard(rows_by_choice):
    """Return the choices beside an answer, and their rows."""

    def look(world, **changes):
        _, rows = rows_by_choice(world, **changes)
        return sorted(set(rows) - {("primary", "as configured")}), rows

    return look


def test_other_error_models_stand_beside_every_answer_by_reml(world, standard, primaries):
    found, rows = standard(world, estimators=["reml_ar"])
    assert found == [
        ("order", "1"),
        ("order", "reml_local_level"),
        ("trend", "quadratic"),
        ("variance", "by_segment"),
    ]
    for key, estimator in (
        (found[0], {"name": "reml_ar", "order": 1}),
        (found[1], "reml_local_level"),
        (found[3], {"name": "reml_ar", "variance": "by_segment"}),
    ):
        config, _, plan = world.plan(estimators=[estimator])
        alone = primaries(config, plan, "single")[0]
        assert rows[key]["estimate"] == pytest.approx(alone.estimate, rel=1e-9)
        assert rows[key]["std_error"] == pytest.approx(alone.std_error, rel=1e-9)


def test_standard_choices_are_not_those_of_the_answer(world, standard):
    assert standard(world, estimators=[{"name": "reml_ar", "order": 1}])[0][0] == ("order", "2")
    by_segment = [{"name": "reml_ar", "variance": "by_segment"}]
    assert standard(world, estimators=by_segment)[0] == [
        ("order", "1"),
        ("order", "reml_local_level"),
        ("trend", "quadratic"),
    ]
    assert standard(world, estimators=["ols"])[0] == []
    assert standard(world, estimators=["reml_ar"], sensitivity={"standard": False})[0] == []


def test_standard_choices_are_made_once_and_never_crossed(world):
    config, sources, plan = world.plan(estimators=["reml_ar"], sensitivity={"order": [1], "transition": [2]})
    found = [
        (item.dimension, item.choice) for item in specifications(config, sources, plan, COMPARISONS["single"])
    ]
    assert sorted(found) == [
        ("order", "1"),
        ("order", "reml_local_level"),
        ("transition", "2"),
        ("trend", "quadratic"),
        ("variance", "by_segment"),
    ]
    crossed = {"order": [1], "transition": [2], "cross": True}
    config, sources, plan = world.plan(estimators=["reml_ar"], sensitivity=crossed)
    found = [
        (item.dimension, item.choice) for item in specifications(config, sources, plan, COMPARISONS["single"])
    ]
    assert len(found) == 6
    assert [dimension for dimension, _ in found].count("combination") == 3
    assert ("order", "reml_local_level") in found
    assert ("variance", "by_segment") in found


def test_standard_choices_alone_have_no_rank(world, curve):
    world.settings |= {"designs": ["difference"], "estimators": ["reml_ar"]}
    *_, checks = curve(world, checks=CHECKS | {"placebo_units": True})
    assert {unit for unit, _ in checks} == {"T1", "T2"}
    assert all(np.isnan(check.p_value) for _, check in checks)


def test_a_direction_that_nothing_is_claimed_of_asks_for_no_attention(world, curve):
    # no change, so that estimates lie on both sides of it and every interval holds it
    world.settings |= {
        "designs": ["difference"],
        "sensitivity": {"end": [world.period(index) for index in (50, 53, 56, 59, 62, 65)]},
    }
    *_, checks = curve(world)
    quiet = [check for _, check in checks if " 0% of the intervals exclude no change" in check.message]
    assert quiet
    assert any(" 100% of the same sign" not in check.message for check in quiet)
    assert {check.status for check in quiet} == {"pass"}


def test_a_curve_without_placebos_has_no_rank(world, curve):
    world.settings |= {"designs": ["difference"], "sensitivity": {"season": [{"harmonics": 1}]}}
    *_, checks = curve(world)
    assert all(np.isnan(check.p_value) for _, check in checks)
    assert all("donors" not in check.message for _, check in checks)


def test_a_curve_that_changes_its_sign_asks_for_attention(world, curve):
    # up for a year after the start, then down
    time = np.arange(N)
    world.values["T1"] = (
        world.values["T1"] + 0.8 * np.clip(time - START, 0, 12) - 1.6 * np.maximum(time - 52, 0)
    )
    world.settings |= {
        "designs": ["difference"],
        "sensitivity": {"end": [world.period(index) for index in (49, 51, 53)]},
    }
    *_, checks = curve(world)
    check = dict(checks)["T1"]
    assert check.status == "attention"
    assert "75% of the same sign" in check.message
    assert check.message.endswith("depends on the choices: report the range, not one estimate.")


def test_other_scales_and_weights_are_no_part_of_the_rank(world, curve):
    world.denominators = {unit: 300 + 4.0 * np.arange(N) for unit in UNITS}
    world.settings |= {
        "designs": ["difference"],
        "outcomes": [world.outcome(kind="percentage")],
        "estimators": ["reml_ar"],
        "sensitivity": {"weighting": ["none"], "transform": ["log"], "transition": [2]},
        "checks": CHECKS | {"placebo_units": True},
    }
    *_, rows, checks = curve(world)
    standard = {"order", "trend", "variance"}
    assert {row["dimension"] for row in rows} - standard == {
        "primary",
        "weighting",
        "transform",
        "transition",
    }
    # a logarithm has another unit, so the median is of the other three and the four standard ones
    assert dict(checks)["T1"].message.startswith("7 specifications: median ")
    assert 0 < dict(checks)["T1"].p_value <= 1
    # without weights the specification is another's double, and counts for the rank once
    del world.settings["sensitivity"]["weighting"]
    *_, alone = curve(world)
    assert [check.p_value for _, check in checks] == [check.p_value for _, check in alone]


def test_logarithms_have_their_median_on_the_scale_of_the_fit(world, curve):
    world.settings |= {
        "designs": ["difference"],
        "outcomes": [world.outcome(transform="log")],
        "sensitivity": {"transition": [2], "season": [{"harmonics": 1}]},
    }
    *_, rows, checks = curve(world)
    estimates = np.log([row["estimate"] for row in rows if row["unit"] == "T1"])
    assert dict(checks)["T1"].statistic == pytest.approx(np.median(estimates))


def test_donors_that_a_specification_cannot_fit_count_as_extreme(world, curve):
    world.settings |= {
        "designs": ["difference"],
        "peers": {"k": 2, "min_coverage": 0.2},
        "sensitivity": {"pre_window": [10]},
        "checks": CHECKS | {"placebo_units": True},
    }
    # the last ten periods before the start are all that D3 has of them
    world.values["D3"][8:START] = np.nan
    *_, checks = curve(world)
    assert 0 < dict(checks)["T1"].p_value <= 1


def test_a_donor_that_the_estimator_cannot_fit_has_no_place_in_the_curve(world, curve):
    """Prais-Winsten cannot bridge a gap: such a donor counts as one with the more extreme curve."""
    world.settings |= {
        "designs": ["difference"],
        "sensitivity": {"season": [{"harmonics": 1}]},
        "checks": CHECKS | {"placebo_units": True},
        "estimators": ["prais_winsten"],
        "peers": {"k": 1, "min_coverage": 0.5},
    }
    *_, complete = curve(world)
    world.values["D5"][20] = np.nan
    *_, checks = curve(world)
    assert all(np.isfinite(check.p_value) for _, check in [*complete, *checks])
    assert dict(checks)["T1"].p_value >= dict(complete)["T1"].p_value
