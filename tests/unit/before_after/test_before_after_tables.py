"""Tables and notes of before-and-after comparisons."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from its_eval.improvement.paired_load import load_projects, load_statistics
from its_eval.improvement.paired_tables import (
    ALWAYS,
    before_after_notes,
    before_after_tables,
    effect_size_tables,
)

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data" / "sample"


@pytest.fixture
def tables_of(tmp_path):
    def load(text):
        path = tmp_path / "projects.csv"
        path.write_text(text, encoding="utf-8")
        return before_after_tables(load_projects(path, {}).frame)

    return load


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_workshops", SAMPLE / "generate_workshops.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row_of(changes, **wanted):
    kept = changes
    for name, value in wanted.items():
        kept = kept[kept[name].eq(value)]
    (row,) = kept.to_dict("records")
    return row


def test_totals_of_the_published_evaluation(tables_of):
    changes = tables_of(
        "measure,baseline,follow_up\nLead time,4878,1858\nDefects,3185,1046\nBHRUT lead time,287,90\n"
    )["changes"]
    lead = row_of(changes, measure="Lead time")
    assert (-lead["sum_change"], round(-lead["percent_change"])) == (3020, 62)
    assert round(-row_of(changes, measure="Defects")["percent_change"]) == 67
    assert 68 <= -row_of(changes, measure="BHRUT lead time")["percent_change"] <= 69


def test_a_table_by_trust_is_rebuilt_from_trust_totals(tables_of):
    changes = tables_of(
        "trust,measure,projects,baseline,follow_up,better\n"
        "B,Lead time,3,600,200,lower\nA,Lead time,2,400,300,lower\nA,Defects,4,10,5,\nB,Defects,1,0,0,\n"
    )["changes"]
    assert list(changes["unit"]) == ["all", "A", "B", "all", "A", "B"]
    whole = row_of(changes, measure="Lead time", unit="all")
    assert (whole["n_projects"], whole["sum_baseline"], whole["sum_follow_up"]) == (5, 1000, 500)
    assert (whole["percent_change"], whole["direction"]) == (-50.0, "better")
    assert row_of(changes, measure="Lead time", unit="B")["percent_change"] == pytest.approx(-200 / 3)
    # two totals are no sample of projects
    assert all(math.isnan(whole[name]) for name in ("t", "p_value", "percent_change_std_error", "n_lower"))
    assert row_of(changes, measure="Defects", unit="B")["n_projects"] == 1


def test_totals_are_noted(tables_of):
    notes = before_after_notes(tables_of("measure,projects,baseline,follow_up\nWait,3,60,20\nWait,2,5,4\n"))
    assert notes[:2] == list(ALWAYS)
    assert notes[2].startswith("Wait, follow-up: rows are totals of several projects")


def test_what_is_incomplete_is_left_out_and_listed(tables_of):
    tables = tables_of(
        "unit,measure,project,baseline,day_30,day_60\n"
        "A,Wait,1,10,5,4\nA,Wait,2,12,,6\nB,Wait,3,,5,5\nB,Wait,4,,,\nB,Wait,5,20,10,\n"
    )
    changes = tables["changes"]
    early = row_of(changes, follow_up="30 days", unit="all")
    assert (early["n_pairs"], early["n_left_out"], early["sum_baseline"]) == (2, 3, 30)
    assert changes[changes["unit"].eq("B") & changes["follow_up"].eq("60 days")].empty
    left = tables["left_out"]
    assert list(zip(left["project"], left["follow_up"], left["reason"], strict=True)) == [
        ("2", "30 days", "not followed up"),
        ("3", "30 days", "no baseline"), ("3", "60 days", "no baseline"),
        ("4", "30 days", "neither is known"), ("4", "60 days", "neither is known"),
        ("5", "60 days", "not followed up"),
    ]  # fmt: skip
    assert len(tables["pairs"]) == 10
    assert tables["pairs"]["used"].sum() == 4
    notes = before_after_notes(tables)
    assert any(
        "Wait: incomplete and left out: 3 of 5 (30 days), 3 of 5 (60 days); mean baseline 20 of those left "
        "out, 11 of those used (60 days)." in note
        for note in notes
    )


def test_follow_ups_of_different_projects_are_noted(tables_of):
    rows = "".join(f"Wait,{10 + place},{5 + place % 3},{'' if place else 4}\n" for place in range(4))
    notes = before_after_notes(tables_of("measure,baseline,day_30,day_60\n" + rows))
    assert any(note.startswith("Not every project was followed up every time") for note in notes)


def test_tests_that_disagree_are_noted(tables_of):
    # many small falls and one large: the ranks see a fall, the mean does not
    rows = "".join(f"Wait,{100 + place},{100 + place - 1 - place / 10}\n" for place in range(11))
    tables = tables_of("measure,baseline,after\n" + rows + "Wait,100,400\n")
    row = row_of(tables["changes"], unit="all")
    assert row["p_value"] > 0.05 > row["wilcoxon_p"]
    assert any("disagree; a few large changes may decide" in note for note in before_after_notes(tables))


def test_direction_needs_to_be_told(tables_of):
    changes = tables_of("measure,better,baseline,after\nA,higher,1,2\nB,lower,1,2\nC,,1,2\nD,lower,3,3\n")[
        "changes"
    ]
    assert list(changes["direction"]) == ["better", "worse", "", "unchanged"]


def test_adjusted_p_is_holms_over_measures_and_over_units(tables_of):
    rng = np.random.default_rng(3)
    lines = ["unit,measure,baseline,after"]
    for measure in "XYZ":
        for unit in "AB":
            for _ in range(8):
                before = rng.normal(50, 10)
                lines.append(f"{unit},{measure},{before:.3f},{before - rng.normal(3, 6):.3f}")
    changes = tables_of("\n".join(lines) + "\n")["changes"]
    whole = changes[changes["unit"].eq("all")].sort_values("p_value")
    raw = whole["p_value"].to_numpy()
    expected = np.maximum.accumulate(np.minimum(raw * [3, 2, 1], 1))
    assert whole["p_adjusted"].to_numpy() == pytest.approx(expected)
    assert changes[changes["unit"].ne("all")]["p_adjusted"].min() == pytest.approx(
        6 * changes[changes["unit"].ne("all")]["p_value"].min()
    )


def test_order_of_rows_does_not_matter(tmp_path):
    frame = load_projects(SAMPLE / "workshops.csv", {}).frame
    # follow-ups keep their order of time
    mixed = frame.sample(frac=1, random_state=1).sort_values("follow_up", kind="stable")
    plain, other = before_after_tables(frame), before_after_tables(mixed)
    pd.testing.assert_frame_equal(plain["changes"], other["changes"], rtol=1e-9)


def test_the_sample_is_what_its_generator_makes(generator, tmp_path):
    generator.write(tmp_path)
    assert (tmp_path / "workshops.csv").read_bytes() == (SAMPLE / "workshops.csv").read_bytes()


def test_what_was_put_into_the_sample_is_found(generator):
    changes = before_after_tables(load_projects(SAMPLE / "workshops.csv", {}).frame)["changes"]
    for measure, factors in generator.TRUE_FACTORS.items():
        if measure == "Queue length":
            continue
        for days, factor in zip(generator.DAYS, factors, strict=True):
            row = row_of(changes, measure=measure, follow_up=f"{days} days", unit="all")
            distance = abs(row["percent_change"] - 100 * (factor - 1)) / row["percent_change_std_error"]
            assert distance < 2.5


def test_regression_to_the_mean_alone_looks_like_an_effect(generator):
    rejected = []
    for seed in range(15):
        rows = [row for row in generator.simulate(seed) if row[2] == "Queue length"]
        pairs = np.array([[row[4], row[5] or "nan"] for row in rows], dtype=float)
        frame = pd.DataFrame({
            "measure": "Queue", "unit": "all", "project": range(len(pairs)), "baseline": pairs[:, 0],
            "follow_up": "30 days", "value": pairs[:, 1], "projects": 1.0, "better": "lower",
            "source_row": range(len(pairs)),
        })  # fmt: skip
        row = row_of(before_after_tables(frame)["changes"])
        rejected.append(row["p_value"] < 0.05 and row["sum_change"] < 0)
    # nothing was done to any of them
    assert np.mean(rejected) > 0.7


def test_published_statistics(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("measure,t,df\nA,4.077,81\nB,3.385,53\nC,12.768,89\n", encoding="utf-8")
    found = effect_size_tables(load_statistics(path, {}))["effect_sizes"]
    assert list(found["r"].round(3)) == [0.413, 0.422, 0.804]
    assert list(found["n"]) == [82, 54, 90]


def test_the_document_tells_the_numbers_of_the_sample():
    changes = before_after_tables(load_projects(SAMPLE / "workshops.csv", {}).frame)["changes"]
    row = row_of(changes, measure="Queue length", follow_up="60 days", unit="all")
    text = " ".join((ROOT / "docs" / "before_after_and_spc.md").read_text(encoding="utf-8").split())
    low, high = -row["conf_high"], -row["conf_low"]
    assert f"the {row['n_pairs']} queues measured twice are shorter by {-row['mean_change']:.1f}" in text
    assert f"(95 % interval {low:.1f} to {high:.1f}, p = {row['p_value']:.3f})" in text
