"""Placebo in space: who takes the place of a treated unit, with whom it is compared, and the rank."""

import numpy as np
import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.pipeline.donors import donor_targets
from its_eval.pipeline.placebos import joint_placebo_check, placebos_in_space
from its_eval.pipeline.primary import Analysis

UNITS = ("T1", "T2", *(f"D{place}" for place in range(1, 8)))
N, START = 60, 30
EVERY = {"placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}


def regressors(n=N, start=START):
    time = np.arange(n)
    return np.column_stack([np.ones(n), time - start, time >= start, np.maximum(time - start, 0)]).astype(
        float
    )


def slope_statistic(y, start=START):
    X = regressors(len(y), start)
    used = ~np.isnan(y)
    X, y = X[used], y[used]
    b = np.linalg.lstsq(X, y, rcond=None)[0]
    variance = ((y - X @ b) ** 2).sum() / (len(y) - 4) * np.linalg.inv(X.T @ X)
    return b[3], b[3] / np.sqrt(variance[3, 3])


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=N))
    world.settings |= {"peers": {"k": 2}, "designs": ["difference"], "checks": EVERY}
    return world


@pytest.fixture
def found_placebos(fitted):
    """Return the plan and the placebos of a design."""

    def look(world, design="difference", **changes):
        config, sources, plan = world.plan(**changes)
        estimates, _ = fitted(config, plan, design)
        own = Analysis.of(config).primary(estimates)
        return plan, placebos_in_space(config, sources, plan, COMPARISONS[design], own, estimates)

    return look


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


def test_the_rank_is_that_of_the_studentised_estimate(world, found_placebos):
    config, sources, plan = world.plan()
    _, found = found_placebos(world)
    y = world.values
    targets = {target.unit: target.peers for target in donor_targets(config, sources, plan, "T1")}
    for unit in ("T1", "T2"):
        item = found.units[unit]
        expected = []
        for donor in item.donors:
            gap = y[donor] - np.mean([y[peer] for peer in targets[donor]], axis=0)
            expected.append(slope_statistic(gap))
        np.testing.assert_allclose(np.column_stack([item.estimates, item.statistics]), expected, rtol=1e-6)
        own = y[unit] - np.mean([y[peer] for peer in plan.peer_sets[unit].peers], axis=0)
        estimate, statistic = slope_statistic(own)
        assert item.own == pytest.approx(statistic)
        extreme = int((np.abs(item.statistics) >= abs(statistic)).sum())
        assert item.rank.p_value == pytest.approx((1 + extreme) / 8)
        rows = [row for row in found.rows if row["unit"] == unit]
        assert [row["placebo"] for row in rows] == [*item.donors, unit]
        assert rows[-1]["estimate"] == pytest.approx(estimate)


def test_the_joint_p_value_is_that_of_every_pair_of_donors(world, found_placebos):
    _, found = found_placebos(world)
    own = abs(np.mean([found.units[unit].own for unit in ("T1", "T2")]))
    statistics = found.units["T1"].statistics
    pairs = [abs(statistics[a] + statistics[b]) / 2 for a in range(7) for b in range(a)]
    extreme = sum(pair >= own for pair in pairs)
    assert found.joint == pytest.approx((1 + extreme) / (1 + len(pairs)))


def test_a_donor_that_cannot_be_fitted_counts_as_extreme(world, found_placebos):
    # D3 is near enough to be eligible, but its own nearest share none of its last periods
    world.settings["peers"] = {"k": 2, "min_coverage": 0.2}
    world.values["D3"][36:] = np.nan
    _, found = found_placebos(world)
    item = found.units["T1"]
    assert np.isnan(item.statistics[item.donors.index("D3")])
    assert item.rank.n_unfitted == 1
    others = np.abs(item.statistics[~np.isnan(item.statistics)])
    assert item.rank.n_extreme == 1 + int((others >= abs(item.own)).sum())
    rows = {row["placebo"]: row for row in found.rows if row["unit"] == "T1"}
    assert np.isnan(rows["D3"]["statistic"])
    assert np.isnan(rows["D3"]["estimate"])


def test_staggered_units_have_placebos_at_their_own_start(world, found_placebos):
    dates = {"T1": world.period(24), "T2": world.period(36)}
    _, found = found_placebos(world, treated=dates, intervention={"name": "Law"})
    config, sources, plan = world.plan(treated=dates, intervention={"name": "Law"})
    y = world.values
    for unit, start in (("T1", 24), ("T2", 36)):
        targets = {target.unit: target.peers for target in donor_targets(config, sources, plan, unit)}
        item = found.units[unit]
        gap = y["D5"] - np.mean([y[peer] for peer in targets["D5"]], axis=0)
        assert item.statistics[item.donors.index("D5")] == pytest.approx(slope_statistic(gap, start)[1])
    assert 0 < found.joint <= 1


