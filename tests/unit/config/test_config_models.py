"""What a loaded config holds: defaults filled in, everything frozen, nothing heavy imported."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from its_eval.config import KNOWN_PRESETS, Checks, Config, Estimands, Estimator, Seasonality, load_config
from its_eval.config.analysis import Sensitivity
from its_eval.config.outcomes import Covariate, Strata

CONTRACT = """\
version: 1
title: NHS-VMI partnership, A&E within four hours
data:
  indicators:
    path: ../data/nhs/ae_4h_monthly.csv
    columns: {unit: trust_code, period: month, value: within_4h_pct, denominator: attendances}
    indicator: ae_4h
    dates: iso
    layout: long
  characteristics: {path: ../data/nhs/peer_finder_appendix_a.csv, columns: {unit: Procode}}
  units: {path: ../data/nhs/trusts.csv, columns: {unit: trust_code, name: trust_name, type: org_type}}
  frequency: month
  missing: mask
  min_denominator: null
intervention:
  {name: NHS-VMI partnership, date: 2015-07, shape: step_and_slope, phase_in: {periods: 0, as: exclude}}
treated: [RTP, RR8, RKB, RXW, RF4]
events:
  - {name: Collection becomes monthly, date: 2015-06, as: note}
peers:
  preset: nhs-trust-peer-finder
  k: 10
  within: []
  exclude: []
  caliper: null
  min_coverage: 0.9
  given: {}
outcome_defaults: {start: 2013-04, end: 2020-02, seasonality: months}
outcomes:
  - {indicator: ae_4h, label: A&E within four hours, unit: "%", kind: percentage, better: higher}
