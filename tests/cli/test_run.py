"""``its-eval run``."""

import json
import math
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import its_eval
from its_eval.cli import progress
from its_eval.cli.run_text import print_plan
from its_eval.cli.runs import failures
from its_eval.columns import COLUMNS, make_table
from its_eval.evaluation import Evaluation
from its_eval.figures import drawing
from its_eval.figures.catalogue import figure_tasks

TABLES = ("--no-figures", "--no-report")
NO_CHECKS = "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}"


@pytest.fixture
def result(its, study):
    """The study, evaluated into the folder `out`."""
    out = study.folder / "out"
    assert its("run", study.config, "-o", out, *TABLES, "-q").code == 0
    return out


def test_a_run_writes_the_folder_of_the_contract(its, study):
    out = study.folder / "out"
    answer = its("run", study.config, "--out", out, *TABLES)
    assert (answer.code, answer.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["config.resolved.yaml", "manifest.json", "tables"]
    # a table without rows is not written, and read back with its columns all the same
    rows = json.loads((out / "manifest.json").read_text())["tables"]
    assert set(rows) == set(COLUMNS)
    assert {name for name, count in rows.items() if not count} >= {"not_estimated", "placebo_units"}
    written = sorted(f"{name}.csv" for name, count in rows.items() if count)
    assert sorted(path.name for path in (out / "tables").iterdir()) == written
    tables = its_eval.load_run(out).tables
    assert {name: len(table) for name, table in tables.items()} == rows
    for name, columns in COLUMNS.items():
        assert tuple(tables[name].columns) == columns


def test_the_summary_says_question_answers_and_place(its, study):
    out = study.folder / "out"
    answer = its("run", study.config, "-o", out, *TABLES)
    text = " ".join(answer.out.split())
    assert text.startswith("A small study Waits, days (lower is better); 30 months before, 18 after;")
    assert "Asked: did the monthly trend change in two units from July 2015" in text
    assert "A1 Trust A1: trend improved, −0.63 days a month (" in text
    assert f"Tables: {out / 'tables'} (-v: every unit, peers, checks)" in text
    assert "Report:" not in text
    # peers and notes are for -v
    assert "Peers, nearest first" not in text
    assert "To know" not in text


def test_verbose_tells_peers_and_notes(its, study):
    text = " ".join(its("run", study.config, "-o", study.folder / "out", *TABLES, "-v").out.split())
    assert "Peers, nearest first: B1, B2, B3. 2 of the 3 nearest are eligible" in text
    assert "To know Waits: few units are like A1" in text


def test_the_summary_fits_100_columns_and_has_no_trailing_blanks(its, study):
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES)
    lines = [line for line in answer.out.splitlines() if not line.startswith("Tables: ")]
    assert max(map(len, lines)) <= 100
    assert [line for line in lines if line != line.rstrip()] == []


def test_the_summary_of_a_single_group_has_no_peers(its, study):
    study.write(changes={"peers: {k: 3}\n": "", "[single, difference]": "[single]"})
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES)
    assert answer.code == 0
    told = answer.out.replace("(-v: every unit, peers, checks)", "")
    assert "eers" not in told
    assert "Asked: did the monthly trend change in two units" in told
    said = " ".join(told.split())
    assert "from July 2015, compared with their own earlier trend?" in said
    assert (
        its("run", study.config, "-o", study.folder / "out", *TABLES, "--force", "-v").out.count("To know")
        == 0
    )


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_what_has_no_estimate_is_told_with_its_reason(its, study, verbose):
    rows = study.indicators.read_text().splitlines()[1:]
    late = ("waits,A2,2015-09", "waits,A2,2015-1", "waits,A2,2016")
    study.write_indicators([row for row in rows if not row.startswith(late)])
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES, *verbose)
    text = " ".join(answer.out.split())
    failed = pd.read_csv(study.folder / "out" / "tables" / "not_estimated.csv")
    assert set(failed["unit"]) == {"A2"}
    assert set(failed["design"]) == {"single", "difference"}
    assert "Not estimated, A2, compared with its peers and with its own earlier trend: " in text
    assert "30 months before, 18 after; none missing in units with an estimate" in text


def test_verbose_adds_every_estimand_of_the_primary_estimator(its, study):
    text = its("run", study.config, "-o", study.folder / "out", *TABLES, "-v").out
    assert max(len(line) for line in text.splitlines() if not line.startswith("Tables: ")) <= 100
    for words in ("level expected at the start", "effect 6 months after the start", "cumulative effect"):
        assert words in text
    assert "<0.001" in text.replace("< ", "<")


def leave_blank(evaluation, task, places):
    """Write figures of nothing, which takes no time."""
    for place in places:
        place.folder.mkdir(parents=True, exist_ok=True)
        for end in place.formats:
            (place.folder / f"{place.stem}.{end}").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        (place.folder / f"{place.stem}.csv").write_text("")


