"""Labels and directions of very many series: the rules of a run, by columns."""

import numpy as np
import pandas as pd
import pytest
from batch_study import START, N, rows_of, series
from by_hand import LeastSquares, holm

from its_eval.batch.run import Means, run_batch
from its_eval.config import load_config
from its_eval.evaluation import CHANGED, NO_CLEAR_CHANGE, NOT_ANSWERED

UNITS = tuple(f"U{place}" for place in range(6))
CONFIG_OF_ONE = """\
version: 1
data: {{indicators: {{path: monitor.parquet}}}}
intervention: {{name: New rota, date: 2016-01}}
treated: {treated}
outcomes: [{outcome}]
designs: [single]
estimators: [ols]
estimands: {{primary: {question}}}
checks: {{placebo_units: false, placebo_dates: false, diagnostics: false}}
output: {{detail: estimates}}
"""


@pytest.fixture
def run(tmp_path):
    """Return the summary and the effects of six units of which the first two changed."""

    def look(question, better="lower", treated="each"):
        values = series(np.random.default_rng(3), len(UNITS))
        after = np.arange(N) - START
        values[:, 0] += 6.0 * (after >= 0)
        values[:, 1] -= 0.5 * np.maximum(after, 0)
        values[:, 5] = 7.0
        rows_of("waits", values, UNITS).to_parquet(tmp_path / "monitor.parquet", index=False)
        outcome = f"{{indicator: waits, better: {better}, seasonality: none}}"
        text = CONFIG_OF_ONE.format(treated=treated, outcome=outcome, question=question)
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        config = load_config(path)
        run_batch(
            config,
            path,
            tmp_path / "out",
            command="its-eval run",
            means=Means(),
            progress=lambda *_: None,
            block_rows=10**6,
        )
        tables = {
            name: pd.read_parquet(tmp_path / "out" / "tables" / f"{name}.parquet")
            for name in ("summary", "effects")
        }
        return values, tables["summary"].set_index("unit"), tables["effects"]

    return look


def fits(values):
    time = np.arange(N) - START
    X = np.column_stack([np.ones(N), time, time >= 0, np.maximum(time, 0)]).astype(float)
    return {unit: LeastSquares(values[:, place], X) for place, unit in enumerate(UNITS[:5])}


def test_a_change_has_twice_the_smaller_p_value_of_its_terms(run):
    values, summary, effects = run("change")
    level, slope = [0, 0, 1, 0], [0, 0, 0, 1]
    for unit, fit in fits(values).items():
        expected = min(1.0, 2 * min(fit.read(level)[2], fit.read(slope)[2]))
        assert summary.loc[unit, "p_value"] == pytest.approx(expected)
        # each by itself, without a family
        assert summary.loc[unit, "p_adjusted"] == pytest.approx(expected)
        assert summary.loc[unit, "estimand"] == "effect_at_12"
        assert summary.loc[unit, "estimate"] == pytest.approx(fit.read([0, 0, 1, 12])[0])
    assert summary.loc[["U0", "U1", "U5"], "label"].tolist() == [CHANGED, CHANGED, NOT_ANSWERED]
    assert summary.loc[["U0", "U1", "U5"], "direction"].tolist() == ["worse", "better", "unclear"]
    assert effects["p_adjusted"].isna().all()


def test_listed_units_are_a_family_and_one_without_variation_counts(run):
    values, summary, effects = run("slope_change", "higher", "[U0, U1, U2, U5]")
    read = {unit: fit.read([0, 0, 0, 1])[2] for unit, fit in fits(values).items()}
    adjusted = holm([read[unit] for unit in ("U0", "U1", "U2")], size=4)
    np.testing.assert_allclose(summary.loc[["U0", "U1", "U2"], "p_adjusted"], adjusted)
    expected = [CHANGED if p <= 0.05 else NO_CLEAR_CHANGE for p in adjusted]
    assert summary.loc[["U0", "U1", "U2"], "label"].tolist() == expected
    assert summary.loc["U1", "direction"] == "worse"
    assert summary.loc["U5", ["label", "direction"]].tolist() == [NOT_ANSWERED, "unclear"]
    primary = effects[effects["role"].eq("primary")].set_index("unit")["p_adjusted"]
    np.testing.assert_allclose(primary[["U0", "U1", "U2"]], adjusted)
