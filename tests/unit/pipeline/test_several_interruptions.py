"""Events that are fitted, units with dates of their own, and every unit in turn."""

import numpy as np
import pandas as pd
import pytest

from its_eval.errors import NothingEstimatedError

UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")
ESTIMANDS = ["counterfactual_at_start", "pre_slope", "level_change", "slope_change"]


def estimates(evaluation, unit, design="single", interruption="Law"):
    frame = evaluation.tables["effects"]
    chosen = frame[
        (frame["unit"] == unit) & (frame["design"] == design) & (frame["interruption"] == interruption)
    ]
    return chosen[chosen["scale"] == "response"].set_index("estimand")["estimate"]


def least_squares(y, start, *columns):
    time = np.arange(len(y))
    X = np.column_stack([np.ones(len(y)), time - start, time >= start, np.maximum(time - start, 0), *columns])
    return np.linalg.lstsq(X.astype(float), y, rcond=None)[0]


def piece(n, start):
    time = np.arange(n)
    return (time >= start).astype(float), np.maximum(time - start, 0.0)


def test_what_was_expected_without_this_one_and_without_any(make_world, noisy):
    world = make_world(noisy(UNITS))
    events = [
        {"name": name, "date": world.period(at), "as": "step_and_slope"}
        for name, at in (("Flood", 54), ("Storm", 18))
    ]
    found = world.run(events=events, peers=None, designs=["single"])
    rows = found.tables["series"].query("unit == 'T1'").sort_values("period")
    b = least_squares(world.values["T1"], 36, *piece(world.n, 54), *piece(world.n, 18))
    time = np.arange(world.n)
    trend = b[0] + b[1] * (time - 36.0)
    others = np.column_stack([*piece(world.n, 54), *piece(world.n, 18)]) @ b[4:]
    np.testing.assert_allclose(
        rows["counterfactual_without_any"], np.where(time >= 18, trend, np.nan), rtol=1e-8
    )
    np.testing.assert_allclose(
        rows["counterfactual"], np.where(time >= 36, trend + others, np.nan), rtol=1e-8
    )
    alone = world.run(peers=None, designs=["single"]).tables["series"]
    assert alone["counterfactual_without_any"].isna().all()
    assert alone["counterfactual"].notna().any()


def test_fitted_events_have_rows_of_their_own(make_world, noisy):
    world = make_world(noisy(UNITS))
    events = [
        {"name": "Flood", "date": world.period(54), "as": "step_and_slope"},
        {"name": "Storm", "date": world.period(18), "as": "slope", "units": ["T1", "D1"]},
        {"name": "Later", "date": "2030-01", "as": "step"},
        {"name": "Elsewhere", "date": world.period(9), "as": "note"},
    ]
    found = world.run(events=events, peers={"k": 2}, designs=["single", "difference"])
    y, n = world.values, world.n
    b = least_squares(y["T1"], 36, *piece(n, 54), piece(n, 18)[1])
    got = estimates(found, "T1")
    # the trend just before the law includes the change of the storm
    np.testing.assert_allclose(got[ESTIMANDS[1:]], [b[1] + b[6], b[2], b[3]], rtol=1e-8)
    np.testing.assert_allclose(got["counterfactual_at_start"], b[0] + b[6] * 18, rtol=1e-8)
    flood = estimates(found, "T1", interruption="Flood")
    np.testing.assert_allclose(
        flood[["level_change", "slope_change", "pre_slope"]], [b[4], b[5], b[1] + b[3] + b[6]], rtol=1e-8
    )
    # T2 has no storm
    other = least_squares(y["T2"], 36, *piece(n, 54))
    np.testing.assert_allclose(estimates(found, "T2")[ESTIMANDS], other[:4], rtol=1e-8)
    assert estimates(found, "T2", interruption="Storm").empty
    effects = found.tables["effects"]
    assert set(effects["interruption"]) == {"Law", "Flood", "Storm"}
    periods = effects.drop_duplicates("interruption").set_index("interruption")["interruption_period"]
    assert periods.to_dict() == {"Law": "2013-01", "Flood": "2014-07", "Storm": "2011-07"}
    assert set(effects.query("role == 'primary'")["interruption"]) == {"Law"}
    quality = found.tables["data_quality"]
    said = "The event 'Later' (2030-01) lies outside the data and has no effect."
    assert quality[["check", "severity", "message"]].to_numpy().tolist() == [
        ["event_outside_window", "warning", said]
    ]
    assert [name for name, *_ in found.outcomes["y"]["events"]] == ["Flood", "Storm", "Later", "Elsewhere"]
    power = found.tables["power"]
    assert not power.duplicated(["outcome", "unit", "design", "estimand"]).any()


def test_the_counterfactual_of_a_series_leaves_other_events_on(make_world, noisy):
    world = make_world(noisy(UNITS))
    events = [{"name": "Flood", "date": world.period(54), "as": "step"}]
    found = world.run(events=events, treated=["T1"])
    b = least_squares(world.values["T1"], 36, piece(world.n, 54)[0])
    shown = found.tables["series"]
    time = np.arange(world.n)
    expected = b[0] + b[1] * (time - 36) + b[4] * (time >= 54)
    np.testing.assert_allclose(shown["counterfactual"][36:], expected[36:])
    assert shown["counterfactual"][:36].isna().all()


