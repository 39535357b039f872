"""``run --blind``: nothing that treated units did from the start on can be seen, and ``--unblind`` says so."""

import json
import random
import re

import pytest

import its_eval
from its_eval.config import load_config
from its_eval.pipeline.blind import evaluate_blind
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources

START, N_PLANTED = "2015-07", 400
CHECKED = "checks: {placebo_dates: yes, diagnostics: yes}"
NO_CHECKS = "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}"


def rewritten(study, change):
    """Write the indicators with other values for treated units from the start on."""
    lines, staggered = [], "A2: 2015-11" in study.config.read_text(encoding="utf-8")
    for row in study.indicators.read_text(encoding="utf-8").splitlines()[1:]:
        indicator, unit, period, value = row.split(",")
        later = unit[0] == "A" and period >= ("2015-11" if staggered and unit == "A2" else START)
        lines.append(f"{indicator},{unit},{period},{change(float(value)) if later else value}")
    study.write_indicators(lines)


@pytest.fixture
def checked(study):
    """The study with every check, and as many other units as a rank needs."""
    study.write(changes={NO_CHECKS: CHECKED})
    return study


def written(folder):
    """Return every file of a result as bytes; of the manifest all that is no time and no version of it."""
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name in ("finished", "timings_seconds", "command"):
        del manifest[name]
    files |= {"manifest": json.dumps(manifest, sort_keys=True).encode()}
    return {str(name): content for name, content in files.items() if str(name) != "manifest.json"}


def test_later_values_of_treated_units_move_no_byte(its, checked):
    drawn = random.Random(3)  # noqa: S311  (no secret)
    out = checked.folder / "out"
    changes = [
        lambda value: value,
        lambda value: f"{value + drawn.uniform(-20, 20):.6f}",
        lambda _: "not a number",
        lambda _: "",
    ]
    results, told = [], []
    given = checked.indicators.read_text(encoding="utf-8")
    for change in changes:
        checked.indicators.write_text(given, encoding="utf-8")
        rewritten(checked, change)
        answer = its("run", checked.config, "-o", out, "--blind", "--force", "-v")
        assert (answer.code, answer.err) == (0, "")
        results.append(written(out))
        told.append(answer.out)
    assert "report.html" in results[0]
    assert "tables/placebo_units.csv" in results[0]
    assert "tables/checks.csv" in results[0]
    assert all(one == results[0] for one in results)
    assert set(told) == {told[0]}
    # rows that are not there at all are no different
    lines = checked.indicators.read_text(encoding="utf-8").splitlines()[1:]
    checked.write_indicators(
        [row for row in lines if not (row.split(",")[1][0] == "A" and row.split(",")[2] >= START)]
    )
    assert its("run", checked.config, "-o", out, "--blind", "--force").code == 0
    assert written(out) == results[0]


