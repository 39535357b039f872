"""Sections that are words from settings: every setting is told, and nothing that was not set."""

from dataclasses import replace
from typing import get_args

import pytest

from its_eval.columns import make_table
from its_eval.config.data import DataSettings
from its_eval.report.blocks import Bullets, Number, Table
from its_eval.report.cells import estimate_cell, p_value
from its_eval.report.checks import checks
from its_eval.report.method import method
from its_eval.report.peers import peers
from its_eval.report.source import ReportSource, with_every_table

#: The methods of the small study.
PLAIN = """
Waits (indicator waits): number, in days, one value per month, the first to the last available; lower is
better.

Seen in time (indicator seen): percentage, in %, one value per month, the first to the last available;
higher is better.

Missing periods are left out; their place in time is kept and nothing is filled in.

Event: New forms, 2014-02: shown, not fitted.

Segmented regression: a straight line before 2015-07, and an immediate change in level and a change
of trend from then on. The first affected month counts as after.

Season (all outcomes): a form that goes by the number of periods.

Estimator of all outcomes: REML with autoregressive errors (reml_ar). Beside it, for comparison: least
squares, periods taken as independent (ols).

REML: restricted maximum likelihood with first-order Kenward–Roger standard errors and Satterthwaite
degrees of freedom, which keep their level on short autocorrelated series.

The autoregressive order is 2 from 48 usable periods and 1 from 16; never chosen by residuals.

Percentages with denominators: a period counts by its sampling variance and what varies beside it, so
that a month with few answers counts less (REML only).

Single: the unit's own series.

Difference: the unit's series minus the mean of its peers, so that what happens to all of them cancels.
The peers are taken as given: the interval is about the gap to these peers.

Peers are the 3 nearest eligible units, by Euclidean distance, scale zscore, over all numeric
characteristics. Treated units are never peers, and a peer needs data for 90 % of the periods before and
of those after the start.

The quantity that answers is the change of trend, per month; all others are described. Intervals have 95
% coverage, and a p-value comes from the same procedure as its interval.

p-values of the treated units of one outcome and design are adjusted by Holm's method.

“No clear change” means that the adjusted p-value is not below the level; the smallest detectable
change says what would have been found with 80 % power.
"""


def paragraphs(text):
    return [" ".join(part.split()) for part in text.strip().split("\n\n")]


def source_of(run, settings=None, provenance=None, **tables):
    evaluation = replace(run.evaluation, tables={**run.evaluation.tables, **tables})
    return ReportSource(with_every_table(evaluation), {**run.settings, **(settings or {})}, provenance or {})


def section(chapter, ident, source):
    """Return one section of a chapter."""
    return next(made for made in chapter(source) if made.ident == ident)


def told(section):
    """Return every text of a section, in order."""
    texts = []
    for block in section.blocks:
        if isinstance(block, Bullets):
            texts += ["".join(map(str, item.parts)) for item in block.items]
        elif isinstance(block, Table):
            texts += ["".join(map(str, cell.parts)) for row in block.rows for cell in row]
    return texts


def test_the_methods_of_the_plain_run(run):
    assert told(section(method, "methods", source_of(run))) == paragraphs(PLAIN)


@pytest.mark.parametrize("policy", get_args(DataSettings.model_fields["missing"].annotation))
def test_every_policy_for_missing_periods_is_told(run, policy):
    changed = {"data": {**run.settings["data"], "missing": policy}}
    said = [
        line for line in told(section(method, "methods", source_of(run, changed))) if "issing period" in line
    ]
    assert len(said) == 1


def test_every_other_setting_is_told(run):
    settings = run.settings
    outcomes = [dict(outcome) for outcome in settings["outcomes"]]
    outcomes[0] |= {
        "transform": "log",
        "seasonality": {"harmonics": 2},
        "covariates": [{"indicator": "beds"}],
    }
    outcomes[1] |= {"seasonality": {"harmonics": 1}, "start": "2013-02", "end": "2016-10"}
    outcomes[1]["estimators"] = [{"name": "brand_new", "label": "mine"}]
    event = {"date": "2014-01", "until": "2014-03", "outcomes": ["waits"], "units": ["A1"]}
    changed = {
        "data": {**settings["data"], "missing": "error", "min_denominator": 20.0},
        "intervention": {
            **settings["intervention"], "date": None, "shape": "step",
            "phase_in": {"periods": 3, "as": "ramp"},
        },
        "events": [
            event | {"name": "Strike", "as": "mask"}, event | {"name": "Move", "as": "step_and_slope"},
        ],
        "outcomes": outcomes,
        "designs": ["synthetic"],
        "peers": {
            **settings["peers"], "k": "all", "preset": None, "variables": ["Beds", "Urban"],
            "weights": {"Beds": 2.0}, "within": ["units.type"], "exclude": ["B9"],
            "given": {"A1": ["B1", "B2"]},
        },
        "estimands": {**settings["estimands"], "margin": 0.5},
        "multiplicity": {"method": "none", "across": ["unit"]},
    }  # fmt: skip
    text = "\n".join(told(section(method, "methods", source_of(run, changed))))
    for words in (
        "one value per month, 2013-02 to 2016-10; higher is better.",
        "A missing period of a treated unit stops the run",
        "Values with a denominator below 20 are left out.",
        "Event: Strike, 2014-01 to 2014-03 (waits, A1): periods left out.",
        "Event: Move, 2014-01 to 2014-03 (waits, A1): fitted as step and slope.",
        "a straight line before the date of each unit, and an immediate change in level that stays.",
        "The first 3 periods are phase-in: fitted as a ramp from none to all of the jump.",
        "Season (Waits): 2 pairs of sine and cosine.",
        "Season (Seen in time): 1 pair of sine and cosine.",
        "Waits is modelled on logarithms, so that effects are changes in per cent.",
        "Waits has covariates: beds; a month without a value of each is not used.",
        "Estimator of Seen in time: brand_new (mine).",
        "Synthetic control: ",
        "Peers of A1 are given: B1, B2.",
        "Peers are all eligible units, by Euclidean distance, scale zscore, over Beds, Urban (weights",
        "Peers agree with the unit in units.type.",
        "Never peers: B9.",
        "are adjusted not at all.",
        "An interval within ±0.5 shows that no larger effect is there.",
    ):  # fmt: skip
        assert words in text, words
    preset = {**settings["peers"], "preset": "nhs-trust-peer-finder"}
    words = "\n".join(told(section(method, "methods", source_of(run, {"peers": preset}))))
    assert "by the published recipe nhs-trust-peer-finder" in words
    assert "Peers are" not in "\n".join(told(section(method, "methods", source_of(run, {"peers": None}))))


