"""The engine of *What if?* in Node gives what the package gives; in Chromium see tests/browser."""

import json
from pathlib import Path

import case_blocks
import case_models
import case_runs
import numpy as np
import pytest
from engine_parity import (
    COUNT,
    SEED,
    TOLERANCE,
    compare,
    engine,
    needs_node,
    question,
    random_questions,
    segmented,
)
from scipy import stats

CASES = Path(__file__).parent / "cases"
#: Cases that fit series by restricted maximum likelihood; those with a config do not.
MODELS = [case for case in case_models.MODELS if case not in case_runs.RUNS and case_models.available(case)]


@needs_node
def test_random_series_with_gaps_and_weights():
    asked = random_questions(COUNT, SEED)
    assert any(one["relative"] is not None and not all(one["used"]) for one in asked)
    compare(asked, engine(asked))


@needs_node
@pytest.mark.parametrize("case", MODELS)
def test_cases_with_published_or_r_numbers(case, monkeypatch):
    """Every series that a reference case fits by restricted maximum likelihood, in both orders."""
    asked = []

    def remember(X, y, terms):
        used = np.ones(len(X), bool)
        contrasts = np.eye(X.shape[1])
        asked.extend(question(X, np.ravel(y), used, order, contrasts=contrasts) for order in (1, 2))
        return {}

    monkeypatch.setattr(case_blocks, "restricted_block", remember)
    case_models.MODELS[case]()
    if not asked:
        pytest.skip("no series is fitted by restricted maximum likelihood")
    compare(asked, engine(asked))


@needs_node
@pytest.mark.parametrize("length", ["n24", "n83"])
@pytest.mark.parametrize("model", ["REML_AR1", "REML_AR2"])
def test_dense_reference_with_numerical_derivatives(length, model):
    """Numbers computed elsewhere, by dense matrices with numerical derivatives."""
    expected = json.loads((CASES / "reml_kr1.json").read_text())["expected"][length]
    if model not in expected:
        pytest.skip("the reference has no such fit")
    start, n, order = expected["T0"], int(length[1:]), int(model[-1])
    t = np.arange(n)
    y = 50 + 0.1 * t + 2 * (t >= start) + 0.05 * np.maximum(t - start, 0)
    y = y + np.sin(0.7 * t) + 0.8 * np.cos(2.3 * t + 0.05 * t**2)
    contrasts = np.eye(4)[2:]
    (found,) = engine([question(segmented(n, start, False), y, np.ones(n, bool), order, contrasts=contrasts)])
    np.testing.assert_allclose(found["partials"], expected[model]["pacf"], atol=1e-6)
    for row, name, place in zip(found["rows"], ("level", "slope"), (2, 3), strict=True):
        known = expected[model][name]
        assert abs(row["estimate"] - expected[model]["b"][place]) < TOLERANCE * known["se_used"]
        assert row["se"] == pytest.approx(known["se_used"], rel=1e-5)
        assert row["df"] == pytest.approx(known["df_used"], rel=1e-4)
        assert row["p"] == pytest.approx(known["p"], abs=1e-5)


@needs_node
def test_student_t_against_scipy():
    t = [0.0, 1e-4, 0.3, 1.0, 2.5, 8.0, 40.0]
    df = [1.0, 1.37, 2.0, 3.1, 17.5, 120.0]
    alpha = [0.2, 0.05, 0.01, 0.001]
    found = engine(
        {"t": t, "df": df, "alpha": alpha},
        "({ tails: asked.df.map((df) => asked.t.map((t) => W.twoSided(t, df))),"
        " quantiles: asked.df.map((df) => asked.alpha.map((alpha) => W.quantile(alpha, df))) })",
    )
    tails = 2.0 * stats.t.sf(np.array(t)[None], np.array(df)[:, None])
    np.testing.assert_allclose(found["tails"], tails, rtol=1e-10, atol=1e-300)
    quantiles = stats.t.isf(np.array(alpha)[None] / 2.0, np.array(df)[:, None])
    np.testing.assert_allclose(found["quantiles"], quantiles, rtol=1e-10)