def test_quiet_prints_the_path_and_nothing_else(its, study, monkeypatch):
    out = study.folder / "out"
    answer = its("run", study.config, "-o", out, *TABLES, "-q")
    assert answer == type(answer)(0, f"{out / 'tables'}\n", "")
    assert (out / "manifest.json").is_file()
    # a script can go on with it when nothing was to be done, too
    again = its("run", study.config, "-o", out, *TABLES, "-q", "--if-changed")
    assert again == answer
    monkeypatch.setattr(drawing, "draw_figure", leave_blank)
    report = its("run", study.config, "-o", study.folder / "whole", "-q")
    assert report == type(answer)(0, f"{study.folder / 'whole' / 'report.html'}\n", "")
    assert (study.folder / "whole" / "report.html").is_file()
    # JSON stays JSON
    loaded = its("run", study.config, "-o", out, *TABLES, "-q", "--force", "--format", "json")
    assert json.loads(loaded.out)[0]["out"] == str(out)


def test_quiet_and_verbose_exclude_each_other(its, study):
    answer = its("run", study.config, "-q", "-v")
    assert (answer.code, answer.out) == (2, "")
    assert "--quiet and --verbose exclude each other" in answer.err


def test_json_tells_what_is_written_when_a_later_config_fails(its, study):
    other = study.write("other.yaml", changes={"path: indicators.csv": "path: nowhere.csv"})
    answer = its("run", study.config, other, "-o", study.folder / "all", *TABLES, "--format", "json")
    assert answer.code == 3
    assert "nowhere.csv" in answer.err
    loaded, failed = json.loads(answer.out)
    assert loaded["out"] == str(study.folder / "all" / "study")
    assert set(failed) == {"config", "error"}
    assert failed["error"]["exit_code"] == 3
    assert "nowhere.csv" in failed["error"]["message"]
    assert "its-eval: 1 of 2 configs failed, see above" in answer.err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_faulty_config_does_not_hold_up_the_others(its, study, contents, jobs):
    bad = study.write("a_bad.yaml", text="version: 9\n")
    broken = study.write("b_broken.yaml", changes={"path: indicators.csv": "path: nowhere.csv"})
    second = study.write("second.yaml", changes={"A small study": "Another study"})
    out = study.folder / "all"
    answer = its("run", bad, study.config, broken, second, "-o", out, *TABLES, "-j", jobs)
    assert answer.code == 3
    assert sorted(path.name for path in out.iterdir()) == ["second", "study"]
    assert answer.out.index("A small study") < answer.out.index("Another study")
    assert "a_bad.yaml:1: version: found 9" in answer.err
    assert "nowhere.csv: there is no such file" in answer.err
    assert answer.err.endswith("its-eval: 2 of 4 configs failed, see above\n")
    single = study.folder / "single"
    assert its("run", second, "-o", single, *TABLES, "-q").code == 0
    assert contents(out / "second", without=("manifest.json",)) == contents(
        single, without=("manifest.json",)
    )


def test_json_is_the_verdicts_a_line_each(its, study):
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES, "--format", "json")
    (loaded,) = json.loads(answer.out)
    assert set(loaded) == {"config", "out", "title", "faults", "verdicts"}
    verdicts = its_eval.load_run(study.folder / "out").tables["verdicts"]
    assert [row["label"] for row in loaded["verdicts"]] == verdicts["label"].tolist()
    assert [row["p_value"] for row in loaded["verdicts"]] == [
        None if math.isnan(value) else value for value in verdicts["p_value"]
    ]
    assert len(answer.out.encode()) <= 1500 * len(verdicts)
    assert max(map(len, answer.out.splitlines())) <= 1500


def test_json_holds_every_table(its, study):
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES, "--format", "json-full")
    (loaded,) = json.loads(answer.out)
    assert loaded["config"] == str(study.config)
    assert loaded["out"] == str(study.folder / "out")
    assert set(loaded["tables"]) == set(COLUMNS)
    (row,) = [
        row
        for row in loaded["tables"]["summary"]
        if (row["outcome"], row["unit"], row["design"]) == ("waits", "A1", "difference")
    ]
    assert tuple(row) == COLUMNS["summary"]
    assert (row["direction"], row["p_placebo"]) == ("better", None)


def test_infinite_and_missing_numbers_are_null_in_json():
    rows = [{"outcome": "a", "unit": "b", "rank": None, "peer": "c", "distance": value}
            for value in (math.inf, -math.inf, math.nan, 1.5)]  # fmt: skip
    evaluation = Evaluation("t", {"peers": make_table("peers", rows)}, (), {})
    found = evaluation.to_dict()["tables"]["peers"]
    assert [row["distance"] for row in found] == [None, None, None, 1.5]
    assert {row["rank"] for row in found} == {None}
    json.dumps(found, allow_nan=False)


