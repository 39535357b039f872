"""Peers matched on the outcome before the start, from the config to tables and report."""

import numpy as np
import pandas as pd
import pytest

UNITS = [f"U{number}" for number in range(9)]
CONFIG = """\
version: 1
data: {indicators: {path: data.csv}}
intervention: {date: 2017-01}
treated: TREATED
outcomes: [{indicator: waits, seasonality: none}]
peers: {match: pre_period, PEERS}
designs: [difference]
checks: {placebo_units: false, placebo_dates: false, leave_one_peer_out: false, diagnostics: false}
sensitivity: SENSITIVITY
output: {tables: [csv], figures: []}
"""


@pytest.fixture
def run(its, tmp_path):
    """Evaluate the study under some peer settings and choices; gives the folder of the result."""
    rng = np.random.default_rng(11)
    periods = pd.period_range("2015-01", "2018-12", freq="M").astype(str)
    time = np.arange(len(periods))
    values = rng.normal(50, 4, len(UNITS)) + np.outer(time, rng.normal(0, 0.15, len(UNITS)))
    values += rng.normal(0, 1.0, values.shape)
    frame = pd.DataFrame(values.round(2), periods, UNITS).rename_axis("period")
    long = frame.melt(ignore_index=False, var_name="unit").reset_index().assign(indicator="waits")
    long.to_csv(tmp_path / "data.csv", index=False)

    def evaluate(peers, sensitivity="{standard: false}", treated="[U0, U1]", *more, config=CONFIG):
        text = config.replace("PEERS", peers).replace("SENSITIVITY", sensitivity).replace("TREATED", treated)
        study = tmp_path / "study.yaml"
        study.write_text(text, encoding="utf-8")
        answer = its("run", study, "-o", tmp_path / "out", "--force", "-q", *more)
        assert answer.code == 0, answer.err
        return tmp_path / "out"

    return evaluate


def estimates(folder, table, **chosen):
    rows = pd.read_csv(folder / "tables" / f"{table}.csv")
    for name, value in chosen.items():
        rows = rows[rows[name].astype(str) == value]
    return rows.set_index("unit")["estimate"]


@pytest.mark.parametrize("treated", ["[U0, U1]", "{U0: 2017-01, U1: 2017-05}"])
def test_each_choice_is_that_of_a_config_which_asks_for_it(run, treated):
    choices = {
        ("k", "2"): "k: 2",
        ("metric", "mahalanobis"): "k: 3, metric: mahalanobis",
        ("scale", "none"): "k: 3, scale: none",
    }
    asked = "{k: [2], metric: [mahalanobis], scale: [none], drop_characteristic: true, standard: false}"
    out = run("k: 3", asked, treated, "--no-report")
    rows = pd.read_csv(out / "tables" / "sensitivity.csv")
    dropped = rows.loc[rows["dimension"] == "drop_characteristic", "choice"]
    assert set(dropped) == {"pre-period mean", "pre-period slope"}
    tried = {pair: estimates(out, "sensitivity", dimension=pair[0], choice=pair[1]) for pair in choices}
    differ = False
    primary = estimates(out, "summary")
    for pair, peers in choices.items():
        expected = estimates(run(peers, "{standard: false}", treated, "--no-report"), "summary")
        np.testing.assert_allclose(tried[pair][expected.index], expected, rtol=1e-12)
        differ |= bool((abs(tried[pair] - primary) > 1e-6).any())
    assert differ


def test_the_report_says_what_the_peers_are_alike_in(run, unpacked):
    page = unpacked((run("k: 3") / "report.html").read_text(encoding="utf-8"))
    assert (
        "Peers were chosen by level and trend of the outcome before the start, not by characteristics."
        in page
    )
    assert (
        "Peers are the 3 nearest eligible units, by Euclidean distance, scale zscore, over level and trend of the "
        "outcome before the start."
    ) in page
    assert "all numeric characteristics" not in page


