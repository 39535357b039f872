"""Sentences about several units: counted right, changes first, and with what would have been found."""

import math
from dataclasses import replace

import pytest
from msgspec import structs

from its_eval.columns import COLUMNS, THE_SET, make_table
from its_eval.evaluation import CHANGED, CHANGED_MORE, NO_CLEAR_CHANGE, NOT_ANSWERED, NOT_CLEARLY_MORE
from its_eval.report.answer import answer
from its_eval.report.blocks import Bullets, Cell, Folded, Number, Strong, Table
from its_eval.report.cells import answer_rows
from its_eval.report.effects import effects
from its_eval.report.peers import peers
from its_eval.report.source import ReportSource, anchor, with_every_table
from its_eval.words.labels import compared_with
from its_eval.words.verdicts import question, verdict_sentences

ROW = {
    "outcome": "waits",
    "design": "difference",
    "estimand": "slope_change",
    "estimate": -0.5,
    "conf_low": -0.8,
    "conf_high": -0.2,
    "scale": "response",
    "direction": "better",
    "label": CHANGED,
    "question": "slope_change",
    "interruption": "New rota",
    "minimum_detectable": 0.4,
}

STATED = "−0.50 (−0.80 to −0.20) days a month"


def source_of(run, *, settings=None, **rows):
    tables = {name: make_table(name, rows.get(name, [])) for name in COLUMNS}
    evaluation = with_every_table(replace(run.evaluation, tables=tables))
    return ReportSource(evaluation, {**run.settings, **(settings or {})})


def said(run, *answers, **rows):
    source = source_of(run, summary=list(answers), verdicts=list(answers), **rows)
    return verdict_sentences(source.evaluation, "waits", source.units("waits"))


def asked(source):
    about = [source.about(outcome) for outcome in source.outcomes]
    return question(about, source.everyone, source.designs, source.primary)


def test_the_question_names_units_outcomes_and_quantity(run):
    source = source_of(run, summary=[ROW | {"unit": "A1"}, ROW | {"unit": "A2"}])
    assert asked(source) == (
        "New rota, from July 2015, in two units (A1 Trust A1 & Sons; A2 Trust A2 & Sons). Did the monthly trend "
        "change at that time, compared with their own earlier trend and with their peers? Outcomes: Waits (lower "
        "is better), Seen in time (higher is better)."
    )
    one = source_of(run, summary=[ROW | {"unit": "A1"}], settings={"designs": ["single"]})
    assert "in one unit (A1 Trust A1 & Sons)." in asked(one)
    assert "change at that time, compared with its own earlier trend?" in asked(one)
    estimands = {"estimands": {**source.settings["estimands"], "primary": "change"}}
    any_change = source_of(run, summary=[ROW | {"unit": "A1"}], settings=estimands)
    assert "Did level or trend change at that time" in asked(any_change)


def test_of_many_units_the_question_gives_the_codes(run):
    units = [f"U{place:02d}" for place in range(1, 12)]
    words = asked(source_of(run, summary=[ROW | {"unit": unit} for unit in ("A1", *units)]))
    assert f"in 12 units (A1, {', '.join(units[:9])}, and 2 more, which the tables have)." in words


def test_of_many_units_the_first_are_listed(run):
    units = [f"U{place:02d}" for place in range(1, 13)]
    (told,) = said(run, *(ROW | {"unit": unit} for unit in units))
    assert f"; U10: {STATED}; and 2 more, which the tables have)." in told
    (told,) = said(run, *(ROW | {"unit": unit, "label": NOT_ANSWERED} for unit in units))
    assert told.endswith("in 12 of 12 (" + ", ".join(units[:10]) + ", and 2 more, which the tables have).")


