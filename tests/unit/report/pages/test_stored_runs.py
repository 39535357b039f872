"""Results on disk: read back as they were, reported again as they were, joined on one page."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from statsmodels.stats.multitest import multipletests

from its_eval.columns import THE_SET, make_table
from its_eval.config import load_config, to_yaml
from its_eval.effects.several_units import adjust
from its_eval.errors import ConfigError, OutputError, UsageError
from its_eval.provenance import MANIFEST, RESOLVED, output_hashes, sha256
from its_eval.report.cells import BLANK, shown_answers
from its_eval.report.house_style import HouseStyle
from its_eval.report.overview import (
    REPORT,
    Adjustment,
    OverviewEntry,
    _lines,
    entries_of,
    render_overview,
    replace_report,
    report_of,
)
from its_eval.report.source import read_run
from its_eval.report.write import write_manifest, write_page, write_tables, write_text

MANIFEST_BASE = {
    "schema_version": 1,
    "program": {"name": "its-eval", "version": "9.8.7"},
    "libraries": {},
    "config": {"path": "study.yaml", "sha256": "c" * 64},
    "inputs": {},
}


@pytest.fixture
def stored(run, tmp_path):
    """The small run in a folder, its tables in the formats asked for."""

    def make(name="out", formats=("csv", "parquet"), evaluation=run.evaluation, **changes):
        folder = tmp_path / name
        folder.mkdir()
        write_tables(evaluation.tables, folder / "tables", formats)
        config = load_config(run.figures.parent / "study.yaml")
        write_text(folder / RESOLVED, to_yaml(config))
        about = {
            "notes": list(evaluation.notes),
            "outcomes": {key: dict(value) for key, value in evaluation.outcomes.items()},
            "unit_names": dict(evaluation.unit_names),
            "outputs": output_hashes(folder),
        }
        write_manifest(folder, MANIFEST_BASE | about | changes)
        return folder

    return make


@pytest.mark.parametrize("formats", [("parquet",), ("csv",)])
def test_a_result_read_back_is_the_result(run, stored, formats):
    read = read_run(stored(formats=formats))
    assert read.evaluation.title == run.evaluation.title
    assert read.evaluation.notes == run.evaluation.notes
    assert read.evaluation.outcomes == run.evaluation.outcomes
    assert read.evaluation.unit_names == run.evaluation.unit_names
    assert set(read.evaluation.tables) == set(run.evaluation.tables)
    for name, table in run.evaluation.tables.items():
        pd.testing.assert_frame_equal(read.evaluation.tables[name], table, check_dtype=name != "data_quality")
    assert read.settings == run.settings


@pytest.mark.parametrize("formats", [("parquet",), ("csv",)])
def test_its_report_is_the_same_page(run, stored, formats):
    folder = stored(formats=formats)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert report_of(read_run(folder)) == run.report(figures=folder / "figures", provenance=manifest)


def test_texts_that_look_like_formulas_come_back_from_csv(run, stored):
    row = {"outcome": "waits", "unit": "=A1", "design": "single", "reason": "no_data", "message": "'quoted'"}
    tables = {**run.evaluation.tables, "not_estimated": make_table("not_estimated", [row])}
    read = read_run(stored(formats=("csv",), evaluation=replace(run.evaluation, tables=tables)))
    (back,) = read.evaluation.tables["not_estimated"].to_dict("records")
    assert (back["unit"], back["message"]) == ("=A1", "'quoted'")


def test_a_table_that_an_older_version_did_not_write_is_empty(stored):
    folder = stored()
    for path in (folder / "tables").glob("residuals.*"):
        path.unlink()
    assert read_run(folder).evaluation.tables["residuals"].empty


def test_the_report_takes_its_place_in_the_folder_and_in_the_manifest(stored):
    folder = stored()
    run = read_run(folder)
    path = replace_report(run, report_of(run))
    assert path == folder / REPORT
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["outputs"] == output_hashes(folder)
    assert manifest["outputs"][REPORT] == sha256(path)
    assert {key: value for key, value in manifest.items() if key != "outputs"} == {
        key: value for key, value in run.manifest.items() if key != "outputs"
    }
    assert list(folder.glob(".*")) == []


def test_style_and_answers_of_the_config_or_instead_of_them(stored, tmp_path, taken_apart):
    style = tmp_path / "house.yaml"
    style.write_text("title: For the board\n", encoding="utf-8")
    answers = tmp_path / "answers.yaml"
    answers.write_text("epoc: {other_bias: {judgement: high, reason: a strike}}\n", encoding="utf-8")
    run = read_run(stored())
    page = taken_apart(report_of(run, style=style, answers=answers)).source
    assert "<h1>For the board</h1>" in page
    assert "a strike" in page
    chosen = run.config.output.report.model_copy(update={"style": style, "answers": answers})
    output = run.config.output.model_copy(update={"report": chosen})
    config = run.config.model_copy(update={"output": output})
    assert taken_apart(report_of(structs.replace(run, config=config))).source.count(">a strike<") == 1
    style.write_text("colour: x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="'colour' is not a key of a house style"):
        report_of(run, style=style)


def test_folders_that_hold_no_result(stored, tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        read_run(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no result of its-eval that this version can read") as caught:
        read_run(tmp_path / "empty")
    assert "results/sample" in caught.value.hint
    with pytest.raises(UsageError, match="of an older version"):
        read_run(stored("old", outcomes=None))
    folder = stored("half")
    (folder / RESOLVED).unlink()
    with pytest.raises(UsageError, match=r"config\.resolved\.yaml is missing"):
        read_run(folder)
    bare = stored("bare", formats=())
    with pytest.raises(UsageError, match="no table in CSV or Parquet"):
        read_run(bare)


def test_a_page_replaces_nothing_unasked(tmp_path):
    path = tmp_path / "new" / "page.html"
    assert write_page(path, "é\n", force=False) == path
    assert path.read_bytes() == "é\n".encode()
    with pytest.raises(OutputError, match="exists already"):
        write_page(path, "other", force=False)
    assert path.read_text(encoding="utf-8") == "é\n"
    write_page(path, "other", force=True)
    assert path.read_text(encoding="utf-8") == "other"
    with pytest.raises(OutputError, match="is a folder, not a file"):
        write_page(tmp_path, "x", force=True)
    with pytest.raises(OutputError, match=r"cannot write .*Not a directory"):
        write_page(path / "below" / "page.html", "x", force=False)
    with pytest.raises(OutputError, match="cannot write"):
        write_page(tmp_path / ("x" * 300), "x", force=False)


def test_a_full_disk_leaves_what_stood_there(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old", encoding="utf-8")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*page\.html: No space left on device"):
        write_page(path, "new", force=True)
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
        ("page.html", "old")
    ]


def test_an_overview_has_a_row_per_answer_linked_to_its_report(run, stored, taken_apart, tmp_path):
    one, two = read_run(stored("one")), read_run(stored("two"))
    write_page(one.folder / REPORT, "<p>", force=False)
    entries = entries_of([one, two], tmp_path / "pages" / "overview.html")
    assert [(entry.name, entry.report) for entry in entries] == [("one", "../one/report.html"), ("two", "")]
    page = taken_apart(render_overview(entries, version="1.0"))
    assert page.faults == []
    summary, verdicts = run.evaluation.tables["summary"], run.evaluation.tables["verdicts"]
    rows = page.tagged("tr")
    # both outcomes of both runs in two comparisons, as a set; then each unit; then the runs
    assert len(rows) == 1 + 8 + 1 + 2 * len(summary) + 1 + 2
    assert page.texts("h2") == ["The answers in short", "All answers", "The runs"]
    assert page.texts("th").count(run.evaluation.title) == 8
    # what can be said stands before the numbers, in sight on a narrow screen; the whole width is the table's
    heads = ["Unit", "Outcome", "Compared with", "What can be said", "Estimate", "Of", "Adjusted p"]
    assert [text for text in page.texts("th") if text in heads][5:12] == heads
    assert 'class="layout whole"' in page.source
    assert page.tagged("nav") == []
    links = {e.attributes["href"] for e in page.tagged("a") if e.attributes["href"].startswith("../")}
    assert links == {
        "../one/report.html",
        "../one/report.html#answer",
        *(
            f"../one/report.html#unit-{outcome}-{unit}"
            for outcome in ("waits", "seen")
            for unit in ("A1", "A2")
        ),
    }
    report = taken_apart(report_of(one))
    idents = {element.attributes["id"] for element in report.having("id")}
    assert {link.partition("#")[2] for link in links} - {""} <= idents
    told = set(page.texts("td"))
    assert {"trend improved", "no clear change of trend"} <= told
    for element in page.having("data-source"):
        name, table, place, column = element.attributes["data-source"].split(":")
        assert (name, table) in (("one", "verdicts"), ("two", "verdicts"))
        assert float(element.attributes["data-value"]) == verdicts.loc[int(place), column]


def test_an_overview_tells_what_failed_and_of_an_outcome_without_data(run, taken_apart):
    row = {"outcome": "lost", "unit": "A1", "design": "single", "reason": "no_data", "message": "no value"}
    tables = {**run.evaluation.tables, "not_estimated": make_table("not_estimated", [row])}
    entry = OverviewEntry("x", replace(run.evaluation, tables=tables, notes=("Mind this.",)), "")
    page = taken_apart(render_overview([entry], style=HouseStyle(title="All trusts"), version="1"))
    assert {"not estimated: no value", "lost", "Mind this.", "none"} <= set(page.texts("td"))
    assert page.texts("h1") == ["All trusts"]
    assert "significant" not in page.source
    assert not {"red", "amber", "green"} & set(page.source.split())


@pytest.mark.parametrize(("method", "peer"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_p_values_over_all_runs_are_those_of_statsmodels(run, taken_apart, method, peer):
    verdicts = run.evaluation.tables["verdicts"]
    fewer = {**run.evaluation.tables, "verdicts": verdicts[verdicts["outcome"].eq("waits")]}
    entries = [
        OverviewEntry("one", run.evaluation, ""),
        OverviewEntry("two", replace(run.evaluation, tables=fewer), ""),
    ]
    over_runs = Adjustment(method, lambda p, size: adjust(p, method, size))
    page = taken_apart(render_overview(entries, version="1", over_runs=over_runs))
    assert page.faults == []
    assert page.texts("th").count("p over all runs") == 2
    assert any("adjusted for all rows of this table" in text for text in page.texts("p"))
    for together in (True, False):
        p_values = np.concatenate(
            [shown_answers(entry.evaluation, together=together)["p_value"] for entry in entries]
        )
        assert len(p_values) == 6 * (1 if together else 2)
        titles, lines = _lines(entries, over_runs, together=together)
        place = [title.title for title in titles].index("p over all runs")
        found = [float(line[place].sort) for line in lines]
        np.testing.assert_allclose(found, multipletests(p_values, method=peer)[1], rtol=1e-12)


def test_an_answer_that_is_lacking_counts_among_all_runs(run):
    row = {"outcome": "waits", "unit": "A3", "design": "single", "reason": "no_data", "message": "no value"}
    tables = {**run.evaluation.tables, "not_estimated": make_table("not_estimated", [row])}
    entries = [OverviewEntry("x", replace(run.evaluation, tables=tables), "")]
    titles, lines = _lines(
        entries, Adjustment("holm", lambda p, size: adjust(p, "holm", size)), together=False
    )
    place = [title.title for title in titles].index("p over all runs")
    assert lines[-1][place] == BLANK
    smallest = run.evaluation.tables["verdicts"].loc[lambda table: table["unit"].ne(THE_SET), "p_value"].min()
    assert min(float(line[place].sort) for line in lines[:-1]) == pytest.approx(len(lines) * smallest)


def test_runs_of_one_name_are_told_apart(stored, tmp_path):
    (tmp_path / "2024").mkdir()
    one, two = read_run(stored("same")), read_run(stored("2024/same"))
    names = [entry.name for entry in entries_of([one, two], tmp_path / "o.html")]
    assert names == [f"{tmp_path.name}/same", "2024/same"]
