"""Placebo in space: who takes the place of a treated unit, with whom it is compared, and the rank."""

import numpy as np
import pytest
from by_hand import LeastSquares, segments, set_statistic

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.effects.attribution import attribution, donor_mean
from its_eval.effects.exchangeability import effective_donors, percentiles
from its_eval.estimators.fit import ContrastEstimates
from its_eval.pipeline.donors import donor_targets, targets_of_donors
from its_eval.pipeline.placebos import (
    beside_donors,
    donor_fits,
    exchangeability_check,
    placebo_check,
    placebo_rows,
)
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.question import questions

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 8)))
N, START = 60, 30
EVERY = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}


def slope(y, start=START):
    """Return estimate, standard error and their ratio."""
    estimate, error, _ = LeastSquares(y, segments(len(y), start)).read([0, 0, 0, 1])
    return estimate, error, estimate / error


def contrasts(read):
    """Return estimates and standard errors of N - 4 degrees of freedom, one series a row."""
    b, s = (np.array([[item[place]] for item in read]) for place in (0, 1))
    df = np.full(b.shape, N - 4.0)
    return ContrastEstimates(b, s, df, df)


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N))
    world.settings |= {"peers": {"k": 2}, "designs": ["difference"], "checks": EVERY}
    return world


@pytest.fixture
def found_placebos(fitted):
    """Return the plan, what donors say of each unit, and the rows about it."""

    def look(world, design="difference", **changes):
        config, sources, plan = world.plan(**changes)
        analysis, comparison = Analysis.of(config), COMPARISONS[design]
        estimates, _ = fitted(config, plan, design)
        (asked,) = questions(analysis, estimates)
        every = targets_of_donors(config, sources, plan, plan.treated)
        fits = donor_fits(plan, comparison, analysis, every)
        found = beside_donors(analysis, comparison, asked, estimates, fits, 0.05, 0.05 / len(plan.treated))
        look.targets = every["T1"]
        return plan, found, list(placebo_rows(plan, design, asked, found))

    return look


def gap(world, unit, peers):
    return world.values[unit] - np.mean([world.values[peer] for peer in peers], axis=0)


def test_every_donor_has_its_own_nearest_peers_and_none_of_them_is_treated(world):
    config, sources, plan = world.plan()
    targets = donor_targets(config, sources, plan, "T1")
    assert [target.unit for target in targets] == [f"D{place}" for place in range(1, 8)]
    for target in targets:
        assert target.unit not in target.peers
        assert not {"T1", "T2"} & set(target.peers)
        assert len(target.peers) == 2
        assert [item.start for item in target.interruptions] == [START]
    # the characteristics are the place and the place modulo 3, each divided by its standard deviation
    places = np.arange(len(UNITS))
    traits = np.column_stack([places / places.std(), places % 3 / (places % 3).std()])
    for target in targets:
        distances = np.linalg.norm(traits - traits[UNITS.index(target.unit)], axis=1)
        order = [UNITS[place] for place in np.argsort(distances, kind="stable")]
        nearest = [code for code in order if code.startswith("D") and code != target.unit][:2]
        assert sorted(target.peers) == sorted(nearest)


def test_donors_are_fitted_in_the_place_of_the_unit_and_ranked_with_it(world, found_placebos):
    config, sources, plan = world.plan()
    _, found, every = found_placebos(world)
    for unit in ("T1", "T2"):
        item, targets = found[unit], donor_targets(config, sources, plan, unit)
        assert item.donors == tuple(target.unit for target in targets)
        donors = [slope(gap(world, target.unit, target.peers)) for target in targets]
        own = slope(gap(world, unit, plan.peer_sets[unit].peers))
        expected = np.array(donors)
        np.testing.assert_allclose(item.estimates, expected[:, 0])
        np.testing.assert_allclose(item.statistics, expected[:, 2])
        assert item.statistic == pytest.approx(own[2])
        (whole,) = attribution(contrasts([own]), contrasts(donors), centred=True)
        assert item.p_rank == pytest.approx(whole.rank_p_value)
        assert (item.n_donors, item.least_p, item.compared) == (7, pytest.approx(1 / 8), False)
        assert item.quantities["slope_change"].n_as_large == whole.terms[0].as_large
        # seven are too few for an interval
        assert np.isnan([item.p_value, item.quantities["slope_change"].low]).all()
        assert "few_donors" in item.flags
        rows = [row for row in every if row["unit"] == unit]
        assert [row["placebo"] for row in rows] == [*item.donors, unit]
        np.testing.assert_allclose([row["estimate"] for row in rows], [*expected[:, 0], own[0]])
        np.testing.assert_allclose([row["statistic"] for row in rows], [*expected[:, 2], own[2]])
        check = placebo_check(item)
        rank = round(8 * whole.rank_p_value)
        assert (check.check, check.statistic, check.status) == ("placebo_units", rank, "pass")
        assert check.message == (
            f"Its change is number {rank} of 8, itself and 7 units without the intervention "
            f"(p = {item.p_rank:.3f}; no smaller p than 0.125 is possible)."
        )


