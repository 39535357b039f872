"""The first screen: it answers in short sentences, from the tables, with one interval a unit."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from its_eval.columns import COLUMNS, THE_SET, make_table
from its_eval.evaluation import CHANGED, CHANGED_MORE, NO_CLEAR_CHANGE, NOT_ANSWERED, NOT_CLEARLY_MORE
from its_eval.report.blocks import Forest, Picture, Table
from its_eval.report.first_screen import MOST_OUTCOMES, first_screen
from its_eval.report.source import ReportSource, with_every_table
from its_eval.words.board import answer_sentences, board_answer, most_changed_first
from its_eval.words.screen import main_design
from its_eval.words.verdicts import answers_of

ROW = {
    "outcome": "waits", "unit": "A1", "design": "difference", "interruption": "New rota",
    "question": "slope_change", "estimand": "slope_change", "estimate": -0.5, "conf_low": -0.8,
    "conf_high": -0.2, "p_value": 0.01, "minimum_detectable": 0.4, "direction": "better",
    "label": CHANGED, "scale": "response",
}  # fmt: skip
YEAR = ROW | {"estimand": "effect_at_12", "estimate": -4.0, "conf_low": -7.5, "conf_high": -0.5, "label": ""}


def source_of(run, rows, settings=None, **tables):
    made = {name: make_table(name, []) for name in COLUMNS}
    made |= {"verdicts": make_table("verdicts", rows), "summary": make_table("summary", rows[:1])} | tables
    evaluation = with_every_table(replace(run.evaluation, tables=made))
    return ReportSource(evaluation, {**run.settings, **(settings or {})})


def told(run, *rows):
    (said,) = board_answer(source_of(run, list(rows)).evaluation, "waits", "difference")
    return said


def test_a_unit_that_changed_more_than_others(run):
    assert told(run, ROW | {"label": CHANGED_MORE}, YEAR) == [
        "Yes: the trend improved, by −0.50 days a month, and by more than other units change by themselves.",
        "One year after the start, level and trend together, Trust A1 & Sons was 4.00 days lower than its "
        "peers would suggest.",
        "The true difference could lie between 0.50 and 7.50 days lower (95 % interval).",
        "This does not show the cause: anything else that happened to these units alone at that time would "
        "look the same.",
    ]


def test_no_clear_change_says_what_could_be_missed_and_that_it_is_no_proof(run):
    said = told(run, ROW | {"label": NO_CLEAR_CHANGE, "direction": "unclear"}, YEAR | {"conf_high": 1.0})
    assert said[0] == "We found no clear change of trend (−0.50 days a month)."
    assert said[2] == "The true difference could lie between 7.50 days lower and 1.00 higher (95 % interval)."
    assert said[-1] == (
        "This does not show that nothing happened: a change of trend under 0.40 days a month could be missed."
    )
    # an interval of another quantity that excludes no change is not taken for the answer
    clear = told(run, ROW | {"label": NO_CLEAR_CHANGE}, YEAR)
    assert clear[3] == "That difference was not the declared question."


@pytest.mark.parametrize(
    ("label", "start"),
    [
        (
            NOT_CLEARLY_MORE,
            "Not clearly: the trend improved, by −0.50 days a month, but not clearly more than",
        ),
        (CHANGED, "Yes: the trend improved, by −0.50 days a month."),
        (NOT_ANSWERED, "These data cannot answer the question."),
    ],
)
def test_every_label_has_a_sentence(run, label, start):
    assert told(run, ROW | {"label": label})[0].startswith(start)


def test_a_ratio_is_told_in_per_cent_and_a_change_of_any_kind_by_its_later_effect(run):
    ratio = YEAR | {
        "question": "change",
        "estimate": 0.8,
        "conf_low": 0.7,
        "conf_high": 1.1,
        "scale": "ratio",
    }
    said = told(run, ratio | {"label": NO_CLEAR_CHANGE, "minimum_detectable": math.nan})
    assert said == [
        "We found no clear change.",
        "One year after the start, Trust A1 & Sons was 20.0 % lower than its peers would suggest.",
        "The true difference could lie between 30.0 % lower and 10.0 higher (95 % interval).",
        "This does not show that nothing happened.",
    ]


def test_the_interval_that_allows_for_others_is_told_where_there_is_one(run):
    beside = YEAR | {"attribution_low": -9.0, "attribution_high": 2.0}
    assert "between 9.00 days lower and 2.00 higher" in told(run, ROW, beside)[2]


def test_of_a_set_units_are_counted_one_by_one(run):
    rows = [
        ROW | {"unit": THE_SET, "label": NO_CLEAR_CHANGE},
        ROW | {"unit": "A1", "label": CHANGED_MORE},
        ROW | {"unit": "A2", "label": CHANGED_MORE, "direction": "worse"},
        ROW | {"unit": "A3", "label": NO_CLEAR_CHANGE},
    ]
    assert "One by one, the trend improved in one and worsened in one of the three units, more than in other units." in told(run, *rows)  # fmt: skip
    few = [row | {"label": NOT_CLEARLY_MORE if row["unit"] == "A1" else NO_CLEAR_CHANGE} for row in rows]
    assert (
        "One by one, the trend improved in one of the three units, but not clearly more than in other units."
        in told(run, *few)
    )
    none = [row | {"label": NO_CLEAR_CHANGE} for row in rows]
    assert "One by one, none of the three units shows a clear change." in told(run, *none)


def test_every_number_of_the_sentences_is_in_the_tables(run):
    """Against the tables of the small study, to the digits printed."""
    for outcome in ("waits", "seen"):
        rows = run.evaluation.tables["verdicts"]
        own = rows[(rows["outcome"] == outcome) & rows["unit"].eq(THE_SET)]
        columns = ("estimate", "conf_low", "conf_high", "minimum_detectable")
        known = [95.0, *np.abs(own[list(columns)].to_numpy(dtype=float)).ravel()]
        (said,) = board_answer(run.evaluation, outcome, "difference")
        numbers = re.findall(r"\d+(?:\.\d+)?", " ".join(said))
        assert len(numbers) >= 4
        for number in numbers:
            slack = 0.5000001 * 10.0 ** -len(number.partition(".")[2])
            assert any(abs(float(number) - value) <= slack for value in known), (number, said)


def test_a_forest_has_one_interval_a_unit_and_its_set_first(run):
    screen = first_screen(ReportSource(with_every_table(run.evaluation), run.settings))
    forests = [block for section in screen.answers for block in section.blocks if isinstance(block, Forest)]
    assert len(forests) == 2
    for forest in forests:
        assert [row.together for row in forest.rows] == [True, False, False]
        assert {row.address for row in forest.rows[1:]} <= {f"#unit-{o}-{u}" for o in ("waits", "seen") for u in ("A1", "A2")}  # fmt: skip
        for row in forest.rows:
            assert 0 <= row.left <= row.at <= row.right <= 100
        assert len(forest.ticks) <= 5
        # with six other units no interval allows for what others do
        assert "too few other units" in forest.note
    assert (forests[0].sides, forests[1].sides) == (("better", "worse"), ("worse", "better"))


def test_of_many_units_the_changed_and_the_largest_are_shown(run):
    quiet = [ROW | {"unit": f"U{n:02d}", "label": NO_CLEAR_CHANGE, "estimate": 0.01 * n} for n in range(30)]
    rows = [*quiet, ROW | {"unit": "Z9", "label": CHANGED_MORE, "estimate": 0.001}]
    screen = first_screen(source_of(run, rows))
    (forest,) = [block for block in screen.answers[0].blocks if isinstance(block, Forest)]
    assert [row.name for row in forest.rows[:3]] == ["Z9", "U29", "U28"]
    assert len(forest.rows) == 20
    assert forest.note.endswith("11 more units are in the table of answers.")
    assert [row["unit"] for row in most_changed_first(rows)][:2] == ["Z9", "U29"]


def test_of_many_outcomes_there_is_a_table(run):
    names = [f"o{number}" for number in range(MOST_OUTCOMES + 1)]
    rows = [ROW | {"outcome": name} for name in names]
    source = source_of(run, rows)
    about = dict.fromkeys(names, run.evaluation.outcomes["waits"])
    screen = first_screen(structs.replace(source, evaluation=replace(source.evaluation, outcomes=about)))
    assert "of four outcomes change" in screen.question
    assert [type(block) for section in screen.answers for block in section.blocks] == [Table]


def test_doubts_name_units_by_name_and_end_with_how_they_were_chosen(run):
    checks = make_table("checks", [{"outcome": "waits", "unit": "A1", "design": "difference", "check": "one_month", "status": "attention"}])  # fmt: skip
    source = source_of(run, [ROW, ROW | {"unit": "A2"}], checks=checks)
    screen = first_screen(source)
    texts = [item.parts[0] for item in screen.weak]
    assert any(text.startswith("The result rests on one or two months in Trust A1 & Sons") for text in texts)
    assert texts[-1].startswith("How the units were chosen is not stated") or screen.more


def test_status_and_contact_stand_where_the_config_names_them(run, taken_apart):
    output = {
        **run.settings["output"],
        "report": {"status": "draft", "contact": "analysts@example.org", "what_if": False},
    }
    page = taken_apart(run.report(settings={**run.settings, "output": output}))
    assert "draft" in page.texts("p")
    (origin,) = [e.text for e in page.elements if e.attributes.get("class") == "origin"]
    assert origin.endswith("contact: analysts@example.org")
    assert "rows.csv · 2013-01 to 2016-12 · its-eval 9.8.7" in origin
    plain = taken_apart(run.report())
    assert not [e for e in plain.elements if e.attributes.get("class") == "status"]


def test_above_the_contents_there_is_no_p_value(page):
    first = page.source.partition('<nav class="contents"')[0].partition('<section class="first"')[2]
    assert first
    assert not re.search(
        r"\bp\s*[=<]|\badjusted\b|p-value", re.sub(r"<svg.*?</svg>", "", first, flags=re.DOTALL)
    )


def test_without_its_script_the_answers_are_still_there(run, page):
    """What is folded is packed; the question, the answers and each unit are not."""
    assert "data-packed" in page.raw
    unpacked = re.sub(r'data-packed="[^"]*"', "", page.raw)
    assert 'data-source="verdicts:' in unpacked
    assert "This part opens with JavaScript." in unpacked
    for unit in ("A1", "A2"):
        assert f'id="unit-waits-{unit}"' in unpacked
    assert len(page.raw) < 0.7 * len(page.source)


def test_the_first_screen_is_easy_to_read(run, words_a_sentence):
    """At most 18 words a sentence, and none of more than 30."""
    screen = first_screen(ReportSource(with_every_table(run.evaluation), run.settings))
    paragraphs = [
        block.parts[0]
        for section in screen.answers
        for block in section.blocks
        if not isinstance(block, (Forest, Picture, Table))
    ]
    notes = [
        block.note for section in screen.answers for block in section.blocks if isinstance(block, Forest)
    ]
    said = [screen.question, *paragraphs, *notes, *(item.parts[0] for item in screen.weak)]
    counts = words_a_sentence(said)
    assert sum(words for words, _ in counts) / len(counts) <= 18
    assert max(counts)[0] <= 30, max(counts)


def test_answer_sentences_of_a_unit_have_no_code(run):
    row = pd.DataFrame([ROW]).to_dict("records")[0]
    source = source_of(run, [ROW, YEAR])
    said = answer_sentences(
        source.evaluation, {**source.table("verdicts").iloc[0].to_dict(), **row}, "Trust A1"
    )
    assert not any("A1 " in text.replace("Trust A1", "") for text in said)


@pytest.mark.parametrize("designs", ["[single, stacked]", "[single, difference, stacked]"])
def test_each_figure_of_all_units_is_shown_once_and_the_answering_one_first(evaluated, taken_apart, designs):
    run = evaluated(designs=designs)
    run.draw(lambda task: (task.kind, task.outcome) == ("together", "waits"))
    only = replace(run.evaluation, outcomes={"waits": run.evaluation.outcomes["waits"]})
    page = taken_apart(run.report(evaluation=only, figures=run.figures))
    shown = [element.attributes["id"] for element in page.tagged("figure")]
    assert sorted(shown) == sorted(f"figure-{path.stem}" for path in run.figures.glob("*.svg"))
    assert len(shown) == designs.count(",") + 1
    answering = main_design(answers_of(run.evaluation, "waits"))
    assert shown[0] == f"figure-together_waits_{answering}"
