"""`calibrate`: sizes that are known, intervals, power, real donors, and what it refuses."""

import numpy as np
import pytest
from scipy import stats

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.evaluation import OPEN_LABELS
from its_eval.pipeline.calibration import COLUMNS, LABELLED, LABELLED_MORE, REAL_DONORS, calibrate
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.simulated_series import estimates_of, fitted_series, simulate
from its_eval.pipeline.truths import TRUTHS


def quiet(_phrase, _done, _total):
    pass


def row_of(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.fixture
def ols(study):
    """Independent errors, least squares alone: every size is known."""
    return calibrate(study.config(designs=["single", "difference"]), 500, quiet)


def test_rows_and_columns(ols):
    assert tuple(ols.columns) == COLUMNS
    keys = ols[["outcome", "design", "estimand", "truth"]].drop_duplicates()
    # level and slope with the real donors, labels without; four donors are too few for the second label
    assert len(keys) == len(ols) == 2 * (2 * (len(TRUTHS) + 1) + len(TRUTHS))
    assert list(dict.fromkeys(ols["truth"])) == [*TRUTHS, REAL_DONORS]
    assert set(ols["estimator"]) == {"ols"}
    simulated = ols[ols["truth"] != REAL_DONORS]
    # two treated units; least squares is not one of the slow ones
    assert set(simulated["series"]) == {1000}
    assert set(ols["estimand"]) == {"level_change", "slope_change", LABELLED}
    assert set(ols[ols["truth"] == REAL_DONORS]["series"]) == {4}
    np.testing.assert_allclose(ols["coverage"], 1 - ols["size"])
    assert set(ols["nominal"]) == {0.05}


def test_least_squares_keeps_its_size_where_its_assumptions_hold(ols):
    error = np.sqrt(0.05 * 0.95 / 1000)
    for design in ("single", "difference"):
        for estimand in ("level_change", "slope_change"):
            row = row_of(ols, design=design, estimand=estimand, truth="as fitted")
            assert abs(row["size"] - 0.05) <= 3.5 * error
            assert row["size_low"] < row["size"] < row["size_high"]
            # the effect is the one it finds four times in five
            assert abs(row["power"] - 0.8) <= 3.5 * np.sqrt(0.16 / 1000)
            assert row["effect"] > 0


def test_least_squares_fails_where_months_resemble_their_neighbours(study):
    """Against the textbook size: the variance of the estimate over the one that least squares believes in."""
    table = calibrate(study.config(designs=["single"]), 1000, quiet)
    n, start = 48, 24
    t = np.arange(n)
    X = np.column_stack([np.ones(n), t - start, t >= start, np.maximum(t - start, 0)])
    phi = np.array([0.3, 0.3])
    rho = [1.0, phi[0] / (1 - phi[1])]
    while len(rho) < n:
        rho.append(phi @ [rho[-1], rho[-2]])
    V = np.array(rho)[np.abs(np.subtract.outer(t, t))]
    bread = np.linalg.inv(X.T @ X)
    residual = np.trace((np.eye(n) - X @ bread @ X.T) @ V) / (n - 4)
    for place, estimand in ((2, "level_change"), (3, "slope_change")):
        ratio = (bread @ X.T @ V @ X @ bread)[place, place] / (residual * bread[place, place])
        expected = 2 * stats.norm.sf(stats.t.ppf(0.975, n - 4) / np.sqrt(ratio))
        row = row_of(table, estimand=estimand, truth="AR(2) .3 .3")
        # residual variance taken as its expectation: a point off at most
        assert row["size"] == pytest.approx(expected, abs=0.03)
        assert row["size"] > 0.2


def test_the_same_seed_gives_the_same_table_and_another_does_not(study):
    config = study.config(designs=["single"])
    first = calibrate(config, 50, quiet)
    assert first.equals(calibrate(config, 50, quiet))
    assert not first.equals(calibrate(config.model_copy(update={"seed": 7}), 50, quiet))


def test_an_estimator_more_changes_nothing_for_the_others(study):
    alone = calibrate(study.config(designs=["single"], estimators=["reml_ar"]), 40, quiet)
    beside = calibrate(study.config(designs=["single"], estimators=["reml_ar", "ols"]), 40, quiet)
    assert alone.equals(beside[beside["estimator"] == "reml_ar"].reset_index(drop=True))


def test_real_donors_are_those_of_a_run(study):
    """Four donors, one of which breaks by ten standard deviations at the date."""
    for index in range(24, 48):
        study.put("D1", index, to=80.0 + 0.1 * index + 0.3 * (-1) ** index)
    table = calibrate(study.config(designs=["single"]), 20, quiet)
    row = row_of(table, truth=REAL_DONORS, estimand="level_change")
    fits = {}
    frame = study.frame.astype({"value": float})
    t = np.arange(48)
    X = np.column_stack([np.ones(48), t - 24, t >= 24, np.maximum(t - 24, 0)])
    for unit in ("D1", "D2", "D3", "D4"):
        y = frame.loc[frame["unit"] == unit, "value"].to_numpy()
        b, ssr = np.linalg.lstsq(X, y, rcond=None)[:2]
        se = np.sqrt(ssr[0] / 44 * np.linalg.inv(X.T @ X)[2, 2])
        fits[unit] = 2 * stats.t.sf(abs(b[2]) / se, 44)
    rejected = sum(p < 0.05 for p in fits.values())
    assert rejected >= 1
    assert row["size"] == rejected / 4
    interval = stats.beta.ppf([0.025, 0.975], [rejected, rejected + 1], [4 - rejected + 1, 4 - rejected])
    assert [row["size_low"], row["size_high"]] == pytest.approx(list(interval))
    assert np.isnan(row["power"])


def test_slow_estimators_get_a_tenth_and_at_least_twenty(study):
    config = study.config(designs=["single"], estimators=["ols", {"name": "newey_west", "lags": 2}])
    table = calibrate(config, 300, quiet)
    fitted = table[table["truth"] == "as fitted"].set_index(["estimator", "estimand"])["series"]
    assert fitted["ols", "slope_change"] == 600
    assert fitted["newey_west", "slope_change"] == 60
    few = calibrate(config, 40, quiet)
    assert set(few[(few["estimator"] == "newey_west") & (few["truth"] != REAL_DONORS)]["series"]) == {40}


def test_a_slow_estimator_that_answers_is_judged_by_the_series_it_was_given(study):
    config = study.config(designs=["single"], estimators=[{"name": "newey_west", "lags": 2}])
    table = calibrate(config, 300, quiet)
    labelled = table[table["estimand"] == LABELLED].set_index("truth")
    assert set(labelled["series"]) == {60}
    # two units are tested, so that a label needs no less than an interval of each
    single = table[table["estimand"] == "slope_change"].set_index("truth")["size"]
    assert (labelled["size"] <= single[labelled.index]).all()


def test_a_single_group_study_without_donors_has_no_rows_of_them(study):
    table = calibrate(study.config(designs=["single"], peers=None), 20, quiet)
    assert REAL_DONORS not in set(table["truth"])
    assert len(table) == 3 * len(TRUTHS)


def test_the_primary_estimand_is_among_the_rows(study):
    config = study.config(designs=["single"], estimands={"primary": "average_effect"})
    table = calibrate(config, 20, quiet)
    assert set(table["estimand"]) == {"level_change", "slope_change", "average_effect", LABELLED}
    step = study.config(designs=["single"], intervention={"name": "Law", "date": "2015-01", "shape": "step"})
    assert set(calibrate(step, 20, quiet)["estimand"]) == {"level_change", LABELLED}


def test_progress_goes_forward_to_the_end(study):
    calls = []
    calibrate(study.config(designs=["single", "difference"]), 20, lambda *call: calls.append(call))
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert calls[-1] == ("done", 6, 6)
    assert any("T2" in phrase for phrase, _, _ in calls)


def settings_of(study, fitted, design, estimators, outcome=0, **changes):
    """Return plan, comparison, entries and what each series is simulated from."""
    changes |= {"designs": [design], "estimators": estimators}
    config, plan = study.config(**changes), study.plan(**changes).outcomes[outcome]
    comparison = COMPARISONS[design]
    entries = comparison.entries(plan.outcome.estimators)
    estimates, _ = fitted(config, plan, design, None, entries[:1])
    analysis, asked = Analysis.of(config), ("level_change", "slope_change")
    found = [one for item in estimates for one in fitted_series(analysis, item, asked)]
    return analysis, plan, comparison, entries, {one.target.unit: one for one in found}, estimates


@pytest.mark.parametrize("design", ["single", "difference"])
def test_series_are_those_of_the_fit_with_gaps_and_fresh_counts(study, fitted, design):
    study.drop("T1", [3, 30])
    _, plan, comparison, _, settings, estimates = settings_of(study, fitted, design, ["reml_ar"])
    first = settings["T1"]
    assert first.resampled
    assert list(np.flatnonzero(~first.observed)) == [3, 30]
    drawn = simulate(plan, comparison, first, "as fitted", 4000, np.random.default_rng(1))
    assert np.isnan(drawn.own[[3, 30]]).all()
    # shares of whole counts of the denominators that the data have
    sizes = plan.panel.denominators[first.observed][:, plan.panel.column("T1")]
    counts = drawn.own[first.observed] * sizes[:, None] / 100
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-8)
    values = drawn.own
    if design == "difference":
        assert drawn.peers.shape == (48, 4000, len(first.target.peers))
        assert (drawn.peers[:, 0] != drawn.peers[:, 1]).any()
        values = drawn.own - drawn.peers.mean(axis=2)
    (item,) = [item for item in estimates if "T1" in item.units]
    place = item.units.index("T1")
    # latent and sampling variance together are the fitted one, where the latent one is not at its edge of 0
    spread = values[first.observed].var(axis=1)
    fitted_variance = item.whole.sigma[place] ** 2 * item.period_variance[place, first.observed]
    sampling = first.sampling[first.observed]
    expected = np.maximum(fitted_variance, sampling)
    assert spread.mean() == pytest.approx(expected.mean(), rel=0.1)
    expected_course = item.design.without(0) @ item.whole.params[place]
    course = values[first.observed].mean(axis=1)
    np.testing.assert_allclose(course, expected_course[first.observed], atol=6 * np.sqrt(spread.max() / 4000))