def test_the_place_among_other_units_decides_and_no_interval_of_the_gap_is_shown(run):
    asked = CONFIG.replace("placebo_units: false, ", "")
    out = run("k: 3", "{standard: false}", "[U0, U1]", "--no-report", config=asked)
    rows = pd.read_csv(out / "tables" / "verdicts.csv").set_index(["unit", "estimand"])
    shown = ["conf_low", "conf_high", "minimum_detectable", "coincident_change", "breakdown_bend"]
    assert rows[shown].isna().all(axis=None)
    answers = rows[rows["label"].notna()]
    beside = rows[rows["label"].isna()]
    assert beside[["p_value", "p_adjusted"]].isna().all(axis=None)
    # seven donors cannot reach 0.05 / 2
    units = answers[answers.index.get_level_values("unit") != "set"]
    assert units["label"].tolist() == ["not answered"] * 2
    assert units["flags"].str.contains("matched_on_outcome").all()
    together = answers.loc["set"].iloc[0]
    assert together["p_value"] == together["p_adjusted"] == together["set_p_placebo"]
    assert together["set_p"] != together["set_p_placebo"]
    effects = pd.read_csv(out / "tables" / "effects.csv")
    assert effects["conf_low"].notna().any()


class TestCorrelation:
    def test_peers_are_those_that_moved_most_closely(self, run, unpacked, tmp_path):
        out = run("k: 3, metric: correlation", treated="[U0]")
        table = pd.read_csv(out / "tables" / "peers.csv")
        wide = pd.read_csv(tmp_path / "data.csv").pivot_table("value", "period", "unit")
        before = wide.loc[:"2016-12"].corr()["U0"].drop("U0")
        expected = np.sqrt(2.0 * (1.0 - before)).sort_values().head(3)
        assert table["peer"].tolist() == expected.index.tolist()
        np.testing.assert_allclose(table["distance"], expected, rtol=1e-9)
        parts = pd.read_csv(out / "tables" / "peer_contributions.csv")
        assert set(parts["variable"]) == set(wide.loc[:"2016-12"].index)
        words = " ".join(unpacked((out / "report.html").read_text(encoding="utf-8")).split())
        assert "by the correlation of their outcomes before the start, not by characteristics" in words
        resolved = (out / "config.resolved.yaml").read_text(encoding="utf-8")
        assert "metric: correlation" in resolved
        assert "scale:" not in resolved.split("peers:")[1].split("outcome_defaults:")[0]

    def test_periods_of_a_unit_that_misses_some_are_left_out_of_its_pairs(self, run, tmp_path):
        run("k: 8, metric: correlation", "{standard: false}", "[U0]", "--no-report")
        frame = pd.read_csv(tmp_path / "data.csv")
        lost = (frame["unit"].eq("U3") & frame["period"].isin(["2015-05"])) | (
            frame["unit"].eq("U0") & frame["period"].isin(["2016-02"])
        )
        text = CONFIG.replace("data.csv", "less.csv")
        frame[~lost].to_csv(tmp_path / "less.csv", index=False)
        out = run("k: 8, metric: correlation", "{standard: false}", "[U0]", "--no-report", config=text)
        found = pd.read_csv(out / "tables" / "peers.csv").set_index("peer")["distance"]
        wide = frame[~lost].pivot_table("value", "period", "unit").loc[:"2016-12"]
        np.testing.assert_allclose(found, np.sqrt(2 * (1 - wide.corr()["U0"][found.index])), rtol=1e-9)
        assert "U3" in found.index

    def test_the_list_says_what_its_distance_is(self, run, its, tmp_path):
        run("k: 3, metric: correlation", "{standard: false}", "[U0]", "--no-report")
        answer = its("peers", tmp_path / "study.yaml", "--unit", "U0", "--explain")
        assert answer.code == 0
        text = " ".join(answer.out.split())
        assert "distance: √(2 (1 − r)), r the correlation of two outcomes before the start" in text
        assert "is r = 0." in text
        assert "U0 and " in text
        stable = its("peers", tmp_path / "study.yaml", "--unit", "U0", "--stability")
        assert stable.code == 0
        assert "without" not in stable.out

    def test_of_a_table_of_characteristics_there_is_none(self, its, tmp_path):
        (tmp_path / "c.csv").write_text("unit,beds\nA,1\nB,2\nC,4\n", encoding="utf-8")
        answer = its("peers", tmp_path / "c.csv", "--unit", "A", "--metric", "correlation")
        assert answer.code == 2
        assert "correlation" in answer.err
