"""Power before any data exist: rows, windows, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from by_hand import segments
from scipy import optimize, stats

from its_eval.checks.power import design_fit, minimum_detectable
from its_eval.errors import ConfigError
from its_eval.pipeline.design_power import COLUMNS, design_power

WINDOW = {"indicator": "waits", "kind": "number", "better": "higher", "seasonality": "none"}


@pytest.fixture
def planned(study):
    def build(**changes):
        outcome = {**WINDOW, "start": "2013-01", "end": "2016-12", **changes.pop("outcome", {})}
        settings = {"estimators": ["reml_ar"], "designs": ["single", "difference"], **changes}
        return study.config(outcomes=[outcome], **settings)

    return build


def test_no_data_are_read(planned, study):
    config = planned()
    for path in study.folder.iterdir():
        path.unlink()
    table = design_power(config).tables["power_curve"]
    assert tuple(table.columns) == COLUMNS
    assert table["minimum_detectable"].dropna().gt(0).all()
    # no test of a slope at strong autocorrelation in 24 periods; of a jump everywhere
    assert table.loc[table["estimand"] == "level_change", "minimum_detectable"].notna().all()
    assert set(table.loc[table["minimum_detectable"].isna(), "autocorrelation"]) <= {0.4, 0.6, 0.8}


def test_rows_are_those_of_the_closed_form(planned):
    table = design_power(planned(), autocorrelations=(0.0, 0.4), power=0.9).tables["power_curve"]
    lengths = sorted(set(zip(table["n_pre"], table["n_post"], strict=True)))
    assert lengths == [(12, 12), (18, 18), (24, 24), (36, 36), (48, 48)]
    assert set(table[table["configured"]]["n_pre"]) == {24}
    for design, n_peers in (("single", None), ("difference", 2)):
        own = table[(table["design"] == design) & (table["n_pre"] == 24)]
        read = design_fit(segments(48, 24), np.array([[0.0, 0.0]])).contrasts(
            np.array([[0, 0, 1, 0], [0, 0, 0, 12]])
        )
        error = np.sqrt(1 + 1 / n_peers) if n_peers else 1.0
        level, slope = (
            minimum_detectable(error * s, df, 0.05, 0.9)
            for s, df in zip(read.std_error[0], read.df[0], strict=True)
        )
        at_zero = own[own["autocorrelation"] == 0.0].set_index("estimand")["minimum_detectable"]
        assert at_zero["level_change"] == pytest.approx(level, rel=1e-12)
        assert at_zero["slope_change"] == pytest.approx(slope, rel=1e-12)
    assert set(table["power"]) == {0.9}
    assert set(table["alpha"]) == {0.05}


def test_ten_peers_cost_the_root_of_one_and_a_tenth(planned):
    table = design_power(planned(peers={"k": 10})).tables["power_curve"]
    by_design = table.pivot(  # noqa: PD010
        index=["estimand", "autocorrelation", "n_pre"], columns="design", values="minimum_detectable"
    )
    # noncentral t in both: proportional to the standard error
    ratio = (by_design["difference"] / by_design["single"]).dropna()
    assert len(ratio) > 40
    np.testing.assert_allclose(ratio, np.sqrt(1.1))


def test_more_periods_find_less(planned):
    table = design_power(planned()).tables["power_curve"]
    for _, rows in table.groupby(["design", "estimand", "autocorrelation"]):
        assert rows.sort_values("n_pre")["minimum_detectable"].dropna().is_monotonic_decreasing


def test_short_segments_are_stretched_to_eight_periods(planned):
    table = design_power(planned(outcome={"start": "2014-03", "end": "2016-12"})).tables["power_curve"]
    assert set(table["n_pre"]) == {8, 10, 15, 20}
    assert set(table[table["configured"]]["n_pre"]) == {10}


def test_staggered_units_have_rows_of_their_own(planned):
    table = design_power(planned(treated={"T1": "2014-07", "T2": "2015-01"})).tables["power_curve"]
    own = table[table["configured"]].groupby("unit")
    assert own["n_pre"].unique().str[0].to_dict() == {"T1": 18, "T2": 24}
    assert own["n_post"].unique().str[0].to_dict() == {"T1": 30, "T2": 24}


def test_it_is_the_design_of_the_run(make_world, noisy):
    """Phase-in, masks for all and for one, a fitted event, staggered dates: at the autocorrelation that the run
    estimates, and its standard deviation, the smallest effects are those that it prints."""
    world = make_world(noisy(("T1", "T2", "T3"), n=72))
    settings = {
        "treated": {"T1": world.period(36), "T2": world.period(36), "T3": world.period(45)},
        "intervention": {"name": "Law", "phase_in": {"periods": 3, "as": "exclude"}},
        "events": [
            {"name": "Flood", "date": world.period(50), "until": world.period(53), "as": "mask"},
            {
                "name": "Move",
                "date": world.period(20),
                "until": world.period(21),
                "as": "mask",
                "units": ["T2"],
            },
            {"name": "Rule", "date": world.period(64), "as": "step"},
        ],
        "outcomes": [world.outcome(start=world.period(0), end=world.period(71), seasonality="months")],
        "estimators": [{"name": "reml_ar", "order": 1}],
        "designs": ["single"],
    }
    for question in ("change", "slope_change"):
        asks = {"estimands": {"primary": question}}
        found = world.run(**settings, **asks)
        fits = found.tables["fits"].set_index("unit")
        printed = found.tables["verdicts"].query("interruption == 'Law'").set_index(["unit", "estimand"])
        for unit in ("T1", "T2", "T3"):
            rho, sigma = fits.loc[unit, ["rho1", "sigma"]]
            table = design_power(world.config(**settings, **asks), autocorrelations=(rho,)).tables[
                "power_curve"
            ]
            own = table[(table["unit"] == unit) & table["configured"]].set_index("estimand")
            assert set(own["n_units"]) == {1}
            assert list(own["n_pre"]) == [45 if unit == "T3" else 36] * len(own)
            shown = {"slope_change", "level_change"} | ({"effect_at_12"} if question == "change" else set())
            assert set(own.index) == shown
            for name, row in own.iterrows():
                per_year = 12 if name == "slope_change" else 1
                expected = per_year * printed.loc[(unit, name), "minimum_detectable"] / sigma
                assert row["minimum_detectable"] == pytest.approx(expected, rel=1e-6)


def test_units_to_which_the_same_happens_share_their_rows(planned):
    table = design_power(planned(treated={"T1": "2015-01", "T2": "2015-01"})).tables["power_curve"]
    assert set(table["unit"]) == {"T1"}
    assert set(table["n_units"]) == {2}


def test_the_label_of_one_term_takes_the_level_of_its_family(planned):
    """Two units and Holm's first step: half of the level, with no other change by themselves."""
    table = design_power(planned(estimands={"primary": "level_change"})).tables["power_curve"]
    own = table[table["configured"] & table["estimand"].eq("level_change")]
    assert table.loc[~table["configured"], "minimum_detectable_label"].isna().all()
    assert table.loc[table["estimand"].eq("slope_change"), "minimum_detectable_label"].isna().all()
    for _, row in own.iterrows():
        error = row["minimum_detectable"] / minimum_detectable(1.0, row["df"])
        expected = minimum_detectable(error, row["df"], 0.025)
        assert row["minimum_detectable_label"] == pytest.approx(expected, rel=0.02)


