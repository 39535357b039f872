"""Segments as short as published analyses have: Proposition 99 with the years 1982 and 1989."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml

from its_eval.config import load_config
from its_eval.errors import ConfigError, NothingEstimatedError
from its_eval.pipeline.run import evaluate

DATA = Path(__file__).parents[2] / "data" / "sample" / "california_prop99.csv"
#: The design of Linden 2015, Stata Journal 15:480, section 4: years counted from 1970, ramps 0 at their start.
TERMS = ("level_change: Clean air", "slope_change: Clean air", "level_change", "slope_change")


def config(folder, **changes):
    sales = pd.read_csv(DATA)
    table = folder / "packs.csv"
    pd.DataFrame({"year": sales["Year"].astype(int), "packs": sales["California"]}).to_csv(table, index=False)
    path = folder / "study.yaml"
    content = {
        "version": 1,
        "data": {
            "indicators": {
                "path": str(table),
                "layout": "wide",
                "indicator": "packs",
                "columns": {"period": "year"},
            },
            "frequency": "year",
        },
        "intervention": {"name": "Proposition 99", "date": 1989},
        "events": [{"name": "Clean air", "date": 1982, "as": "step_and_slope"}],
        "treated": ["packs"],
        "outcomes": [{"indicator": "packs"}],
        "estimators": ["ols", {"name": "newey_west", "lags": 1}, "reml_ar"],
        **changes,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


def test_seven_years_are_fitted_on_purpose(tmp_path):
    found = evaluate(config(tmp_path, min_segment=3))
    sales = pd.read_csv(DATA)
    year, y = sales["Year"].to_numpy(), sales["California"].to_numpy()
    columns = [np.ones(len(year)), year - 1989.0]
    for start in (1982, 1989):
        columns += [(year >= start) * 1.0, np.maximum(year - start, 0.0)]
    published = sm.OLS(y, np.column_stack(columns)).fit()
    robust = published.get_robustcov_results("HAC", maxlags=1, use_correction=True)
    coefficients = found.tables["coefficients"].set_index(["estimator", "term"])
    for label, errors in (("ols", published.bse), ("newey_west", robust.bse)):
        for place, term in enumerate(TERMS, start=2):
            row = coefficients.loc[(label, term)]
            assert row["estimate"] == pytest.approx(published.params[place], rel=1e-9), (label, term)
            assert row["std_error"] == pytest.approx(errors[place], rel=1e-8), (label, term)
    flags = found.tables["fits"].set_index("estimator")["flags"]
    assert "short_segment" in flags["ols"]
    assert "short_segment" in flags["newey_west"]
    # a model of the errors asks for as much as ever, and names the event's own key
    (left,) = found.tables["not_estimated"].to_dict("records")
    assert (left["estimator"], left["reason"]) == ("reml_ar", "segment_too_short")
    assert left["message"].startswith("7 usable periods from the start of 'Clean air'; `as: step_and_slope`")
    assert "use `as: step`" in left["message"]


def test_without_it_they_are_not(tmp_path):
    with pytest.raises(NothingEstimatedError, match="`as: step_and_slope` needs 8"):
        evaluate(config(tmp_path))


def test_long_segments_are_not_flagged(tmp_path):
    found = evaluate(config(tmp_path, min_segment=3, events=[]))
    assert not found.tables["fits"]["flags"].str.contains("short_segment").any()
    assert set(found.tables["fits"]["estimator"]) == {"ols", "newey_west", "reml_ar"}


def test_less_than_a_level_needs_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="min_segment"):
        config(tmp_path, min_segment=2)
