"""Reference cases through the public path: a config beside their data, and what its run answers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from its_eval import evaluate, load_config

FOLDERS = Path(__file__).resolve().parent / "cases"


@cache
def run(case, config="config"):
    """Return the tables of a run of a case's config."""
    return evaluate(load_config(FOLDERS / case / f"{config}.yaml")).tables


def one(table, **wanted):
    """Return the one row of a table with these cells, as a dictionary of numbers and texts."""
    for column, value in wanted.items():
        table = table[table[column] == value]
    (row,) = table.to_dict("records")
    return row


def cells(row, times=1.0):
    """Return estimate, standard error and the rest of a row of a run, as R's numbers are laid out."""
    scaled = {"estimate": "estimate", "se": "std_error", "lo": "conf_low", "hi": "conf_high"}
    found = {name: times * row[column] for name, column in scaled.items()}
    return found | {"stat": row["statistic"], "p": row["p_value"]}


def term(tables, name):
    """Return the cells of a coefficient of a run with one series."""
    return cells(one(tables["coefficients"], term=name))


def quetiapine():
    """Step and ramp of a series that is differenced twice, and its autoregression."""
    tables = run("quetiapine")
    fit = one(tables["fits"])
    r1, r2 = fit["rho1"], fit["rho2"]
    coefficients = {"step": term(tables, "level_change"), "ramp": term(tables, "covariate: ramp")}
    process = {"ar1": {"estimate": r1 * (1 - r2)}, "ar2": {"estimate": r2}}
    return {"arima": {"coef": process | coefficients}}


def excess_deaths():
    """Deaths above those expected from March 2020 on, and the trend of a year."""
    months, weeks = (run("excess_deaths", config)["effects"] for config in ("months", "weeks"))
    result = {
        country: {
            "excess": cells(one(months, unit=country, estimand="cumulative_effect")),
            "trend": cells(one(months, unit=country, estimand="pre_slope"), 12.0),
        }
        for country in sorted(set(months["unit"]))
    }
    return result | {"United Kingdom": {"excess": cells(one(weeks, estimand="cumulative_effect"))}}


def airline_miles():
    """What is left of the effect of 11 September 2001, beside one month of its own and three outliers."""
    tables = run("airline_miles")
    names = ("december_1996", "january_1997", "september_2001", "december_2002")
    outliers = {name: term(tables, f"covariate: {name}") for name in names}
    return {"coef": {**outliers, "decay": term(tables, "level_change")}}


def drug_cap():
    """Levels before a cap and under it."""
    effects = run("drug_cap", "levels")["effects"]
    before = one(effects, interruption="cap", estimand="counterfactual_at_start")["estimate"]
    under = before + one(effects, interruption="cap", estimand="level_change")["estimate"]
    return {"levels": {"before": before, "under": under, "fall": 100.0 * (1.0 - under / before)}}


RUNS = {
    "quetiapine": quetiapine,
    "excess_deaths": excess_deaths,
    "airline_miles": airline_miles,
    "drug_cap": drug_cap,
}
