"""The reference cases: data, models, and what the package makes of them.

Published and R numbers of the cases whose data may be committed are in ``cases/``; the others are read from
the folder of reference cases beside the repository (or ``ITS_EVAL_REFERENCE``), where there is one.
"""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from pathlib import Path

import case_blocks as blocks
import numpy as np
from case_runs import RUNS

from its_eval.design.matrix import Interruption, interruption_terms
from its_eval.estimators.arima import fit_arima
from its_eval.estimators.glm import fit_glm
from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.structural import fit_structural

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
FOLDER = Path(os.environ.get("ITS_EVAL_REFERENCE", REPOSITORY.parent / "shared" / "reference"))

#: Cases whose data are in the repository or in statsmodels, and those that are read from the folder. Those of
#: `case_runs` have their data and configs in ``cases/``.
COMMITTED = ("prop99_single", "prop99_multigroup", "nile", "uk_seatbelts", "stata_newey_prais_convention")
ELSEWHERE = ("sicily_smoking_ban", "gabapentinoids_england", "stand_your_ground")


def available(case):
    """Whether a case can be computed here."""
    return case in (*COMMITTED, *RUNS) or (FOLDER / case / "data.csv").is_file()


@cache
def expected(case):
    """Published and R numbers of a case."""
    path = HERE / "cases" / f"{case}.json"
    path = path if path.is_file() else FOLDER / case / "expected.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    return stored.get("expected", stored)


def columns(path):
    """Columns of a CSV file as text."""
    with path.open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def numbers(path):
    """Columns of a CSV file as numbers; those that are not are left out."""
    found = {}
    for name, values in columns(path).items():
        try:
            found[name] = np.array(values, dtype=float)
        except ValueError:
            continue
    return found


@cache
def computed(case):
    """What the package makes of a case, laid out as the R numbers."""
    return MODELS[case]()


def stack(*parts):
    """Columns with a constant before them."""
    return np.column_stack([np.ones(len(parts[0])), *parts]).astype(float)


# Proposition 99


def cigarettes():
    """Packs per head, years x states in alphabetical order, as published with one decimal."""
    sales = numbers(REPOSITORY / "data" / "sample" / "california_prop99.csv")
    year = sales.pop("Year")
    states = sorted(sales)
    return year, states, np.round(np.column_stack([sales[state] for state in states]), 1)


def interruption_1989(year):
    """Years since 1970, step and ramp."""
    post = (year >= 1989) * 1.0
    return year - 1970, post, (year - 1989) * post


def prop99_single():
    """One series with a step and a ramp from 1989."""
    year, states, sales = cigarettes()
    y = sales[:, states.index("California")]
    X, terms = stack(*interruption_1989(year)), ["(Intercept)", "t", "x", "xt"]
    result = blocks.linear_suite(X, y, terms)
    least_squares, newey = fit_ols(X, y[:, None]), fit_newey_west(X, y[:, None], 1)
    result["posttrend_newey_lag1"] = blocks.contrast(newey, [0, 1, 0, 1])
    result["posttrend_ols"] = blocks.contrast(least_squares, [0, 1, 0, 1])
    result["effect_2000_newey_lag1"] = blocks.contrast(newey, [0, 0, 1, 11])
    for name, row in (
        ("counterfactual_1989", [1, 19, 0, 0]),
        ("fitted_1989", [1, 19, 1, 0]),
        ("counterfactual_2000", [1, 30, 0, 0]),
        ("fitted_2000", [1, 30, 1, 11]),
    ):
        result[name] = float(least_squares.params[0] @ row)
    before = year < 1989
    # the projection: an effect of its own for each later year
    later, names = interruption_terms(len(year), Interruption("1989", int(before.sum()), "free"))
    line = fit_ols(stack(year, *later), y[:, None])
    every = blocks.table(line, ["(Intercept)", "year", *names])
    result["pre_only"] = {
        "coef": {name: every[name] for name in ("(Intercept)", "year")},
        "r2": blocks.ols_block(stack(year)[before], y[before, None], ["(Intercept)", "year"])["r2"],
        "mean_post_gap": float(np.mean([every[name]["estimate"] for name in names])),
    }
    twice = fit_arima(stack(year)[before], y[before, None], (1, 2, 0))
    result["pre_only_arima120"] = {
        "ar1": twice.partial_autocorrelations[0, 0],
        "loglik": twice.log_likelihood[0],
        "aic": 4 - 2 * twice.log_likelihood[0],
    }
    return result


