"""Runs on growing data: each keeps its place among the declared looks, and remembers what was said before."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from its_eval.pipeline.looks import LookLevels

STUDY = """\
version: 1
title: Beds
data: {indicators: {path: beds.csv}}
intervention: {name: New ward, date: 2016-01}
LOOKS
treated: [T1]
outcomes: [{indicator: beds, label: Beds, unit: beds, kind: number, better: higher}]
outcome_defaults: {seasonality: none}
estimands: {margin: {gain: 1, loss: 0.5}}
checks: {diagnostics: false, placebo_dates: false, trend_bounds: false, one_month: false}
sensitivity: {standard: false}
output: {report: {what_if: false}}
"""
DECLARED = "looks: {from: 8, until: 12, every: 2}"


def month(number):
    return f"{2014 + number // 12}-{number % 12 + 1:02d}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY.replace("LOOKS", DECLARED), encoding="utf-8")
    return tmp_path


def data(folder, n, effect=0.0):
    noise = np.random.default_rng(3).standard_normal(60)
    values = [50 + 0.1 * t + noise[t] + effect * (t >= 24) for t in range(n)]
    lines = [f"T1,{month(t)},beds,{values[t]:.4f}" for t in range(n)]
    text = "unit,period,indicator,value\n" + "\n".join(lines) + "\n"
    (folder / "beds.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def run(its):
    def call(code=0):
        found = its("run", "study.yaml", "--no-figures", "--force")
        assert found.code == code, found.err
        return " ".join(f"{found.out} {found.err}".split())

    return call


def table(folder, name):
    return pd.read_csv(folder / "results" / "study" / "tables" / f"{name}.csv")


def test_runs_on_growing_data(folder, run, its):
    for n in (32, 34):
        data(folder, n)
        run()
    looks = table(folder, "looks")
    assert looks[["run", "look", "end"]].to_numpy().tolist() == [[1, 1, month(31)], [2, 2, month(33)]]
    history = (folder / "results" / "study" / "history.csv").read_bytes()
    # the same data and config once more: the same look, and not a byte else
    run()
    assert (folder / "results" / "study" / "history.csv").read_bytes() == history
    # a period that was not declared is recorded as a run, not as a look
    data(folder, 35)
    run()
    assert table(folder, "looks")["look"].isna().tolist() == [False, False, True]
    # other data for a look that was taken
    data(folder, 34, effect=0.5)
    run()
    looks = table(folder, "looks")
    assert looks["run"].tolist() == [1, 2, 3, 4]
    assert looks["look"].isna().tolist() == [False, False, True, True]
    said = run()
    assert "Looks: look 2 of 3, tested at " in said
    assert "Runs recorded here: 4; runs elsewhere cannot be seen." in said
    page = (folder / "results" / "study" / "report.html").read_text(encoding="utf-8")
    assert "Which look is this?" in page
    assert "Beds: this is look 2 of 3, with ten periods from the start on." in page
    assert "Runs recorded here: 4" in page
    assert its("verify", "results/study").code == 0


def test_verdicts_hold_over_all_looks(folder, run):
    data(folder, 34, effect=1.5)
    run()
    manifest = json.loads((folder / "results" / "study" / "manifest.json").read_text(encoding="utf-8"))
    facts = manifest["conduct"]["looks"]["outcomes"]["beds"]
    assert (facts["number"], facts["of"], facts["periods"]) == (2, 3, 10)
    verdict = table(folder, "verdicts").query("label.notna()").iloc[0]
    assert verdict["level_used"] == pytest.approx(facts["level"], rel=1e-12)
    assert 0.002 < facts["level"] < 0.05
    assert verdict["look"] == 2
    assert verdict["p_adjusted"] > verdict["p_value"]
    # the interval at the level of the look, from the row of the effect after a year in `effects`
    effects = table(folder, "effects").query("estimand == @verdict.estimand").iloc[0]
    reach = stats.t.ppf(1 - facts["level"] / 2, effects["df"]) * effects["std_error"]
    assert verdict["conf_high"] - verdict["estimate"] == pytest.approx(reach, rel=1e-9)
    # the interval in effects is that of one look
    assert effects["conf_high"] - effects["estimate"] < reach
    assert verdict["decision"] in ("undecided", "no worse than the margin", "better by at least the margin")


def test_history_goes_on_where_looks_are_taken_out_of_the_config(folder, run):
    data(folder, 32)
    run()
    (folder / "study.yaml").write_text(STUDY.replace("LOOKS", ""), encoding="utf-8")
    data(folder, 33)
    run()
    looks = table(folder, "looks")
    assert looks["look"].isna().tolist() == [False, True]
    assert looks["level"].iloc[1] == 0.05


def test_a_run_without_looks_has_no_history(folder, run):
    (folder / "study.yaml").write_text(STUDY.replace("LOOKS", ""), encoding="utf-8")
    data(folder, 32)
    run()
    assert not (folder / "results" / "study" / "history.csv").exists()
    assert not (folder / "results" / "study" / "tables" / "looks.csv").exists()


def test_a_spoilt_history_is_refused(folder, run):
    data(folder, 32)
    run()
    history = folder / "results" / "study" / "history.csv"
    history.write_text("run,look\n1,2\n", encoding="utf-8")
    assert "not a history of runs" in run(2)
    assert history.read_text(encoding="utf-8") == "run,look\n1,2\n"


def test_levels_are_read_back(folder):
    levels = LookLevels((8, 10), 400, (0.02, 0.03, 1.0), (0.05, 0.1, 1.0), {"0": (0.1, 0.05)})
    assert LookLevels.of_plain(json.loads(json.dumps(levels.plain()))) == levels
