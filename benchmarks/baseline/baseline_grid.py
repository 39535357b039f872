"""Configs of the corpus: each design × estimator × kind × transform × policy for missing periods.

What the program refuses is left out here and stands among the refusals of `baseline_cases`. Cells share a
config where that covers the same ones: an outcome for each primary estimator, all of them of one kind,
transform and policy, in all designs that the estimator can answer.
"""

from __future__ import annotations

from typing import Any

from baseline_data import COMPLETE, GAPPY, START, month

Config = dict[str, Any]

#: Estimators of one series, by a word for the name of the outcome; each is the first of its outcome in turn.
SERIES_ESTIMATORS: dict[str, object] = {
    "reml1": {"name": "reml_ar", "order": 1},
    "reml2": {"name": "reml_ar", "order": 2},
    "segments": {"name": "reml_ar", "variance": "by_segment"},
    "noise": "reml_ar_noise",
    "ols": "ols",
    "nw": "newey_west",
    "pw": "prais_winsten",
    "arima": "arima",
}
#: The answers of designs of several series: an estimator that can give one, first or second.
STACKED_ESTIMATORS: dict[str, list[object]] = {
    "reml": ["reml_ar", "ols"],
    "ols": ["ols"],
    "nw": [{"name": "newey_west", "lags": 3}, "ols"],
}
FAMILIES = {
    "percentage": ("binomial", "quasi_binomial"),
    "count": ("poisson", "quasi_poisson", "negative_binomial"),
}
FILES = {"percentage": "percent", "rate": "rate", "count": "count", "number": "number"}
TRANSFORMS = {
    "percentage": ("none", "log", "logit"),
    "rate": ("none", "log"),
    "count": ("none", "log"),
    "number": ("none", "log"),
}
#: The unit with a gap where a gap is masked or dropped; the complete one where a gap is an error.
TREATED = {"mask": [GAPPY], "error": [COMPLETE], "drop_unit": [COMPLETE, GAPPY]}
PLAIN_CHECKS = {
    "placebo_units": False,
    "placebo_dates": False,
    "leave_one_peer_out": False,
    "diagnostics": False,
}


def table(file: str, name: str, **keys: object) -> Config:
    """Return an indicator table with one indicator, which gets its name here."""
    return {"path": f"data/{file}.csv", "indicator": name, **keys}


def base(**changes: object) -> Config:
    """Return a small config that the keys change; a key that is None is left out."""
    config: Config = {
        "version": 1,
        "data": {
            "indicators": [{"path": "data/study.csv"}],
            "characteristics": {"path": "data/characteristics.csv"},
            "units": {"path": "data/units.csv", "columns": {"name": "name", "type": "type"}},
        },
        "intervention": {"name": "Rota", "date": month(START)},
        "treated": [COMPLETE, GAPPY],
        "peers": {"k": 4, "variables": ["Beds", "Staff", "Older people", "Distance"]},
        "outcomes": [{"indicator": "waits", "better": "lower", "seasonality": "none"}],
        "designs": ["single", "difference"],
        "estimators": ["reml_ar"],
        "estimands": {"at": [6, 12]},
        "checks": PLAIN_CHECKS,
        "sensitivity": {"standard": False},
        "output": {"tables": ["csv"]},
    }
    config |= changes
    return {key: value for key, value in config.items() if value is not None}


def _combination(
    kind: str, transform: str, policy: str, estimators: dict[str, list[object]], designs: list[str]
) -> Config:
    """Return the config of a kind, transform and policy with an outcome for each list of estimators."""
    basic = base()
    common: Config = {"kind": kind, "transform": transform, "better": "higher", "seasonality": "none"}
    if kind == "rate":
        common["per"] = 1000
    return base(
        data={
            **basic["data"],
            "indicators": [table(FILES[kind], name) for name in estimators],
            "missing": policy,
        },
        treated=TREATED[policy],
        outcome_defaults=common,
        outcomes=[{"indicator": name, "estimators": listed} for name, listed in estimators.items()],
        estimators=None,
        designs=designs,
        # of counts and percentages the jump, of the others the default
        estimands={"at": [6, 12], "primary": "level_change" if kind in FAMILIES else "slope_change"},
    )


def grid_configs() -> dict[str, Config]:
    """Return all configs of the grid by name."""
    configs = {}
    series = {name: [estimator] for name, estimator in SERIES_ESTIMATORS.items()}
    for policy in TREATED:
        for kind, transforms in TRANSFORMS.items():
            for transform in transforms:
                name = f"{kind}_{transform}_{policy}"
                configs[f"grid_{name}"] = _combination(
                    kind, transform, policy, series, ["single", "difference", "synthetic"]
                )
                configs[f"grid_{name}_several"] = _combination(
                    kind, transform, policy, STACKED_ESTIMATORS, ["difference", "peer_mean", "stacked"]
                )
            if kind in FAMILIES:
                families: dict[str, list[object]] = {}
                for family in FAMILIES[kind]:
                    families[family] = [family]
                    families[f"{family}_lags"] = [{"name": family, "lags": 3}, "reml_ar"]
                configs[f"grid_{kind}_families_{policy}"] = _combination(
                    kind, transforms[0], policy, families, ["single"]
                )
    # the logit of what is no percentage is accepted, so what it gives is kept too
    for kind in ("rate", "number"):
        configs[f"grid_{kind}_logit_mask"] = _combination(
            kind, "logit", "mask", {"reml": ["reml_ar"], "ols": ["ols"]}, ["single", "difference"]
        )
    return configs