def test_default_folder_is_results_by_name_of_the_config(its, study, monkeypatch):
    monkeypatch.chdir(study.folder)
    assert its("run", "study.yaml", *TABLES, "-q").code == 0
    assert (study.folder / "results" / "study" / "manifest.json").is_file()


def test_several_configs_get_a_folder_each(its, study):
    study.write("second.yaml", changes={"A small study": "Another study"})
    out = study.folder / "all"
    answer = its("run", study.config, study.folder / "second.yaml", "-o", out, *TABLES)
    assert answer.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["second", "study"]
    assert answer.out.index("A small study") < answer.out.index("Another study")


def test_two_configs_of_one_name_are_refused_before_any_work(its, study):
    other = study.folder / "other"
    other.mkdir()
    shutil.copy(study.config, other)
    answer = its("run", study.config, other / "study.yaml", "-o", study.folder / "all", *TABLES)
    assert (answer.code, answer.out) == (2, "")
    assert "several configs are called study; their results would share a folder" in answer.err
    assert "hint: rename one" in answer.err
    shutil.copy(study.config, other / "STUDY.yml")
    answer = its("run", study.config, other / "STUDY.yml", "-o", study.folder / "all", *TABLES)
    assert answer.code == 2
    assert "several configs are called STUDY, study" in answer.err


def test_the_faults_of_all_configs_are_said_at_once(its, study):
    study.write("one.yaml", text="version: 9\n")
    study.write("two.yaml", changes={"treated:": "treatde:"})
    configs = (study.folder / "one.yaml", study.folder / "two.yaml")
    answer = its("run", *configs, "-o", study.folder / "all", *TABLES)
    assert (answer.code, answer.out) == (2, "")
    assert "one.yaml:1: version: found 9" in answer.err
    assert "treatde: unknown key (did you mean 'treated'" in answer.err
    assert not (study.folder / "all").exists()


def test_a_taken_folder_of_the_second_config_stops_before_the_first_is_run(its, study, contents):
    study.write("second.yaml")
    out = study.folder / "all"
    (out / "second").mkdir(parents=True)
    (out / "second" / "notes.txt").write_text("mine")
    answer = its("run", study.config, study.folder / "second.yaml", "-o", out, *TABLES)
    assert answer.code == 2
    assert contents(out) == {"second/notes.txt": b"mine"}


def test_an_existing_result_is_refused_and_unchanged(its, study, result, contents):
    before = contents(result)
    answer = its("run", study.config, "-o", result, *TABLES)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        f"its-eval: {result} exists already\n  hint: use --force to replace it, or choose another --out\n"
    )
    assert contents(result) == before


