"""Configs of the corpus beyond the grid: every option of a study, each in a small config of its own."""

from __future__ import annotations

from typing import Any

from baseline_data import FREQUENCIES, START, STRATA, month
from baseline_grid import SERIES_ESTIMATORS, base, grid_configs, table

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


def study_configs() -> dict[str, Config]:
    """Return every config of the corpus by name, also those that are refused."""
    return {
        **grid_configs(),
        **_times(),
        **_outcomes(),
        **_peers(),
        **_methods(),
        **_checks(),
        **_batches(),
        **_refusals(),
    }


def _data(**changes: object) -> Config:
    merged = {**base()["data"], **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _kinds(**changes: object) -> Config:
    tables = [table(str(outcome["indicator"]), str(outcome["indicator"])) for outcome in KINDS]
    return base(
        data=_data(indicators=tables),
        outcomes=KINDS,
        outcome_defaults={"seasonality": "none"},
        **changes,
    )


def _times() -> dict[str, Config]:
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
            data=_data(indicators=[{"path": f"data/{frequency}.csv"}], frequency=frequency),
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
            data=_data(indicators=[{"path": f"data/{frequency}.csv"}], frequency=frequency),
            intervention={"name": "Rota", "date": FREQUENCIES[frequency](start)},
            outcomes=[{"indicator": "level", "seasonality": season}],
            estimands={"at": [2]},
            treated=["U01"],
        )
    names = {"none": "none", "months": "months", "two": {"harmonics": 2}, "auto": "auto"}
    configs["season_month"] = base(
        data=_data(indicators=[table("number", name) for name in names]),
        outcomes=[{"indicator": name, "seasonality": season} for name, season in names.items()],
        estimators=["reml_ar", "newey_west"],
        checks={**EVERY_CHECK, "placebo_units": False},
        designs=["single", "difference", "synthetic"],
    )
    return configs