def test_the_table_has_every_donor_and_the_unit(world):
    table = world.run().tables["placebo_units"]
    assert sorted(table["placebo"]) == sorted([*UNITS[2:] * 2, "T1", "T2"])
    assert set(table["estimand"]) == {"slope_change"}


def test_a_change_of_two_terms_is_shown_by_the_effect_after_a_year(world, found_placebos):
    _, found, every = found_placebos(world, estimands={"primary": "change"})
    config, sources, plan = world.plan()
    (target,) = [item for item in donor_targets(config, sources, plan, "T1") if item.unit == "D4"]
    fit = LeastSquares(gap(world, "D4", target.peers), segments(N, START))
    estimate, error, _ = fit.read([0, 0, 1, 12])
    (row,) = [row for row in every if row["unit"] == "T1" and row["placebo"] == "D4"]
    assert [row["estimate"], row["statistic"]] == pytest.approx([estimate, estimate / error])
    assert row["estimand"] == "effect_at_12"
    assert set(found["T1"].quantities) == {"change", "level_change", "slope_change"}


def test_a_donor_that_cannot_be_fitted_counts_as_extreme(world, found_placebos):
    world.settings["peers"] = {"k": 2, "min_coverage": 0.2}
    world.values["D3"][36:] = np.nan
    plan, found, every = found_placebos(world)
    item = found["T1"]
    assert np.isnan(item.statistics[item.donors.index("D3")])
    donors = contrasts(list(zip(item.estimates, item.estimates / item.statistics, strict=True)))
    own = slope(gap(world, "T1", plan.peer_sets["T1"].peers))
    (whole,) = attribution(contrasts([own]), donors, centred=True)
    assert (whole.n_donors, whole.n_unfitted) == (6, 1)
    assert item.p_rank == pytest.approx(whole.rank_p_value)
    assert (item.n_donors, item.least_p) == (7, pytest.approx(1 / 8))
    rows = {row["placebo"]: row for row in every if row["unit"] == "T1"}
    assert np.isnan([rows["D3"]["statistic"], rows["D3"]["estimate"]]).all()


def test_staggered_units_have_placebos_at_their_own_start(world, found_placebos):
    dates = {"T1": world.period(24), "T2": world.period(36)}
    _, found, _ = found_placebos(world, treated=dates, intervention={"name": "Law"})
    config, sources, plan = world.plan(treated=dates, intervention={"name": "Law"})
    for unit, start in (("T1", 24), ("T2", 36)):
        targets = {target.unit: target.peers for target in donor_targets(config, sources, plan, unit)}
        item = found[unit]
        expected = slope(gap(world, "D5", targets["D5"]), start)[2]
        assert item.statistics[item.donors.index("D5")] == pytest.approx(expected)


def test_donors_of_single_series_are_taken_by_themselves(make_world, noisy, found_placebos):
    """Their mean change is no longer 0: what happened to all of them at that date is taken off."""
    units = ("T1", *(f"D{place:02d}" for place in range(1, 13)))
    world = make_world(noisy(units, n=N), start=START)
    world.settings |= {"peers": {"k": 2}, "designs": ["single"], "checks": EVERY}
    for unit in units:
        world.values[unit] = world.values[unit] + 0.3 * np.maximum(np.arange(N) - START, 0)
    _, found, _ = found_placebos(world, "single")
    donors = contrasts([slope(world.values[unit]) for unit in units[1:]])
    (whole,) = attribution(contrasts([slope(world.values["T1"])]), donors, centred=False)
    read = found["T1"].quantities["slope_change"]
    assert [read.low, read.high] == pytest.approx([whole.terms[0].low, whole.terms[0].high], rel=1e-6)
    assert found["T1"].p_value == pytest.approx(whole.p_value, rel=1e-6)
    assert "donors_moved" not in found["T1"].flags