def test_force_replaces_a_result(its, study, result):
    study.write(changes={"k: 3": "k: 2"})
    assert its("run", study.config, "-o", result, *TABLES, "--force", "-q").code == 0
    assert pd.read_csv(result / "tables" / "peers.csv")["rank"].max() == 2
    assert [path.name for path in study.folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("manifest", [None, '{"manifest_version": 3, "name": "a web page"}', "no JSON", "[]"])
def test_force_does_not_replace_a_folder_of_something_else(its, study, contents, manifest):
    out = study.folder / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    before = contents(out)
    answer = its("run", study.config, "-o", out, *TABLES, "--force")
    assert answer.code == 2
    assert "holds files that are no part of a result of its-eval, so it is not replaced: " in answer.err
    assert "thesis.txt" in answer.err
    assert contents(out) == before


def test_force_does_not_replace_a_result_to_which_files_were_added(its, study, result, contents):
    for place in range(7):
        (result / f"notes{place}.txt").write_text("mine")
    before = contents(result)
    answer = its("run", study.config, "-o", result, *TABLES, "--force")
    assert answer.code == 2
    assert "notes0.txt, notes1.txt, notes2.txt, notes3.txt, notes4.txt, …" in answer.err
    assert "hint: move them elsewhere" in answer.err
    assert contents(result) == before


def test_files_that_desktops_leave_behind_do_not_hinder_force(its, study, result):
    for name in (".DS_Store", "Thumbs.db", "tables/~$summary.csv", "tables/.~lock.summary.csv#"):
        (result / name).write_text("")
    assert its("run", study.config, "-o", result, *TABLES, "--force", "-q").code == 0
    assert not (result / ".DS_Store").exists()


def test_the_working_folder_is_refused(its, study, monkeypatch):
    inner = study.folder / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    for out in (".", "..", study.folder):
        answer = its("run", study.config, "-o", out, *TABLES, "--force")
        assert answer.code == 2
        assert "is the working folder, or above it" in answer.err


def test_a_file_is_refused(its, study):
    answer = its("run", study.config, "-o", study.units, *TABLES, "--force")
    assert answer.code == 2
    assert f"{study.units} is a file, not a folder" in answer.err
    assert study.units.read_text().startswith("unit,name,type")


@pytest.mark.skipif(os.name == "nt", reason="links and limits of POSIX")
def test_a_folder_that_cannot_be_is_refused(its, study):
    (study.folder / "circle").symlink_to("circle")
    for out, reason in (("n" * 300, "File name too long"), ("circle/out", "loop")):
        answer = its("run", study.config, "-o", study.folder / out, *TABLES)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith("its-eval: cannot use ")
        assert reason in answer.err


def test_force_keeps_hidden_files_of_people(its, study):
    folder = study.folder / "mine"
    folder.mkdir()
    (folder / ".env").write_text("SECRET=1")
    answer = its("run", study.config, "-o", folder, *TABLES, "--force")
    assert answer.code == 2
    assert "holds files that are no part of a result of its-eval, so it is not replaced: .env" in answer.err
    assert [path.name for path in folder.iterdir()] == [".env"]


class TestIfChanged:
    def test_the_same_again_does_nothing(self, its, study, result, contents):
        before = contents(result)
        answer = its("run", study.config, "-o", result, *TABLES, "--if-changed")
        assert (answer.code, answer.out) == (0, "")
        assert answer.err == f"{result}: unchanged, nothing done\n"
        assert contents(result) == before
        assert its("run", study.config, "-o", result, *TABLES, "--if-changed", "-q").err == ""

    def test_it_looks_before_it_loads_the_libraries_of_a_run(self, study, result):
        """A schedule asks every hour about many configs, and mostly in vain."""
        code = (
            "import sys\nfrom its_eval.cli.app import main\ntry:\n    main()\nfinally:\n"
            "    print(*{'numpy', 'pandas', 'scipy', 'rich', 'its_eval.config.models'} & {*sys.modules})"
        )
        arguments = ("run", study.config, "-o", result, *TABLES, "--if-changed")
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True
        )
        assert done.stdout == "\n"
        assert done.stderr == f"{result}: unchanged, nothing done\n"

    @pytest.mark.parametrize("place", ["all.parquet", "all.parquet/later"])
    def test_a_file_added_to_an_input_folder_is_a_change(self, its, study, place):
        rows = pd.read_csv(study.indicators, dtype={"unit": str})
        folder = study.folder / "all.parquet"
        (study.folder / place).mkdir(parents=True)
        rows[rows["unit"] != "B5"].to_parquet(folder / "one.parquet")
        study.config.write_text(study.config.read_text().replace(study.indicators.name, "all.parquet"))
        out = study.folder / "out"
        arguments = ("run", study.config, "-o", out, *TABLES, "--if-changed")
        assert its(*arguments, "-q").code == 0
        assert "nothing done" in its(*arguments).err
        rows[rows["unit"] == "B5"].to_parquet(study.folder / place / "two.parquet")
        answer = its(*arguments)
        assert (answer.code, answer.err) == (0, "")
        inputs = json.loads((out / "manifest.json").read_text())["inputs"]
        assert str(study.folder / place / "two.parquet") in inputs
        assert "nothing done" in its(*arguments).err

    def test_what_is_watched_for_has_not_gone(self, its, study, result):
        """A scheduler that asks again hears again: nothing was mended."""
        arguments = ("run", study.config, "-o", result, *TABLES, "--if-changed")
        first = its("run", study.config, "-o", result, *TABLES, "--force", "-q", "--fail-on", "fit")
        answer = its(*arguments, "--fail-on", "fit", "--format", "json")
        assert (first.code, answer.code) == (1, 1)
        assert answer.err == f"{result}: unchanged, nothing done\n{first.err}"
        assert json.loads(answer.out) == [
            {"config": str(study.config), "out": str(result), "unchanged": True}
        ]
        assert its(*arguments, "--fail-on", "data").code == 0

    def test_another_house_style_is_a_change(self, its, study):
        style = study.folder / "style.yaml"
        style.write_text("organisation: One\n")
        study.config.write_text(study.config.read_text() + "output: {report: {style: style.yaml}}\n")
        out = study.folder / "styled"
        arguments = ("run", study.config, "-o", out, *TABLES, "--if-changed")
        assert its(*arguments, "-q").code == 0
        assert "nothing done" in its(*arguments).err
        assert str(style) in json.loads((out / "manifest.json").read_text())["inputs"]
        style.write_text("organisation: Two\n")
        assert its(*arguments, "-q").code == 0
        assert "nothing done" in its(*arguments).err

    def test_no_result_yet_is_a_change(self, its, study):
        out = study.folder / "new"
        assert its("run", study.config, "-o", out, *TABLES, "--if-changed").code == 0
        assert (out / "manifest.json").is_file()

    @pytest.mark.parametrize("name", ["indicators", "characteristics", "units", "config"])
    def test_a_changed_input_is_done_again(self, its, study, result, contents, name):
        before = contents(result)
        path = getattr(study, name)
        path.write_text(path.read_text() + "\n")
        assert its("run", study.config, "-o", result, *TABLES, "--if-changed", "-q").code == 0
        assert contents(result) != before

    def test_a_changed_dictionary_of_outcomes_is_done_again(self, its, study):
        table = study.folder / "outcomes.csv"
        table.write_text("indicator,label\nwaits,Waits\n")
        text = study.config.read_text()
        start, end = text.index("outcomes:"), text.index("designs:")
        study.config.write_text(f"{text[:start]}outcomes: {{from: outcomes.csv}}\n{text[end:]}")
        out = study.folder / "out"
        arguments = ("run", study.config, "-o", out, *TABLES, "--if-changed")
        assert its(*arguments).code == 0
        assert "nothing done" in its(*arguments).err
        table.write_text("indicator,label\nwaits,Waiting times\n")
        answer = its(*arguments)
        assert answer.err == ""
        assert "Waiting times; 30 months before" in answer.out

    def test_a_damaged_result_is_done_again(self, its, study, result, contents):
        before = contents(result, without=("manifest.json",))
        (result / "tables" / "summary.csv").write_text("gone")
        assert its("run", study.config, "-o", result, *TABLES, "--if-changed", "-q").code == 0
        assert contents(result, without=("manifest.json",)) == before

    def test_another_version_is_done_again(self, its, study, result, monkeypatch):
        monkeypatch.setattr("its_eval.provenance.program_version", lambda: "99.0")
        assert its("run", study.config, "-o", result, *TABLES, "--if-changed", "-q").code == 0
        manifest = json.loads((result / "manifest.json").read_text())
        assert manifest["program"]["version"] == "99.0"

    def test_figures_that_were_left_out_are_a_change(self, its, study, result, monkeypatch):
        monkeypatch.setattr(drawing, "draw_figure", leave_blank)
        answer = its("run", study.config, "-o", result, "--if-changed")
        assert (answer.code, answer.err) == (0, "")
        assert f"Report: {result / 'report.html'}" in answer.out
        assert "nothing done" in its("run", study.config, "-o", result, "--if-changed").err
        assert "nothing done" in its("run", study.config, "-o", result, "--if-changed", *TABLES).err