def test_changes_come_first_with_their_intervals(run):
    unclear = ROW | {"estimate": 0.1, "conf_low": -0.2, "conf_high": 0.4, "direction": "unclear"}
    none = unclear | {"label": NO_CLEAR_CHANGE}
    told = said(
        run,
        none | {"unit": "U1", "minimum_detectable": 0.6},
        ROW | {"unit": "U2"},
        none | {"unit": "U3"},
        ROW | {"unit": "U4", "design": "single", "direction": "worse"},
    )
    assert told == [
        f"Compared with their own earlier trend: trend worsened in 1 of 4 (U4: {STATED}).",
        f"Compared with their peers: trend improved in 1 of 4 (U2: {STATED}); no clear change of trend in 2 of 4 "
        "(U1, U3).",
    ]


def test_every_label_in_words(run):
    told = said(
        run,
        ROW | {"unit": "U1", "label": CHANGED_MORE},
        ROW | {"unit": "U2", "label": NOT_CLEARLY_MORE, "direction": "unclear"},
        ROW | {"unit": "U3", "label": NO_CLEAR_CHANGE},
        ROW | {"unit": "U4", "label": NOT_ANSWERED, "minimum_detectable": math.nan},
    )
    assert told == [
        "Compared with their peers: "
        + "; ".join(
            (
                f"trend changed, but not clearly more than in other units, in 1 of 4 (U2: {STATED})",
                f"trend improved, more than in other units, in 1 of 4 (U1: {STATED})",
                "no clear change of trend in 1 of 4 (U3)",
                "not answered in 1 of 4 (U4).",
            )
        )
    ]


def test_several_interruptions_are_told_apart(run):
    told = said(
        run, ROW | {"unit": "U1"}, ROW | {"unit": "U1", "interruption": "Ward", "label": NO_CLEAR_CHANGE}
    )
    assert told == [
        f"Compared with their peers, New rota: trend improved in 1 of 1 (U1: {STATED}).",
        "Compared with their peers, Ward: no clear change of trend in 1 of 1 (U1).",
    ]


def test_units_that_failed_are_counted_and_named(run):
    failed = {"outcome": "waits", "unit": "U9", "design": "difference", "message": "m"}
    lost = ROW | {"unit": "U1", "label": NO_CLEAR_CHANGE, "minimum_detectable": math.nan}
    (told,) = said(run, lost, not_estimated=[failed])
    assert told == (
        "Compared with their peers: no clear change of trend in 1 of 2 (U1); not estimated in 1 of 2 (U9)."
    )


SET = {
    "outcome": "waits", "design": "difference", "estimand": "slope_change", "method": "set",
    "estimate": -0.25, "conf_low": -0.45, "conf_high": -0.05, "p_value": 0.0123, "n_units": 2,
    "minimum_detectable": 0.3,
}  # fmt: skip
VERDICT = {
    **{key: value for key, value in SET.items() if key not in ("method", "n_units")},
    "unit": THE_SET, "scale": "response", "direction": "better", "label": CHANGED,
    "question": "slope_change", "interruption": "New rota",
}  # fmt: skip
JOINT = {"outcome": "waits", "unit": "", "design": "difference", "check": "joint_placebo", "p_value": 0.1637}


def set_sentences(source):
    sentences = next(section for section in answer(source) if section.ident == "sentences")
    lists = [block for block in sentences.blocks if isinstance(block, Bullets)]
    items = [item for block in lists for item in block.items]
    return [item for item in items if " together, compared with " in in_words(item)]


def of_the_set(run, n_units=2, **changes):
    verdict = VERDICT | changes
    own = {key: value for key, value in verdict.items() if key in SET}
    found = set_sentences(source_of(run, pooled=[SET | own | {"n_units": n_units}], verdicts=[verdict]))
    return in_words(found[0])


def in_words(told):
    return "".join(part if isinstance(part, str) else part.text for part in told.parts)