def test_peers_that_are_given_make_all_other_donors_the_peers_of_a_placebo(world):
    given = {"given": {"T1": ["D1", "D2", "D3"], "T2": ["D2", "D4"]}}
    config, sources, plan = world.plan(peers=given, data={"characteristics": None})
    targets = donor_targets(config, sources, plan, "T1")
    pool = [f"D{place}" for place in range(1, 5)]
    assert [target.unit for target in targets] == pool
    for target in targets:
        assert target.peers == tuple(code for code in pool if code != target.unit)


def test_the_only_donor_has_nobody_to_be_compared_with_so_that_there_is_no_placebo(world, found_placebos):
    changes = {
        "peers": {"given": {"T1": ["D1"]}},
        "treated": ["T1"],
        "data": {"characteristics": None},
    }
    plan, found = found_placebos(world, **changes)
    assert plan.donors["T1"] == ("D1",)
    assert (found.units, list(found.rows)) == ({}, [])
    assert np.isnan(found.joint)
    summary = world.run(**changes).tables["summary"]
    assert summary["p_placebo"].isna().all()
    assert set(summary["label"]) <= {"no clear evidence", "gap to peers changed"}


def by_type(world):
    (world.folder / "u.csv").write_text(
        "unit,type\n" + "".join(f"{unit},{'a' if place % 2 else 'b'}\n" for place, unit in enumerate(UNITS)),
        encoding="utf-8",
    )
    units = {"path": str(world.folder / "u.csv"), "columns": {"type": "type"}}
    return {"data": {"units": units}, "peers": {"k": 2, "within": ["units.type"]}}


def test_units_with_different_donors_are_compared_with_sets_of_their_own_donors(world, found_placebos):
    world.values["T1"] += 0.05 * np.maximum(np.arange(N) - START, 0)
    plan, found = found_placebos(world, **by_type(world))
    assert plan.donors["T1"] == ("D1", "D3", "D5", "D7")
    assert plan.donors["T2"] == ("D2", "D4", "D6")
    own = abs(np.mean([found.units[unit].own for unit in ("T1", "T2")]))
    pairs = [
        abs(first + second) / 2
        for first in found.units["T1"].statistics
        for second in found.units["T2"].statistics
    ]
    share = np.mean([pair >= own for pair in pairs])
    assert 0 < share < 1
    assert found.joint == pytest.approx(share, abs=3.5 * np.sqrt(share * (1 - share) / 9999) + 1e-4)


def test_a_label_needs_the_joint_placebo_of_different_donors_too(world):
    # every unit changes, each its own way
    for place, unit in enumerate(UNITS):
        world.values[unit] += (1 + place) * np.maximum(np.arange(N) - START, 0)
    result = world.run(**by_type(world))
    checks = result.tables["checks"].query("unit == ''").set_index("check")
    assert checks.loc["joint_placebo", "message"].startswith(
        "Among sets of 2 of the 7 units without the intervention, a mean change as extreme as that of the "
        "treated has p = "
    )
    assert checks.loc["joint_placebo", "p_value"] > 0.05
    assert checks.loc["set_conclusion", "message"].startswith(
        "The treated units as a set: gap changed, not unusual"
    )


def test_a_unit_without_an_estimate_has_no_placebo_and_is_not_in_the_joint_one(world, found_placebos):
    world.values["T2"][33:] = np.nan
    plan, found = found_placebos(world)
    assert set(found.units) == {"T1"}
    assert found.joint == pytest.approx(found.units["T1"].rank.p_value)
    (check,) = joint_placebo_check(found, len(plan.treated))
    assert "that of the 1 of 2 treated that have one has p = " in check.message
    assert check.statistic == pytest.approx(found.units["T1"].own)


def test_a_unit_without_peers_has_no_targets(world):
    config, sources, plan = world.plan(peers={"k": 2, "exclude": [f"D{place}" for place in range(1, 8)]})
    assert donor_targets(config, sources, plan, "T1") == []


@pytest.mark.parametrize("design", ["peer_mean", "stacked"])
def test_placebos_of_stacked_designs(world, design, found_placebos, primaries):
    config, sources, plan = world.plan(designs=[design])
    _, found = found_placebos(world, design, designs=[design])
    targets = [target for target in donor_targets(config, sources, plan, "T1") if target.unit == "D4"]
    (expected,) = primaries(config, plan, design, targets)
    item = found.units["T1"]
    assert item.statistics[item.donors.index("D4")] == pytest.approx(expected.statistic)


def test_logarithms_are_shown_as_ratios(world, found_placebos):
    outcome = world.outcome(transform="log")
    _, found = found_placebos(world, outcomes=[outcome])
    item = found.units["T1"]
    rows = [row["estimate"] for row in found.rows if row["unit"] == "T1"]
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
    _, placebos_of_both = found_placebos(world, peers={"k": 3, "caliper": 1.5})
    found = placebos_of_both.units
    for unit, placebos in found.items():
        targets = donor_targets(config, sources, plan, unit)
        assert {len(target.peers) for target in targets} == {sizes[unit]}
        alone = primaries(config, plan, "difference", targets)
        expected = {item.unit: item.statistic for item in alone}
        assert dict(zip(placebos.donors, placebos.statistics, strict=True)) == pytest.approx(expected)
    assert set(found) == {"T1", "T2"}
