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