class TestDryRun:
    def test_it_writes_nothing_and_fits_a_screen(self, its, study, contents):
        before = contents(study.folder)
        answer = its("run", study.config, "--dry-run", "-o", "out")
        assert (answer.code, answer.err) == (0, "")
        assert contents(study.folder) == before
        lines = answer.out.splitlines()
        assert len(lines) <= 40
        assert max(map(len, lines)) <= 100
        assert "    A1: B1, B2, B3" in lines
        assert (
            "  Waits: 2013-01 to 2016-12, 30 periods before and 18 from July 2015; two treated units" in lines
        )
        assert any(line.startswith("  note: Waits: ") for line in lines)

    def test_very_many_outcomes_units_and_peers_are_counted(self, capsys):
        peers = {f"U{place}": [f"P{number:05d}" for number in range(200)] for place in range(3000)}
        outcome = {"label": "Waits " * 40, "first": "2013-01", "last": "2016-12", "start": "July 2015",
                   "periods_before": 30, "periods_after": 18, "peers": peers}  # fmt: skip
        notes = [f"note {place} " * 50 for place in range(1000)]
        print_plan({"config": "c" * 200, "out": "o", "outcomes": [outcome] * 200, "notes": notes})
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 40
        assert max(map(len, lines)) <= 100

    def test_several_follow_each_other_and_a_faulty_one_is_named(self, its, study):
        study.write("second.yaml", changes={"path: indicators.csv": "path: nowhere.csv"})
        answer = its(
            "run", study.config, study.folder / "second.yaml", study.folder / "none.yaml", "--dry-run"
        )
        assert answer.code == 3
        # a plan is never wider than a screen, however long the path
        assert answer.out[:90] == f"{study.config} would be written to results/study\n"[:90]
        assert "nowhere.csv: there is no such file" in answer.err
        assert "none.yaml: there is no such file" in answer.err

    def test_an_existing_result_does_not_matter(self, its, study, result, contents):
        before = contents(result)
        assert its("run", study.config, "--dry-run", "-o", result).code == 0
        assert contents(result) == before

    def test_json(self, its, study):
        (plan,) = json.loads(its("run", study.config, "--dry-run", "--format", "json").out)
        assert plan["out"] == "results/study"
        assert plan["settings"]["peers"]["k"] in (3, "3")
        assert plan["outcomes"][0] == {
            "outcome": "waits",
            "label": "Waits",
            "first": "2013-01",
            "last": "2016-12",
            "start": "July 2015",
            "periods_before": 30,
            "periods_after": 18,
            "peers": {"A1": ["B1", "B2", "B3"], "A2": ["B1", "B2", "B3"]},
        }

    def test_without_peers(self, its, study):
        study.write(changes={"peers: {k: 3}\n": "", "[single, difference]": "[single]"})
        assert "    A1: no peers" in its("run", study.config, "--dry-run").out