designs: [single, difference]
estimators: [reml_ar]
estimands: {primary: slope_change, at: [12, 24]}
confidence: 0.95
checks: {placebo_units: false, placebo_dates: false, leave_one_peer_out: false}
multiplicity: {method: holm, across: [unit]}
sensitivity: {}
output: {tables: [csv, parquet], figures: [svg, png], report: {style: null, answers: null}}
seed: 20150701
"""


@pytest.fixture
def contract(tmp_path):
    (tmp_path / "configs").mkdir()
    path = tmp_path / "configs" / "vmi.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    return path


def test_the_example_of_the_contract(contract, tmp_path):
    config = load_config(contract)
    root = tmp_path.resolve()
    (table,) = config.data.indicators
    assert table.path == root / "data/nhs/ae_4h_monthly.csv"
    assert table.columns["value"] == "within_4h_pct"
    assert config.data.characteristics.columns == {"unit": "Procode"}
    assert config.data.units.columns == {"unit": "trust_code", "name": "trust_name", "type": "org_type"}
    assert config.treated == ("RTP", "RR8", "RKB", "RXW", "RF4")
    assert config.events[0].as_ == "note"
    assert config.intervention.phase_in.as_ == "exclude"
    assert config.peers.preset in KNOWN_PRESETS
    (outcome,) = config.outcomes
    assert (outcome.name, outcome.start, outcome.end) == ("ae_4h", "2013-04", "2020-02")
    assert outcome.seasonality == Seasonality(kind="months")
    assert outcome.estimators == config.estimators == (Estimator(name="reml_ar", label="reml_ar"),)


def test_presets_are_those_that_exist():
    from its_eval.peers.recipes import PRESETS

    assert set(KNOWN_PRESETS) == set(PRESETS)


def test_defaults(load):
    config = load()
    assert config.title == "its"
    assert config.data.frequency == "month"
    assert config.data.missing == "mask"
    assert config.data.min_denominator is None
    assert config.data.units is None
    assert config.data.characteristics.columns == {}
    assert (config.intervention.name, config.intervention.shape) == ("Intervention", "step_and_slope")
    assert (config.intervention.phase_in.periods, config.intervention.phase_in.as_) == (0, "exclude")
    assert config.events == ()
    assert config.peers is None
    assert config.designs == ("single",)
    assert config.estimators == (Estimator(name="reml_ar", label="reml_ar", order="auto"),)
    assert config.estimands == Estimands(primary="change", at=(12, 24))
    assert config.confidence == 0.95
    assert config.checks == Checks()
    asked = config.checks.model_dump()
    assert asked.pop("pretrend_margin") is None
    assert asked.pop("anticipation") is None
    assert set(asked.values()) == {True}
    assert config.estimands.margin is None
    assert (config.multiplicity.method, config.multiplicity.across) == ("holm", ("unit", "interruption"))
    assert config.sensitivity == Sensitivity()
    assert not config.sensitivity.asked
    assert (config.output.tables, config.output.figures) == (("csv",), ("png",))
    assert (config.output.report.style, config.output.report.answers) == (None, None)
    assert config.seed == 20150701


def test_peer_defaults(load):
    config = load(peers="{}")
    peers = config.peers
    assert config.designs == ("single", "difference")
    assert (peers.preset, peers.variables, peers.weights) == (None, None, {})
    assert (peers.scale, peers.metric, peers.missing) == ("zscore", "euclidean", "available")
    assert (peers.k, peers.within, peers.exclude, peers.caliper) == (10, (), (), None)
    assert (peers.min_coverage, peers.given) == (0.9, {})


def test_a_blank_key_takes_its_default(load):
    blank = load(title="", peers="", events="~", seed="null", estimands="{at: , primary: }")
    assert blank == load()


def test_text_becomes_numbers_and_switches(load):
    config = load(
        seed="7",
        confidence="0.9",
        checks="{placebo_units: no}",
        peers="{k: 5, variables: [a, b], weights: {A: 2}, exclude: [NO, 0123]}",
        estimators="[{name: reml_ar, order: 2}]",
    )
    assert (config.seed, config.confidence, config.checks.placebo_units) == (7, 0.9, False)
    assert (config.peers.k, config.peers.weights, config.peers.exclude) == (5, {"A": 2.0}, ("NO", "0123"))
    assert config.estimators[0].order == 2


def test_all_peers(load):
    assert load(peers="{k: all}").peers.k == "all"


def test_codes_are_trimmed(load):
    assert load(treated="[' RTP ', RR8]").treated == ("RTP", "RR8")


def test_given_peers_need_no_characteristics(load):
    config = load(
        data="{indicators: {path: a.csv}}",
        peers="{given: {RTP: [A], RR8: [B, A]}, within: [region]}",
    )
    assert config.peers.given == {"RTP": ("A",), "RR8": ("B", "A")}


def test_within_a_column_of_units(load):
    units = "{path: u.csv, columns: {area: x}}"
    data = f"{{indicators: {{path: a.csv}}, characteristics: {{path: c.csv}}, units: {units}}}"
    config = load(data=data, peers="{within: [units.area]}")
    assert config.data.units.columns == {"unit": "unit", "area": "x"}
    assert config.peers.within == ("units.area",)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("{path: a.csv}", {"unit": "unit", "period": "period", "indicator": "indicator"}),
        ("{path: a.csv.gz, indicator: x}", {"unit": "unit", "period": "period"}),
        ("{path: a.parquet, indicator: x, layout: wide}", {"period": "period"}),
        ("{path: A.CSV, indicator: x, layout: wide, columns: {period: month}}", {"period": "month"}),
        (
            "{path: a.csv, columns: {unit: , value: v}}",
            {"unit": "unit", "period": "period", "indicator": "indicator", "value": "v"},
        ),
    ],
)
def test_columns_of_the_indicator_table(load, table, columns):
    (settings,) = load(data=f"{{indicators: {table}}}").data.indicators
    assert settings.columns == columns


def test_several_indicator_tables(load, tmp_path):
    tables = load(data="{indicators: [{path: a.csv}, {path: /b/c.csv, dates: dmy}]}").data.indicators
    assert [table.path for table in tables] == [tmp_path.resolve() / "a.csv", Path("/b/c.csv")]


def test_a_link_keeps_its_own_name(load, tmp_path):
    (tmp_path / "blob").write_text("")
    (tmp_path / "a.csv").symlink_to(tmp_path / "blob")
    assert load().data.indicators[0].path.name == "a.csv"


def test_outcomes_take_what_they_leave_out(load):
    config = load(
        outcome_defaults="{kind: percentage, start: 2013-04, better: higher, estimators: [ols]}",
        outcomes="[{indicator: a},"
        " {indicator: b, kind: count, per: 1000, better: lower, estimators: [reml_ar]},"
        " {indicator: c, kind: number, label: C, unit: days, transform: log, seasonality: {harmonics: 2}}]",
    )
    a, b, c = config.outcomes
    assert (a.label, a.unit, a.kind, a.transform, a.better, a.start) == (
        *("a", "%", "percentage", "none", "higher", "2013-04"),
    )
    assert (b.unit, b.transform, b.per, b.better) == ("", "log", 1000.0, "lower")
    assert (c.label, c.unit, c.transform) == ("C", "days", "log")
    assert c.seasonality == Seasonality(kind="harmonics", harmonics=2)
    assert [[entry.name for entry in outcome.estimators] for outcome in config.outcomes] == [
        *(["ols"], ["reml_ar"], ["ols"]),
    ]
    assert a.seasonality.kind == "auto"
    assert config.outcome_defaults.model_fields_set == {"kind", "start", "better", "estimators"}


def test_a_count_may_stay_on_its_own_scale(load):
    assert load(outcomes="[{indicator: a, kind: count, transform: none}]").outcomes[0].transform == "none"


@pytest.mark.parametrize(
    ("estimators", "labels"),
    [
        ("[reml_ar, ols]", ["reml_ar", "ols"]),
        ("[reml_ar, {name: reml_ar, order: 1}]", ["reml_ar(order=auto)", "reml_ar(order=1)"]),
        (
            "[{name: newey_west, lags: 3}, newey_west, ols]",
            ["newey_west(lags=3)", "newey_west(lags=auto)", "ols"],
        ),
        ("[reml_ar, {name: reml_ar, order: 1, label: short}]", ["reml_ar", "short"]),
        ("[{name: reml_ar, order: 1, label: A}, {name: reml_ar, order: 1, label: B}]", ["A", "B"]),
    ],
)
def test_labels_tell_estimators_apart(load, estimators, labels):
    assert [entry.label for entry in load(estimators=estimators).estimators] == labels


@pytest.mark.parametrize("shape", ["step", "slope", "step_and_slope"])
def test_the_question_is_whether_anything_changed(load, shape):
    estimands = load(intervention=f"{{date: 2015-07, shape: {shape}}}").estimands
    assert estimands.primary == "change"
    # a reader is told where nobody said what is asked
    assert "primary" not in estimands.model_fields_set
    stated = load(estimands="{primary: change}").estimands
    assert "primary" in stated.model_fields_set


@pytest.mark.parametrize(
    ("frequency", "date", "at"),
    [
        ("month", "2015-07", (12, 24)),
        ("quarter", "2015Q3", (4, 8)),
        ("year", "2015", (1, 2)),
        ("week", "2015-W07", (52, 104)),
    ],
)
def test_effects_are_asked_for_a_year_and_two_years_after(load, frequency, date, at):
    data = f"{{indicators: {{path: i.csv}}, characteristics: {{path: c.csv}}, frequency: {frequency}}}"
    config = load(data=data, intervention=f"{{date: {date}}}")
    assert config.estimands.at == at
    assert load(data=data, intervention=f"{{date: {date}}}", estimands="{at: []}").estimands.at == ()


def test_primary_estimand_may_be_an_effect_at(load):
    estimands = load(estimands="{primary: effect_at_0, at: [0, 6]}").estimands
    assert (estimands.primary, estimands.at) == ("effect_at_0", (0, 6))


def test_the_last_period_may_be_the_first_affected_one(load):
    assert load(outcomes="[{indicator: a, start: 2015-06, end: 2015-07}]").outcomes[0].end == "2015-07"


def test_a_mask_may_last_and_be_for_some_units(load):
    events = "[{name: A, date: 2015-01, until: 2015-02, as: mask, units: [RTP], outcomes: [waits]}]"
    (event,) = load(events=events).events
    assert (event.until, event.as_, event.units, event.outcomes) == ("2015-02", "mask", ("RTP",), ("waits",))


def test_units_may_have_dates_of_their_own(load):
    config = load(intervention="{}", treated="{' RTP ': ' 2015-07', 0123: 2016-01}")
    assert config.treated == config.treated_dates == {"RTP": "2015-07", "0123": "2016-01"}
    assert config.treated_units == ("RTP", "0123")
    assert not config.each
    common = load()
    assert (common.treated_dates, common.treated_units, common.each) == ({}, ("RTP", "RR8"), False)


def test_every_unit_in_turn(load):
    config = load(treated="each")
    assert config.each
    assert (config.treated_units, config.treated_dates) == ((), {})


def test_given_peers_of_units_in_turn_may_be_any(load):
    assert load(treated="each", peers="{given: {RTP: [A]}}").peers.given == {"RTP": ("A",)}


@pytest.mark.parametrize("kind", ["step", "slope", "step_and_slope"])
def test_events_may_be_fitted(load, kind):
    (event,) = load(events=f"[{{name: A, date: 2015-01, as: {kind}}}]").events
    assert (event.as_, event.until) == (kind, None)


def test_covariates_and_strata_have_a_short_and_a_long_form(load):
    config = load(
        outcomes="[{indicator: a, covariates: [rain, {indicator: rain, lag: 2}], strata: [x, y]},"
        " {indicator: b, strata: {values: [x, y], gap: [y, x], min_denominator: 0}}, {indicator: c}]"
    )
    a, b, c = config.outcomes
    assert a.covariates == (Covariate(indicator="rain"), Covariate(indicator="rain", lag=2))
    assert a.strata == Strata(values=("x", "y"), gap=(), min_denominator=10.0)
    assert b.strata == Strata(values=("x", "y"), gap=("y", "x"), min_denominator=0.0)
    assert (c.covariates, c.strata) == ((), None)


def test_choices_to_be_tried(load):
    sensitivity = load(
        peers="{}",
        sensitivity="{k: [5, 15], order: [1, reml_ar_noise], season: [none, {harmonics: 2}], cross: yes}",
    ).sensitivity
    assert sensitivity.asked
    assert (sensitivity.k, sensitivity.order, sensitivity.cross) == ((5, 15), (1, "reml_ar_noise"), True)
    assert [season.kind for season in sensitivity.season] == ["none", "harmonics"]
    assert not load(sensitivity="{cross: true}").sensitivity.asked


def test_options_of_estimators(load):
    arima, seasonal, rho, two = load(
        estimators="[arima, {name: arima, order: [2, 1, 0], seasonal_order: [1, 0, 0]},"
        " {name: prais_winsten, rho: dw}, {name: reml_ar, variance: by_segment, order: ' 2 '}]"
    ).estimators
    assert (arima.order, arima.seasonal_order) == ((1, 0, 0), (0, 0, 0))
    assert (seasonal.order, seasonal.seasonal_order) == ((2, 1, 0), (1, 0, 0))
    assert arima.label == "arima(order=[1 0 0], seasonal_order=[0 0 0])"
    assert seasonal.label == "arima(order=[2 1 0], seasonal_order=[1 0 0])"
    assert (rho.rho, two.order, two.variance) == ("dw", 2, "by_segment")


def test_families_have_errors_that_are_independent_or_autoregressive(load):
    plain, correlated = (
        load(outcomes="[{indicator: a, kind: count, estimators: [poisson, {name: poisson, errors: ar1}]}]")
        .outcomes[0]
        .estimators
    )
    assert (plain.errors, correlated.errors) == ("independent", "ar1")
    assert (plain.label, correlated.label) == ("poisson(errors=independent)", "poisson(errors=ar1)")


def test_families_go_with_their_kind_of_outcome(load):
    config = load(
        outcomes="[{indicator: a, kind: count, estimators: [poisson, quasi_poisson, negative_binomial]},"
        " {indicator: b, kind: percentage, estimators: [binomial, quasi_binomial]}]"
    )
    assert [len(outcome.estimators) for outcome in config.outcomes] == [3, 2]
    beside = load(peers="{}", outcomes="[{indicator: a, kind: count, estimators: [reml_ar, poisson]}]")
    assert beside.designs == ("single", "difference")


def test_a_synthetic_control_needs_no_estimator_of_its_own(load):
    assert load(peers="{}", designs="[synthetic]").designs == ("synthetic",)
    assert load(peers="{}", designs="[stacked]", estimators="[reml_ar, ols]").designs == ("stacked",)


@pytest.mark.parametrize(
    ("frequency", "date", "season"),
    [("week", "2015-W30", "weeks"), ("quarter", "2015Q3", "quarters"), ("year", "1989", "none")],
)
def test_frequencies(load, frequency, date, season):
    data = f"{{indicators: {{path: a.csv}}, frequency: {frequency}}}"
    outcomes = f"[{{indicator: a, seasonality: {season}}}]"
    config = load(data=data, intervention=f"{{date: {date}}}", outcomes=outcomes)
    assert (config.data.frequency, config.outcomes[0].seasonality.kind) == (frequency, season)


def test_settings_are_frozen(load):
    config = load()
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3


def test_settings_travel_between_processes(load):
    config = load(peers="{weights: {a: 2}, given: {RTP: [A]}}")
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301  (its own data)


def test_a_config_can_be_built_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config.model_validate(
        {
            "version": 1,
            "data": {"indicators": {"path": "a.csv", "indicator": "a"}},
            "intervention": {"date": "2015-07"},
            "treated": ["RTP"],
            "outcomes": [{"indicator": "a", "seasonality": Seasonality(kind="none")}],
            "peers": {"k": 3, "given": {"RTP": ["A"]}},
        }
    )
    assert config.data.indicators[0].path == tmp_path.resolve() / "a.csv"
    assert (config.title, config.peers.k, config.outcomes[0].label) == ("", 3, "a")


def test_a_config_built_without_a_file_is_checked_too():
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(
            {
                "version": 1,
                "data": {"indicators": {"path": "a.csv"}},
                "intervention": {"date": "2015-07"},
                "treated": ["RTP"],
                "outcomes": {"from": "a.csv"},
                "designs": ["difference"],
                "peers": {"k": True, "min_coverage": 0},
            }
        )
    assert [error["loc"] for error in caught.value.errors()] == [
        ("peers", "k"),
        ("peers", "min_coverage"),
        ("outcomes",),
    ]
    assert "a list of outcomes, each with its `indicator`" in str(caught.value)


def test_importing_is_light():
    code = "import sys, its_eval.config; print(sorted({'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