def test_the_label_of_a_change_is_that_of_its_joint_test(planned):
    """Without autocorrelation by the noncentral F of least squares, a level or a trend alone."""
    settings = {"estimands": {"primary": "change"}, "estimators": [{"name": "reml_ar", "order": 1}]}
    # so long that estimating the autocorrelation costs nothing
    config = planned(designs=["single"], outcome={"start": "1990-01", "end": "2039-12"}, **settings)
    table = design_power(config, autocorrelations=(0.0,)).tables["power_curve"]
    own = table[table["configured"]].set_index("estimand")["minimum_detectable_label"]
    n = 600
    X = segments(n, n // 2)
    precision = np.linalg.inv(np.linalg.inv(X.T @ X)[2:, 2:])
    critical = stats.f.isf(0.025, 2, n - 4)
    for name, place, unit in (("level_change", 0, 1.0), ("slope_change", 1, 12.0)):
        needed = optimize.brentq(lambda nc: stats.ncf.sf(critical, 2, n - 4, nc) - 0.8, 0.1, 60)
        assert own[name] == pytest.approx(unit * np.sqrt(needed / precision[place, place]), rel=0.02)


def test_windows_that_are_not_known_are_all_named(study):
    known = {**WINDOW, "indicator": "stays", "start": "2013-01", "end": "2016-12"}
    outcomes = [WINDOW, known, {**WINDOW, "indicator": "falls", "start": "2013-01"}]
    config = study.config(outcomes=outcomes, designs=["single"])
    with pytest.raises(ConfigError) as caught:
        design_power(config)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["outcomes[0]", "outcomes[2]"]
    assert "outcome_defaults" in caught.value.hint


def test_designs_of_several_series_are_left_out_or_refused(planned):
    table = design_power(planned(designs=["single", "stacked"], estimators=["ols"])).tables["power_curve"]
    assert set(table["design"]) == {"single"}
    with pytest.raises(ConfigError, match="designs: stacked; power knows single and difference"):
        design_power(planned(designs=["stacked"], estimators=["ols"]))


def test_the_evaluation_says_what_figures_need(planned):
    evaluation = design_power(planned())
    assert list(evaluation.tables) == ["power_curve"]
    assert isinstance(evaluation.tables["power_curve"], pd.DataFrame)
    about = evaluation.outcomes["waits"]
    assert about["frequency"] == "month"
    assert about["confidence"] == 0.95