def test_donors_that_moved_together_are_told_where_they_should_not(make_world, noisy, found_placebos):
    units = ("T1", *(f"D{place:02d}" for place in range(1, 13)))
    world = make_world(noisy(units, n=N), start=START)
    # peers that did not move, and donors that did
    given = {"given": {"T1": [f"D{place:02d}" for place in range(1, 13)]}}
    world.settings |= {"peers": given, "designs": ["difference"], "checks": EVERY}
    for unit in units[2:]:
        world.values[unit] = world.values[unit] + 0.3 * np.maximum(np.arange(N) - START, 0)
    world.values["D01"] = world.values["D01"] - 3.0 * np.maximum(np.arange(N) - START, 0)
    _, found, _ = found_placebos(world)
    pool = units[1:]
    gaps = [gap(world, unit, [other for other in pool if other != unit]) for unit in pool]
    expected = donor_mean(contrasts([slope(series) for series in gaps])).deviates
    assert ("donors_moved" in found["T1"].flags) == expected


def test_peers_that_are_given_make_all_other_donors_the_peers_of_a_placebo(world):
    given = {"given": {"T1": ["D1", "D2", "D3"], "T2": ["D2", "D4"]}}
    config, sources, plan = world.plan(peers=given, data={"characteristics": None})
    targets = donor_targets(config, sources, plan, "T1")
    pool = [f"D{place}" for place in range(1, 5)]
    assert [target.unit for target in targets] == pool
    for target in targets:
        assert tuple(target.peers) == tuple(code for code in pool if code != target.unit)


def test_the_only_donor_has_nobody_to_be_compared_with_so_that_there_is_no_placebo(world, found_placebos):
    changes = {
        "peers": {"given": {"T1": ["D1"]}},
        "treated": ["T1"],
        "data": {"characteristics": None},
    }
    plan, found, rows = found_placebos(world, **changes)
    assert plan.donors["T1"] == ("D1",)
    assert (found, rows) == ({}, [])
    summary = world.run(**changes).tables["summary"]
    assert summary["p_placebo"].isna().all()
    assert set(summary["label"]) <= {"no clear change", "changed"}


def by_type(world):
    (world.folder / "u.csv").write_text(
        "unit,type\n" + "".join(f"{unit},{'a' if place % 2 else 'b'}\n" for place, unit in enumerate(UNITS)),
        encoding="utf-8",
    )
    units = {"path": str(world.folder / "u.csv"), "columns": {"type": "type"}}
    return {"data": {"units": units}, "peers": {"k": 2, "within": ["units.type"]}}


def test_units_with_different_donors_are_compared_with_sets_of_their_own_donors(world):
    plan = world.plan(**by_type(world))[2]
    assert plan.donors["T1"] == ("D1", "D3", "D5", "D7")
    assert plan.donors["T2"] == ("D2", "D4", "D6")
    result = world.run(**by_type(world))
    (answer,) = result.tables["verdicts"].query("unit == 'set' and label != ''").to_dict("records")
    config, sources, plan = world.plan(**by_type(world))
    X, row = segments(N, START), np.array([0, 0, 0, 1])
    own = {unit: LeastSquares(gap(world, unit, plan.peer_sets[unit].peers), X) for unit in plan.treated}
    places = []
    for unit in plan.treated:
        fits = {
            t.unit: LeastSquares(gap(world, t.unit, t.peers), X)
            for t in donor_targets(config, sources, plan, unit)
        }
        places.append(fits)
    # of one start: each treated unit may stand in the place of the other
    pairs = [(a, b) for a in {**places[0], **own} for b in {**places[1], **own} if a != b]
    statistic = {
        (a, b): set_statistic([({**places[0], **own})[a], ({**places[1], **own})[b]], [row]) for a, b in pairs
    }
    observed = statistic["T1", "T2"]
    share = np.mean([value >= observed * (1 - 1e-9) for value in statistic.values()])
    assert answer["set_p_placebo"] == pytest.approx(share)


def test_a_unit_without_an_estimate_has_nobody_beside_it(world, found_placebos):
    world.values["T2"][33:] = np.nan
    _, found, rows = found_placebos(world)
    assert set(found) == {"T1"}
    assert {row["unit"] for row in rows} == {"T1"}


def test_a_unit_that_does_not_vary_has_nobody_beside_it(world, found_placebos):
    world.values["T2"] = np.full(N, 7.0)
    world.settings["designs"] = ["single"]
    _, found, _ = found_placebos(world, "single")
    assert set(found) == {"T1"}


def test_a_unit_without_peers_has_no_targets(world):
    config, sources, plan = world.plan(peers={"k": 2, "exclude": [f"D{place}" for place in range(1, 8)]})
    assert donor_targets(config, sources, plan, "T1") == []


