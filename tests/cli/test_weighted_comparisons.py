"""Designs that weigh donors, from a YAML file to tables, report, figures and the terminal."""

import csv
import io
import json
from pathlib import Path

import pytest

SALES = Path(__file__).parents[2] / "data" / "sample" / "california_prop99.csv"
CONFIG = """\
version: 1
title: Cigarette sales
data:
  indicators: {{path: {path}, layout: wide, indicator: sales, columns: {{period: Year}}}}
  frequency: year
intervention: {{name: Proposition 99, date: "1989", shape: {shape}}}
treated: [California]
peers: {{k: all}}
outcomes:
  - {{indicator: sales, label: Cigarette sales, unit: packs, kind: number, better: lower}}
designs: [{design}]
estimands: {{primary: average_effect}}
"""


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture
def study(tmp_path):
    def write(design, shape="step_and_slope", more=""):
        path = tmp_path / "study.yaml"
        path.write_text(CONFIG.format(path=SALES, design=design, shape=shape) + more, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("design", "effect", "label", "words", "made"),
    [
        (
            "sdid",
            -15.6054,
            "changed, more than other units do",
            "a weighted mean of other units (synthetic difference in differences)",
            "weighted comparison",
        ),
        (
            "augmented_synthetic",
            -10.7401,
            "no clear change",
            "a weighted sum of other units (augmented synthetic control)",
            "augmented synthetic control",
        ),
    ],
)
def test_from_a_file_to_tables_and_report(its, study, unpacked, tmp_path, design, effect, label, words, made):
    path, out = study(design, more="output: {which: board}\n"), tmp_path / "out"
    assert its("validate", path).code == 0
    answer = its("run", path, "-o", out)
    assert answer.code == 0
    assert words in " ".join(answer.out.split())
    (verdict,) = [row for row in rows(out / "tables" / "verdicts.csv") if row["label"]]
    assert float(verdict["estimate"]) == pytest.approx(effect, abs=1e-4)
    assert verdict["label"] == label
    assert (verdict["inference"], verdict["conf_low"]) == ("placebo", "")
    assert int(verdict["n_donors"]) == 38
    weights = rows(out / "tables" / "donor_weights.csv")
    assert len(weights) == 38
    assert sum(float(row["weight"]) for row in weights) == pytest.approx(1)
    checks = {row["check"] for row in rows(out / "tables" / "checks.csv")}
    assert {"exchangeability", "placebo_units"} <= checks
    page = " ".join(unpacked((out / "report.html").read_text(encoding="utf-8")).split())
    assert f"What the {made}s are made of" in page
    parts = sum(float(row["weight"]) != 0 for row in weights)
    assert f"{parts} of 38 donors are part of its {made}" in page
    assert "peers are taken as given" not in page
    assert any(file.name.startswith("board_") for file in (out / "figures").iterdir())


def test_weights_are_explained_before_a_run(its, study):
    path = study("synthetic, sdid, augmented_synthetic")
    (found,) = json.loads(its("peers", path, "--unit", "California", "--explain", "--format", "json").out)
    by_design = {}
    for row in found["donor_weights"]:
        by_design.setdefault(row["design"], []).append(row["weight"])
    assert list(by_design) == ["synthetic", "sdid", "augmented_synthetic"]
    assert all(sum(weights) == pytest.approx(1) for weights in by_design.values())
    assert all(weights == sorted(weights, reverse=True) for weights in by_design.values())
    text = its("peers", path, "--unit", "California", "--explain").out
    assert "Weighted comparison of California: weights of 27 donors" in text
    assert "Augmented synthetic control of California: weights of 38 donors" in text


@pytest.mark.parametrize("design", ["sdid", "augmented_synthetic"])
@pytest.mark.parametrize(
    ("shape", "more", "said"),
    [
        ("step", "looks: {from: 8, every: 1, until: 12}\n", "has no p-value that holds over repeated looks"),
        ("step", "output: {detail: estimates}\n", "is not for a batch run"),
    ],
)
def test_what_cannot_be_is_refused(its, study, design, shape, more, said):
    answer = its("validate", study(design, shape, more))
    assert answer.code == 2
    assert said in answer.out


def test_a_name_that_is_nearly_right(its, study):
    answer = its("validate", study("sdidd"))
    assert answer.code == 2
    assert "did you mean 'sdid'" in answer.out


@pytest.mark.parametrize("design", ["sdid", "augmented_synthetic"])
def test_data_without_enough_donors_end_in_a_row_and_an_exit_code(its, study, tmp_path, design):
    header, *lines = SALES.read_text(encoding="utf-8").splitlines()
    keep = [header.split(",").index(name) for name in ("Year", "California", "Utah")]
    short = tmp_path / "short.csv"
    short.write_text(
        "\n".join(",".join(line.split(",")[place] for place in keep) for line in [header, *lines]) + "\n"
    )
    path = study(design)
    path.write_text(path.read_text().replace(str(SALES), str(short)))
    answer = its("run", path, "-o", tmp_path / "out")
    assert answer.code == 4
    assert "1 donors without gaps" in answer.err + answer.out
