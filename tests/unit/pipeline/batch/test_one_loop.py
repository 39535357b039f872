"""A run, a batch and a fit in memory give one series the same numbers."""

import numpy as np
import pandas as pd
import pytest

from its_eval import evaluate, fit, load_config
from its_eval.batch.run import Means, run_batch
from its_eval.config import Estimator

N, START = 72, 40
TOLERANCE = 1e-6
BATCHED = ("reml_ar", "ols", "newey_west")
PERIODS = [f"{2012 + month // 12}-{month % 12 + 1:02d}" for month in range(N)]
CONFIG = """\
version: 1
data: {{indicators: {{path: one.parquet}}}}
intervention: {{date: {start}, shape: {shape}, phase_in: {{periods: {phase_in}}}}}
treated: [A]
outcomes: [{{indicator: x, kind: number, transform: {transform}, seasonality: {season}}}]
designs: [single]
estimators: [{estimator}]
estimands: {{primary: level_change, at: [6, 12, 60]}}
confidence: 0.9
checks: {{placebo_units: false, placebo_dates: false, leave_one_peer_out: false, diagnostics: false}}
output: {{detail: {detail}}}
"""
NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high", "conf_level")
FITS = ("n", "n_pre", "n_post", "n_missing", "n_terms", "ar_order", "rho1", "rho2")


@pytest.fixture
def values():
    rng = np.random.default_rng(11)
    errors = rng.normal(0, 1, N)
    for t in range(1, N):
        errors[t] += 0.5 * errors[t - 1]
    time = np.arange(N)
    series = 40 + 0.1 * time + np.sin(time / 2) + 2.5 * (time >= START) + errors
    series[[7, 8, 55]] = np.nan
    return pd.Series(series, PERIODS, name="A")


def batch_tables(path):
    target = path.parent / "out"
    run_batch(
        load_config(path),
        path,
        target,
        command="its-eval run",
        means=Means(),
        progress=lambda *_: None,
    )
    return {table: pd.read_parquet(target / "tables" / f"{table}.parquet") for table in ("effects", "fits")}


@pytest.mark.parametrize(
    ("estimator", "name", "options"),
    [
        ("reml_ar", "reml_ar", {}),
        ("{name: reml_ar, order: 1}", "reml_ar", {"order": 1}),
        ("ols", "ols", {}),
        ("{name: newey_west, lags: 4}", "newey_west", {"lags": 4}),
        # not for a batch
        ("{name: reml_ar, variance: by_segment}", "reml_ar", {"variance": "by_segment"}),
        ("reml_ar_noise", "reml_ar_noise", {}),
        ("arima", "arima", {}),
        ("{name: arima, order: aicc}", "arima", {"order": "aicc"}),
        ("structural", "structural", {}),
        ("{name: structural, trend: stochastic}", "structural", {"trend": "stochastic"}),
    ],
)
@pytest.mark.parametrize(
    ("transform", "shape", "phase_in", "season"),
    [("none", "step_and_slope", 0, "months"), ("log", "step", 3, "none")],
)
def test_three_ways_to_one_answer(
    tmp_path, values, estimator, name, options, transform, shape, phase_in, season
):
    long = values.dropna().rename_axis("period").rename("value").reset_index()
    long.assign(indicator="x", unit="A").to_parquet(tmp_path / "one.parquet", index=False)
    settings = {
        "start": PERIODS[START],
        "shape": shape,
        "phase_in": phase_in,
        "transform": transform,
        "season": season,
        "estimator": estimator,
    }
    path = tmp_path / "one.yaml"
    path.write_text(CONFIG.format(**settings, detail="full"), encoding="utf-8")
    run = evaluate(load_config(path))
    path.write_text(CONFIG.format(**settings, detail="estimates"), encoding="utf-8")
    batch = batch_tables(path) if name in BATCHED and "variance" not in options else None
    in_memory = fit(
        values,
        PERIODS[START],
        shape=shape,
        estimator=Estimator(name=name, **options),
        seasonality=season,
        log=transform == "log",
        phase_in=phase_in,
        at=(6, 12, 60),
        confidence=0.9,
    )
    whole = {table: run.tables[table] for table in ("effects", "fits")}
    keys = ["estimand", "scale"]
    expected = whole["effects"].set_index(keys).sort_index()
    assert expected.index.is_unique
    found = in_memory.tidy("effects").set_index(keys).sort_index()
    assert found.index.tolist() == expected.index.tolist()
    effects, fits = [found], [in_memory.tidy("fits")]
    if batch is not None:
        linear = batch["effects"].set_index(keys).sort_index()
        # a batch leaves out what is not linear in the parameters
        lacking = {key for key in expected.index if key not in linear.index}
        assert lacking == ({("relative_average_effect", "response")} if transform == "none" else set())
        effects.append(linear)
        fits.append(batch["fits"])
    for other in effects:
        same = expected.loc[other.index]
        for column in NUMBERS:
            got, whole_run = (frame[column].to_numpy(dtype=float) for frame in (other, same))
            # a limit next to zero is judged by the width of its interval
            size = np.nan_to_num(same["std_error"].to_numpy()) if column.startswith("conf_") else 0.0
            assert np.isclose(got, whole_run, rtol=TOLERANCE, atol=TOLERANCE * size, equal_nan=True).all(), (
                column
            )
        assert other["inference_scale"].tolist() == same["inference_scale"].tolist()
    for other in fits:
        for column in FITS:
            if column in other:
                np.testing.assert_allclose(
                    other[column].to_numpy(dtype=float),
                    whole["fits"][column].to_numpy(dtype=float),
                    rtol=TOLERANCE,
                    err_msg=column,
                )
        assert other["flags"].tolist() == whole["fits"]["flags"].tolist()
        assert other["season"].tolist() == whole["fits"]["season"].tolist()
