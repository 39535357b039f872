"""Configs of the corpus about how it is studied: methods, checks, batches and what is refused."""

from __future__ import annotations

from typing import Any

from baseline_data import START, month
from baseline_grid import SERIES_ESTIMATORS, base, grid_configs, table
from baseline_options import (
    ALL_DESIGNS,
    EVERY_CHECK,
    FACTS,
    KINDS,
    WAITS,
    data_of,
    outcome_configs,
    peer_configs,
    time_configs,
)

Config = dict[str, Any]


def study_configs() -> dict[str, Config]:
    """Return every config of the corpus by name, also those that are refused."""
    return {
        **grid_configs(),
        **time_configs(),
        **outcome_configs(),
        **peer_configs(),
        **_methods(),
        **_checks(),
        **_batches(),
        **_refusals(),
    }


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
    for name, estimator in (
        ("reml", "reml_ar"),
        ("nw", "newey_west"),
        ("segments", SERIES_ESTIMATORS["segments"]),
    ):
        configs[f"sensitivity_ranked_{name}"] = base(
            sensitivity={
                "standard": False,
                "k": [2],
                "pre_window": [20],
                "season": [{"harmonics": 1}],
                "transition": [1],
            },
            estimators=[estimator],
            checks={**EVERY_CHECK, "placebo_dates": False},
            treated={"U01": month(30), "U02": month(30), "U03": month(33)},
        )
    configs["sensitivity_ranked_weighted"] = base(
        data=data_of(indicators=[table("percent", "percent")]),
        outcomes=[{**KINDS[0], "seasonality": "none"}],
        sensitivity={"standard": True, "k": [2], "weighting": ["none"], "transform": ["logit"]},
        checks={**EVERY_CHECK, "placebo_dates": False},
    )
    configs["sensitivity_scales"] = base(
        data=data_of(indicators=[table("percent", "percent")]),
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
        **{
            f"long_{name}": base(
                data=data_of(indicators=[{"path": "data/long.csv"}]),
                outcomes=[WAITS, {"indicator": "share", "kind": "percentage", "better": "higher"}],
                estimators=[estimator, "ols"] if estimator != "ols" else ["ols"],
                checks=EVERY_CHECK,
                treated=["U01"],
            )
            for name, estimator in SERIES_ESTIMATORS.items()
            if name not in {"arima", "noise"}
        },
        "long_designs": base(
            data=data_of(indicators=[{"path": "data/long.csv"}]),
            treated={"U01": month(30), "U02": month(33)},
            events=[{"name": "Tariff", "date": month(8), "as": "step"}],
            designs=ALL_DESIGNS,
            estimators=["reml_ar", "newey_west"],
            checks=EVERY_CHECK,
        ),
        "ranked_sets": base(
            peers={"k": 2, "variables": ["Beds", "Staff"], "within": ["units.sector"]},
            data=data_of(
                units={
                    "path": "data/units.csv",
                    "columns": {"name": "name", "type": "type", "sector": "sector"},
                }
            ),
            checks=EVERY_CHECK,
            treated=["U01", "U02", "U03"],
        ),
        "ranked_sets_of_many": base(
            peers={"k": 2, "variables": ["Beds", "Staff"]},
            checks={**EVERY_CHECK, "placebo_dates": False, "leave_one_peer_out": False},
            treated=["U01", "U02", "U03", "U04", "U06"],
            estimators=["ols"],
        ),
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
        "dropped": base(data=data_of(missing="drop_unit"), checks=EVERY_CHECK),
        "no_gap_allowed": base(data=data_of(missing="error"), checks=EVERY_CHECK, treated=["U01", "U03"]),
    }


def _batches() -> dict[str, Config]:
    """Return batch runs: estimates of every unit and outcome, from Parquet."""
    data = data_of(indicators=[{"path": "data/study.parquet"}])
    outcomes: list[Config] = [
        {"indicator": "waits", "better": "lower"},
        {"indicator": "stays", "transform": "log", "seasonality": "months"},
        {"indicator": "flat", "seasonality": {"harmonics": 1}},
    ]
    kinds = {
        "data": data_of(indicators=[{"path": "data/kinds.parquet"}]),
        "outcomes": [
            {"indicator": "percent", "kind": "percentage", "better": "higher"},
            {"indicator": "small", "kind": "count", "transform": "none", "per": 100},
            {"indicator": "number", "start": month(3), "end": month(50)},
        ],
    }
    many = {
        "data": {
            "indicators": [{"path": "data/many.parquet"}],
            "characteristics": {"path": "data/many_units.csv"},
        },
        "outcomes": [{"indicator": "many", "seasonality": "none"}],
        "peers": {"k": 3},
        "estimators": [{"name": "reml_ar", "order": 2}],
    }
    configs = {}
    variants: dict[str, Config] = {
        "kinds": kinds,
        "kinds_nw": {**kinds, "estimators": ["newey_west"], "estimands": {"primary": "level_change"}},
        "kinds_sum": {**kinds, "estimands": {"primary": "cumulative_effect"}},
        "kinds_late": {**kinds, "estimands": {"primary": "effect_at_40", "at": [40]}},
        "kinds_few": {**kinds, "data": {**kinds["data"], "min_denominator": 300}},
        "many": many,
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
        if name in {"reml", "events", "kinds"}:
            configs[f"batch_{name}_as_whole"] = base(**keys)
    return configs


def _refusals() -> dict[str, Config]:
    """Return configs that end with a message: of the config, of the data, and with nothing to estimate."""
    percent = data_of(indicators=[table("percent", "y")])
    small = data_of(indicators=[table("small", "y")])
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
        "gap_is_error": base(data=data_of(missing="error")),
        "all_dropped": base(data=data_of(missing="drop_unit"), treated=["U02"]),
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
        "missing_file": base(data=data_of(indicators=[{"path": "data/nowhere.csv"}])),
        "no_covariate": base(outcomes=[{**WAITS, "covariates": ["wether"]}]),
        "batch_gap_is_error": base(
            data=data_of(indicators=[{"path": "data/study.parquet"}], missing="error"),
            output={"detail": "estimates"},
        ),
        "batch_beyond_100": base(
            data=data_of(indicators=[{"path": "data/study.parquet"}]),
            outcomes=[{"indicator": "weather", "kind": "percentage"}],
            treated=["ALL"],
            peers=None,
            designs=["single"],
            output={"detail": "estimates"},
        ),
        "batch_date_outside": base(
            data=data_of(indicators=[{"path": "data/study.parquet"}]),
            intervention={"date": "2031-01"},
            output={"detail": "estimates"},
        ),
        "batch_of_csv": base(output={"detail": "estimates"}),
        "batch_of_designs": base(
            data=data_of(indicators=[{"path": "data/study.parquet"}]),
            designs=ALL_DESIGNS,
            estimators=["ols"],
            output={"detail": "estimates"},
        ),
        "all_too_short": base(
            outcomes=[{**WAITS, "start": month(29), "end": month(31)}], designs=["single"], peers=None
        ),
    }
    return {f"refused_{name}": config for name, config in configs.items()}
