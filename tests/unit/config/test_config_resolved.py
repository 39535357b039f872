"""The resolved config says everything, and loading it again gives the same settings."""

import pytest

from its_eval.config import load_config, to_yaml
from its_eval.config.reading import read_yaml

CASES = [
    {},
    {"title": "'null'", "treated": "[NO, 0123, 12:30, 2020-01, '~', 1e3]"},
    {
        "peers": "{preset: nhs-trust-peer-finder, k: all, exclude: [on]}",
        "outcomes": "[{indicator: a, kind: count, per: 1e-5}, {indicator: b, unit: '', kind: percentage}]",
    },
    {
        "peers": "{variables: [b, a], weights: {b: 2, a: 0.1}, given: {RTP: [B, A]}, missing: zero}",
        "outcome_defaults": "{kind: rate, per: 1000, seasonality: {harmonics: 2}, estimators: [ols]}",
        "estimators": "[reml_ar, {name: reml_ar, order: 1}, {name: newey_west, lags: 0},"
        " {name: ols, label: x}]",
        "events": "[{name: 'A: b', date: 2015-01, until: 2015-02, as: mask, units: [RTP]}]",
        "output": "{figures: []}",
    },
    {
        "data": "{frequency: quarter, min_denominator: 5, units: {path: u.csv, columns: {area: Region}},"
        " indicators: [{path: a.csv, indicator: x, layout: wide}, {path: b.csv}]}",
        "intervention": "{name: Ω, date: 2003Q2, shape: step, phase_in: {periods: 2, as: ramp}}",
        "outcomes": "[{indicator: waits, seasonality: quarters, start: 2000Q1}]",
        "estimands": "{at: []}",
    },
    {"data": "{frequency: year, indicators: {path: a.csv}}", "intervention": "{date: 1989}"},
    {"treated": "each"},
    {
        "data": "{frequency: week, missing: drop_unit, indicators: {path: a.xlsx},"
        " characteristics: {path: c.csv, dated: 2014}, units: {path: u.csv, mergers: combine}}",
        "intervention": "{}",
        "treated": "{RTP: 2015-W30, 0123: 2016-W01}",
        "events": "[{name: A, date: 2015-W40, as: slope}, {name: B, date: 2015-W50, as: step_and_slope}]",
        "peers": "{caliper: P90, scale: minmax, metric: mahalanobis}",
        "outcomes": "[{indicator: a, covariates: [rain, {indicator: rain, lag: 2}],"
        " strata: {values: [x, y], gap: [x, y]}}, {indicator: b, strata: [x], transform: logit}]",
        "designs": "[single, difference, peer_mean, stacked, synthetic, sdid, augmented_synthetic]",
        "estimators": "[{name: reml_ar, variance: by_segment}, {name: arima, seasonal_order: [1, 0, 0]}, ols,"
        " {name: prais_winsten, rho: tscorr}, reml_ar_noise]",
        "estimands": "{margin: 0.5}",
        "checks": "{placebo_dates: no, pretrend_margin: 0.01}",
        "sensitivity": "{k: [5], scale: [none], order: [1, reml_ar_noise], season: [none, {harmonics: 2}],"
        " end: [2019-W10], cross: true}",
        "output": "{tables: [xlsx], report: {style: a.yaml, answers: b.yaml}}",
    },
    {"outcomes": "[{indicator: a, kind: count, estimators: [{name: poisson, lags: 4}, negative_binomial]}]"},
]


@pytest.mark.parametrize("sections", CASES)
def test_round_trip(load, tmp_path, sections):
    config = load(**sections)
    text = to_yaml(config)
    # in a folder of its own: the paths in it are absolute
    folder = tmp_path / "results"
    folder.mkdir()
    path = folder / "config.resolved.yaml"
    path.write_text(text, encoding="utf-8")
    again = load_config(path)
    assert again == config
    assert to_yaml(again) == text


def test_keys_stand_in_the_order_of_the_contract(load):
    tree = read_yaml(to_yaml(load(peers="{}")), "f.yaml").tree
    assert list(tree) == [
        "version",
        "title",
        "data",
        "intervention",
        "looks",
        "treated",
        "events",
        "peers",
        "outcome_defaults",
        "outcomes",
        "designs",
        "estimators",
        "estimands",
        "confidence",
        "min_segment",
        "checks",
        "multiplicity",
        "sensitivity",
        "output",
        "before_after",
        "simulation",
        "protocol",
        "deviations",
        "seed",
    ]
    assert list(tree["outcomes"][0]) == (
        [
            "indicator",
            "label",
            "unit",
            "kind",
            "better",
            "counted",
            "transform",
            "per",
            "estimators",
            "seasonality",
            "trend",
            "start",
            "end",
            "missing",
            "strata",
            "covariates",
            "controls",
        ]
    )
    assert list(tree["data"]) == [
        "indicators",
        "characteristics",
        "units",
        "successions",
        "frequency",
        "missing",
        "min_denominator",
        "disclosure",
    ]
    assert list(tree["intervention"]) == [
        "name",
        "date",
        "shape",
        "length",
        "fit",
        "phase_in",
        "chosen",
        "delivered",
    ]
    assert list(tree["peers"]) == (
        [
            "preset",
            "variables",
            "weights",
            "scale",
            "metric",
            "missing",
            "log",
            "match",
            "k",
            "within",
            "exclude",
            "caliper",
            "min_coverage",
            "given",
            "given_by_outcome",
        ]
    )


def test_only_own_options_are_written(load):
    tree = read_yaml(to_yaml(load(estimators="[reml_ar, ols, newey_west]")), "f.yaml").tree
    assert tree["estimators"] == [
        {"name": "reml_ar", "label": "reml_ar", "order": "auto", "variance": "constant"},
        {"name": "ols", "label": "ols"},
        {"name": "newey_west", "label": "newey_west", "lags": None},
    ]


def test_equal_values_are_written_out_not_as_aliases(load):
    text = to_yaml(load(outcomes="[{indicator: a}, {indicator: b}]"))
    assert "&id" not in text
    assert "*id" not in text


def test_paths_are_absolute(load, tmp_path):
    assert f"path: {(tmp_path.resolve() / 'a.csv').as_posix()}" in to_yaml(load())