def test_simulated_series_go_the_way_of_a_run(study, fitted):
    """The fit of a simulated series is that of a table which has it: weights are estimated again."""
    entries = [{"name": "reml_ar", "order": 1}]
    analysis, plan, comparison, chosen, settings, _ = settings_of(study, fitted, "difference", entries)
    series = settings["T1"]
    drawn = simulate(plan, comparison, series, "as fitted", 3, np.random.default_rng(2))
    found = estimates_of(plan, comparison, series, [drawn], chosen, analysis.ask)
    level = {target: item for one in [analysis.of_estimand("level_change").primary(found)] for target, item in
             ((row.unit, row) for row in one)}  # fmt: skip
    for number in range(3):
        study_of_one = study
        for index in range(48):
            study_of_one.put("T1", index, to=drawn.own[index, number])
            for place, peer in enumerate(series.target.peers):
                study_of_one.put(peer, index, to=drawn.peers[index, number, place])
        changes = {"designs": ["difference"], "estimators": entries}
        again = study_of_one.plan(**changes).outcomes[0]
        estimates, _ = comparison.estimates(again, analysis.ask, [series.target], chosen)
        (expected,) = analysis.of_estimand("level_change").primary(estimates)
        item = level[str(number)]
        assert item.estimate == pytest.approx(expected.estimate, rel=1e-6)
        assert item.std_error == pytest.approx(expected.std_error, rel=1e-6)
        assert item.df == pytest.approx(expected.df, rel=1e-5)