class TestFailOn:
    @pytest.fixture
    def short(self, study):
        """A study in which A2 has too few months after the start."""
        rows = study.indicators.read_text().splitlines()[1:]
        late = ("2015-09", "2015-1", "2016")
        study.write_indicators(
            [row for row in rows if row.split(",")[1] != "A2" or not row.split(",")[2].startswith(late)]
        )
        return study

    def test_fit(self, its, short):
        out = short.folder / "out"
        answer = its("run", short.config, "-o", out, *TABLES, "-q", "--fail-on", "fit")
        assert answer.code == 1
        assert answer.out == f"{out / 'tables'}\n"
        assert answer.err.startswith(f"its-eval: {short.config}: --fail-on fit: ")
        assert "series not estimated (" in answer.err
        assert (out / "manifest.json").is_file()

    def test_a_fault_that_is_not_watched_is_0(self, its, short):
        arguments = ("run", short.config, "-o", short.folder / "out", *TABLES, "-q")
        assert its(*arguments, "--fail-on", "data").code == 0

    def test_checks_that_ask_for_attention(self, its, study):
        rows = study.indicators.read_text().splitlines()[1:]
        # a month far away from all others
        study.write_indicators(
            ["waits,A1,2014-02,95" if row.startswith("waits,A1,2014-02") else row for row in rows]
        )
        study.write(
            changes={
                "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}": (
                    "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no}"
                ),
            }
        )
        out = study.folder / "out"
        answer = its("run", study.config, "-o", out, *TABLES, "-q", "--fail-on", "data,checks")
        assert answer.code == 1
        checks = pd.read_csv(out / "tables" / "checks.csv")
        alarming = int(checks["status"].eq("attention").sum())
        assert alarming > 0
        outliers = checks.query("outcome == 'waits' and unit == 'A1' and check == 'outliers'")
        assert "2014-02" in outliers["message"].iloc[0]
        said = f"its-eval: {study.config}: --fail-on checks: {alarming} checks ask for attention ("
        assert answer.err.startswith(said)
        # of a unit by itself, and of its gap to its peers
        assert "outliers 2" in answer.err

    def test_data(self, its, study):
        rows = study.indicators.read_text().splitlines()[1:]
        study.write_indicators([*rows, "waits,Z9,2015-01,many"])
        out = study.folder / "out"
        answer = its("run", study.config, "-o", out, *TABLES, "-q", "--fail-on", "fit", "--fail-on", "data")
        assert answer.code == 1
        assert "--fail-on data: 1 faulty rows in data_quality (" in answer.err

    def test_checks(self, capsys):
        tables = {name: make_table(name, []) for name in COLUMNS}
        tables["checks"] = pd.DataFrame({"status": ["pass", "attention"]})
        evaluation = Evaluation("t", tables, (), {})
        names = {"checks": {"outliers": 1}}
        assert failures("c.yaml", evaluation.faults, names, ["data", "fit", "checks"]) == 1
        said = "1 checks ask for attention (outliers 1)"
        assert capsys.readouterr().err == f"its-eval: c.yaml: --fail-on checks: {said}\n"
        tables["checks"] = pd.DataFrame({"status": ["pass", "not_applicable"]})
        assert failures("c.yaml", evaluation.faults, {}, ["data", "fit", "checks"]) == 0

    def test_an_unknown_kind(self, its, study):
        answer = its("run", study.config, "--fail-on", "fits,data")
        assert (answer.code, answer.out) == (2, "")
        assert "--fail-on 'fits': expected data, fit, checks" in answer.err


def test_all_faults_of_a_config_are_in_one_message(its, study):
    study.write(changes={"version: 1": "version: 7", "kind: percentage": "kind: per cent", "k: 3": "k: none"})
    answer = its("run", study.config, *TABLES)
    assert (answer.code, answer.out) == (2, "")
    for place, fault in ((1, "version"), (9, "peers.k"), (12, "outcomes")):
        assert f"{study.config}:{place}: {fault}" in answer.err
    assert answer.err.count("its-eval: ") == 1


def test_all_faults_of_the_data_are_in_one_message(its, study):
    study.characteristics.unlink()
    study.write(changes={"treated: [A1, A2]": "treated: [A1, A22]", "indicators.csv": "nowhere.csv"})
    answer = its("run", study.config, *TABLES)
    assert (answer.code, answer.out) == (3, "")
    assert "nowhere.csv: there is no such file" in answer.err
    assert "characteristics.csv: there is no such file" in answer.err


def test_a_treated_unit_that_is_not_there(its, study):
    study.write(changes={"treated: [A1, A2]": "treated: [A1, A22]"})
    answer = its("run", study.config, *TABLES)
    assert answer.code == 3
    assert "treated unit 'A22' is not in the indicator data; did you mean 'A2'" in answer.err


