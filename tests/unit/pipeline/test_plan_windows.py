"""Windows of a plan, other frequencies, and units with gaps that are left out."""

import numpy as np
import pytest

from its_eval.errors import NothingEstimatedError

UNITS = ("T1", "T2", "D1", "D2", "D3")
N, START = 72, 40


def regressors(n, start):
    time = np.arange(n)
    return np.column_stack([np.ones(n), time - start, time >= start, np.maximum(time - start, 0)]).astype(
        float
    )


def estimates(evaluation, unit, design="single"):
    frame = evaluation.tables["effects"]
    chosen = frame[(frame["unit"] == unit) & (frame["design"] == design) & (frame["scale"] == "response")]
    return chosen.set_index("estimand")["estimate"]


@pytest.fixture
def world(make_world, noisy):
    return make_world(noisy(UNITS, n=N), start=START)


def test_a_window_moves_everything_that_is_counted_in_periods(world):
    for unit in UNITS:
        world.add("rain", unit, np.arange(N) * 1.0)
    events = [
        {"name": "Early", "date": world.period(12), "as": "step"},
        {"name": "Flood", "date": world.period(55), "as": "slope"},
        {"name": "Strike", "date": world.period(33), "as": "mask"},
        {"name": "Fire", "date": world.period(25), "until": world.period(35), "as": "mask", "units": ["T1"]},
    ]
    outcome = world.outcome(covariates=["rain"])
    _, _, plan = world.plan(events=events, outcomes=[outcome], peers={"k": 2})
    cut = plan.windowed(30, 60)
    assert cut.panel.n_periods == 30
    assert cut.panel.periods == plan.panel.periods[30:60]
    assert [(item.name, item.start) for item in cut.interruptions["T1"]] == [("Law", 10), ("Flood", 25)]
    assert np.flatnonzero(cut.masked).tolist() == [3]
    assert cut.mask_reasons[3] == "Strike"
    assert cut.unit_masks == {"T1": dict.fromkeys(range(6), "Fire")}
    assert cut.covariates["rain"][:, 0].tolist() == list(range(30, 60))
    np.testing.assert_array_equal(cut.panel.values, plan.panel.values[30:60])
    assert cut.period(10) == plan.period(40) == world.period(START)
    assert cut.positions == plan.positions[30:60]
    assert (cut.first_start, cut.start_in_words) == (10, plan.start_in_words)
    without = plan.windowed(0, 50)
    assert [item.name for item in without.interruptions["T1"]] == ["Law", "Early"]


def test_a_fit_of_a_window_is_that_of_its_rows(world, primaries):
    config, _, plan = world.plan(peers={"k": 2})
    cut = plan.windowed(20, 65)
    found = {item.unit: item for item in primaries(config, cut, "single")}
    y = world.values["T2"][20:65]
    expected = np.linalg.lstsq(regressors(45, 20), y, rcond=None)[0]
    assert found["T2"].estimate == pytest.approx(expected[3])


def test_start_and_end_of_an_outcome(world):
    outcome = world.outcome(start=world.period(20), end=world.period(64))
    found = world.run(outcomes=[outcome], treated=["T1"])
    expected = np.linalg.lstsq(regressors(45, 20), world.values["T1"][20:65], rcond=None)[0]
    assert estimates(found, "T1")["slope_change"] == pytest.approx(expected[3])