def test_labels_are_those_of_a_run_on_the_same_series(make_world, noisy):
    """Twenty donors: what is not unusual among them is not labelled as more than others do."""
    units = ("T1", "T2", *(f"D{place:02d}" for place in range(1, 21)))
    world = make_world(noisy(units, n=60), start=30)
    world.settings |= {"peers": {"k": 4}, "designs": ["difference"], "estimands": {"primary": "level_change"}}
    world.settings["checks"] = {"placebo_units": True}
    table = calibrate(world.config(outcomes=[world.outcome(estimators=["ols"])]), 400, quiet)
    fitted_as = table[table["truth"] == "as fitted"].set_index("estimand")
    changed, more = fitted_as.loc[LABELLED], fitted_as.loc[LABELLED_MORE]
    # each of two units is tested at 2.5 % at first (Holm), and its size is that of least squares
    assert changed["series"] == more["series"] == 800
    assert changed["size"] <= fitted_as.loc["level_change", "size"]
    assert abs(changed["size"] - 0.0255) <= 3.5 * np.sqrt(0.0255 / 800)
    assert more["size"] <= changed["size"]
    assert "no clear change" in OPEN_LABELS
    broken = table[(table["truth"] == "the trend bends by one sd") & (table["estimand"] == LABELLED)]
    assert broken["size"].item() > changed["size"]


@pytest.mark.parametrize("entry", [{"name": "reml_ar", "variance": "by_segment"}, "prais_winsten"])
def test_other_estimators_are_fitted_as_in_a_run(study, entry):
    table = calibrate(study.config(designs=["single"], estimators=["ols", entry]), 20, quiet)
    name = entry if isinstance(entry, str) else entry["name"]
    rows = table[(table["estimator"].str.startswith(name)) & (table["truth"] != REAL_DONORS)]
    assert len(rows) == 2 * len(TRUTHS)
    straight = rows[rows["truth"] != "the trend bends by one sd"]
    assert straight["size"].between(0, 0.8).all()
    assert (straight["power"] > straight["size"]).all()


def test_designs_of_several_series_are_refused(study):
    with pytest.raises(ConfigError, match="designs: stacked; calibrate simulates single and difference"):
        calibrate(study.config(designs=["stacked"]), 20, quiet)


def test_families_alone_are_refused_and_beside_others_left_out(study):
    changes = {
        "outcomes": [
            {"indicator": "waits", "kind": "count", "better": "higher", "seasonality": "none"},
        ],
        "designs": ["single"],
    }
    with pytest.raises(ConfigError, match=r"outcomes\[0\]: waits has no estimator .* only poisson") as caught:
        calibrate(study.config(estimators=["poisson"], **changes), 20, quiet)
    assert "designs: [single]" in caught.value.hint


def test_nothing_to_fit_is_said(study):
    """Fifteen months: no error model can be estimated."""
    config = study.config(
        designs=["single"],
        estimators=["reml_ar"],
        outcomes=[
            {
                "indicator": "waits",
                "kind": "number",
                "better": "higher",
                "seasonality": "none",
                "start": "2014-06",
                "end": "2015-08",
            }
        ],
        intervention={"name": "Law", "date": "2015-01", "shape": "step"},
        peers=None,
    )
    with pytest.raises(NothingEstimatedError, match=r"no series could be estimated\n.*single: .*15 usable"):
        calibrate(config, 20, quiet)