@pytest.mark.parametrize("design", ["peer_mean", "stacked"])
def test_placebos_of_stacked_designs(world, design, found_placebos, primaries):
    config, sources, plan = world.plan(designs=[design])
    _, found, _ = found_placebos(world, design, designs=[design])
    targets = [target for target in donor_targets(config, sources, plan, "T1") if target.unit == "D4"]
    (expected,) = primaries(config, plan, design, targets)
    item = found["T1"]
    assert item.statistics[item.donors.index("D4")] == pytest.approx(expected.statistic)


def test_logarithms_are_shown_as_ratios(world, found_placebos):
    outcome = world.outcome(transform="log")
    _, found, every = found_placebos(world, outcomes=[outcome])
    item = found["T1"]
    rows = [row["estimate"] for row in every if row["unit"] == "T1"]
    np.testing.assert_allclose(rows[:-1], np.exp(item.estimates))


def test_events_of_donors_are_theirs(world):
    events = [{"name": "Flood", "date": world.period(45), "as": "step", "units": ["D2"]}]
    config, sources, plan = world.plan(events=events)
    targets = {target.unit: target for target in donor_targets(config, sources, plan, "T1")}
    assert [item.name for item in targets["D2"].interruptions] == ["Law", "Flood"]
    assert [item.name for item in targets["D1"].interruptions] == ["Law"]
    assert len(plan.interruptions["T1"]) == 1


def test_units_with_different_numbers_of_peers_have_placebos_of_their_own(world, found_placebos, primaries):
    config, sources, plan = world.plan(peers={"k": 3, "caliper": 1.5})
    sizes = {unit: len(plan.peer_sets[unit].peers) for unit in ("T1", "T2")}
    assert plan.donors["T1"] == plan.donors["T2"]
    assert sizes["T1"] != sizes["T2"]
    _, found, _ = found_placebos(world, peers={"k": 3, "caliper": 1.5})
    for unit, placebos in found.items():
        targets = donor_targets(config, sources, plan, unit)
        assert {len(target.peers) for target in targets} == {sizes[unit]}
        alone = primaries(config, plan, "difference", targets)
        expected = {item.unit: item.statistic for item in alone}
        assert dict(zip(placebos.donors, placebos.statistics, strict=True)) == pytest.approx(expected)
    assert set(found) == {"T1", "T2"}


@pytest.mark.parametrize("design", ["single", "difference", "peer_mean"])
def test_the_place_of_a_unit_among_its_donors_before_the_start(world, found_placebos, design):
    """T1 is moved above all of them: level 100, the rest as it is."""
    world.values["T1"] = world.values["T1"] + 1000.0
    world.settings["designs"] = [design]
    estimators = [{"name": "ols"}]
    _, found, _ = found_placebos(world, design, outcomes=[world.outcome(estimators=estimators)])
    item = found["T1"]
    donors = np.column_stack([world.values[unit] for unit in UNITS[2:]])[:START]
    place = percentiles(world.values["T1"][:START], donors)
    assert item.place == place
    assert place.level == 100.0
    assert ("unlike_donors" in item.flags) == bool(place.unusual)
    check = exchangeability_check(item.place, item.n_donors, item.n_effective)
    assert (check.status, check.statistic) == ("note", 100.0)
    assert check.message.startswith(
        f"Percentiles before the start among 7 units without the intervention: level 100, "
        f"trend {place.trend:.0f}, variance {place.variance:.0f}. It is unlike them ({', '.join(place.unusual)})"
    )
    shared = np.array([[1.0 if other == unit else 0.0 for other in UNITS[2:]] for unit in UNITS[2:]])
    if design == "single":
        assert np.isnan(item.n_effective)
        assert "independent" not in check.message
        return
    for number, target in enumerate(found_placebos.targets):
        for peer in target.peers:
            shared[number, UNITS[2:].index(peer)] = -0.5
    assert item.n_effective == pytest.approx(effective_donors(shared))
    assert f"tell as much as {effective_donors(shared):.0f} independent ones" in check.message


def test_a_unit_like_its_donors_could_be_one_of_them(world, found_placebos):
    every = np.column_stack([world.values[unit] for unit in UNITS[2:]])
    like = next(own for own in every.T if not percentiles(own[:START], every[:START]).unusual)
    world.values["T2"] = like.copy()
    _, found, _ = found_placebos(world)
    assert found["T2"].place.unusual == ()
    assert "unlike_donors" not in found["T2"].flags
    item = found["T2"]
    check = exchangeability_check(item.place, item.n_donors, item.n_effective)
    assert check.status == "pass"
    assert ": it could be one of them. They share peers" in check.message
