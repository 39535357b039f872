"""Checklists: what is known is filled in, the rest is left to people, and their answers are checked."""

import math
from dataclasses import replace

import pytest

from its_eval.columns import make_table
from its_eval.errors import ConfigError
from its_eval.report.checklists import (
    CHECKLISTS,
    TO_BE_JUDGED,
    answer_problems,
    items_of,
    load_answers,
)
from its_eval.report.source import ReportSource, with_every_table

PROVENANCE = {
    "program": {"name": "its-eval", "version": "1.2"},
    "seed": 5,
    "config": {"sha256": "abcdef0123456789"},
}


def source_of(run, *, answers=None, provenance=PROVENANCE, settings=None, **tables):
    evaluation = replace(run.evaluation, tables={**run.evaluation.tables, **tables})
    return ReportSource(
        with_every_table(evaluation), {**run.settings, **(settings or {})}, provenance, (), answers or {}
    )


def epoc(source):
    return {item.key: item for item in items_of(source, "epoc")}


def reporting(source):
    return {item.key: item for item in items_of(source, "reporting")}


def test_every_item_has_its_facts(run):
    assert {name: len(items) for name, items in CHECKLISTS.items()} == {"epoc": 7, "reporting": 19}
    for name, items in CHECKLISTS.items():
        made = items_of(source_of(run), name)
        assert [(item.key, item.question) for item in made] == [(key, items[key][0]) for key in items]
        assert all(item.facts for item in made)


def test_what_only_people_know_is_left_to_them(run):
    items = epoc(source_of(run))
    left = {key for key, item in items.items() if item.result == TO_BE_JUDGED}
    assert left == {"independent_of_other_changes", "data_collection_unaffected", "outcome_objective"}
    assert "New forms, 2014-02" in items["independent_of_other_changes"].facts
    assert all(item.facts for item in items.values())


def test_what_the_run_knows_is_filled_in(run):
    items = epoc(source_of(run))
    assert items["shape_pre_specified"].result == "low risk"
    assert "SHA-256 abcdef012345…" in items["shape_pre_specified"].facts
    assert items["incomplete_data"].facts == "No period of any series is missing."
    assert items["selective_reporting"].facts.startswith("2 of the 2 outcomes in the config reported")
    assert items["other_bias"].result == TO_BE_JUDGED or "Season" in items["other_bias"].facts


def test_missing_periods_are_counted_on_either_side_and_judged_by_people(run):
    fits = run.evaluation.tables["fits"].assign(n_missing=1)
    series = run.evaluation.tables["series"].copy()
    own = series["outcome"].eq("waits") & series["unit"].eq("A1") & series["design"].eq("single")
    series.loc[series.index[own][:3], ["used", "used_reason"]] = [False, "missing"]
    item = epoc(source_of(run, fits=fits, series=series))["incomplete_data"]
    # 3 of 8 series × 30 periods before the start
    assert item.facts == (
        "Missing: 1.2 % of periods before the start and 0 % after, over 8 series; none filled in."
    )
    assert item.result == TO_BE_JUDGED
    assert reporting(source_of(run, fits=fits, series=series))["missing"].result == "reported"


def test_an_outcome_without_estimate_is_for_people_to_judge(run):
    row = {"outcome": "seen", "unit": "A1", "design": "single", "reason": "no_data", "message": "m"}
    item = epoc(source_of(run, not_estimated=make_table("not_estimated", [row])))["selective_reporting"]
    assert item.result == TO_BE_JUDGED
    assert "1 series could not be estimated" in item.facts


def test_the_season_of_yearly_data_and_of_none(run):
    yearly = {"data": {**run.settings["data"], "frequency": "year"}}
    assert epoc(source_of(run, settings=yearly))["other_bias"].result == "low risk"
    none = {"outcomes": [{**outcome, "seasonality": "none"} for outcome in run.settings["outcomes"]]}
    assert epoc(source_of(run, settings=none))["other_bias"].result == TO_BE_JUDGED


def test_a_run_without_any_fit_says_what_is_not_reported(run):
    empty = {
        name: make_table(name, [])
        for name in ("fits", "effects", "summary", "series", "peers", "sensitivity", "checks")
    }
    items = reporting(source_of(run, provenance={}, **empty))
    absent = {key for key, item in items.items() if item.result == "not reported"}
    assert absent == {"periods", "effects", "counterfactual", "sensitivity", "power", "software"}
    assert items["controls"].facts == "No unit is compared with others."
    assert items["autocorrelation"].result == TO_BE_JUDGED
    assert epoc(source_of(run, **empty))["incomplete_data"].facts.startswith("Missing: 0 %")


def test_reporting_items_are_filled_from_the_tables(run):
    items = reporting(source_of(run))
    assert items["periods"].facts == "30 before and 18 after."
    assert items["software"].facts == "its-eval 1.2, seed 5; see where this comes from."
    assert items["effects"].facts == "Every effect has its interval; absolute and relative."
    assert items["power"].facts == "Smallest detectable change of 8 estimates."
    assert "A1 Trust A1 & Sons" in items["setting"].facts
    fits = run.evaluation.tables["fits"].copy()
    fits["n_pre"] = [28, *[30] * (len(fits) - 1)]
    fits.loc[0, "rho1"] = math.nan
    assert reporting(source_of(run, fits=fits))["periods"].facts.endswith("after.")


def test_answers_of_people_stand_beside_the_facts(run):
    answers = {
        "epoc": {
            "outcome_objective": {"judgement": "low", "reason": "routine records", "by": "A. Name"},
            "other_bias": {"judgement": "unclear", "reason": "thin data"},
        },
        "reporting": {"rationale": {"reason": "rotas act at once"}},
    }
    items = epoc(source_of(run, answers=answers))
    assert (items["outcome_objective"].result, items["outcome_objective"].answer) == (
        "low risk",
        "routine records (A. Name)",
    )
    assert (items["other_bias"].result, items["other_bias"].answer) == ("unclear", "thin data")
    told = reporting(source_of(run, answers=answers))["rationale"]
    assert (told.result, told.answer) == ("reported", "rotas act at once")


def test_answers_from_a_file(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text("epoc: {outcome_objective: {judgement: high, reason: a survey}}\n", encoding="utf-8")
    assert load_answers(path) == {"epoc": {"outcome_objective": {"judgement": "high", "reason": "a survey"}}}


def test_every_fault_of_the_answers_is_told(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text(
        "epok: {}\nepoc:\n  outcome_objektive: {}\n  other_bias: {judgement: maybe, resaon: x}\n"
        "  selective_reporting: low\nreporting:\n  rationale: {judgement: low, reason: r, by: [1]}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_answers(path)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 8
    for words in (
        f"{path}: 'epok' is not a checklist (did you mean 'epoc'?); expected one of epoc, reporting",
        "epoc.outcome_objektive is not an item (did you mean 'outcome_objective'?)",
        "epoc.other_bias: 'resaon' is not a key of an answer (did you mean 'reason'?)",
        "epoc.other_bias.judgement: 'maybe'; expected one of low, high, unclear",
        "epoc.other_bias.reason: nothing; expected the reason in words",
        "epoc.selective_reporting: 'low'; expected {judgement",
        "reporting.rationale.judgement: only items of epoc are judged",
        "reporting.rationale.by: ['1']; expected who judged",
    ):
        assert words in told
    assert answer_problems({"epoc": "low"}) == ["epoc: 'low'; expected answers by item"]
