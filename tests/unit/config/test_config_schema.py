"""The JSON Schema describes every key and accepts what the loader accepts."""

import json
from pathlib import Path

import pytest
import yaml

from its_eval.config import json_schema, to_yaml
from its_eval.data.opening import Asked
from its_eval.starter import Question, starter_config

#: Every key of the contract, by the settings it belongs to.
KEYS = {
    "Config": "version title data intervention looks treated events peers outcome_defaults outcomes designs "
    "estimators estimands confidence min_segment checks multiplicity sensitivity output before_after simulation "
    "protocol deviations seed",
    "DataSettings": "indicators characteristics units successions frequency missing min_denominator disclosure",
    "IndicatorTable": "path columns indicator dates layout sheet header_row delimiter decimal encoding scale combine",
    "Disclosure": "suppress round at",
    "CharacteristicsTable": "path columns dated",
    "UnitsTable": "path columns mergers",
    "Intervention": "name date shape length fit phase_in chosen delivered",
    "Looks": "from until every",
    "PhaseIn": "periods as",
    "Event": "name date until as outcomes units",
    "PeerSettings": "preset variables weights scale metric missing log match k within exclude caliper "
    "min_coverage given given_by_outcome",
    "OutcomeDefaults": "unit kind better counted transform per estimators seasonality trend start end missing strata covariates controls",
    "Outcome": "indicator label unit kind better counted transform per estimators seasonality trend start end "
    "missing strata covariates controls",
    "OutcomesFrom": "from",
    "Harmonics": "harmonics",
    "Estimator": "name label order variance lags rho seasonal_order level trend season errors lagged_residuals",
    "Estimands": "primary at margin",
    "Margins": "gain loss",
    "Checks": "placebo_units placebo_dates leave_one_peer_out trend_bounds one_month anticipation diagnostics "
    "pretrend_margin",
    "Covariate": "indicator lag",
    "BeforeAfter": "path columns follow_ups",
    "Declarations": "question hypotheses primary must_pass smallest_effect registered",
    "Registration": "where when",
    "Strata": "values gap min_denominator",
    "Sensitivity": "k metric scale drop_characteristic random_donors order variance season pre_window "
    "transition length end weighting transform missing trend standard cross",
    "Multiplicity": "method across",
    "Output": "which tables figures report detail",
    "Simulation": "donors level between trend season sd errors autocorrelation shared denominator effect",
    "PlantedEffect": "level_change slope_change",
    "ReportSettings": "style answers status contact what_if",
}
SCHEMA = json_schema()
PARTS = {"Config": SCHEMA, **SCHEMA["$defs"]}


def test_header():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["required"] == ["version", "data", "intervention", "treated", "outcomes"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("part", KEYS)
def test_every_key_of_the_contract(part):
    assert set(PARTS[part]["properties"]) == set(KEYS[part].split())
    assert PARTS[part]["additionalProperties"] is False


def test_no_other_settings():
    assert set(PARTS) == set(KEYS)


@pytest.mark.parametrize("part", KEYS)
def test_every_key_is_described(part):
    for key, schema in PARTS[part]["properties"].items():
        assert resolve(schema).get("description", schema.get("description")), key


def resolve(schema):
    return {**SCHEMA["$defs"][schema["$ref"].split("/")[-1]]} if "$ref" in schema else schema


def test_choices_are_listed():
    assert PARTS["DataSettings"]["properties"]["frequency"]["enum"] == ["month", "quarter", "year", "week"]
    assert "stratum" in PARTS["IndicatorTable"]["properties"]["columns"]["propertyNames"]["enum"]
    assert "x-not-available" not in json.dumps(SCHEMA)


TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def accepts(schema, value):  # noqa: PLR0911  (a case per word of the schema language)
    """Return whether a value fits a schema: the few words of JSON Schema that ours uses."""
    if "$ref" in schema:
        return accepts(resolve(schema), value)
    if "anyOf" in schema:
        return any(accepts(part, value) for part in schema["anyOf"])
    if "const" in schema:
        return value == schema["const"]
    if "enum" in schema:
        return value in schema["enum"]
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, TYPES[kind]) for kind in kinds):
        return False
    if isinstance(value, list):
        return all(accepts(schema.get("items", {}), entry) for entry in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        other = schema.get("additionalProperties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            accepts(known[key], entry) if key in known else other is not False and accepts(other or {}, entry)
            for key, entry in value.items()
            if other is not True
        )
    return True


def test_a_resolved_config_fits(load):
    config = load(
        peers="{within: [a], given: {RTP: [A]}, k: all}",
        estimators="[reml_ar, {name: newey_west, lags: 3}]",
        events="[{name: A, date: 2015-01, until: 2015-02, as: mask}]",
        outcomes="[{indicator: a, seasonality: {harmonics: 2}}, {indicator: b, seasonality: none}]",
    )
    tree = yaml.safe_load(to_yaml(config))
    assert accepts(SCHEMA, tree)
    assert not accepts(SCHEMA, {**tree, "sed": 1})
    assert not accepts(SCHEMA, {**tree, "designs": ["bogus"]})


@pytest.mark.parametrize(
    "changed",
    [
        {"outcomes": {"from": "a.csv"}},
        {"treated": "each"},
        {"treated": {"RTP": "2015-07"}},
        {"estimators": ["reml_ar", {"name": "arima", "order": [1, 0, 0]}]},
        {"estimators": [{"name": "arima", "order": "aicc", "seasonal_order": [0, 1, 1]}]},
        {
            "outcomes": [
                {"indicator": "a", "covariates": ["x", {"indicator": "y", "lag": 1}], "strata": ["s"]}
            ]
        },
        {"sensitivity": {"season": ["none", {"harmonics": 2}], "order": [1, "reml_ar_noise"]}},
        {"data": {"indicators": [{"path": "a.csv"}]}},
        {"intervention": {"date": 1989}},
    ],
)
def test_every_written_form_fits(load, changed):
    tree = yaml.safe_load(to_yaml(load()))
    assert accepts(SCHEMA, {**tree, **changed})


SHIPPED = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_editor_has_nothing_to_say_about_the_shipped_configs(path):
    assert accepts(SCHEMA, yaml.safe_load(path.read_text(encoding="utf-8")))


def test_an_editor_has_nothing_to_say_about_a_starter(tmp_path):
    asked = Asked(units=("RTP", "RR8"), indicator="waits", dates=("2018-10", "2019-10"))
    text = starter_config(tmp_path, Question(asked=asked), None)
    assert accepts(SCHEMA, yaml.safe_load(text))
    assert not accepts(SCHEMA, yaml.safe_load(text.replace("treated:", "treted:")))
