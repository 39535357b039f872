"""How often methods find an effect where there was none: hospital admissions long before a vaccine.

Monthly admissions by cause and age of Brazil, Chile and the United States, cut before the vaccine came (Bruhn
et al. 2017). At each of twelve consecutive dates on which nothing happened, a step in log counts beside a
linear trend and month terms. The data are read beside the checkout (``ITS_EVAL_DATA``) and are not part of
the repository.
"""

import os
import warnings
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy is loaded

import numpy as np
import pandas as pd
import statsmodels.api as sm

from its_eval import evaluate, fit
from its_eval.config import Config, Estimator

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ITS_EVAL_DATA", ROOT.parent / "shared" / "data"))
#: File, last month used, first fake date.
COUNTRIES = {
    "Brazil": ("S1-Brazil.csv", "2009-12", "2006-01"),
    "Chile": ("S2-Chile.csv", "2010-12", "2005-07"),
    "United States": ("S5-US-pneumonia.csv", "1999-12", "1996-07"),
}
N_DATES = 12
#: A mark of the publisher for small counts, and the smallest monthly count of a series that is used.
SUPPRESSED, LEAST = 99_998, 20
#: Ours: the default, and what could be it.
OURS = {
    "its-eval": Estimator(name="reml_ar"),
    "order 1": Estimator(name="reml_ar", order=1),
    "by segment": Estimator(name="reml_ar", variance="by_segment"),
    "local level": Estimator(name="reml_local_level"),
}
OTHERS = ("OLS", "OLS, Newey-West", "GLSAR", "quasi-Poisson")
ALPHA = 0.05


def admissions(country):
    """Return the series of a country by month: a column for each cause and age that is complete."""
    name, last, _ = COUNTRIES[country]
    table = pd.read_csv(DATA / "null_battery" / name)
    table["date"] = pd.to_datetime(table["date"]).dt.strftime("%Y-%m")
    causes = [column for column in table.columns[2:] if not column.startswith("ach")]
    wide = table[table["date"] <= last].set_index(["date", "age_group"])[causes].unstack()  # noqa: PD010
    wide = wide.loc[:, wide.notna().all() & (wide.min() >= LEAST) & (wide.max() < SUPPRESSED)]
    wide.columns = [f"{cause} {age}" for cause, age in wide.columns]
    return wide.sort_index(axis=1).astype(float)


def fake_dates(country):
    """Return the consecutive months on which nothing happened."""
    first = pd.Period(COUNTRIES[country][2], "M")
    return [str(first + step) for step in range(N_DATES)]


def matrix(months, start):
    """Return intercept, trend, step and month terms; the step is column 2."""
    time = np.arange(len(months))
    month = np.array([int(text[5:]) for text in months])
    seasons = [(month == value) * 1.0 for value in range(2, 13)]
    return np.column_stack([np.ones(len(months)), time, (np.array(months) >= start) * 1.0, *seasons])


def least_squares(y, X):
    """Return the p-values of all terms by least squares, plain, with Newey-West errors, and by GLSAR."""
    ols = sm.OLS(y, X).fit()
    lags = int(np.floor(4 * (len(y) / 100) ** (2 / 9)))  # the rule of thumb of Newey and West (1994)
    hac = ols.get_robustcov_results("HAC", maxlags=lags, use_correction=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        glsar = sm.GLSAR(y, X, rho=1).iterative_fit(maxiter=10)
    return ols.pvalues, hac.pvalues, glsar.pvalues


def comparators(values, X):
    """Return the p-value of the step by each common method; the series is one of counts."""
    counts = sm.GLM(values, X, family=sm.families.Poisson()).fit(scale="X2")
    found = (*least_squares(np.log(values), X), counts.pvalues)
    return {name: p[2] for name, p in zip(OTHERS, found, strict=True)}


def level_change(table, start, entry):
    """Return the p-value of the step of every series, by the tool itself; blank where there is none."""
    found = fit(table, start, shape="step", estimator=entry, seasonality="months", log=True).tidy("effects")
    found = found[(found["estimand"] == "level_change") & (found["scale"] != "ratio")]
    return found.set_index("series")["p_value"].reindex(table.columns)


def measured(country, fall=0.0):
    """Return a row for each series, date and method, with its p-value.

    Parameters
    ----------
    country : str
        One of `COUNTRIES`.
    fall : float
        Share by which admissions are made to fall from the date on; 0 is the null.
    """
    table, rows = admissions(country), []
    for start in fake_dates(country):
        after = (table.index >= start)[:, None]
        changed = table * np.where(after, 1.0 - fall, 1.0)
        for name, entry in OURS.items():
            p = level_change(changed, start, entry)
            rows.append(pd.DataFrame({"series": p.index, "p": p.to_numpy(), "method": name, "date": start}))
        X = matrix(list(table.index), start)
        p = pd.DataFrame({name: comparators(series.to_numpy(), X) for name, series in changed.items()}).T
        for name in OTHERS:
            part = {"series": p.index, "p": p[name].to_numpy(), "method": name, "date": start}
            rows.append(pd.DataFrame(part))
    return pd.concat(rows, ignore_index=True).assign(country=country)


def share(rows):
    """Return per cent of p-values at most 0.05, and its limits by the two-way clustered standard error.

    Clusters are causes and dates: the variance is that by cause and that by date less that by both
    (Cameron, Gelbach & Miller 2011).
    """
    told = rows.dropna(subset="p")
    hit = (told["p"] <= ALPHA).to_numpy(dtype=float)
    left = pd.DataFrame(
        {"e": hit - hit.mean(), "cause": told["series"].str.split().str[0], "date": told["date"]}
    )
    variance = sum(
        sign * (left.groupby(keys)["e"].sum() ** 2).sum()
        for sign, keys in ((1, ["cause"]), (1, ["date"]), (-1, ["cause", "date"]))
    )
    percent, reach = 100 * hit.mean(), 196 * np.sqrt(max(variance, 0.0)) / len(hit)
    return percent, max(percent - reach, 0.0), percent + reach


def told_of_one_month(country, start, folder):
    """Return how many of our findings on a date raise the check ``one_month``, and how many there are."""
    table = admissions(country)
    p = level_change(table, start, OURS["its-eval"])
    found = list(p.index[p <= ALPHA])
    long = (
        table[found].rename_axis("period").reset_index().melt("period", var_name="unit", value_name="value")
    )
    long.to_csv(folder / "admissions.csv", index=False)
    config = Config.model_validate(
        {
            "version": 1,
            "title": "A date on which nothing happened",
            "data": {"indicators": {"path": str(folder / "admissions.csv"), "indicator": "admissions"}},
            "intervention": {"name": "Nothing", "date": start, "shape": "step"},
            "treated": found,
            "outcomes": [
                {"indicator": "admissions", "kind": "number", "transform": "log", "seasonality": "months"}
            ],
            "designs": ["single"],
            "checks": {"placebo_units": False, "placebo_dates": False, "one_month": True},
        }
    )
    checks = evaluate(config).tidy("checks")
    checks = checks[checks["check"] == "one_month"]
    return int((checks["status"] == "attention").sum()), len(found)
