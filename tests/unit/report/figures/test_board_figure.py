"""The page for a board: its words are those of the first screen, its intervals those of the verdicts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from its_eval import load_run
from its_eval.columns import THE_SET, make_table
from its_eval.evaluation import NO_CLEAR_CHANGE, records
from its_eval.figures.catalogue import FIGURES, describe, draw, figure_data
from its_eval.report.source import with_every_table
from its_eval.words.board import board_answer, board_question
from its_eval.words.doubts import doubts

BEGAN = "New rota"
CASES = {
    "five": {},
    "one": {
        "n_units": 1,
        "n_peers": 1,
        "n_placebos": 1,
        "n_dates": 1,
        "n_specifications": 1,
        "pooled": False,
    },
    "thirty long names": {"n_units": 30, "long_names": True},
    "staggered": {"transform": "log", "kind": "count", "staggered": True},
    "many staggered": {"n_units": 12, "staggered": True},
    "logit": {"transform": "logit", "n_units": 2},
    "yearly": {"frequency": "year", "n": 25, "start": 15},
}


def with_verdicts(run, *interruptions):
    """Return a run made by hand with verdicts: those of its summary, for each interruption."""
    run = with_every_table(run)
    rows = [{**row, "interruption": BEGAN} for _, row in records(run.tables["verdicts"])]
    units = [row for row in rows if row["unit"] != THE_SET]
    more = [
        {**row, "interruption": name, "label": NO_CLEAR_CHANGE} for name in interruptions for row in units
    ]
    together = {
        **units[0],
        "unit": THE_SET,
        "direction": "better",
        "label": "changed",
        "design": "difference",
    }
    sets = [together] if len({row["unit"] for row in units}) > 1 else []
    table = make_table("verdicts", [*units, *more, *sets])
    origin = {"files": ["waits.csv"], "program": "its-eval 9.9", "status": "draft", "contact": "Ward 7"}
    return replace(run, tables={**run.tables, "verdicts": table}, origin=origin)


@pytest.fixture(scope="module")
def runs(run_with):
    made = {case: with_verdicts(run_with(**options)) for case, options in CASES.items()}
    made["two interruptions"] = with_verdicts(run_with(), "Second wave")
    made["two interruptions, one unit"] = with_verdicts(run_with(**CASES["one"]), "Second wave")
    return made


def board(run):
    (task,) = FIGURES["board"].tasks(run)
    return task


@pytest.mark.parametrize("case", [*CASES, "two interruptions", "two interruptions, one unit"])
def test_no_words_overlap_or_are_cut(runs, case, layout, said):
    figure, _, stem = draw(runs[case], board(runs[case]))
    layout(figure)
    assert stem == "board_waits"
    words = " ".join(said(figure).split())
    assert "DRAFT" in words
    assert "What weakens this answer" in words
    assert "Data: waits.csv" in words
    assert "its-eval 9.9 · contact: Ward 7" in words


@pytest.mark.parametrize("case", ["five", "one", "two interruptions"])
def test_its_words_are_those_of_the_first_screen(runs, case, said):
    run = runs[case]
    figure, _, _ = draw(run, board(run))
    words = " ".join(said(figure).split())
    units = sorted(set(run.rows_of("verdicts", "waits")["unit"]) - {THE_SET})
    question = board_question(run, [run.outcomes["waits"]], units, "difference")
    answers = [sentence for answer in board_answer(run, "waits", "difference") for sentence in answer]
    alt = describe(run, board(run))
    for sentence in (question, *answers):
        assert " ".join(sentence.split()) in words
        assert sentence in alt
    assert all(weak in alt.lower() for weak in map(str.lower, doubts(run, "waits", "difference", str)[:1]))


def test_intervals_are_those_that_allow_for_other_units_where_there_are_such(runs):
    run = runs["five"]
    table = run.tables["verdicts"].copy()
    beside = table["unit"].eq("U02") & table["design"].eq("difference")
    table.loc[beside, ["attribution_low", "attribution_high"]] = -9.0, 11.0
    frame = figure_data(replace(run, tables={**run.tables, "verdicts": table}), board(run))
    known = {
        str(row["unit"]): row
        for _, row in records(table[table["design"].eq("difference") & table["label"].ne("")])
    }
    assert frame["unit"].iloc[0] == ""
    assert frame["name"].iloc[0] == "All together"
    for row in frame.iloc[1:].to_dict("records"):
        verdict = known[row["unit"]]
        own = (-9.0, 11.0) if row["unit"] == "U02" else (verdict["conf_low"], verdict["conf_high"])
        assert (row["estimate"], row["low"], row["high"]) == (verdict["estimate"], *own)


def test_of_many_units_the_first_are_shown_and_the_others_counted(runs, said):
    figure, frame, _ = draw(runs["thirty long names"], board(runs["thirty long names"]))
    assert frame["unit"].ne("").sum() == 9
    assert "21 more units are in the report." in " ".join(said(figure).split())


def test_several_interruptions_of_one_unit_stand_beneath_each_other(runs):
    frame = figure_data(runs["two interruptions, one unit"], board(runs["two interruptions, one unit"]))
    assert frame["name"].tolist() == [BEGAN, "Second wave"]
    several = figure_data(runs["two interruptions"], board(runs["two interruptions"]))
    assert several.groupby("began", sort=False).size().to_dict() == {BEGAN: 4, "Second wave": 3}


def test_dots_stand_at_the_estimates(runs, artists):
    figure, frame, _ = draw(runs["five"], board(runs["five"]))
    drawn = np.concatenate([line.get_xdata() for line in artists(figure, "estimate")])
    np.testing.assert_allclose(sorted(drawn), sorted(frame["estimate"]), rtol=0, atol=0)


def test_a_figure_stands_within_it_where_it_can_be_read(runs):
    pictures = {
        case: [axes for axes in draw(run, board(run))[0].axes if axes.images] for case, run in runs.items()
    }
    without = [case for case, found in pictures.items() if not found]
    # twelve charts side by side would be too small on a page that has more to say
    assert without == ["many staggered"]
    for case, (axes,) in ((case, found) for case, found in pictures.items() if found):
        figure = axes.figure
        width, height = figure.get_size_inches()
        box, pixels = axes.get_position(), axes.images[0].get_array().shape
        # on whole pixels of a PNG file: letters stay sharp
        assert box.width * width * 150.0 == pytest.approx(pixels[1], abs=1e-6), case
        assert box.height * height * 150.0 == pytest.approx(pixels[0], abs=1e-6), case


def test_a_run_without_verdicts_has_none(runs):
    run = runs["five"]
    empty = replace(run, tables={**run.tables, "verdicts": make_table("verdicts", [])})
    assert FIGURES["board"].tasks(empty) == []


def test_the_same_page_from_memory_and_from_disk(its, study):
    from its_eval import evaluate

    out = study.folder / "out"
    assert its("run", study.config, "-o", out, "-q", "--no-figures").code == 0
    one, other = evaluate(study.config), load_run(out)
    assert one.origin == other.origin
    assert one.origin["files"] == ["characteristics.csv", "indicators.csv", "units.csv"]
    for task in FIGURES["board"].tasks(one):
        assert describe(one, task) == describe(other, task)
        first, second = figure_data(one, task), figure_data(other, task)
        assert first["name"].tolist() == second["name"].tolist()
        np.testing.assert_allclose(first["estimate"], second["estimate"], rtol=1e-15)
        assert not any(map(math.isnan, first["low"]))


def test_no_others_to_compare_with_is_not_said_of_the_test_of_all_interruptions(runs):
    from its_eval.columns import ALL_INTERRUPTIONS

    run = runs["five"]
    rows = [row for _, row in records(run.tables["verdicts"]) if row["unit"] != THE_SET]
    compared = [{**row, "p_attribution": 0.5, "n_donors": 40} for row in rows]
    whole = [{**row, "interruption": ALL_INTERRUPTIONS, "p_attribution": math.nan} for row in rows]
    table = make_table("verdicts", [*compared, *whole])
    said = doubts(replace(run, tables={**run.tables, "verdicts": table}), "waits", "difference")
    assert "no others to compare with" not in said
    alone = make_table("verdicts", rows)
    assert "no others to compare with" in doubts(
        replace(run, tables={**run.tables, "verdicts": alone}), "waits", "difference"
    )
