"""Power before any data exist: rows, windows, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from its_eval.checks.power import power_by_length
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
        (level, slope, *_) = power_by_length([(24, 24)], [0.0], order=2, n_peers=n_peers, power=0.9)
        at_zero = own[own["autocorrelation"] == 0.0].set_index("estimand")["minimum_detectable"]
        assert at_zero["level_change"] == pytest.approx(level.minimum_detectable, rel=1e-12)
        assert at_zero["slope_change"] == pytest.approx(slope.minimum_detectable, rel=1e-12)
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


def test_the_first_of_staggered_dates_counts(planned):
    table = design_power(planned(treated={"T1": "2014-07", "T2": "2015-01"})).tables["power_curve"]
    assert set(table[table["configured"]]["n_pre"]) == {18}


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
