"""The section of a run about projects measured before and after: read, tabulated, drawn, told."""

from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from its_eval.columns import BESIDE
from its_eval.figures.catalogue import describe, draw, figure_tasks
from its_eval.improvement.paired_load import load_projects
from its_eval.improvement.paired_tables import before_after_tables
from its_eval.pipeline.sources import input_files
from its_eval.report.before_after import before_after
from its_eval.report.source import ReportSource, _beside, with_every_table
from its_eval.report.write import write_tables
from its_eval.words.sentences import overall_sentences

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "workshops.csv"
SIMPLE = {
    "outcomes": [{"indicator": "waits", "kind": "number", "seasonality": "none"}],
    "checks": {"placebo_units": False, "placebo_dates": False, "leave_one_peer_out": False},
    "designs": ["single"],
    "peers": None,
}
#: Published: t(81) = 4.077 goes with r .413, t(53) = 3.385 with .422, t(89) = 12.768 with .804.
PUBLISHED = "measure,t,df\nOne,4.077,81\nTwo,3.385,53\nThree,12.768,89\n"


@pytest.fixture
def evaluated(study):
    return study.run(**SIMPLE, before_after={"path": str(SAMPLE), "columns": {"unit": "trust"}})


@pytest.fixture
def published(study):
    path = study.folder / "published.csv"
    path.write_text(PUBLISHED, encoding="utf-8")
    return study.run(**SIMPLE, before_after={"path": str(path)})


def section(evaluation):
    (made,) = before_after(ReportSource(with_every_table(evaluation), {}))
    return made


def test_its_tables_are_those_of_the_command(evaluated):
    expected = before_after_tables(load_projects(SAMPLE, {"unit": "trust"}).frame)
    for name, table in (("before_after", "changes"), ("before_after_pairs", "pairs")):
        pd.testing.assert_frame_equal(evaluated.tables[name], expected[table])
    assert len(evaluated.tables["before_after_left_out"]) == len(expected["left_out"])
    assert any("regression to the mean" in note.casefold() for note in evaluated.notes)


def test_published_statistics(published):
    sizes = published.tables["before_after_effect_sizes"].set_index("measure")["r"]
    assert sizes.round(3).to_dict() == {"One": 0.413, "Two": 0.422, "Three": 0.804}
    words = [words for words, _ in overall_sentences(published)]
    assert words[0].startswith("One: t(81) = 4.077, p < 0.001; r 0.413, d_z ")
    assert len(section(published).blocks) == 2
    assert not [task for task in figure_tasks(published) if task.kind == "slope_chart"]


def test_a_run_without_it_has_no_section(study):
    found = study.run(**SIMPLE)
    assert not set(BESIDE) & set(found.tables)
    assert section(found).blocks == []
    assert overall_sentences(found) == []


def test_the_section_tells_every_measure_and_warns(evaluated):
    made = section(evaluated)
    caution, said, table = made.blocks
    assert "no control group" in caution.parts[0]
    changes = evaluated.tables["before_after"]
    assert len(said.items) == int((changes["unit"] == "all").sum())
    assert len(table.rows) == len(changes)
    for item in said.items:
        name, _, row = item.row.partition(":")
        found = evaluated.tables[name].loc[int(row)]
        assert item.parts[0].startswith(str(found["measure"]))
        assert f"the sum of {found['n_projects']} projects" in item.parts[0]


def test_a_slope_chart_for_each_measure(evaluated):
    tasks = [task for task in figure_tasks(evaluated) if task.kind == "slope_chart"]
    assert [task.outcome for task in tasks] == sorted(evaluated.tables["before_after"]["measure"].unique())
    figure, frame, stem = draw(evaluated, tasks[0])
    assert stem.startswith("slope_chart_")
    assert list(frame.columns) == ["unit", "project", "before", "30 days", "60 days", "90 days", "complete"]
    assert [line for line in figure.findobj() if line.get_gid() == "mean"]
    words = describe(evaluated, tasks[0])
    whole = frame[frame["complete"]]
    assert f"{len(whole)} measured every time" in words
    assert f"before {whole['before'].mean():.1f}" in words


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_its_tables_are_read_back(evaluated, tmp_path, form):
    write_tables(evaluated.tables, tmp_path / "tables", (form,))
    back = _beside(tmp_path / "tables", {})
    assert set(back) == {name for name in BESIDE if name.startswith("before_after")} - {
        "before_after_effect_sizes"
    }
    for name, table in back.items():
        pd.testing.assert_frame_equal(table, evaluated.tables[name], check_dtype=False)


def test_one_without_rows_keeps_its_columns(evaluated, tmp_path):
    left_out = evaluated.tables["before_after_left_out"]
    tables = {**evaluated.tables, "before_after_left_out": left_out.iloc[:0]}
    write_tables(tables, tmp_path / "tables", ("csv",), empty=False)
    assert not (tmp_path / "tables" / "before_after_left_out.csv").exists()
    back = _beside(tmp_path / "tables", {name: len(table) for name, table in tables.items()})
    assert list(back["before_after_left_out"].columns) == list(left_out.columns)
    assert back["before_after_left_out"].empty


def test_faults_of_its_table_come_with_those_of_the_data(study):
    study.put("T1", 3, to="x")
    problems = study.faults(before_after={"path": str(study.folder / "none.csv")})
    assert any(problem.startswith("none.csv: there is no such file") for problem in problems)


def test_follow_ups_do_not_go_with_published_statistics(study):
    path = study.folder / "published.csv"
    path.write_text(PUBLISHED, encoding="utf-8")
    (problem,) = study.faults(before_after={"path": str(path), "follow_ups": ["t"]})
    assert "before_after.follow_ups does not go with it" in problem


def test_no_project_measured_both_times(study):
    path = study.folder / "half.csv"
    path.write_text("measure,baseline,follow_up\nOne,3,\nOne,,2\n", encoding="utf-8")
    (problem,) = study.faults(before_after={"path": str(path)})
    assert problem == "half.csv: no project has both a baseline and a follow-up"


def test_its_table_is_an_input_of_the_run(study):
    assert SAMPLE in input_files(study.config(before_after={"path": str(SAMPLE)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"before_after": {"path": "a.csv", "columns": {"trusts": "x"}}}, "before_after.columns"),
        ({"before_after": {"path": "a.doc"}}, "is not a kind of table"),
    ],
)
def test_settings_are_checked(study, changes, message):
    with pytest.raises(ValidationError, match=message):
        study.config(**changes)