def test_a_config_that_is_not_there(its, study):
    answer = its("run", study.folder / "nowhere.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert "nowhere.yaml: there is no such file" in answer.err


def test_nothing_estimated_is_4_and_writes_nothing(its, study):
    study.write_indicators(
        [f"{name},{unit},2015-{month:02d},{month}" for name in ("waits", "seen")
         for unit in ("A1", "A2", "B1", "B2", "B3") for month in range(5, 10)]
    )  # fmt: skip
    out = study.folder / "out"
    answer = its("run", study.config, "-o", out, *TABLES)
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith("its-eval: no series could be estimated\n")
    assert "waits, A1, single: " in answer.err
    assert not out.exists()


def test_figures_and_report_are_the_same_in_one_process_or_two(its, study, contents):
    study.write(
        changes={
            "treated: [A1, A2]": "treated: [A1]",
            '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n': "",
        }
    )
    one, two = study.folder / "one", study.folder / "two"
    assert its("run", study.config, "-o", one, "-q").code == 0
    assert [path.name for path in (one / "figures").iterdir()] == ["waits_A1.png"]
    page = (one / "report.html").read_text(encoding="utf-8")
    assert "A small study" in page
    assert its("run", study.config, "-o", two, "-q", "--jobs", "2").code == 0
    assert contents(one, without=("manifest.json",)) == contents(two, without=("manifest.json",))


def test_main_figures_are_of_each_unit_and_of_all(its, study):
    out = study.folder / "out"
    assert its("run", study.config, "-o", out, "-q", "--no-report").code == 0
    drawn = sorted(path.name for path in (out / "figures").iterdir())
    assert drawn == sorted(f"{name}_{unit}.png" for name in ("waits", "seen") for unit in ("A1", "A2", "all"))
    assert not list(out.glob(".*"))


def test_a_page_for_a_board_is_written_on_request(its, study):
    from PIL import Image

    out = study.folder / "out"
    text = study.config.read_text() + "output: {which: board, figures: [png, svg]}\n"
    study.write("board.yaml", text=text)
    assert its("run", study.folder / "board.yaml", "-o", out, "-q").code == 0
    drawn = {path.name for path in (out / "figures").iterdir()}
    main = {f"{name}_{unit}" for name in ("waits", "seen") for unit in ("A1", "A2", "all")}
    stems = main | {"board_waits", "board_seen"}
    assert drawn == {f"{stem}.{form}" for stem in stems for form in ("png", "svg")}
    with Image.open(out / "figures" / "board_waits.png") as page:
        wide, tall = page.size
    # a sheet of A4, crosswise, that is sharp in print
    assert wide / tall == pytest.approx(2.0**0.5, abs=0.001)
    assert wide >= 2000
    # its drawings are not taken for those of the report, which are drawn again
    before = (out / "report.html").read_bytes()
    assert its("report", out).code == 0
    assert (out / "report.html").read_bytes() == before


def test_everything_is_what_0_1_wrote_and_gives_the_same_page(its, study, unpacked):
    """`which: all` with both formats: every table, those without rows too, and every figure three times."""
    config = study.write(
        changes={
            '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n': "",
            NO_CHECKS: NO_CHECKS + "\noutput: {which: all, tables: [csv, parquet]}",
        },
    )
    out, short = study.folder / "out", study.folder / "short"
    assert its("run", config, "-o", out, "-q").code == 0
    evaluation = its_eval.load_run(out)
    stems = {task.stem for task in figure_tasks(evaluation)}
    assert {f"main_its_waits_A1_{design}" for design in ("difference", "single")} <= stems
    assert {"against_peers_waits_A1", "peer_distances_waits_A1", "balance_waits_A1"} <= stems
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *("config.resolved.yaml", "manifest.json", "report.html"),
        *(f"tables/{name}.{form}" for name in COLUMNS for form in ("csv", "parquet")),
        *(f"figures/{stem}.{form}" for stem in stems for form in ("csv", "png", "svg")),
    }
    # what a result keeps decides nothing about its report, nor about one that is made again
    study.write("short.yaml", text=config.read_text().replace("output:", "# output:"))
    assert its("run", study.folder / "short.yaml", "-o", short, "-q").code == 0
    page = (short / "report.html").read_text(encoding="utf-8")
    assert unpacked(page).count("<figure") > 20
    assert without_origin(unpacked(page)) == without_origin(
        unpacked((out / "report.html").read_text(encoding="utf-8"))
    )
    for folder in (out, short):
        before = (folder / "report.html").read_bytes()
        assert its("report", folder).code == 0
        assert (folder / "report.html").read_bytes() == before
        assert its("verify", folder).code == 0
    differing = its("diff", out, short)
    assert differing.code == 1
    assert "no answers, 3 settings, no inputs, none of " in differing.out


def without_origin(page):
    """Return a page without the name of its config, and without hashes."""
    return re.sub(r"\b[0-9a-f]{12,64}\b|short.yaml|study.yaml", "", page)


