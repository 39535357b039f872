"""Sentences about several units: counted right, changes first, and with what would have been found."""

import math
from dataclasses import replace

import pytest

from its_eval.evaluation import (
    COLUMNS,
    CONSISTENT,
    DIFFERS,
    GAP_CHANGED,
    NO_CLEAR_EVIDENCE,
    NOT_ESTIMABLE,
    NOT_UNUSUAL,
    THE_SET,
    make_table,
)
from its_eval.report.answer import answer
from its_eval.report.blocks import Bullets, Cell, Number, Strong
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
    "label": "gap to peers changed",
    "minimum_detectable": 0.4,
}

MORE = ", more than is usual among other units"
STATED = "−0.50 days, 95 % interval −0.80 to −0.20"


def source_of(run, *, settings=None, **rows):
    tables = {name: make_table(name, rows.get(name, [])) for name in COLUMNS}
    evaluation = with_every_table(replace(run.evaluation, tables=tables))
    return ReportSource(evaluation, {**run.settings, **(settings or {})})


def said(run, *summary, **rows):
    source = source_of(run, summary=list(summary), **rows)
    return verdict_sentences(source.evaluation, "waits", source.units("waits"))


def asked(source):
    about = [source.about(outcome) for outcome in source.outcomes]
    return question(about, source.everyone, source.designs, source.primary)


def test_the_question_names_units_outcomes_and_quantity(run):
    source = source_of(run, summary=[ROW | {"unit": "A1"}, ROW | {"unit": "A2"}])
    assert asked(source) == (
        "New rota, from July 2015, in two units (A1 Trust A1 & Sons; A2 Trust A2 & Sons). Of “Waits” (lower "
        "is better), “Seen in time” (higher is better) it is asked: (1) did the unit's own course change at "
        "that time, compared with its earlier trend; (2) did the gap between the unit and similar units, its "
        "peers, change at that time? The answer is read from one quantity that the config declares "
        "beforehand: change of trend, per month."
    )
    alone = asked(source_of(run, summary=[ROW | {"unit": "A1"}], settings={"designs": ["single"]}))
    assert "in one unit (A1 Trust A1 & Sons)." in alone
    assert "it is asked: did the unit's own course change" in alone


def test_of_many_units_the_question_gives_the_codes(run):
    units = [f"U{place:02d}" for place in range(1, 12)]
    words = asked(source_of(run, summary=[ROW | {"unit": unit} for unit in ("A1", *units)]))
    assert f"in 12 units (A1, {', '.join(units[:9])}, and 2 more, which the tables have)." in words


def test_of_many_units_the_first_are_listed(run):
    units = [f"U{place:02d}" for place in range(1, 13)]
    (told,) = said(run, *(ROW | {"unit": unit} for unit in units))
    assert f"; U10: {STATED}; and 2 more, which the tables have)." in told
    (told,) = said(run, *(ROW | {"unit": unit, "label": "not estimable"} for unit in units))
    assert told.endswith("in 12 of 12 (" + ", ".join(units[:10]) + ", and 2 more, which the tables have).")


def test_changes_come_first_with_their_intervals(run):
    unclear = ROW | {"estimate": 0.1, "conf_low": -0.2, "conf_high": 0.4, "direction": "unclear"}
    none = unclear | {"label": "no clear evidence"}
    told = said(
        run,
        none | {"unit": "U1", "minimum_detectable": 0.6},
        ROW | {"unit": "U2"},
        none | {"unit": "U3"},
        ROW | {"unit": "U4", "design": "single", "label": "differs from before", "direction": "worse"},
    )
    assert told == [
        (
            "Compared with their own earlier trend: a change from before, for the worse, in 1 of 4 (U4: "
            "−0.50 days, 95 % interval −0.80 to −0.20)."
        ),
        (
            "Compared with their peers: the gap changed, for the better, in 1 of 4 (U2: −0.50 days, 95 % "
            "interval −0.80 to −0.20); no clear evidence of a change in 2 of 4 (U1, U3; taken alone, a "
            "change of 0.40 days to 0.60 days would be found four times in five)."
        ),
    ]


def test_the_three_way_label_in_words(run):
    told = said(
        run,
        ROW | {"unit": "U1", "label": "consistent with an effect"},
        ROW | {"unit": "U2", "label": "gap changed, not unusual", "direction": "unclear"},
        ROW | {"unit": "U3", "label": "judged as a set"},
        ROW | {"unit": "U4", "label": "not estimable", "minimum_detectable": math.nan},
    )
    assert told == [
        "Compared with their peers: "
        + "; ".join(
            (
                f"the gap changed, but no more than is usual among other units, in 1 of 4 (U2: {STATED})",
                f"the gap changed, for the better{MORE}, in 1 of 4 (U1: {STATED})",
                "not estimable in 1 of 4 (U4)",
                f"not judged one by one in 1 of 4 (U3: {STATED}).",
            )
        )
    ]


def test_units_that_failed_are_counted_and_named(run):
    failed = {"outcome": "waits", "unit": "U9", "design": "difference", "message": "m"}
    (told,) = said(
        run,
        ROW | {"unit": "U1", "label": "no clear evidence", "minimum_detectable": math.nan},
        not_estimated=[failed],
    )
    assert told == (
        "Compared with their peers: no clear evidence of a change in 1 of 2 (U1); not estimated in 1 of 2 "
        "(U9)."
    )


