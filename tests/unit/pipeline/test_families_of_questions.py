"""Which p-values are adjusted together: those of units, of interruptions, of outcomes."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from its_eval import evaluate
from its_eval.config import load_config
from its_eval.errors import ConfigError

UNITS = ("A", "B", "C")
OUTCOMES = ("falls", "waits")
METHODS = {"holm": "holm", "bh": "fdr_bh"}


def frames(shift=0.6, missing=()):
    """Return 60 months of two outcomes, with changes of level that grow from unit to unit."""
    rng = np.random.default_rng(8)
    periods = pd.period_range("2013-01", periods=60, freq="M").astype(str)
    return {
        name: pd.DataFrame(
            {
                unit: 10 + rng.normal(0, 1, 60) + shift * (1 + place) * (np.arange(60) >= 30)
                for place, unit in enumerate(UNITS)
                if (name, unit) not in missing
            },
            index=periods,
        )
        for name in OUTCOMES
    }


def run(tables=None, outcomes=OUTCOMES, **settings):
    tree = {
        "version": 1,
        "intervention": {"name": "Law", "date": "2015-07"},
        "treated": list(UNITS),
        "outcomes": [{"indicator": name, "seasonality": "none"} for name in outcomes],
        "designs": ["single"],
        "estimators": ["ols"],
        "estimands": {"primary": "level_change"},
        "checks": dict.fromkeys(("placebo_dates", "diagnostics"), False),
        "sensitivity": {"standard": False},
    }
    return evaluate(tree | settings, indicators=frames() if tables is None else tables).tables


def answers(tables):
    verdicts = tables["verdicts"]
    return verdicts[verdicts["label"].ne("") & verdicts["unit"].ne("set")].reset_index(drop=True)


@pytest.mark.parametrize("method", METHODS)
def test_outcomes_of_a_design_are_one_family_where_the_config_says_so(method):
    tables = run(multiplicity={"method": method, "across": ["unit", "outcome"]})
    rows = answers(tables)
    assert len(rows) == 6
    expected = multipletests(rows["p_value"], method=METHODS[method])[1]
    np.testing.assert_allclose(rows["p_adjusted"], expected, rtol=1e-12)
    # the same p-value stands with the effect
    effects = tables["effects"].query("role == 'primary'")
    np.testing.assert_allclose(effects["p_adjusted"], expected, rtol=1e-12)
    changed = rows["label"].eq("changed")
    assert changed.tolist() == (expected <= 0.05).tolist()
    assert 0 < changed.sum() < 6


@pytest.mark.parametrize("method", METHODS)
def test_by_default_every_outcome_is_a_family_of_its_own(method):
    rows = answers(run(multiplicity={"method": method}))
    for _, own in rows.groupby("outcome"):
        expected = multipletests(own["p_value"], method=METHODS[method])[1]
        np.testing.assert_allclose(own["p_adjusted"], expected, rtol=1e-12)


def test_what_is_not_answered_counts_as_one_in_the_family_of_all_outcomes():
    tables = run(frames(missing=[("waits", "C")]), multiplicity={"across": ["unit", "outcome"]})
    rows = answers(tables)
    known = rows["p_value"].dropna()
    assert len(known) == 5
    expected = multipletests(np.append(known, 1.0), method="holm")[1][:5]
    np.testing.assert_allclose(rows["p_adjusted"].dropna(), expected, rtol=1e-12)


EVENT = {"events": [{"name": "Merger", "date": "2017-01", "as": "step"}]}


@pytest.mark.parametrize(
    ("across", "families"),
    [
        (["unit"], ["outcome", "interruption"]),
        (["unit", "interruption"], ["outcome"]),
        (["unit", "outcome"], ["interruption"]),
        (["unit", "outcome", "interruption"], []),
    ],
)
def test_interruptions_are_of_the_family_where_the_config_says_so(across, families):
    tables = run(multiplicity={"across": across}, **EVENT)
    rows = answers(tables)
    rows = rows[rows["interruption"] != "all interruptions"]
    assert len(rows) == 12
    for _, own in rows.groupby(families) if families else [("", rows)]:
        expected = multipletests(own["p_value"], method="holm")[1]
        np.testing.assert_allclose(own["p_adjusted"], expected, rtol=1e-12)
    primary = tables["effects"].query("role == 'primary'").set_index(["outcome", "unit"])["p_adjusted"]
    law = rows[rows["interruption"] == "Law"].set_index(["outcome", "unit"])["p_adjusted"]
    np.testing.assert_allclose(primary[law.index], law, rtol=1e-12)


def test_a_larger_family_never_makes_a_label_bolder():
    alone = answers(run()).set_index(["outcome", "unit"])
    together = answers(run(multiplicity={"across": ["unit", "interruption", "outcome"]}))
    together = together.set_index(["outcome", "unit"]).loc[alone.index]
    assert (together["p_adjusted"] >= alone["p_adjusted"]).all()
    np.testing.assert_array_equal(together["p_value"], alone["p_value"])


def test_a_family_holds_the_units_and_a_batch_has_no_family_of_outcomes(tmp_path):
    tree = {
        "version": "1",
        "data": {"indicators": {"path": "a.parquet"}},
        "intervention": {"date": "2015-07"},
        "treated": ["A"],
        "outcomes": [{"indicator": "waits"}],
    }
    with pytest.raises(ConfigError, match=r"multiplicity\.across: outcome: a family holds all treated units"):
        load_config(tree | {"multiplicity": {"across": ["outcome"]}})
    batch = {"output": {"detail": "estimates"}, "multiplicity": {"across": ["unit", "outcome"]}}
    with pytest.raises(ConfigError, match="a batch run judges every outcome by itself"):
        load_config(tree | batch)
