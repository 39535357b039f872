"""``its-eval report``."""

import json
import re
import shutil

import pandas as pd
import pytest

from its_eval.provenance import MANIFEST, output_hashes

REPORT = "report.html"


@pytest.fixture
def result(its, study):
    """The study with one outcome, evaluated into the folder `out`, without figures."""
    study.write(changes={"[single, difference]": "[single]", "peers: {k: 3}\n": ""})
    out = study.folder / "out"
    assert its("run", study.config, "-o", out, "--no-figures", "-q").code == 0
    return out


def test_a_report_made_again_is_the_report(its, result):
    page = (result / REPORT).read_bytes()
    manifest = (result / MANIFEST).read_bytes()
    (result / REPORT).unlink()
    answer = its("report", result)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == f"{result / REPORT}\n"
    assert (result / REPORT).read_bytes() == page
    assert (result / MANIFEST).read_bytes() == manifest


def test_another_style_takes_its_place_and_the_manifest_knows(its, result, tmp_path):
    style = tmp_path / "house.yaml"
    style.write_text("title: For the board\n", encoding="utf-8")
    assert its("report", result, "--style", style).code == 0
    assert "<h1>For the board</h1>" in (result / REPORT).read_text(encoding="utf-8")
    manifest = json.loads((result / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["outputs"] == output_hashes(result)


def test_a_report_elsewhere_leaves_the_result_alone(its, result, tmp_path, unpacked):
    before = (result / REPORT).read_bytes()
    answers = tmp_path / "answers.yaml"
    answers.write_text("epoc: {other_bias: {judgement: high, reason: a strike}}\n", encoding="utf-8")
    out = tmp_path / "elsewhere" / "board.html"
    assert its("report", result, "--answers", answers, "-o", out).code == 0
    assert "a strike" in unpacked(out.read_text(encoding="utf-8"))
    assert (result / REPORT).read_bytes() == before
    again = its("report", result, "-o", out)
    assert again.code == 2
    assert again.err.startswith(f"its-eval: {out} exists already\n  hint: use --force")
    assert its("report", result, "-o", out, "--force").code == 0
    assert "a strike" not in unpacked(out.read_text(encoding="utf-8"))


def test_several_results_become_one_overview(its, result, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(result, other)
    monkeypatch.chdir(tmp_path)
    answer = its("report", result, other)
    assert (answer.code, answer.err) == (0, "overview.html\n")
    page = (tmp_path / "overview.html").read_text(encoding="utf-8")
    assert 'href="other/report.html#unit-waits-A1"' in page
    assert its("report", result, other).code == 2
    style = tmp_path / "house.yaml"
    style.write_text("title: All trusts\n", encoding="utf-8")
    assert its("report", result, other, "--style", style, "--force").code == 0
    assert "<h1>All trusts</h1>" in (tmp_path / "overview.html").read_text(encoding="utf-8")


def test_p_values_over_all_runs_when_asked(its, result, tmp_path):
    other, out = tmp_path / "other", tmp_path / "overview.html"
    shutil.copytree(result, other)
    assert its("report", result, other, "-o", out, "--adjust", "holm").code == 0
    page = out.read_text(encoding="utf-8")
    assert "p over all runs" in page
    assert "by Holm&#x27;s method" in page or "by Holm's method" in page or "by Holm&#39;s method" in page
    answer = its("report", result, "--adjust", "holm")
    assert answer.code == 2
    assert "--adjust is for an overview of several runs" in answer.err


def test_answers_are_of_one_run(its, result, tmp_path):
    answer = its("report", result, result, "--answers", tmp_path / "a.yaml")
    assert answer.code == 2
    assert "--answers is for the report of one run" in answer.err


def test_what_is_no_result(its, result, tmp_path):
    answer = its("report", tmp_path)
    assert answer.code == 2
    assert "holds no result of its-eval" in answer.err
    style = tmp_path / "house.yaml"
    style.write_text("titel: x\n", encoding="utf-8")
    faulty = its("report", result, "--style", style)
    assert faulty.code == 2
    assert "did you mean 'title'?" in faulty.err


@pytest.mark.parametrize(
    ("confidence", "label", "words", "first"),
    [
        # seven units make 21 pairs. Six have A1, whose trend alone changed; with A1, A2 one other is less clear
        (
            "0.95",
            "changed, but not clearly more than other units do",
            "trend improved, but not clearly more than in other sets of units",
            "Not clearly: the trend improved, by SIZE days a month, but not clearly more than other sets of units do.",
        ),
        (
            "0.75",
            "changed, more than other units do",
            "trend improved, more than in other sets of units",
            "Yes: the trend improved, by SIZE days a month, and by more than other sets of units change by themselves.",
        ),
    ],
)
def test_tables_terminal_and_report_conclude_the_same_of_the_set(
    its, study, unpacked, confidence, label, words, first
):
    study.write(
        changes={
            "version: 1": f"version: 1\nconfidence: {confidence}",
            "placebo_units: no": "placebo_units: yes",
            '\n  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}': "",
        }
    )
    out = study.folder / "out"
    printed = its("run", study.config, "-o", out, "--no-figures")
    assert f"BOTH: {words}, −0.3" in " ".join(printed.out.split())
    verdicts = pd.read_csv(out / "tables" / "verdicts.csv").set_index(["unit", "design", "estimand"])
    answer = verdicts.loc[("set", "difference", "slope_change")]
    assert (answer["label"], answer["set_p_placebo"]) == (label, pytest.approx(5 / 21))
    page = (out / REPORT).read_text(encoding="utf-8")
    (size,) = re.findall(re.escape(first).replace("SIZE", r"−(\d\.\d+)"), page)
    assert float(size) == pytest.approx(-answer["estimate"], abs=0.005)
    assert f"compared with their peers: <strong>{words}</strong>" in unpacked(page)
    assert its("report", out).code == 0
    assert (out / REPORT).read_text(encoding="utf-8") == page
    # a result of 0.1 has no such table: nothing is guessed from the words of its checks
    (out / "tables" / "verdicts.csv").unlink()
    (out / "tables" / "verdicts.parquet").unlink(missing_ok=True)
    assert its("report", out).code == 0
    older = unpacked((out / REPORT).read_text(encoding="utf-8"))
    assert "compared with their peers: <strong>the conclusion is not recorded</strong>" in older