@pytest.mark.parametrize(
    ("frequency", "per_year", "word", "label"),
    [
        ("quarter", 4, "quarters", "a term for each season"),
        ("quarter", 4, "auto", "a term for each season"),
        ("quarter", 4, {"harmonics": 2}, "2 pairs of harmonics"),
        ("week", 52, {"harmonics": 2}, "2 pairs of harmonics"),
        ("week", 52, "auto", "1 pair of harmonics"),
        ("month", 12, "auto", "a term for each season"),
    ],
)
def test_seasons_of_other_frequencies(make_world, noisy, frequency, per_year, word, label):
    n = 130 if frequency == "week" else 72
    world = make_world(noisy(("T1", "D1"), n=n, per_year=per_year), frequency=frequency)
    found = world.run(outcomes=[world.outcome(seasonality=word)])
    (fit,) = found.tables["fits"].to_dict("records")
    assert fit["season"] == label
    time = np.arange(n)
    X = regressors(n, n // 2)
    if "harmonics" in label:
        pairs = int(label[0])
        angles = 2 * np.pi * np.outer(time, np.arange(1, pairs + 1)) / per_year
        X = np.column_stack([X, np.sin(angles), np.cos(angles)])
        # the sine of the highest frequency is nothing
        X = X[:, np.abs(X).max(axis=0) > 1e-9]
    else:
        X = np.column_stack([X[:, 1:], *(time % per_year == season for season in range(per_year))]).astype(
            float
        )
    expected = X @ np.linalg.lstsq(X, world.values["T1"], rcond=None)[0]
    np.testing.assert_allclose(found.tables["series"]["fitted"], expected, atol=1e-7)


def test_weeks_with_a_term_each(make_world, noisy):
    world = make_world(noisy(("T1", "D1"), n=208, per_year=52), frequency="week")
    found = world.run(
        outcomes=[world.outcome(seasonality="weeks")],
        events=[
            {"name": "Strike", "date": "2021-W05", "until": "2021-W06", "as": "mask"},
        ],
    )
    terms = found.tables["coefficients"]["term"].tolist()
    assert terms[4:] == [f"week_{place}" for place in range(1, 52)]
    assert found.tables["series"].query("not used")["period"].tolist() == ["2021-W05", "2021-W06"]
    time = np.arange(208)
    used = ~np.isin(time, [4, 5])
    X = np.column_stack(
        [time, time >= 104, np.maximum(time - 104, 0), *(time % 52 == week for week in range(52))]
    ).astype(float)[used]
    expected = np.linalg.lstsq(X, world.values["T1"][used], rcond=None)[0]
    assert estimates(found, "T1")["level_change"] == pytest.approx(expected[1])
    assert found.outcomes["y"]["start_in_words"].startswith("week 1 of 2023")


def test_a_long_year_shares_its_last_week(make_world):
    # 2020 has 53 weeks
    periods = [f"2020-W{week:02d}" for week in range(1, 54)] + [f"2021-W{week:02d}" for week in range(1, 53)]
    world = make_world({"T1": np.arange(105.0)}, frequency="week")
    world.period = periods.__getitem__
    world.settings["intervention"]["date"] = "2021-W01"
    _, _, plan = world.plan(outcomes=[world.outcome(seasonality="weeks")])
    assert plan.panel.n_periods == 105
    assert plan.panel.periods == periods
    assert (plan.positions[52], plan.positions[53]) == (52, 0)
    assert plan.per_year == 52


GAPS = {"missing": "drop_unit"}


def test_units_with_a_gap_are_left_out_when_asked(world):
    world.values["T2"][[7, 50]] = np.nan
    world.values["D1"][30] = np.nan
    found = world.run(data=GAPS, peers={"k": 2}, designs=["single", "difference"])
    rows = found.tables["not_estimated"]
    message = "T2 misses 2 usable periods, and `missing: drop_unit` leaves such units out"
    assert rows[["unit", "design", "reason", "message"]].to_numpy().tolist() == [
        ["T2", design, "dropped", message] for design in ("difference", "single")
    ]
    assert set(found.tables["summary"]["unit"]) == {"T1"}
    assert "D1" not in set(found.tables["peers"]["peer"])
    reason = found.tables["peer_exclusions"].query("candidate == 'D1'")["reason"]
    assert len(reason) > 0
    # with the usual setting both are used
    kept = world.run(peers={"k": 3}, designs=["single", "difference"])
    assert set(kept.tables["summary"]["unit"]) == {"T1", "T2"}
    assert "D1" in set(kept.tables["peers"]["peer"])


def test_a_gap_in_a_period_that_is_not_used_is_none(world):
    world.values["T2"][7] = np.nan
    events = [{"name": "Strike", "date": world.period(7), "as": "mask"}]
    found = world.run(data=GAPS, events=events)
    assert set(found.tables["summary"]["unit"]) == {"T1", "T2"}


def test_nothing_left_is_told(world):
    world.values["T1"][7] = np.nan
    with pytest.raises(NothingEstimatedError) as caught:
        world.run(data=GAPS, treated=["T1"])
    assert str(caught.value) == (
        "no series could be estimated\ny, T1, single: T1 misses 1 usable periods, and `missing: drop_unit` "
        "leaves such units out"
    )