@pytest.mark.parametrize("start", [36, 40])
def test_events_too_close_are_refused_with_a_hint(make_world, noisy, start):
    world = make_world(noisy(UNITS))
    events = [{"name": "Flood", "date": world.period(start), "as": "step"}]
    with pytest.raises(NothingEstimatedError) as caught:
        world.run(events=events, treated=["T1"])
    count = start - 36
    hint = "mask or note one of the events" + (", or use `shape: step`" if count >= 3 else "")
    assert str(caught.value).endswith(
        f"{count} usable periods from the start of 'Law'; `shape: step_and_slope` needs 8: {hint}"
    )


STAGGERED = {"T1": 30, "T2": 45}


@pytest.fixture
def staggered(make_world, noisy):
    world = make_world(noisy(UNITS))
    dates = {unit: world.period(start) for unit, start in STAGGERED.items()}
    world.settings |= {"treated": dates, "intervention": {"name": "Law"}, "peers": {"k": 2}}
    return world


def test_every_unit_has_its_own_start(staggered):
    found = staggered.run()
    y = staggered.values
    peers = found.tables["peers"].groupby("unit")["peer"].apply(list)
    for unit, start in STAGGERED.items():
        np.testing.assert_allclose(
            estimates(found, unit)[ESTIMANDS], least_squares(y[unit], start)[:4], rtol=1e-8
        )
        gap = y[unit] - np.mean([y[peer] for peer in peers[unit]], axis=0)
        got = estimates(found, unit, "difference")
        np.testing.assert_allclose(got[ESTIMANDS], least_squares(gap, start)[:4], rtol=1e-7, atol=1e-9)
        rows = found.rows_of("effects", "y", unit)
        assert set(rows["interruption_period"]) == {staggered.period(start)}
        fits = found.rows_of("fits", "y", unit)
        assert set(fits["n_pre"]) == {start}
        assert set(fits["n_post"]) == {72 - start}
    assert not {"T1", "T2"} & set(found.tables["peers"]["peer"])


def test_calendar_and_event_time(staggered):
    found = staggered.run()
    for unit, start in STAGGERED.items():
        rows = found.rows_of("series", "y", unit).query("design == 'single'")
        assert rows["period"].tolist() == [staggered.period(index) for index in range(72)]
        assert rows["event_time"].tolist() == list(range(-start, 72 - start))
        assert rows["counterfactual"].isna().tolist() == [True] * start + [False] * (72 - start)
    about = found.outcomes["y"]
    assert about["interruption_period"] == "2012-07"
    assert about["start_in_words"] == "July 2012 to October 2013"
    assert about["starts"] == {"T1": ("2012-07", "July 2012"), "T2": ("2013-10", "October 2013")}


def test_a_donor_needs_data_around_the_start_of_its_unit(staggered):
    # D1 stops before T2 starts, and long after T1 has
    staggered.values["D1"][45:] = np.nan
    found = staggered.run()
    peers = found.tables["peers"].groupby("unit")["peer"].apply(list)
    assert "D1" not in peers["T2"]
    dropped = found.tables["peer_exclusions"].query("candidate == 'D1'")
    assert set(dropped["unit"]) >= {"T2"}


def test_dates_outside_the_window_are_faults_of_the_run(make_world, noisy):
    world = make_world(noisy(UNITS))
    dates = {"T1": "2030-01", "T2": world.period(0)}
    assert world.faults(treated=dates, intervention={}) == [
        "outcome 'y': the intervention 2010-01 leaves no period before it in its data, 2010-01 to 2015-12 "
        "(of T2): correct the date, or take the unit out of `treated`",
        "outcome 'y': the intervention 2030-01 lies outside its data, 2010-01 to 2015-12 (of T1): correct the "
        "date, or take the unit out of `treated`",
    ]


def test_equal_dates_are_the_unstaggered_study(make_world, noisy):
    world = make_world(noisy(UNITS))
    common = world.run(peers={"k": 2})
    date = world.period(36)
    own = world.run(peers={"k": 2}, treated={"T1": date, "T2": date}, intervention={"name": "Law"})
    for name in common.tables:
        pd.testing.assert_frame_equal(common.tables[name], own.tables[name])


def test_every_unit_in_turn(make_world, noisy):
    world = make_world(noisy(UNITS))
    found = world.run(treated="each", peers={"k": 2})
    assert sorted(set(found.tables["summary"]["unit"])) == sorted(UNITS)
    peers = found.tables["peers"].groupby("unit")["peer"].apply(set)
    for unit in UNITS:
        assert len(peers[unit]) == 2
        assert unit not in peers[unit]
    # a unit that is treated in another turn is a donor in this one
    assert peers["D1"] & {"T1", "T2", "D2"}
    y = world.values
    gap = y["D1"] - np.mean([y[peer] for peer in sorted(peers["D1"])], axis=0)
    np.testing.assert_allclose(
        estimates(found, "D1", "difference")[ESTIMANDS], least_squares(gap, 36)[:4], rtol=1e-7, atol=1e-9
    )
    _, _, plan = world.plan(treated="each", peers={"k": 2})
    assert plan.treated == tuple(sorted(UNITS))
    assert plan.donors["T1"] == tuple(sorted(set(UNITS) - {"T1"}))


def test_units_without_the_outcome_have_no_turn(make_world, noisy):
    world = make_world(noisy(UNITS))
    world.add("other", "Z9", range(5))
    _, _, plan = world.plan(treated="each")
    assert "Z9" not in plan.treated