def test_the_assumptions_say_what_the_run_found(run):
    fits = run.evaluation.tables["fits"].assign(flags="near_unit_root", rho1=-0.25)
    alarm = {
        "outcome": "waits",
        "unit": "A1",
        "design": "single",
        "check": "trend_bounds",
        "status": "attention",
    }
    settings = {
        "events": [{"name": "Merger", "date": "2015-01", "as": "note", "units": ["B1"], "outcomes": []}],
        "intervention": {**run.settings["intervention"], "phase_in": {"periods": 2, "as": "exclude"}},
        "peers": {**run.settings["peers"], "exclude": ["B6"]},
    }
    checks = make_table("checks", [alarm])
    text = "\n".join(told(section(method, "assumptions", source_of(run, settings, fits=fits, checks=checks))))
    for words in (
        "at least 30 periods before the start. 8 of 8 series drift like a random walk. 1 series bend before",
        "Events listed in the config: Merger (2015-01, note).",
        "2 periods of phase-in, as exclude.",
        "Estimated first autocorrelations: −0.25. 1 check was made.",
        "Placebo units show how often such gaps change by themselves.",
        "Units set aside in the config: B6. Events that concern peers: Merger (B1).",
    ):
        assert words in text, words


def test_the_assumptions_of_a_single_series_say_nothing_of_peers(run):
    empty = {name: make_table(name, []) for name in ("fits", "checks")}
    settings = {"designs": ["single"], "events": [], "peers": None}
    text = "\n".join(told(section(method, "assumptions", source_of(run, settings, **empty))))
    assert "peers" not in text
    for words in (
        "Nothing was fitted.",
        "No other event is listed in the config.",
        "The whole change is dated to the start; no phase-in.",
        "No autoregressive error model was fitted. No residual checks in this run.",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["/a/x.csv", "/b/y.csv"], ["x.csv", "y.csv"]),
        (["/a/x.csv", "/b/x.csv", "/b/y.csv"], ["a/x.csv", "b/x.csv", "y.csv"]),
        ([], []),
    ],
)
def test_files_are_named_without_folders_that_tell_nothing(run, inputs, names):
    provenance = {"program": {"name": "its-eval", "version": "1"}, "inputs": dict.fromkeys(inputs, "d" * 64)}
    made = section(method, "origin", source_of(run, provenance=provenance))
    (files,) = [block for block in made.blocks if isinstance(block, Table) and block.ident == "table-inputs"]
    assert [row[0].parts[0] for row in files.rows] == names


def test_one_estimator_and_no_alternatives_leave_nothing_to_depend_on(run):
    effects = run.evaluation.tables["effects"]
    alone = effects[effects["role"] != "sensitivity"].reset_index(drop=True)
    made = section(
        checks, "choices", source_of(run, effects=alone, sensitivity=make_table("sensitivity", []))
    )
    assert len(made.blocks) == 1


def test_an_estimate_without_interval_says_so():
    row = {"estimate": 1.5, "conf_low": float("nan"), "conf_high": float("nan"), "scale": "response"}
    assert estimate_cell("t", 0, row).small == ("no interval",)
    low, _, high = estimate_cell("t", 0, row | {"conf_low": 1.0, "conf_high": float("inf")}).small
    assert (low.text, high.text) == ("1.00", "∞")


def test_a_p_value_of_nothing_is_a_dash():
    assert p_value("t", "p")(0, {"p": float("nan")}).parts == ("–",)
    assert p_value("t", "p")(0, {"p": 0.0001}).parts[0].text == "< 0.001"


def test_the_weights_of_a_synthetic_control_the_heaviest_first(run):
    assert section(peers, "mixtures", source_of(run)).blocks == []
    outcome = run.evaluation.tables["effects"]["outcome"].iloc[0]
    rows = [("B1", 0.25, "part"), ("B2", 0.75, "part"), ("B3", 0.0, "no part"), ("B4", 0.0, "gaps")]
    table = make_table(
        "donor_weights",
        [
            {
                "outcome": outcome,
                "unit": "A1",
                "design": "synthetic",
                "donor": donor,
                "weight": w,
                "role": role,
            }
            for donor, w, role in rows
        ],
    )
    source = source_of(run, donor_weights=table)
    made = section(peers, "mixtures", source)
    (shown,) = made.blocks
    assert shown.caption.endswith(
        "2 of 4 donors are part of its synthetic control; 1 other with gaps could not be"
    )
    cells = [
        [part.text if isinstance(part, Number) else part for part in cell.parts]
        for row in shown.rows
        for cell in row
    ]
    assert cells == [[source.unit_name("B2")], ["0.75"], [source.unit_name("B1")], ["0.25"]]