def test_all_units_together_with_their_place_among_sets_of_others(run):
    source = source_of(
        run,
        pooled=[SET, SET | {"method": "fixed_effect"}],
        verdicts=[
            VERDICT | {"label": NOT_CLEARLY_MORE, "set_p_placebo": 0.1637},
            VERDICT | {"design": "single", "set_p_placebo": 0.5},
            VERDICT | {"unit": "A1", "set_p_placebo": 0.7},
        ],
    )
    _, told = set_sentences(source)
    assert in_words(told) == (
        "Both units together, compared with their peers: trend improved, but not clearly more than in other sets of "
        "units; change of trend −0.25 days a month (95 % interval −0.45 to −0.05; p = 0.012). 16 % of all sets "
        "of units changed as much."
    )
    assert told.parts[1] == Strong("trend improved, but not clearly more than in other sets of units")
    assert told.row == "verdicts:0"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (CHANGED_MORE, "trend improved, more than in other sets of units"),
        (NOT_CLEARLY_MORE, "trend improved, but not clearly more than in other sets of units"),
        (CHANGED, "trend improved"),
        (NO_CLEAR_CHANGE, "no clear change of trend"),
        (NOT_ANSWERED, "not answered"),
    ],
)
def test_every_label_of_the_set_is_told_in_full(run, label, words):
    assert f"compared with their peers: {words}; change of trend" in of_the_set(run, label=label)


def test_a_set_is_told_with_its_direction_and_size(run):
    worse = {"estimate": 0.25, "conf_low": 0.05, "conf_high": 0.45, "direction": "worse"}
    told = of_the_set(run, 3, design="single", **worse)
    assert told.startswith(
        "All three units together, compared with their own earlier trend: trend worsened; change of trend +0.25"
    )


def test_a_null_result_of_all_units_says_what_would_have_been_found(run):
    said = of_the_set(run, conf_high=0.1, p_value=0.2, label=NO_CLEAR_CHANGE)
    assert said.endswith("The smallest change found with 80 % power is 0.30 days a month.")


def test_a_set_without_an_answer_has_no_p_value(run):
    said = of_the_set(run, p_value=math.nan, label=NOT_ANSWERED)
    assert said == (
        "Both units together, compared with their peers: not answered; change of trend −0.25 days a month "
        "(95 % interval −0.45 to −0.05)."
    )


def test_of_a_result_older_than_the_verdicts_nothing_is_concluded_of_the_set(run):
    source = source_of(run, pooled=[SET | {"conf_high": 0.1}], checks=[JOINT, JOINT | {"design": "single"}])
    del source.evaluation.tables["pooled"]["minimum_detectable"]
    del source.evaluation.tables["verdicts"]
    source = structs.replace(source, evaluation=with_every_table(source.evaluation))
    assert in_words(set_sentences(source)[0]) == (
        "Both units together, compared with their peers: the conclusion is not recorded; change of trend −0.25 days "
        "a month (95 % interval −0.45 to 0.10; p = 0.012). 16 % of all sets of units changed as much."
    )


def test_a_cell_carries_a_key_for_sorting_only_where_it_shows_something_else():
    number = Number("0.3", 0.3333, "t:0:c")
    assert Cell((number,), sort=number.exact).sorts_by_itself
    assert Cell(("words",), sort="words").sorts_by_itself
    assert not Cell(("–",)).sorts_by_itself
    assert not Cell(("share ", number), sort="share").sorts_by_itself


def test_controlled_designs_are_told_apart():
    designs = ("single", "difference", "peer_mean", "stacked", "synthetic", "sdid", "augmented_synthetic")
    assert len({compared_with(design) for design in designs}) == len(designs)
    assert [compared_with(design, several=True) for design in designs] == [
        "their own earlier trend",
        "their peers",
        "the mean of their peers in one model",
        "each of their peers in one model",
        "weighted means of other units (synthetic controls)",
        "weighted means of other units (synthetic difference in differences)",
        "weighted sums of other units (augmented synthetic controls)",
    ]


def test_anchors_hold_only_what_an_address_may_hold():
    assert anchor("unit", "ae 4h", "", "R/1 & co") == "unit-ae-4h-R-1-co"