def _outcomes() -> dict[str, Config]:
    """Return strata, covariates, kinds, layouts and units that open, close and merge."""
    strata = _data(indicators=[{"path": "data/strata.csv"}])
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
            data=_data(indicators=[table("small", "plain"), table("small", "logged")]),
            outcomes=[
                {"indicator": "plain", "kind": "count", "transform": "none", "estimators": ["reml_ar"]},
                {"indicator": "logged", "kind": "count", "estimators": ["negative_binomial", "poisson"]},
            ],
            designs=["single"],
            checks=EVERY_CHECK,
        ),
        "family_second": base(
            data=_data(indicators=[table("percent", "y")]),
            outcomes=[{**number, "kind": "percentage"}],
            estimators=["reml_ar", "quasi_binomial", "ols"],
        ),
        "family_first": base(
            data=_data(indicators=[table("small", "y")]),
            outcomes=[{"indicator": "y", "kind": "count", "seasonality": {"harmonics": 1}}],
            estimators=["quasi_poisson", "reml_ar"],
            designs=["single"],
            checks=EVERY_CHECK,
        ),
        "layout_wide": base(
            data=_data(indicators=[table("wide", "y", layout="wide")]),
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
        "mergers_set_aside": base(data=_data(units={"path": "data/mergers.csv", "columns": FACTS})),
        "mergers_combine": base(
            data=_data(
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


def _peers() -> dict[str, Config]:
    """Return the ways of choosing peers."""
    variables = ["Beds", "Staff", "Older people", "Distance"]
    ways: dict[str, Config] = {
        "all_variables": {"k": 4},
        "weights": {"k": 4, "variables": variables, "weights": {"Beds": 3, "Older people": 0}},
        "within": {"k": 3, "variables": variables, "within": ["units.type"]},
        "within_region": {"k": 3, "variables": variables, "within": ["Region"]},
        "given": {"given": {"U01": ["U06", "U08", "U05"], "U02": ["U09"]}},
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
        peers=ways["within_region"], estimators=["ols"], data=_data(units=None)
    )
    return found


def _methods() -> dict[str, Config]:
    """Return estimands, estimators with options, confidence, multiplicity and other choices."""
    configs: dict[str, Config] = {}
    both = [WAITS, {"indicator": "stays", "transform": "log", "seasonality": "none"}]
    for primary in (
        "level_change",
        "average_effect",
        "effect_at_12",
        "relative_average_effect",
        "cumulative_effect",
        "post_slope",
        "counterfactual_at_start",
        "pre_slope",
    ):
        configs[f"primary_{primary}"] = base(
            estimands={"primary": primary, "at": [0, 12, 60], "margin": 2.5},
            outcomes=both,
            checks={**EVERY_CHECK, "diagnostics": False},
            sensitivity={"standard": True},
            treated=["U01", "U02", "U03"],
        )
    for method in ("holm", "bh", "none"):
        configs[f"multiplicity_{method}"] = base(
            multiplicity={"method": method}, treated=["U01", "U02", "U03", "U04"], confidence=0.9
        )
    configs["estimators_beside"] = base(
        estimators=[
            "reml_ar",
            *SERIES_ESTIMATORS.values(),
            {"name": "newey_west", "lags": 0},
            {"name": "prais_winsten", "rho": "tscorr"},
            {"name": "prais_winsten", "rho": "dw"},
            {"name": "arima", "order": [0, 1, 1]},
            {"name": "arima", "order": [1, 0, 0], "seasonal_order": [1, 0, 0]},
        ],
        designs=ALL_DESIGNS,
        outcomes=[{**WAITS, "seasonality": {"harmonics": 1}}],
        checks={**EVERY_CHECK, "placebo_units": False},
        treated=["U02"],
    )
    for name, estimator in SERIES_ESTIMATORS.items():
        if name != "arima":
            configs[f"checked_{name}"] = base(
                estimators=[estimator], checks=EVERY_CHECK, outcomes=[WAITS], treated=["U01", "U03"]
            )
    choices: dict[str, Config] = {
        "peers": {"k": [2, 6], "metric": ["mahalanobis"], "scale": ["robust", "minmax"]},
        "donors": {"drop_characteristic": True, "random_donors": 5},
        "errors": {"order": [1, 2, "reml_ar_noise"], "variance": ["by_segment"]},
        "season": {"season": ["months", {"harmonics": 1}, "none"]},
        "window": {"pre_window": [18, 24], "end": [month(46)], "transition": [0, 2]},
        "standard": {"standard": True},
        "cross": {"k": [2, 4], "order": [1, 2], "pre_window": [24, 30], "cross": True},
    }
    for name, choice in choices.items():
        configs[f"sensitivity_{name}"] = base(
            sensitivity={"standard": False, **choice}, outcomes=both, designs=["single", "difference"]
        )
    configs["sensitivity_scales"] = base(
        data=_data(indicators=[table("percent", "percent")]),
        outcomes=[KINDS[0]],
        sensitivity={"weighting": ["none"], "transform": ["log", "logit"]},
        designs=ALL_DESIGNS,
        estimators=["reml_ar", "newey_west"],
        treated=["U02"],
    )
    configs["sensitivity_staggered"] = base(
        treated={"U01": month(30), "U02": month(33)},
        sensitivity={"k": [2], "pre_window": [20], "order": [1], "transition": [1]},
    )
    return configs


def _checks() -> dict[str, Config]:
    """Return every check in every design, and the study of each unit in turn."""
    return {
        "every_check": base(
            checks=EVERY_CHECK,
            designs=ALL_DESIGNS,
            estimators=["reml_ar", "newey_west"],
            outcomes=[WAITS, {"indicator": "stays", "transform": "log"}],
        ),
        "every_check_ols": base(
            checks=EVERY_CHECK, designs=ALL_DESIGNS, estimators=["ols"], peers={"k": "all"}
        ),
        "each": base(treated="each", outcomes=[WAITS]),
        "each_checked": base(
            treated="each", checks={**EVERY_CHECK, "placebo_dates": False}, estimators=["ols"]
        ),
        "dropped": base(data=_data(missing="drop_unit"), checks=EVERY_CHECK),
        "no_gap_allowed": base(data=_data(missing="error"), checks=EVERY_CHECK, treated=["U01", "U03"]),
    }


def _batches() -> dict[str, Config]:
    """Return batch runs: estimates of every unit and outcome, from Parquet."""
    data = _data(indicators=[{"path": "data/study.parquet"}])
    outcomes: list[Config] = [
        {"indicator": "waits", "better": "lower"},
        {"indicator": "stays", "transform": "log", "seasonality": "months"},
        {"indicator": "flat", "seasonality": {"harmonics": 1}},
    ]
    configs = {}
    variants: dict[str, Config] = {
        "reml": {},
        "nw": {"estimators": [{"name": "newey_west", "lags": 3}, "ols"]},
        "ols": {"estimators": ["ols"], "designs": ["single"], "peers": None},
        "order": {"estimators": [{"name": "reml_ar", "order": 2}], "multiplicity": {"method": "bh"}},
        "events": {
            "events": [
                {"name": "Strike", "date": month(14), "until": month(15), "as": "mask"},
                {"name": "Flood", "date": month(40), "as": "mask", "units": ["U03"]},
                {"name": "Tariff", "date": month(42), "as": "step"},
            ],
            "intervention": {"date": month(START), "phase_in": {"periods": 2}},
        },
        "ramp": {
            "intervention": {"date": month(START), "shape": "step", "phase_in": {"periods": 3, "as": "ramp"}},
            "estimands": {"primary": "average_effect", "at": [6]},
        },
        "staggered": {"treated": {"U01": month(30), "U02": month(34), "U03": month(26)}},
        "some": {"treated": ["U01", "U02"], "peers": {"k": "all", "caliper": 2.5}},
        "drop_unit": {"data": {**data, "missing": "drop_unit"}},
        "error": {"data": {**data, "missing": "error"}, "treated": ["U01", "U03"]},
        "mergers": {"data": {**data, "units": {"path": "data/mergers.csv", "columns": FACTS}}},
    }
    for name, variant in variants.items():
        keys = {"data": data, "treated": "each", "outcomes": outcomes, **variant}
        configs[f"batch_{name}"] = base(**keys, output={"detail": "estimates"})
        if name in {"reml", "events"}:
            configs[f"batch_{name}_as_whole"] = base(**keys)
    return configs


def _refusals() -> dict[str, Config]:
    """Return configs that end with a message: of the config, of the data, and with nothing to estimate."""
    percent = _data(indicators=[table("percent", "y")])
    small = _data(indicators=[table("small", "y")])
    configs = {
        "family_of_other_kind": base(estimators=["poisson"], designs=["single"]),
        "family_of_difference": base(
            data=small, outcomes=[{"indicator": "y", "kind": "count"}], estimators=["poisson"]
        ),
        "binomial_of_difference": base(
            data=percent, outcomes=[{"indicator": "y", "kind": "percentage"}], estimators=["binomial"]
        ),
        "stacked_without_ols": base(designs=["stacked", "peer_mean"], estimators=["reml_ar", "arima"]),
        "designs_without_peers": base(peers=None, designs=ALL_DESIGNS),
        "zeros_logged": base(data=small, outcomes=[{"indicator": "y", "kind": "count", "transform": "log"}]),
        "logit_beyond": base(outcomes=[{"indicator": "waits", "kind": "percentage", "transform": "logit"}]),
        "gap_is_error": base(data=_data(missing="error")),
        "all_dropped": base(data=_data(missing="drop_unit"), treated=["U02"]),
        "unknown_unit": base(treated=["U01", "U99"]),
        "unknown_indicator": base(outcomes=[{"indicator": "wait"}]),
        "unknown_key": base(outcome={"indicator": "waits"}),
        "unknown_variable": base(peers={"k": 3, "variables": ["Beds", "Nurses"]}),
        "date_outside": base(intervention={"date": "2031-01"}),
        "no_date": base(intervention={"name": "Rota"}),
        "wrong_estimand": base(
            intervention={"date": month(START), "shape": "step"}, estimands={"primary": "slope_change"}
        ),
        "no_such_order": base(estimators=[{"name": "reml_ar", "order": 3}]),
        "option_of_other": base(estimators=[{"name": "ols", "lags": 3}]),
        "twice": base(estimators=["ols", "ols"]),
        "season_of_other": base(outcomes=[{"indicator": "waits", "seasonality": "quarters"}]),
        "missing_file": base(data=_data(indicators=[{"path": "data/nowhere.csv"}])),
        "batch_of_csv": base(output={"detail": "estimates"}),
        "batch_of_designs": base(
            data=_data(indicators=[{"path": "data/study.parquet"}]),
            designs=ALL_DESIGNS,
            estimators=["ols"],
            output={"detail": "estimates"},
        ),
        "all_too_short": base(
            outcomes=[{**WAITS, "start": month(29), "end": month(31)}], designs=["single"], peers=None
        ),
    }
    return {f"refused_{name}": config for name, config in configs.items()}
