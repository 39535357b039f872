"""Which units a reader can ask *what if?*, and with what data."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from msgspec import structs

from its_eval.config import load_config
from its_eval.pipeline.run import evaluate
from its_eval.report.html import render_report
from its_eval.report.source import ReportSource, with_every_table
from its_eval.report.what_if import studies
from its_eval.report.what_if.studies import what_if, what_if_data

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
CHECKS = ("placebo_units", "placebo_dates", "leave_one_peer_out", "trend_bounds", "one_month")
OUTCOME = {
    "indicator": "fft_recommend",
    "kind": "percentage",
    "unit": "%",
    "start": "2013-04",
    "end": "2020-02",
}


def source(folder, *, outcome=None, **changes):
    path = folder / "study.yaml"
    content = {
        "version": 1,
        "data": {
            "indicators": {"path": str(SAMPLE / "indicators.csv")},
            "characteristics": {"path": str(SAMPLE / "characteristics.csv")},
        },
        "intervention": {"name": "Programme", "date": "2015-07"},
        "treated": ["SIM07"],
        "peers": {"k": 3},
        "outcomes": [{**OUTCOME, "seasonality": "none", **(outcome or {})}],
        "designs": ["difference"],
        "estimators": ["reml_ar"],
        "checks": dict.fromkeys(CHECKS, False),
        **changes,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    config = load_config(path)
    return ReportSource(with_every_table(evaluate(config)), config.model_dump(mode="json", by_alias=True))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The study as it stands: read, and never changed, by several tests."""
    return source(tmp_path_factory.mktemp("study"))


def data(folder, **changes):
    return json.loads(what_if_data(source(folder, **changes)))


def test_the_level_of_its_intervals_is_not_rounded(tmp_path):
    assert data(tmp_path, confidence=0.975)["interval"] == "97.5 % interval"


def test_values_are_those_of_the_tables(asked):
    found = json.loads(what_if_data(asked))
    (study,), (outcome,) = found["studies"], found["outcomes"]
    peers = list(asked.table("peers")["peer"])
    assert study["peers"] == peers
    assert sorted(outcome["series"]) == sorted(["SIM07", *peers])
    rows = asked.table("peer_series").set_index(["unit", "period"])
    for code in peers:
        held = outcome["series"][code]
        for name, column in (("values", "value"), ("sizes", "denominator")):
            expected = rows.loc[code, column].to_numpy()
            np.testing.assert_allclose(np.array(held[name], dtype=float), expected, rtol=1e-10)
    assert any(None in held["values"] for held in outcome["series"].values())
    own = asked.table("series").set_index("period")
    assert outcome["series"]["SIM07"]["values"] == pytest.approx(own["unit_value"].tolist(), rel=1e-10)
    assert outcome["periods"] == list(own.index)
    assert outcome["words"][0] == "April 2013"
    assert (outcome["measure"], outcome["per_year"]) == (" points", 12)
    assert study["weighted"]
    effects = asked.table("effects").set_index("estimand")
    for name, estimand in (("level", "level_change"), ("slope", "slope_change"), ("year", "effect_at_12")):
        assert study["declared"][name]["estimate"] == effects.loc[estimand, "estimate"]
        assert study["declared"][name]["p"] == effects.loc[estimand, "p_value"]


@pytest.mark.parametrize(
    ("chosen", "kind", "pairs"),
    [
        ("none", "none", 0),
        ("months", "dummies", 0),
        ({"harmonics": 2}, "harmonics", 2),
    ],
)
def test_the_season_is_that_of_the_fit(tmp_path, chosen, kind, pairs):
    (study,) = data(tmp_path, outcome={"seasonality": chosen})["studies"]
    assert study["season"] == {"kind": kind, "pairs": pairs}


@pytest.mark.parametrize(("end", "kind", "pairs"), [("2016-06", "harmonics", 2), ("2020-02", "dummies", 0)])
def test_an_automatic_season_goes_by_the_length_of_the_declared_series(tmp_path, end, kind, pairs):
    (study,) = data(tmp_path, outcome={"seasonality": "auto", "end": end})["studies"]
    assert study["season"] == {"kind": kind, "pairs": pairs}


def test_phase_in_moves_with_the_start_and_masks_stay(tmp_path):
    intervention = {"name": "Programme", "date": "2015-07", "phase_in": {"periods": 3, "as": "exclude"}}
    events = [
        {"name": "Odd months", "date": "2014-02", "until": "2014-03", "as": "mask"},
        {"name": "Second", "date": "2017-10", "as": "step"},
    ]
    (study,) = data(tmp_path, intervention=intervention, events=events)["studies"]
    assert study["masked"] == [10, 11]
    first, second = study["interruptions"]
    assert first == {
        "name": "Programme",
        "start": 27,
        "shape": "step_and_slope",
        "phase_in": 3,
        "ramp": False,
    }
    assert second == {"name": "Second", "start": 54, "shape": "step", "phase_in": 0, "ramp": False}


def test_logarithms_travel_as_values_with_effects_on_the_scale_of_the_fit(tmp_path):
    asked = source(tmp_path, outcome={"kind": "rate", "per": 100, "transform": "log", "unit": ""})
    found = json.loads(what_if_data(asked))
    (outcome,), (study,) = found["outcomes"], found["studies"]
    assert outcome["scale"] == "log"
    assert min(outcome["series"]["SIM07"]["values"]) > 10
    effects = asked.table("effects").query("scale == 'link'").set_index("estimand")
    assert study["declared"]["level"]["estimate"] == effects.loc["level_change", "estimate"]


@pytest.mark.parametrize(
    "changes",
    [
        {"estimators": ["ols"]},
        {"estimators": [{"name": "reml_ar", "variance": "by_segment"}]},
        {"outcome": {"transform": "logit"}},
        {"designs": ["synthetic"]},
        {"outcome": {"covariates": ["leaver_rate"]}},
    ],
)
def test_what_the_engine_does_not_fit_has_no_controls(tmp_path, changes):
    asked = source(tmp_path, **changes)
    assert what_if_data(asked) == ""
    (section,) = what_if(asked)
    assert not section.blocks


def test_it_can_be_switched_off(asked, tmp_path):
    (section,) = what_if(asked)
    assert section.blocks
    (section,) = what_if(source(tmp_path, output={"report": {"what_if": False}}))
    assert not section.blocks


def test_a_result_without_peers_values_has_no_controls_for_gaps(asked):
    tables = {**asked.evaluation.tables, "peer_series": asked.table("peer_series").iloc[:0]}
    assert what_if_data(structs.replace(asked, evaluation=replace(asked.evaluation, tables=tables))) == ""


def test_the_text_cannot_end_its_element(asked):
    named = replace(asked.evaluation, unit_names={"SIM07": "</script><b>"})
    text = what_if_data(structs.replace(asked, evaluation=named))
    assert "<" not in text
    assert json.loads(text)["outcomes"][0]["names"]["SIM07"] == "SIM07 </script><b>"


def test_a_page_without_it_says_nothing_of_it(asked, tmp_path):
    settings = {**asked.settings, "output": {**asked.settings["output"]}}
    settings["output"]["report"] = {**settings["output"]["report"], "what_if": False}
    page = render_report(asked.evaluation, tmp_path, settings=settings, provenance={})
    assert "what-if" not in page


def test_its_own_share_of_the_page_is_small():
    assert sum(path.stat().st_size for path in Path(studies.__file__).parent.glob("*.*s")) <= 60_000
