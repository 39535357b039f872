"""``its-eval run`` of a config with ``output.detail: estimates``."""

import json

import numpy as np
import pandas as pd
import pytest
from batch_study import CONFIG, write_study

from its_eval.cli import run_text as command


@pytest.fixture
def study_of_many(tmp_path):
    text = CONFIG.replace("peers: {k: 4}\n", "").replace("[single, difference]", "[single]")
    return write_study(tmp_path, units=6, config=text.replace("[reml_ar]", "[ols]"))


def test_the_summary_counts(its, study_of_many):
    out = study_of_many.parent / "out"
    answer = its("run", study_of_many, "-o", out)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "Many series",
        "  · 20 series estimated, 1 of them with warnings",
        "  · 4 rows in not_estimated, with reasons",
        f"Tables:  {out / 'tables'}",
    ]
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["batch"]["estimated"] == 20
    assert "tables/effects.parquet/part-00000.parquet" in manifest["outputs"]
    assert its("verify", out).code == 0
    again = its("run", study_of_many, "-o", out, "--if-changed")
    assert (again.code, again.out, again.err) == (0, "", f"{out}: unchanged, nothing done\n")


def test_json_and_watching(its, study_of_many):
    out = study_of_many.parent / "out"
    answer = its("run", study_of_many, "-o", out, "--format", "json", "--fail-on", "fit")
    (loaded,) = json.loads(answer.out)
    assert loaded["batch"]["failed"] == 4
    assert answer.code == 1
    assert "--fail-on fit: 4 series not estimated, 1 fits with flags" in answer.err
    assert its("run", study_of_many, "-o", out, "--force", "-q", "--fail-on", "data").code == 0
    # the old result does not stay beside the new one
    assert [path.name for path in out.parent.iterdir() if "out" in path.name] == ["out"]
    again = its("run", study_of_many, "-o", out, "--if-changed", "--fail-on", "fit", "--format", "json")
    assert again.code == 1
    assert json.loads(again.out) == [{"config": str(study_of_many), "out": str(out), "unchanged": True}]
    refused = its("report", out)
    assert refused.code == 2
    assert "is the result of a batch run, which has no report" in refused.err


def test_dry_run_says_how_much_there_is_to_do(its, study_of_many):
    answer = its("run", study_of_many, "--dry-run", "-o", "there")
    first, second = answer.out.splitlines()
    assert first == f"{study_of_many} would be written to there"[:99] + "…" * (len(first) == 100)
    assert second == "  24 series at most: 6 units, 4 outcomes, in 1 blocks"
    (plan,) = json.loads(its("run", study_of_many, "--dry-run", "--format", "json").out)
    assert (plan["series"], plan["units"], plan["blocks"]) == (24, 6, 1)
    both = its("run", study_of_many, study_of_many.parent / "many.yaml", "--dry-run")
    assert both.code == 2  # two of one name


@pytest.mark.parametrize("option", [("--resume",), ("--scheduler", "tcp://127.0.0.1:1")])
def test_options_of_a_batch_are_refused_for_a_whole_evaluation(its, study, option):
    answer = its("run", study.config, *option)
    assert (answer.code, answer.out) == (2, "")
    assert f"{option[0]} is for batch runs, and {study.config} is a whole evaluation" in answer.err
    assert f"hint: set `output.detail: estimates` there, or leave out {option[0]}" in answer.err