VARIANTS = {
    "starts of their own": {"treated: [A1, A2]": "treated: {A1: 2015-07, A2: 2015-11}"},
    "logarithms": {"label: Waits,": "label: Waits, transform: log,"},
    "peers by their past": {"{k: 3}": "{k: 3, match: pre_period}"},
    "every other unit": {"{k: 3}": "{k: all}"},
    "mixtures": {"[single, difference]": "[single, difference, synthetic, stacked, peer_mean]"},
    "gaps are errors": {"data:\n": "data:\n  missing: error\n"},
    "workbook": {NO_CHECKS: "output: {tables: [csv, xlsx], which: all}"},
    "a covariate": {"label: Waits,": "label: Waits, covariates: [seen],"},
    "another question": {"primary: slope_change": "primary: change"},
    "an effect for each period": {
        "date: 2015-07}": "date: 2015-07, shape: free}",
        "primary: slope_change": "primary: change",
    },
    "no trend": {"label: Waits,": "label: Waits, trend: none,"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_later_values_move_no_byte_whatever_is_asked(its, study, variant):
    study.write(changes=VARIANTS[variant])
    out, results = study.folder / "out", []
    for change in (lambda value: value, lambda value: f"{0.3 * value + 1.0:.6f}"):
        rewritten(study, change)
        answer = its("run", study.config, "-o", out, "--blind", "--force")
        assert (answer.code, answer.err) == (0, "")
        results.append(written(out))
    assert results[0] == results[1]
    if variant == "mixtures":
        table = its_eval.load_run(out).tables["not_estimated"]
        assert set(table["design"]) == {"synthetic", "stacked", "peer_mean"}
        assert set(table["reason"]) == {"blind"}


def test_400_planted_values_and_their_differences_from_peers_are_nowhere(its, checked, unpacked):
    drawn = random.Random(20150701)  # noqa: S311  (no secret)
    planted = []

    def plant(_):
        planted.append(drawn.uniform(31.0, 79.0))
        return f"{planted[-1]:.9f}"

    rewritten(checked, plant)
    # 2 units, 2 outcomes, 18 months; six times, and each time with differences from the peers
    assert 6 * len(planted) > N_PLANTED
    out = checked.folder / "out"
    for _ in range(6):
        planted.clear()
        rewritten(checked, plant)
        assert its("run", checked.config, "-o", out, "--blind", "--force").code == 0
        texts = [
            unpacked(path.read_text(encoding="utf-8"))
            for path in out.rglob("*")
            if path.suffix in (".csv", ".html", ".yaml", ".json")
        ]
        numbers = {float(text) for page in texts for text in re.findall(r"-?\d+\.\d{3,}(?:e-?\d+)?", page)}
        evaluation = its_eval.load_run(out)
        peers = evaluation.tables["peer_series"]
        hidden = set(planted)
        means = set()
        later = peers[peers["period"] >= START]
        for _, chosen in evaluation.tables["peers"].groupby(["outcome", "unit"]):
            own = later[later["outcome"].eq(chosen["outcome"].iloc[0]) & later["unit"].isin(chosen["peer"])]
            means |= set(own.groupby("period")["value"].mean())
        hidden |= {value - mean for value in planted for mean in means}
        assert len(hidden) > N_PLANTED
        seen = sorted(numbers)
        close = [
            value for value in hidden if any(abs(value - one) < 5e-7 for one in seen if abs(one - value) < 1)
        ]
        assert close == []
        periods = evaluation.tables["series"]["period"]
        assert periods.max() < START


def test_what_is_shown_is_of_the_time_before_and_of_others(its, checked, unpacked):
    out = checked.folder / "out"
    answer = its("run", checked.config, "-o", out, "--blind")
    text = " ".join(answer.out.split())
    assert "This is a blind run: it shows everything but the effect." in text
    assert "Withheld: what treated units did from their start on" in text
    assert "Waits, difference: two units fitted before the start; autocorrelation" in text
    assert not (out / "figures").exists()
    evaluation = its_eval.load_run(out)
    tables = evaluation.tables
    for name in ("verdicts", "summary", "effects", "coefficients", "sensitivity", "pooled"):
        assert len(tables[name]) == 0, name
    assert set(tables["placebo_units"]["placebo"]) == {"B1", "B2", "B3", "B4", "B5"}
    assert (tables["fits"]["n_post"] == 0).all()
    assert {"ljung_box", "exchangeability", "calibration"} <= set(tables["checks"]["check"])
    assert set(tables["power"]["estimand"]) == {"level_change", "slope_change"}
    assert "inputs" in json.loads((out / "manifest.json").read_text())
    assert not any("indicators" in path for path in json.loads((out / "manifest.json").read_text())["inputs"])
    page = unpacked((out / "report.html").read_text(encoding="utf-8"))
    assert "This is a blind run" in page
    assert "Smallest effects found with 80 % power" in page
    assert its("report", out, "--force").code == 0
    assert unpacked((out / "report.html").read_text(encoding="utf-8")) == page
    assert its("verify", out).code == 0


def test_donors_in_the_place_of_treated_units_are_those_of_a_whole_run(its, checked):
    for name, option in (("blind", ["--blind"]), ("whole", [])):
        assert its("run", checked.config, "-o", checked.folder / name, "--no-figures", *option).code == 0
    blind, whole = (its_eval.load_run(checked.folder / name).tables for name in ("blind", "whole"))
    donors = whole["placebo_units"][whole["placebo_units"]["placebo"].str.startswith("B")]
    assert donors.reset_index(drop=True).equals(blind["placebo_units"])
    for name in ("peers", "peer_exclusions", "peer_contributions", "balance"):
        assert blind[name].equals(whole[name])


def test_a_start_that_has_not_come_yet_is_blind_too(its, checked):
    lines = checked.indicators.read_text(encoding="utf-8").splitlines()[1:]
    checked.write_indicators([row for row in lines if row.split(",")[2] < "2015-05"])
    answer = its("run", checked.config, "-o", checked.folder / "out", "--blind")
    assert answer.code == 0
    tables = its_eval.load_run(checked.folder / "out").tables
    assert set(tables["fits"]["n_pre"]) == {28}
    assert len(tables["power"]) == 0


COUNTS = """\
version: 1
data: {indicators: {path: counts.csv}, disclosure: {suppress: [1, 7], round: 5, at: output}}
intervention: {date: 2015-07}
treated: [A1]
peers: {k: all}
outcomes: [{indicator: falls, kind: count, transform: none}]
checks: {placebo_dates: no, leave_one_peer_out: no, diagnostics: no}
"""


def test_counts_that_may_not_be_shown_are_not_shown_and_a_protocol_is_kept(its, tmp_path):
    drawn = random.Random(8)  # noqa: S311  (no secret)
    lines, small = [], set()
    for unit in ("A1", "B1", "B2", "B3", "B4"):
        for month in range(48):
            period = f"{2013 + month // 12}-{month % 12 + 1:02d}"
            count = drawn.choice((3, 31, 33, 37, 42, 44))
            small |= {(unit, period)} if count == 3 else set()
            lines.append(f"falls,{unit},{period},{count}")
    (tmp_path / "counts.csv").write_text("\n".join(["indicator,unit,period,value", *lines, ""]))
    config, protocol, out = tmp_path / "study.yaml", tmp_path / "protocol.yaml", tmp_path / "out"
    config.write_text(COUNTS)
    assert its("protocol", config, "-o", protocol).code == 0
    held = ("--protocol", protocol, "--fail-on", "deviations", "--no-figures")
    blind = its("run", config, "-o", out, "--blind", *held)
    assert (blind.code, blind.err) == (0, "")
    tables = its_eval.load_run(out).tables
    for name, column in (("series", "unit_value"), ("peer_series", "value")):
        rows = tables[name]
        shown = rows[rows[column].notna()]
        assert small.isdisjoint(zip(shown["unit"], shown["period"], strict=True))
        if name == "peer_series":
            assert set(shown[column] % 5) == {0.0}
    assert its("run", config, "-o", out, "--unblind", *held).code == 0


def test_unblinding_is_recorded_and_stays(its, study, unpacked):
    out = study.folder / "out"
    run = ("run", study.config, "-o", out, "--no-figures")
    assert its(*run, "--blind").code == 0
    refused = its(*run, "--force")
    assert refused.code == 2
    assert "holds a blind result, and this run would show the effect without a record" in refused.err
    assert "would show the effect" in its(*run, "--if-changed").err
    shown = its(*run, "--unblind")
    assert shown.code == 0
    assert "The effect was withheld first and shown later; the config did not change in between." in shown.out
    record = json.loads((out / "manifest.json").read_text())["conduct"]["unblinded"]
    assert set(record) == {"when", "blind_finished", "config_changed"}
    assert record["when"] >= record["blind_finished"]
    page = unpacked((out / "report.html").read_text(encoding="utf-8"))
    assert "The effect was withheld first and shown later" in page
    assert record["when"] not in page
    # the record survives a run over it, blind or not
    assert its(*run, "--force").code == 0
    assert json.loads((out / "manifest.json").read_text())["conduct"]["unblinded"] == record
    again = its(*run, "--blind", "--force")
    assert again.code == 0
    page = unpacked((out / "report.html").read_text(encoding="utf-8"))
    assert "The effect had been shown before this blind run." in page


def test_a_config_that_changed_before_unblinding_is_said(its, study):
    out = study.folder / "out"
    run = ("run", study.config, "-o", out, "--no-figures", "--no-report")
    assert its(*run, "--blind").code == 0
    study.write(changes={"k: 3": "k: 2"})
    answer = its(*run, "--unblind")
    assert "the config was changed in between" in answer.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--blind", "--unblind"), "--blind and --unblind exclude each other"),
        (("--unblind",), "holds no blind result"),
    ],
)
def test_what_does_not_go_together_is_refused(its, study, options, said):
    answer = its("run", study.config, "-o", study.folder / "out", *options)
    assert (answer.code, said in answer.err) == (2, True)


def test_only_sources_that_end_at_the_start_are_blind(study):
    config = load_config(study.config)
    sources = load_sources(config)
    with pytest.raises(ValueError, match="end at their start"):
        evaluate_blind(config, sources, make_plan(config, sources), lambda _: None)


def test_a_blind_run_keeps_to_a_protocol(its, study):
    path = study.folder / "protocol.yaml"
    assert its("protocol", study.config, "-o", path).code == 0
    answer = its(
        *("run", study.config, "-o", study.folder / "out", "--blind", "--protocol", path),
        *("--fail-on", "deviations"),
    )
    assert answer.code == 0
    assert "Protocol: kept." in answer.out