SET = {
    "outcome": "waits", "design": "difference", "estimand": "slope_change", "method": "set",
    "estimate": -0.25, "conf_low": -0.45, "conf_high": -0.05, "p_value": 0.0123, "n_units": 2,
    "minimum_detectable": 0.3,
}  # fmt: skip
VERDICT = {
    **{key: value for key, value in SET.items() if key not in ("method", "n_units")},
    "unit": THE_SET, "scale": "response", "direction": "better", "label": "gap to peers changed",
}  # fmt: skip
JOINT = {"outcome": "waits", "unit": "", "design": "difference", "check": "joint_placebo", "p_value": 0.1637}


def set_sentences(source):
    lists = [block for block in answer(source)[0].blocks if isinstance(block, Bullets)]
    return [item for block in lists for item in block.items if item.row.startswith("pooled:")]


def of_the_set(run, n_units=2, **changes):
    verdict = VERDICT | changes
    own = {key: value for key, value in verdict.items() if key in SET}
    found = set_sentences(source_of(run, pooled=[SET | own | {"n_units": n_units}], verdicts=[verdict]))
    return in_words(found[0])


def in_words(told):
    return "".join(part if isinstance(part, str) else part.text for part in told.parts)


def test_all_units_together_with_their_place_among_placebo_sets(run):
    source = source_of(
        run,
        pooled=[SET, SET | {"method": "fixed_effect"}],
        verdicts=[
            VERDICT | {"label": "gap changed, not unusual", "set_p_placebo": 0.1637},
            VERDICT | {"design": "single", "set_p_placebo": 0.5},
            VERDICT | {"unit": "A1", "set_p_placebo": 0.7},
        ],
    )
    (told,) = set_sentences(source)
    assert in_words(told) == (
        "Both units together, compared with their peers: the gap changed, for the better, but no more than "
        "is usual among other units; change of trend, per month −0.25 days (95 % interval −0.45 to −0.05; "
        "p = 0.012, placebo p = 0.16)."
    )
    assert told.parts[1] == Strong(
        "the gap changed, for the better, but no more than is usual among other units"
    )
    assert told.row == "pooled:1"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (CONSISTENT, f"the gap changed, for the better{MORE}"),
        (NOT_UNUSUAL, "the gap changed, for the better, but no more than is usual among other units"),
        (GAP_CHANGED, "the gap changed, for the better"),
        (DIFFERS, "a change from before, for the better"),
        (NO_CLEAR_EVIDENCE, "no clear evidence of a change"),
        (NOT_ESTIMABLE, "not estimable"),
    ],
)
def test_every_label_of_the_set_is_told_in_full(run, label, words):
    assert f"compared with their peers: {words}; change of trend" in of_the_set(run, label=label)


def test_a_set_is_told_with_its_direction_and_size(run):
    changed = "compared with their peers: the gap changed, for the better; change of trend"
    assert changed in of_the_set(run)
    worse = {"estimate": 0.25, "conf_low": 0.05, "conf_high": 0.45, "direction": "worse"}
    told = of_the_set(run, 3, design="single", label="differs from before", **worse)
    alone = "All three units together, compared with their own earlier trend: a change from before, for the"
    assert f"{alone} worse; change of trend" in told


def test_a_null_result_of_all_units_says_what_would_have_been_found(run):
    said = of_the_set(run, conf_high=0.1, p_value=0.2, label="no clear evidence")
    assert "compared with their peers: no clear evidence of a change; change of trend" in said
    assert said.endswith("A change of 0.30 days would be found four times in five.")


def test_a_set_that_is_not_estimable_has_neither_direction_nor_p_value(run):
    said = of_the_set(run, p_value=math.nan, label="not estimable")
    assert said == (
        "Both units together, compared with their peers: not estimable; change of trend, per month "
        "−0.25 days (95 % interval −0.45 to −0.05)."
    )


def test_of_a_result_older_than_the_verdicts_nothing_is_concluded_of_the_set(run):
    source = source_of(run, pooled=[SET | {"conf_high": 0.1}], checks=[JOINT, JOINT | {"design": "single"}])
    del source.evaluation.tables["pooled"]["minimum_detectable"]
    del source.evaluation.tables["verdicts"]
    assert in_words(set_sentences(source)[0]) == (
        "Both units together, compared with their peers: the conclusion is not recorded; change of trend, per "
        "month −0.25 days (95 % interval −0.45 to 0.10; p = 0.012, placebo p = 0.16)."
    )


def test_a_cell_carries_a_key_for_sorting_only_where_it_shows_something_else():
    number = Number("0.3", 0.3333, "t:0:c")
    assert Cell((number,), sort=number.exact).sorts_by_itself
    assert Cell(("words",), sort="words").sorts_by_itself
    assert not Cell(("–",)).sorts_by_itself
    assert not Cell(("share ", number), sort="share").sorts_by_itself


def test_controlled_designs_are_told_apart():
    designs = ("single", "difference", "peer_mean", "stacked", "synthetic")
    assert len({compared_with(design) for design in designs}) == len(designs)
    assert [compared_with(design, several=True) for design in designs] == [
        "their own earlier trend",
        "their peers",
        "the mean of their peers in one model",
        "each of their peers in one model",
        "weighted means of other units (synthetic controls)",
    ]


def test_anchors_hold_only_what_an_address_may_hold():
    assert anchor("unit", "ae 4h", "", "R/1 & co") == "unit-ae-4h-R-1-co"
