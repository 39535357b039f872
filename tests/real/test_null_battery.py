"""A jump that one month makes: real admissions at a date at which nothing happened; skipped without the files."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from its_eval.config import load_config
from its_eval.pipeline.run import evaluate

DATA = Path(
    os.environ.get(
        "ITS_EVAL_NULL_BATTERY", Path(__file__).parents[2].parent / "shared" / "data" / "null_battery"
    )
)
COUNTRY = DATA / "S5-US-pneumonia.csv"
#: Fewest admissions a month, and what stands for a suppressed number.
FEWEST, SUPPRESSED = 20, 99_998


def needs(path):
    if not path.exists():
        pytest.skip(f"{path} is not there; set ITS_EVAL_NULL_BATTERY")


def series():
    """Return causes and ages without blanks, small numbers and suppressed ones, by name."""
    table = pd.read_csv(COUNTRY, na_values=["NA"])
    table["date"] = pd.to_datetime(table["date"], format="mixed").dt.to_period("M")
    found = {}
    for age, rows in table[table["date"] <= pd.Period("1999-12")].groupby("age_group"):
        by_date = rows.set_index("date").sort_index()
        for cause in by_date.columns.drop("age_group"):
            values = by_date[cause].astype(float)
            if not cause.startswith("ach") and values.between(FEWEST, SUPPRESSED, inclusive="left").all():
                found[f"{cause}_{age}"] = values
    return found


CONFIG = """\
version: 1
title: A date at which nothing happened
data: {{indicators: {{path: data.csv}}}}
intervention: {{name: Nothing, date: 1997-01, shape: step}}
treated: [{units}]
outcomes: [{{indicator: adm, label: Admissions, kind: number, better: lower, transform: log, seasonality: months}}]
designs: [single]
estimands: {{primary: level_change}}
sensitivity: {{standard: false}}
checks: {{diagnostics: false, placebo_dates: false, trend_bounds: false}}
"""


def test_infants_in_january_1997():
    folder = DATA / "us_january_1997"
    needs(folder)
    checks = evaluate(load_config(folder / "c.yaml")).tables["checks"]
    (check,) = checks[checks["check"] == "one_month"].itertuples()
    assert check.status == "attention"
    for words in ("December 1996 and January 1997", "-51 %", "649 in the 12 periods before", "670 in the 12"):
        assert words in check.message


def test_nine_of_ten_false_jumps_of_that_month_are_caught(tmp_path):
    needs(COUNTRY)
    every = series()
    assert len(every) == 187
    rows = [
        {"indicator": "adm", "unit": unit, "period": str(period), "value": value}
        for unit, values in every.items()
        for period, value in values.items()
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "config.yaml").write_text(CONFIG.format(units=", ".join(every)))
    tables = evaluate(load_config(tmp_path / "config.yaml")).tables
    effects = tables["effects"]
    jumps = effects[(effects["estimand"] == "level_change") & (effects["role"] == "primary")]
    rejected = set(jumps.loc[jumps["p_value"] < 0.05, "unit"])
    checks = tables["checks"]
    loud = set(checks.loc[(checks["check"] == "one_month") & (checks["status"] == "attention"), "unit"])
    assert len(rejected) > 20
    assert loud <= rejected
    assert np.mean([unit in loud for unit in sorted(rejected)]) >= 0.9