def test_a_run_with_every_check_writes_its_tables(its, study):
    study.write(
        changes={
            "treated: [A1, A2]": "treated: [A1]",
            '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n': "",
            "checks: {placebo_units: no, placebo_dates: no, leave_one_peer_out: no, diagnostics: no}\n": "sensitivity: {order: [1]}\noutput: {tables: [csv, xlsx]}\n",
        }
    )
    out = study.folder / "out"
    assert its("run", study.config, "-o", out, "-q", *TABLES).code == 0
    for name in ("checks", "placebo_units", "residuals", "sensitivity"):
        assert not pd.read_csv(out / "tables" / f"{name}.csv").empty, name
    sheets = pd.read_excel(out / "results.xlsx", sheet_name=None, engine="openpyxl")
    assert list(sheets) == ["answers", "effects", "series"]
    answers = sheets["answers"]
    verdicts = pd.read_csv(out / "tables" / "verdicts.csv")
    assert len(answers) == verdicts["label"].notna().sum()
    assert answers["name"].tolist() == ["Trust A1"] * len(answers)
    assert answers["answer"].str.startswith("Compared with ").all()
    summary = pd.read_csv(out / "tables" / "summary.csv").set_index("design")
    # A2 and five others are donors; the unit itself counts too
    assert summary.loc["difference", "p_placebo"] == pytest.approx(1 / 7)


class Terminal:
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def __init__(self, *, terminal=True):
        self.text = ""
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


def bar_text(monkeypatch, *, terminal=True, quiet=False, after=0.0):
    stream = Terminal(terminal=terminal)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    monkeypatch.setattr(progress, "PROGRESS_AFTER_SECONDS", after)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress_bar(quiet=quiet) as move:
        move("drawing figures", 0, 0)
        move("drawing figures", 1, 2)
    return stream.text


def test_progress_shows_on_a_terminal_after_a_while(monkeypatch):
    assert "drawing figures" in bar_text(monkeypatch, after=-1.0)


@pytest.mark.parametrize("how", [{"terminal": False}, {"quiet": True}, {"after": 60.0}])
def test_progress_does_not_show_when_piped_quiet_or_quick(monkeypatch, how):
    assert bar_text(monkeypatch, **{"after": -1.0, **how}) == ""


def test_projects_before_and_after_are_told_with_their_numbers(its, study):
    (study.folder / "projects.csv").write_text(
        "measure,project,baseline,follow_up,better\nLead time,1,300,100,lower\nLead time,2,100,60,lower\n"
    )
    study.write(text=study.config.read_text() + "before_after: {path: projects.csv}\n")
    answer = its("run", study.config, "-o", study.folder / "out", *TABLES)
    assert answer.code == 0
    assert "Before and after, all units together\n  Lead time: 400 before and 160 after (−60 %)" in answer.out


def test_columns_of_projects_are_named_in_the_config(its, study):
    (study.folder / "projects.csv").write_text("measure,was,follow_up\nLead time,300,100\n")
    study.write(text=study.config.read_text() + "before_after: {path: projects.csv}\n")
    answer = its("run", study.config)
    assert answer.code == 3
    assert "no column is recognised as baseline" in answer.err
    assert "hint: before_after.columns and before_after.follow_ups say which columns hold them" in answer.err


def test_a_level_that_drifts_as_the_answer(its, study):
    study.write(changes={"estimators: [reml_ar, ols]": "estimators: [reml_local_level]"})
    out = study.folder / "out"
    answer = its("run", study.config, "-o", out, *TABLES, "-q")
    assert (answer.code, answer.err) == (0, "")
    fits = pd.read_csv(out / "tables" / "fits.csv")
    effects = pd.read_csv(out / "tables" / "effects.csv")
    assert set(fits["estimator"]) == set(effects["estimator"]) == {"reml_local_level"}
    assert (fits["ar_order"] == 1).all()
    slopes = effects[effects["estimand"] == "slope_change"]
    assert slopes[["estimate", "std_error", "p_value"]].notna().all(axis=None)


def test_a_model_over_rows_of_peers_too_is_no_sum_of_the_units_periods(its, study):
    """Weights of periods of the unit alone are not there: what needs them says so, and nothing stops."""
    study.write(
        changes={"[single, difference]": "[stacked]", "estimators: [reml_ar, ols]": "estimators: [ols]"}
    )
    out = study.folder / "out"
    assert its("run", study.config, "-o", out, *TABLES, "-q").code == 0
    checks = pd.read_csv(out / "tables" / "checks.csv").set_index("check")
    assert set(checks.loc["one_month", "status"]) == {"not_applicable"}
    assert not (out / "tables" / "trend_bounds.csv").exists()
    assert its_eval.load_run(out).tables["trend_bounds"].empty
    assert pd.read_csv(out / "tables" / "summary.csv")["estimate"].notna().all()