def prop99_multigroup():
    """California and its controls: stacked rows, and the difference from the controls' mean."""
    year, states, sales = cigarettes()
    treated = states.index("California")
    matched = [states.index(name) for name in ("Colorado", "Idaho", "Montana")]
    others = [index for index in range(len(states)) if index != treated]
    t, post, ramp = interruption_1989(year)
    terms = ["(Intercept)", "t", "x", "xt"]
    result = {
        "all_38_controls": stacked(year, sales, sorted([treated, *others]), treated),
        "matched_CO_ID_MT": stacked(year, sales, sorted([treated, *matched]), treated),
    }
    for name, group in (("matched", matched), ("all38", others)):
        difference = sales[:, treated] - sales[:, group].mean(axis=1)
        result[f"difference_series_{name}"] = blocks.linear_suite(stack(t, post, ramp), difference, terms)
    two = np.column_stack([sales[:, treated], sales[:, matched].mean(axis=1)])
    X, y, terms = comparative(year, two, np.array([1.0, 0.0]))
    result["two_series_ols_matched"] = blocks.ols_block(X, y[:, None], terms)
    return result


def comparative(year, sales, treated):
    """Design of eight parameters over the rows of all units, one unit after the other."""
    n, units = sales.shape
    t, post, ramp = (np.tile(part, units) for part in interruption_1989(year))
    z = np.repeat(treated, n)
    X = stack(t, z, z * t, post, ramp, z * post, z * ramp)
    return X, sales.T.ravel(), ["(Intercept)", "t", "z", "zt", "x", "xt", "zx", "zxt"]


def stacked(year, sales, group, treated):
    """Least squares and Newey-West over stacked rows, across and within units."""
    z = (np.array(group) == treated) * 1.0
    X, y, terms = comparative(year, sales[:, group], z)
    result = {"n": len(y), "ols": blocks.ols_block(X, y[:, None], terms)}
    n = len(year)
    contrasts = {
        "treated": [0, 1, 0, 1, 0, 1, 0, 1],
        "controls": [0, 1, 0, 0, 0, 1, 0, 0],
        "difference": [0, 0, 0, 1, 0, 0, 0, 1],
    }
    # As one series the last year of a unit is followed by the first of the next; unused rows keep them apart.
    apart = np.insert(X, np.repeat(np.arange(n, len(y), n), 3), 0.0, axis=0)
    gappy = np.insert(y, np.repeat(np.arange(n, len(y), n), 3), np.nan)
    for lag in range(3):
        across = blocks.newey_block(X, y[:, None], terms, lag)
        within = fit_newey_west(apart, gappy[:, None], lag)
        value, df = blocks.overall_f(within, terms)
        result[f"newey_lag{lag}_stacked_stata"] = across
        result[f"newey_lag{lag}_within_panel"] = {
            "lag": lag,
            "coef": blocks.table(within, terms),
            "F": value,
            "F_df": df,
            "vcov": within.covariance.adjusted[0].tolist(),
        }
    for name, fit in (
        ("stacked", fit_newey_west(X, y[:, None], 1)),
        ("within_panel", fit_newey_west(apart, gappy[:, None], 1)),
    ):
        result[f"posttrend_lag1_{name}"] = {key: blocks.contrast(fit, row) for key, row in contrasts.items()}
    b = dict(zip(terms, fit_ols(X, y[:, None]).params[0], strict=True))
    result["derived"] = {
        "treated_intercept": b["(Intercept)"] + b["z"],
        "treated_pretrend": b["t"] + b["zt"],
        "treated_step": b["x"] + b["zx"],
        "treated_posttrend": b["t"] + b["zt"] + b["xt"] + b["zxt"],
        "control_intercept": b["(Intercept)"],
        "control_pretrend": b["t"],
        "control_step": b["x"],
        "control_posttrend": b["t"] + b["xt"],
        "counterfactual_treated_1989": b["(Intercept)"] + b["z"] + 19 * (b["t"] + b["zt"]),
    }
    return result


# Nile


