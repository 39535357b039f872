"""Configs of the corpus about what is studied: times, outcomes and peers, each option in a small config."""

from __future__ import annotations

from typing import Any

from baseline_data import FREQUENCIES, START, STRATA, month
from baseline_grid import base, table

Config = dict[str, Any]

ALL_DESIGNS = ["single", "difference", "peer_mean", "stacked", "synthetic"]
EVERY_CHECK = {
    "placebo_units": True,
    "placebo_dates": True,
    "leave_one_peer_out": True,
    "diagnostics": True,
    "pretrend_margin": 0.05,
}
WAITS: Config = {"indicator": "waits", "better": "lower", "seasonality": "none"}
FACTS = {column: column for column in ("name", "type", "opened", "closed", "successor")}
#: An outcome of each kind, with all that the program makes of them.
KINDS = [
    {"indicator": "percent", "kind": "percentage", "better": "higher"},
    {"indicator": "rate", "kind": "rate", "per": 1000, "better": "lower"},
    {"indicator": "count", "kind": "count"},
    {"indicator": "number", "kind": "number", "better": "higher"},
]


def data_of(**changes: object) -> Config:
    merged = {**base()["data"], **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _kinds(**changes: object) -> Config:
    tables = [table(str(outcome["indicator"]), str(outcome["indicator"])) for outcome in KINDS]
    return base(
        data=data_of(indicators=tables),
        outcomes=KINDS,
        outcome_defaults={"seasonality": "none"},
        **changes,
    )


def time_configs() -> dict[str, Config]:
    """Return dates of their own, events, phase-in, shapes, windows and frequencies."""
    staggered = {"U01": month(30), "U02": month(34), "U03": month(26)}
    events: list[Config] = [
        {"name": "Strike", "date": month(14), "until": month(15), "as": "mask"},
        {"name": "Flood", "date": month(40), "as": "mask", "units": ["U01", "U05"]},
        {"name": "Guidance", "date": month(20), "as": "note", "outcomes": ["waits"]},
    ]
    rota = {"name": "Rota", "date": month(START)}
    configs = {
        "staggered": base(treated=staggered, intervention={"name": "Rota"}, designs=ALL_DESIGNS[:2]),
        "staggered_every_check": base(
            treated=staggered, intervention={"name": "Rota"}, checks=EVERY_CHECK, outcomes=[WAITS]
        ),
        "staggered_designs": base(
            treated=staggered, designs=ALL_DESIGNS, estimators=["newey_west", "reml_ar", "ols"]
        ),
        "events_masked": base(events=events, designs=ALL_DESIGNS, estimators=["reml_ar", "newey_west"]),
        "staggered_events": base(
            treated=staggered,
            intervention={"name": "Rota", "shape": "step", "phase_in": {"periods": 2}},
            events=[*events, {"name": "Tariff", "date": month(10), "as": "step"}],
            designs=ALL_DESIGNS,
            estimators=["reml_ar", "ols"],
        ),
        "staggered_window": base(
            treated=staggered, outcomes=[{**WAITS, "start": month(2), "end": month(51)}]
        ),
        "window": base(outcomes=[{**WAITS, "start": month(4), "end": month(48)}], designs=ALL_DESIGNS[:2]),
    }
    for form in ("step", "slope", "step_and_slope"):
        own = [*events, {"name": "Tariff", "date": month(42), "as": form}]
        configs[f"event_{form}"] = base(events=own, estimators=["reml_ar", "ols"], treated=["U01"])
        configs[f"shape_{form}"] = base(
            intervention={**rota, "shape": form},
            designs=ALL_DESIGNS,
            estimators=["reml_ar", "newey_west"],
            checks=EVERY_CHECK,
            treated=["U02"],
        )
        for way in ("exclude", "ramp"):
            configs[f"phase_in_{way}_{form}"] = base(
                intervention={**rota, "shape": form, "phase_in": {"periods": 3, "as": way}},
                designs=ALL_DESIGNS,
                estimators=["ols", "reml_ar"],
                treated=["U01"],
            )
    configs["several_interruptions"] = base(
        events=[
            {"name": "Tariff", "date": month(12), "as": "step"},
            {"name": "Merger", "date": month(20), "as": "step_and_slope", "units": ["U02"]},
            {"name": "Drift", "date": month(42), "as": "slope", "outcomes": ["waits"]},
        ],
        designs=ALL_DESIGNS,
        estimators=["reml_ar", "newey_west"],
        checks=EVERY_CHECK,
        outcomes=[WAITS, {"indicator": "stays", "transform": "log"}],
    )
    for frequency, start, season in (("quarter", 28, "quarters"), ("year", 20, "none"), ("week", 70, "none")):
        configs[f"frequency_{frequency}"] = base(
            data=data_of(indicators=[{"path": f"data/{frequency}.csv"}], frequency=frequency),
            intervention={"name": "Rota", "date": FREQUENCIES[frequency](start)},
            outcomes=[{"indicator": "level", "seasonality": season}],
            estimators=["reml_ar", "newey_west"],
            estimands={"at": [2, 4]},
            checks=EVERY_CHECK,
            treated=["U01", "U02"] if frequency != "week" else ["U02"],
        )
    for frequency, start, season in (
        ("quarter", 28, {"harmonics": 1}),
        ("quarter", 28, "auto"),
        ("year", 20, "auto"),
        ("week", 70, {"harmonics": 2}),
        ("week", 70, "auto"),
    ):
        word = season if isinstance(season, str) else "harmonics"
        configs[f"season_{frequency}_{word}"] = base(
            data=data_of(indicators=[{"path": f"data/{frequency}.csv"}], frequency=frequency),
            intervention={"name": "Rota", "date": FREQUENCIES[frequency](start)},
            outcomes=[{"indicator": "level", "seasonality": season}],
            estimands={"at": [2]},
            treated=["U01"],
        )
    names = {"none": "none", "months": "months", "two": {"harmonics": 2}, "auto": "auto"}
    configs["season_month"] = base(
        data=data_of(indicators=[table("number", name) for name in names]),
        outcomes=[{"indicator": name, "seasonality": season} for name, season in names.items()],
        estimators=["reml_ar", "newey_west"],
        checks={**EVERY_CHECK, "placebo_units": False},
        designs=["single", "difference", "synthetic"],
    )
    return configs


def outcome_configs() -> dict[str, Config]:
    """Return strata, covariates, kinds, layouts and units that open, close and merge."""
    strata = data_of(indicators=[{"path": "data/strata.csv"}])
    seen: Config = {"indicator": "seen", "kind": "percentage", "better": "higher", "seasonality": "none"}
    split = {"values": list(STRATA), "gap": list(STRATA), "min_denominator": 20}
    number = {"indicator": "y", "seasonality": "none"}
    return {
        "strata_listed": base(data=strata, outcomes=[{**seen, "strata": list(STRATA)}]),
        "strata_gap": base(data=strata, outcomes=[{**seen, "strata": split}], checks=EVERY_CHECK),
        "strata_gap_logit": base(
            data=strata,
            outcomes=[{**seen, "strata": split, "transform": "logit"}],
            designs=["single", "difference", "synthetic"],
            estimators=["reml_ar", "ols"],
        ),
        "strata_dropped": base(
            data={**strata, "missing": "drop_unit"},
            outcomes=[{**seen, "strata": split}],
            treated=["U01", "U03"],
        ),
        "strata_whole": base(data={**strata, "min_denominator": 200}, outcomes=[seen]),
        "covariates": base(
            outcomes=[{**WAITS, "covariates": ["flu", {"indicator": "staffing", "lag": 2}]}],
            estimators=["reml_ar", "newey_west", "arima"],
            designs=ALL_DESIGNS,
            checks=EVERY_CHECK,
        ),
        "kinds": _kinds(designs=ALL_DESIGNS, estimators=["reml_ar", "newey_west"]),
        "kinds_every_check": _kinds(checks=EVERY_CHECK, treated=["U02"]),
        "small_counts": base(
            data=data_of(indicators=[table("small", "plain"), table("small", "logged")]),
            outcomes=[
                {"indicator": "plain", "kind": "count", "transform": "none", "estimators": ["reml_ar"]},
                {"indicator": "logged", "kind": "count", "estimators": ["negative_binomial", "poisson"]},
            ],
            designs=["single"],
            checks=EVERY_CHECK,
        ),
        "family_second": base(
            data=data_of(indicators=[table("percent", "y")]),
            outcomes=[{**number, "kind": "percentage"}],
            estimators=["reml_ar", "quasi_binomial", "ols"],
        ),
        "family_first": base(
            data=data_of(indicators=[table("small", "y")]),
            outcomes=[{"indicator": "y", "kind": "count", "seasonality": {"harmonics": 1}}],
            estimators=["quasi_poisson", "reml_ar"],
            designs=["single"],
            checks=EVERY_CHECK,
        ),
        "extremes": base(
            data=data_of(indicators=[table("bursts", "bursts"), table("high", "high")]),
            outcomes=[
                {
                    "indicator": "bursts",
                    "kind": "count",
                    "estimators": ["negative_binomial", "quasi_poisson"],
                },
                {"indicator": "high", "kind": "percentage", "estimators": ["quasi_binomial", "reml_ar"]},
            ],
            outcome_defaults={"seasonality": "none"},
            designs=["single"],
            treated=["U01", "U02", "U08"],
            checks=EVERY_CHECK,
        ),
        "extremes_difference": base(
            data=data_of(indicators=[table("bursts", "bursts"), table("high", "high")]),
            outcomes=[
                {"indicator": "bursts", "kind": "count", "transform": "none"},
                {"indicator": "high", "kind": "percentage"},
            ],
            treated=["U01", "U02", "U08"],
            checks=EVERY_CHECK,
            designs=["single", "difference", "synthetic"],
        ),
        "covariate_common": base(
            outcomes=[{**WAITS, "covariates": ["weather", {"indicator": "weather", "lag": 1}]}],
            estimators=["reml_ar", "ols"],
        ),
        "characteristics_dated": base(
            data=data_of(characteristics={"path": "data/characteristics.csv", "dated": "2016"})
        ),
        "unit_without_characteristics": base(
            data=data_of(characteristics={"path": "data/characteristics_some.csv"}), designs=ALL_DESIGNS[:2]
        ),
        "small_denominators": base(
            data=data_of(indicators=[table("percent", "percent")], min_denominator=300),
            outcomes=[KINDS[0]],
            treated=["U03", "U04"],
        ),
        "before_after_published": base(
            before_after={"path": "data/published.csv"}, designs=["single"], peers=None, treated=["U01"]
        ),
        "layout_wide": base(
            data=data_of(indicators=[table("wide", "y", layout="wide")]),
            outcomes=[number],
            estimators=["reml_ar", "ols"],
        ),
        "several_outcomes": base(
            outcomes=[
                WAITS,
                {"indicator": "stays", "transform": "log", "better": "lower"},
                {"indicator": "flat"},
            ],
            treated=["U01", "U02", "U04"],
            checks=EVERY_CHECK,
        ),
        "mergers_set_aside": base(data=data_of(units={"path": "data/mergers.csv", "columns": FACTS})),
        "mergers_combine": base(
            data=data_of(
                indicators=[table("percent", "percent"), table("count", "count")],
                units={"path": "data/mergers.csv", "columns": FACTS, "mergers": "combine"},
            ),
            outcomes=[
                {"indicator": "percent", "kind": "percentage"},
                {"indicator": "count", "kind": "count"},
            ],
            treated=["U01", "U04"],
        ),
        "before_after": base(
            before_after={"path": "data/workshops.csv"}, outcomes=[WAITS], designs=["single"], peers=None
        ),
        "short_series": base(
            outcomes=[{**WAITS, "start": month(20), "end": month(37)}],
            estimators=["reml_ar", "reml_ar_noise", "ols"],
        ),
        "too_short": base(outcomes=[{**WAITS, "start": month(25), "end": month(33)}]),
    }


def peer_configs() -> dict[str, Config]:
    """Return the ways of choosing peers."""
    variables = ["Beds", "Staff", "Older people", "Distance"]
    ways: dict[str, Config] = {
        "all_variables": {"k": 4},
        "weights": {"k": 4, "variables": variables, "weights": {"Beds": 3, "Older people": 0}},
        "within": {"k": 3, "variables": variables, "within": ["units.type"]},
        "within_region": {"k": 3, "variables": variables, "within": ["Region"]},
        "given": {"given": {"U01": ["U06", "U08", "U05"], "U02": ["U09"]}},
        "given_one": {"given": {"U01": ["U06"], "U02": ["U07"]}},
        "given_from": {"given": {"from": "data/given.csv"}},
        "given_by_outcome": {
            "k": 3,
            "variables": variables,
            "given": {"U01": ["U06", "U08", "U05"]},
            "given_by_outcome": {"stays": {"U01": ["U09", "U10"], "U02": ["U11"]}},
        },
        "given_some": {"k": 3, "variables": variables, "given": {"U01": ["U10", "U11"]}},
        "k_all": {"k": "all", "variables": variables},
        "k_too_many": {"k": 40, "variables": variables},
        "caliper": {"k": 4, "variables": variables, "caliper": 1.2},
        "caliper_percentile": {"k": 4, "variables": variables, "caliper": "p60"},
        "pre_period": {"k": 4, "match": "pre_period"},
        "pre_period_mahalanobis": {"k": 4, "match": "pre_period", "metric": "mahalanobis", "caliper": "p90"},
        "mahalanobis": {"k": 4, "variables": variables, "metric": "mahalanobis"},
        "robust": {"k": 4, "variables": variables, "scale": "robust", "log": ["Beds"]},
        "minmax": {"k": 4, "variables": variables, "scale": "minmax", "missing": "zero"},
        "unscaled": {"k": 4, "variables": variables, "scale": "none"},
        "refused_gap": {"k": 4, "variables": variables, "missing": "refuse"},
        "category": {"k": 4, "variables": ["Beds", "Region"]},
        "excluded": {"k": 4, "variables": variables, "exclude": ["U05", "U07"], "min_coverage": 0.5},
    }
    found = {
        f"peers_{name}": base(
            peers=way,
            estimators=["ols"],
            outcomes=[WAITS, {"indicator": "stays", "seasonality": "none"}],
            checks={**EVERY_CHECK, "placebo_dates": False},
        )
        for name, way in ways.items()
    }
    # a column of the characteristics, where there is no table of units and where there is one
    found["peers_within_characteristic"] = base(
        peers=ways["within_region"], estimators=["ols"], data=data_of(units=None)
    )
    return found
