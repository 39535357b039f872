"""Cases with a config, held against regressions that were set up as their papers have them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from case_models import cigarettes
from case_runs import RUNS, run, term

from its_eval import evaluate, load_config

CASES = Path(__file__).parent / "cases"


def values(case, file="data"):
    """Return the values of a case's table by indicator and unit, in order of time."""
    found = {}
    with (CASES / case / f"{file}.csv").open(encoding="utf-8") as stored:
        for row in csv.DictReader(stored):
            found.setdefault((row["indicator"], row["unit"]), []).append(float(row["value"]))
    return {key: np.array(column) for key, column in found.items()}


@pytest.mark.parametrize("case", [*RUNS, "prop99_two"])
def test_every_case_names_its_source(case):
    folder = CASES / case
    assert list(folder.glob("*.yaml"))
    if list(folder.glob("*.csv")):
        text = (folder / "README.md").read_text(encoding="utf-8")
        assert any(word in text for word in ("Source: ", "Published: "))
        assert any(word in text for word in ("CC BY", "public domain", "facts"))


@pytest.mark.parametrize("country", ["Albania", "Ireland", "Japan", "Russia", "Serbia"])
def test_a_trend_by_year_is_the_same_model_by_month(country):
    """With a term for each month a trend by year and one by month span the same courses."""
    y = values("excess_deaths")["deaths", country]
    month = np.arange(len(y))
    X = np.column_stack([month // 12, *(month % 12 == number for number in range(12))]).astype(float)
    before, later = month < 60, month >= 62
    fit = sm.OLS(y[before], X[before]).fit()
    weights = X[later].sum(axis=0)
    variance = fit.scale * later.sum() + weights @ fit.cov_params() @ weights
    rows = run("excess_deaths", "months")["effects"].query("unit == @country")
    found = rows.set_index("estimand").loc["cumulative_effect"]
    np.testing.assert_allclose(found["estimate"], (y[later] - fit.predict(X[later])).sum(), rtol=1e-9)
    np.testing.assert_allclose(found["std_error"], np.sqrt(variance), rtol=1e-8)
    assert found["df"] == fit.df_resid


def test_the_two_questions_about_quetiapine_are_one_model():
    """The level of January 2014 is the paper's step and one month of its ramp."""
    paper, own = run("quetiapine"), run("quetiapine", "own")
    together = term(paper, "level_change")["estimate"] + term(paper, "covariate: ramp")["estimate"]
    np.testing.assert_allclose(term(own, "level_change")["estimate"], together, rtol=1e-7)
    likelihoods = [tables["fits"]["log_likelihood"].item() for tables in (paper, own)]
    np.testing.assert_allclose(*likelihoods, rtol=1e-9)


def test_cap_and_copayment_are_those_of_one_regression():
    found = values("drug_cap")
    y, ahead = found["prescriptions", "New Hampshire"], found["august_1981", "New Hampshire"]
    month = np.arange(len(y))
    columns = [np.ones(len(y)), month]
    for start in (20, 31):
        # the ramp of the course that the data were made for is 1 in the first month
        columns += [month >= start, np.maximum(month - start + 1, 0)]
    fit = sm.OLS(y, np.column_stack([*columns, ahead]).astype(float)).fit()
    tables = run("drug_cap")
    shifted = {"level_change": [0, 0, 1, 1, 0, 0, 0], "level_change: copayment": [0, 0, 0, 0, 1, 1, 0]}
    same = {"pre_slope": 1, "slope_change": 3, "slope_change: copayment": 5, "covariate: august_1981": 6}
    rows = shifted | {name: np.eye(7)[place] for name, place in same.items()}
    for name, row in rows.items():
        test, ours = fit.t_test(np.array(row, dtype=float)), term(tables, name)
        np.testing.assert_allclose(ours["estimate"], test.effect.item(), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(ours["se"], test.sd.item(), rtol=1e-8)
        np.testing.assert_allclose(ours["p"], test.pvalue.item(), rtol=1e-6)


def test_two_interruptions_of_proposition_99_by_newey_west():
    """Stata's ``itsa`` with two dates is Newey-West on a step and a ramp for each."""
    year, states, _ = cigarettes()
    tables = run("prop99_two")
    y = tables["series"].query("unit == 'California'")["observed"].to_numpy(dtype=float)
    columns = [np.ones(len(year)), year - 1970]
    for start in (1982, 1989):
        columns += [year >= start, np.maximum(year - start, 0)]
    X = np.column_stack(columns).astype(float)
    options = {"maxlags": 1, "use_correction": True}
    fit = sm.OLS(y, X).fit(cov_type="HAC", cov_kwds=options, use_t=True)
    names = ("pre_slope", "level_change: 1982", "slope_change: 1982", "level_change", "slope_change")
    for place, name in enumerate(names, start=1):
        ours = term(tables, name)
        np.testing.assert_allclose(ours["estimate"], fit.params[place], rtol=1e-7)
        np.testing.assert_allclose(ours["se"], fit.bse[place], rtol=1e-7)
        np.testing.assert_allclose([ours["lo"], ours["hi"]], fit.conf_int()[place], rtol=1e-6)
    assert "short_segment" in tables["fits"]["flags"].item()
    assert "California" in states


def test_the_published_rate_of_decay_is_the_likeliest():
    """What the book estimates and the config takes as known is where the likelihood is largest here too."""
    settings = load_config(CASES / "airline_miles" / "config.yaml")
    likelihoods = []
    for rate in (0.810, 0.818):
        changed = settings.intervention.model_copy(update={"length": np.log(0.5) / np.log(rate)})
        tables = evaluate(settings.model_copy(update={"intervention": changed})).tables
        likelihoods.append(tables["fits"]["log_likelihood"].item())
    assert max(likelihoods) < run("airline_miles")["fits"]["log_likelihood"].item()