def test_an_unknown_unit_and_indicator_are_data_faults(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    changed = text.replace("treated: each", "treated: [U00, U77]").replace(
        "indicator: waits", "indicator: wait"
    )
    study_of_many.write_text(changed, encoding="utf-8")
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 3
    assert "outcome 'wait': the data have no such indicator; did you mean 'waits'" in answer.err
    assert "treated unit 'U77' is not in the indicator data" in answer.err


def test_impossible_values_stop_the_run_and_leave_nothing(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    study_of_many.write_text(text.replace("kind: count", "kind: percentage"), encoding="utf-8")
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 3
    assert "calls, U00, 2013-01: value " in answer.err
    assert "a percentage lies between 0 and 100" in answer.err
    assert not [path for path in study_of_many.parent.iterdir() if "out" in path.name]


def test_a_date_outside_the_window(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    study_of_many.write_text(text.replace("2016-01", "2019-01"), encoding="utf-8")
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 3
    assert "outcome 'waits': the intervention 2019-01 lies outside its data, 2013-01 to 2017-12" in answer.err


def test_nothing_estimated(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    study_of_many.write_text(text.replace("2016-01", "2017-12"), encoding="utf-8")
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 4
    assert answer.err.startswith("its-eval: no series could be estimated\n")
    assert not [path for path in study_of_many.parent.iterdir() if "out" in path.name]


def test_gaps_are_errors_where_the_config_says_so(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    study_of_many.write_text(
        text.replace("intervention:", "  missing: error\nintervention:", 1), encoding="utf-8"
    )
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 3
    assert "waits, U02: 3 of 60 periods missing, the first 2013-11; `missing: mask` would leave" in answer.err


def test_an_interruption_says_how_to_go_on(its, study_of_many, monkeypatch):
    from its_eval.batch import run as batch_run

    def interrupt(_block):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_run, "evaluate_block", interrupt)
    answer = its("run", study_of_many, "-o", study_of_many.parent / "out")
    assert answer.code == 130
    assert f"the blocks of {study_of_many.parent / 'out'} that are done stay; --resume goes on" in answer.err


class Terminal:
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


def test_the_bar_shows_a_rate_and_the_time_left(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(command.sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    with command.series_bar(quiet=False) as move:
        move("estimating series", 0, 1000)
        move("estimating series", 200, 1000)
        move("estimating series", 400, 1000)
    assert "series/s" in stream.text
    assert "left:" in stream.text
    assert "400/1,000" in stream.text


def test_no_bar_when_quiet(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(command.sys, "stderr", stream)
    with command.series_bar(quiet=True) as move:
        move("estimating series", 1, 2)
    assert stream.text == ""


SHARES = """\
version: 1
data: {indicators: {path: shares.parquet}}
intervention: {date: 2016-01, phase_in: {periods: 2}}
events: [{name: Strike, date: 2014-05, as: mask}]
treated: [U0]
peers: {k: 2, given: {U0: [U1, U2]}}
outcomes: [{indicator: seen, kind: percentage, seasonality: none}]
estimators: [reml_ar]
checks: {placebo_units: false, placebo_dates: false, leave_one_peer_out: false, diagnostics: false}
output: {tables: [parquet], figures: []}
"""


@pytest.mark.parametrize("detail", ["full", "estimates"])
@pytest.mark.parametrize(
    ("unit", "period", "code"),
    [
        ("U0", "2015-03", 3),
        ("U2", "2016-05", 3),  # a peer
        ("U3", "2015-03", 0),  # in no answer
        ("U0", "2014-05", 0),  # masked
        ("U0", "2016-02", 0),  # in the phase-in
    ],
)
def test_a_share_of_nobody_is_refused_where_it_is_used(its, tmp_path, detail, unit, period, code):
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [["U0", "U1", "U2", "U3"], pd.period_range("2013-01", "2017-12", freq="M").astype(str)],
        names=["unit", "period"],
    )
    frame = index.to_frame(index=False).assign(indicator="seen", denominator=200.0)
    frame["value"] = rng.uniform(40, 60, len(frame)).round(1)
    frame.loc[frame["unit"].eq(unit) & frame["period"].eq(period), "denominator"] = 0.0
    frame.to_parquet(tmp_path / "shares.parquet", index=False)
    config = tmp_path / "shares.yaml"
    config.write_text(SHARES.replace("output: {", f"output: {{detail: {detail}, "), encoding="utf-8")
    answer = its("run", config, "-o", tmp_path / "out", "--no-report")
    assert answer.code == code, answer.err
    said = f"seen, {unit}, {period}: denominator 0.0: a value of nobody; leave the value blank"
    assert (said in answer.err) == (code == 3)
    assert (tmp_path / "out").exists() == (code == 0)


FAULTY = {
    "proportions": (lambda frame: frame.assign(value=frame["value"] / 100, numerator=np.nan),
                    "seen: no value is above 1: these look like proportions; set `scale: proportion`"),
    "values that their parts contradict": (
        lambda frame: frame.assign(value=frame["value"].where(frame["unit"].ne("U0") | frame["period"].ne("2015-03"), 90.0)),
        "seen, U0, 2015-03: value 90 is not what numerator and denominator make",
    ),
    "every third month": (
        lambda frame: frame[frame["unit"].ne("U0") | frame["period"].str[5:].isin(["01", "04", "07", "10"])],
        "seen, U0 has a value every third month: set `frequency: quarter`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("detail", ["full", "estimates"])
@pytest.mark.parametrize("name", FAULTY)
def test_a_batch_refuses_what_a_run_refuses(its, tmp_path, detail, name):
    change, said = FAULTY[name]
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [["U0", "U1", "U2", "U3"], pd.period_range("2013-01", "2017-12", freq="M").astype(str)],
        names=["unit", "period"],
    )
    frame = index.to_frame(index=False).assign(indicator="seen", denominator=203.0)
    frame["numerator"] = rng.integers(80, 120, len(frame)).astype(float)
    frame["value"] = (100 * frame["numerator"] / frame["denominator"]).round(1)
    config = tmp_path / "shares.yaml"
    config.write_text(SHARES.replace("output: {", f"output: {{detail: {detail}, "), encoding="utf-8")
    frame.to_parquet(tmp_path / "shares.parquet", index=False)
    assert its("run", config, "-o", tmp_path / "good", "--no-report").code == 0
    change(frame).to_parquet(tmp_path / "shares.parquet", index=False)
    answer = its("run", config, "-o", tmp_path / "out", "--no-report")
    assert answer.code == 3, answer.err
    assert said in answer.err
    # of a unit that is in no answer it does no harm
    changed = change(frame)
    changed = changed.assign(unit=changed["unit"].replace({"U0": "U3", "U3": "U0"}))
    if name != "proportions":
        changed.to_parquet(tmp_path / "shares.parquet", index=False)
        assert its("run", config, "-o", tmp_path / "out", "--no-report").code == 0


@pytest.mark.parametrize(("scale", "code"), [("proportion", 0), ("percent", 0), (None, 3)])
def test_a_batch_of_proportions_that_are_said_to_be_such(its, tmp_path, scale, code):
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_product(
        [["U0", "U1", "U2"], pd.period_range("2013-01", "2017-12", freq="M").astype(str)],
        names=["unit", "period"],
    )
    frame = index.to_frame(index=False).assign(indicator="seen", value=rng.uniform(0.4, 0.6, len(index)))
    frame.to_parquet(tmp_path / "shares.parquet", index=False)
    config = tmp_path / "shares.yaml"
    text = SHARES.replace("output: {", "output: {detail: estimates, ")
    said = f"shares.parquet, scale: {scale}" if scale else "shares.parquet"
    config.write_text(text.replace("shares.parquet", said), encoding="utf-8")
    assert its("run", config, "-o", tmp_path / "out", "--no-report").code == code


def test_a_batch_answers_units_whose_start_lies_in_their_data(its, study_of_many):
    text = study_of_many.read_text(encoding="utf-8")
    changed = text.replace("treated: each", "treated: {U00: 2016-01, U01: 2009-01}")
    study_of_many.write_text(changed.replace("date: 2016-01, ", ""), encoding="utf-8")
    assert its("run", study_of_many, "-o", study_of_many.parent / "out").code == 0
    failed = pd.read_parquet(study_of_many.parent / "out" / "tables" / "not_estimated.parquet")
    assert set(failed.loc[failed["unit"].eq("U01"), "reason"]) == {"start_outside"}
    assert set(failed.loc[failed["reason"].eq("start_outside"), "unit"]) == {"U01"}
    effects = pd.read_parquet(study_of_many.parent / "out" / "tables" / "effects.parquet")
    assert set(effects["unit"]) == {"U00"}


def test_a_finished_batch_that_is_asked_to_go_on_is_done(its, study_of_many):
    out = study_of_many.parent / "out"
    assert its("run", study_of_many, "-o", out, "-q").code == 0
    again = its("run", study_of_many, "-o", out, "--resume")
    assert (again.code, again.out, again.err) == (0, "", f"{out}: unchanged, nothing done\n")
    study_of_many.write_text(study_of_many.read_text(encoding="utf-8") + "seed: 7\n", encoding="utf-8")
    other = its("run", study_of_many, "-o", out, "--resume")
    assert other.code == 2
    assert f"{out} exists already" in other.err