def nile():
    """A step in 1899, alone and with a change of slope whose ramp is 0 or 1 in 1899; a level that moves."""
    from statsmodels.datasets import nile as source

    data = source.load_pandas().data
    year, flow = data["year"].to_numpy(float), data["volume"].to_numpy(float)
    t, post = year - 1870, (year >= 1899) * 1.0
    ramps = {"ramp": np.maximum(0.0, year - 1899), "ramp1": np.maximum(0.0, year - 1898)}
    result = {"step_only": blocks.linear_suite(stack(post), flow, ["(Intercept)", "step"])}
    for number, (name, ramp) in enumerate(ramps.items()):
        X, terms = stack(t, post, ramp), ["(Intercept)", "t", "step", name]
        result[f"level_slope_ramp{number}"] = blocks.linear_suite(X, flow, terms)
        phi, arima = blocks.arima_block(X, flow, terms, (2, 0, 0))
        result[f"arima_200_{name}"] = arima
        estimates = {"(Intercept)": arima["coef"]["intercept"], **arima["coef"]}
        result[f"gls_ar2_ml_{name}"] = {
            "phi": phi,
            "coef": {term: {"estimate": estimates[term]["estimate"]} for term in terms},
        }
    means = fit_ols(stack(post), flow[:, None]).params[0]
    result["strucchange_means"] = [means[0], means[0] + means[1]]
    structural = fit_structural(np.ones((len(flow), 1)), flow[:, None])
    result["local_level_structTS"] = {"eps_var": float(structural.sigma[0] ** 2)}
    return result


# Seat belts


def uk_seatbelts():
    """Drivers killed or seriously injured, log10: before the law, and with regressors."""
    data = numbers(REPOSITORY / "data" / "sample" / "uk_seatbelts.csv")
    y = np.log10(data["drivers"])[:, None]
    seasonal = (1, 0, 0, 12)
    before = fit_arima(np.ones((168, 1)), y[:168], (1, 0, 0), seasonal)
    X = stack(np.log10(data["kms"]) - 4, data["PetrolPrice"], data["law"])
    whole = fit_arima(X, y, (1, 0, 0), seasonal)
    return {
        name: {
            "ar1": fit.partial_autocorrelations[0, 0],
            "coef": blocks.table(fit, terms),
            "loglik": fit.log_likelihood[0],
            "aic": 2 * (len(terms) + 3) - 2 * fit.log_likelihood[0],
        }
        for name, fit, terms in (
            ("before", before, ["intercept"]),
            ("whole", whole, ["intercept", "kms", "PetrolPrice", "law"]),
        )
    }


# The Stata certificate


def stata_newey_prais_convention():
    """Growth of investment on growth of output and the real interest rate of the quarter before."""
    from statsmodels.datasets import macrodata

    data = macrodata.load_pandas().data
    growth = {name: 400 * np.diff(np.log(data[name].to_numpy())) for name in ("realinv", "realgdp")}
    X = stack(growth["realgdp"], data["realint"].to_numpy()[:-1])
    y, terms = growth["realinv"], ["(Intercept)", "g_realgdp", "L_realint"]
    prais = blocks.prais_block(X, y[:, None], terms, "regress")
    return {
        "newey_lag4": blocks.newey_block(X, y[:, None], terms, 4),
        "robust_hc1": blocks.newey_block(X, y[:, None], terms, 0),
        "prais_winsten_regress": prais,
        "prais_pkg": {
            "rho": [[prais["rho"]]],
            "est": {term: row["estimate"] for term, row in prais["coef"].items()},
            "se": {term: row["se"] for term, row in prais["coef"].items()},
        },
    }


# Sicily


def sicily_smoking_ban():
    """Counts of coronary events with the standard population as exposure."""
    data = numbers(FOLDER / "sicily_smoking_ban" / "data.csv")
    y, exposure, ban, time = (data[name] for name in ("aces", "stdpop", "smokban", "time"))
    angle = 2 * np.pi * data["month"] / 12
    season = [np.sin(angle), np.sin(2 * angle), np.cos(angle), np.cos(2 * angle)]
    plain, terms = stack(ban, time), ["(Intercept)", "smokban", "time"]
    harmonic, longer = stack(ban, time, *season), [*terms, "sin1", "sin2", "cos1", "cos2"]
    uncentred, centred = stack(ban, time, *season, ban * time), stack(ban, time, *season, ban * (time - 36))
    result = {
        "model1_poisson": blocks.glm_block(plain, y, terms, "poisson", exposure),
        "model2_quasipoisson": blocks.glm_block(plain, y, terms, "quasi_poisson", exposure),
        "model3_quasipoisson_harmonic": blocks.glm_block(harmonic, y, longer, "quasi_poisson", exposure),
        "model3b_poisson_harmonic": blocks.glm_block(harmonic, y, longer, "poisson", exposure),
        "model4_published_uncentred_interaction": blocks.glm_block(
            uncentred, y, [*longer, "slope_uncentred"], "quasi_poisson", exposure
        ),
        "model4_corrected_centred_interaction": blocks.glm_block(
            centred, y, [*longer, "slope_centred"], "quasi_poisson", exposure
        ),
        "nb_step": blocks.negative_binomial_block(plain, y, terms, exposure),
        "nb_step_harmonic": blocks.negative_binomial_block(harmonic, y, longer, exposure),
        "linear_log_rate_harmonic": blocks.linear_suite(harmonic, np.log(y / exposure), longer),
    }
    for lag in (0, 1, 3):
        fit = fit_glm(harmonic, y[:, None], "poisson", exposure=exposure[:, None], lags=lag)
        result[f"model3_poisson_hac_lag{lag}_adjustTRUE"] = blocks.table(fit, longer)
    estimates = fit_glm(harmonic, y[:, None], "quasi_poisson", exposure=exposure[:, None]).params[0]
    without = harmonic.copy()
    without[:, 1] = 0.0
    result["model3_counterfactual_sum_post"] = float(
        np.exp(without @ estimates)[ban == 1] @ exposure[ban == 1]
    )
    result["trend12_published_expression"] = float(np.exp(12 * estimates[2]))
    return result