TWO = [VERDICT, VERDICT | {"interruption": "Audit", "label": NO_CLEAR_CHANGE, "estimate": 0.1}]


def test_the_set_has_an_answer_for_each_interruption(run):
    source = source_of(run, pooled=[SET], verdicts=TWO)
    audit, rota = (in_words(told) for told in set_sentences(source))
    assert audit.startswith("Audit. Both units together, compared with their peers: no clear change of trend")
    assert rota.startswith("New rota. Both units together, compared with their peers: trend improved")
    verdicts = source.evaluation
    assert verdicts.verdict_of_the_set("waits", "difference", "Audit").estimate == 0.1
    assert verdicts.verdict_of_the_set("waits", "difference", "New rota").estimate == -0.25
    assert verdicts.verdict_of_the_set("waits", "difference", "Ward") is None


def test_rows_of_several_interruptions_say_which(run):
    rows = [row | {"unit": "A1"} for row in TWO]
    source = source_of(run, summary=[ROW | {"unit": "A1"}], verdicts=[*rows, *TWO])
    lines = answer_rows(source.evaluation, "verdicts", "")
    assert [line[1].small for line in lines] == [("Audit",), ("New rota",)]
    single = source_of(run, summary=[ROW | {"unit": "A1"}], verdicts=[ROW | {"unit": "A1"}])
    assert answer_rows(single.evaluation, "verdicts", "")[0][1].small == ()
    made = next(section for section in effects(source) if section.ident == "power")
    (table,) = [block for block in made.blocks if isinstance(block, Table)]
    assert [column.title for column in table.columns][:3] == ["Unit", "Compared with", "What began"]
    assert {row[0].parts[0] for row in table.rows} == {"A1 Trust A1 & Sons", "all units together"}
    told = [item for item in unit_items(source) if item.row.startswith("verdicts")]
    assert [in_words(item).partition(" Compared")[0] for item in told] == ["Audit.", "New rota."]


def unit_items(source):
    blocks = next(section for section in answer(source) if section.ident == "units").blocks
    folded = [inner for block in blocks if isinstance(block, Folded) for inner in block.blocks]
    return [item for block in folded if isinstance(block, Bullets) for item in block.items]


def test_a_result_of_the_first_version_is_shown_with_its_answers(run):
    """It has no verdicts, and its tables lack columns that came later."""
    tables = {name: make_table(name, []) for name in COLUMNS}
    tables["summary"] = make_table("summary", [ROW | {"unit": "A1"}])
    excluded = {"outcome": "waits", "unit": "A1", "candidate": "B1", "distance": 1.0, "reason": "no_data"}
    tables["peer_exclusions"] = make_table("peer_exclusions", [excluded]).drop(columns="count")
    peer = {"outcome": "waits", "unit": "A1", "rank": 1, "peer": "B2", "distance": 2.0, "pool_rank": 2}
    tables["peers"] = make_table("peers", [peer])
    source = ReportSource(with_every_table(replace(run.evaluation, tables=tables)), run.settings)
    (line,) = answer_rows(source.evaluation, "verdicts", "")
    assert line[3].parts == ("trend improved",)
    folded = next(
        block
        for section in peers(source)
        for block in section.blocks
        if getattr(block, "title", "").startswith("Nearer")
    )
    assert folded.blocks[0].caption.endswith("candidates nearer than its farthest peer that are set aside")


def test_nobody_else_changed_as_much_is_not_told_where_nobody_was_asked(run):
    asked = ROW | {"unit": "A1", "n_donors": 12, "n_as_large": 3}
    unasked = ROW | {"unit": "A2", "n_donors": 12, "n_as_large": None}
    source = source_of(run, summary=[asked, unasked], verdicts=[asked, unasked])
    made = next(section for section in effects(source) if section.ident == "placebos")
    (table,) = [block for block in made.blocks if isinstance(block, Table)]
    place = [column.title for column in table.columns].index("Changed as much")
    assert [row[place].parts[0] for row in table.rows] == ["3 of 12", "–"]