# Gabapentinoids


def gabapentinoids_england():
    """Monthly items of two drugs and their sum, a knot in April 2019."""
    path = FOLDER / "gabapentinoids_england" / "data.csv"
    data, dates = numbers(path), columns(path)["date"]
    month = np.array([int(date[5:7]) for date in dates])
    days = np.array([np.datetime64(date[:7], "M") for date in dates])
    days = ((days + 1).astype("datetime64[D]") - days.astype("datetime64[D]")).astype(float)
    t = data["time_months"]
    ramp, step = np.maximum(0.0, t - 48), (t >= 48) * 1.0
    dummies = [(month == number) * 1.0 for number in range(2, 13)]
    names = [f"month{number}" for number in range(2, 13)]
    result = {}
    for drug in ("gabapentin", "pregabalin", "total"):
        y = data[f"prescriptions_{drug}"]
        seasonal, terms = stack(t, step, ramp, *dummies), ["(Intercept)", "t", "step", "ramp", *names]
        knot = stack(t, ramp)
        result[drug] = {
            "simple": blocks.ols_block(stack(t), y[:, None], ["(Intercept)", "t"]),
            "slope_only": blocks.linear_suite(knot, y, ["(Intercept)", "t", "ramp"]),
            "level_and_slope": blocks.linear_suite(stack(t, step, ramp), y, terms[:4]),
            "level_and_slope_month_dummies": blocks.linear_suite(seasonal, y, terms, lags=(1, 3)),
            "quasipoisson_days_offset": blocks.glm_block(seasonal, y, terms, "quasi_poisson", days),
            "post_slope_ols": blocks.contrast(fit_ols(knot, y[:, None]), [0, 1, 1]),
        }
    return result


# Stand your ground


def stand_your_ground():
    """Homicides in Florida with the population as exposure: a step in October 2005."""
    path = FOLDER / "stand_your_ground" / "data.csv"
    data, words = numbers(path), columns(path)
    florida = np.array(words["state"]) == "Florida"
    month = np.array(words["month"])[florida]
    order = np.argsort(month)
    angle = 2 * np.pi * np.array([int(text[5:]) for text in month[order]]) / 12
    season = [wave(pair * angle) for pair in (1, 2) for wave in (np.sin, np.cos)]
    X = stack((month[order] >= "2005-10") * 1.0, np.arange(len(month)), *season)
    exposure = data["population"][florida][order][:, None]
    result = {}
    for name in ("homicides", "firearm_homicides"):
        fit = fit_glm(X, data[name][florida][order][:, None], "quasi_poisson", exposure=exposure)
        step = blocks.contrast(fit, np.eye(X.shape[1])[1])
        ratio, low, high = (float(np.exp(step[key])) for key in ("estimate", "lo", "hi"))
        result[name] = {"ratio": ratio, "lo": low, "hi": high, "per_cent": 100 * (ratio - 1)}
    return result


MODELS = {
    "prop99_single": prop99_single,
    "prop99_multigroup": prop99_multigroup,
    "nile": nile,
    "uk_seatbelts": uk_seatbelts,
    "stata_newey_prais_convention": stata_newey_prais_convention,
    "sicily_smoking_ban": sicily_smoking_ban,
    "gabapentinoids_england": gabapentinoids_england,
    "stand_your_ground": stand_your_ground,
    **RUNS,
}
