"""Estimate, standard error, degrees of freedom, p-value and interval of every row tell one story."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from its_eval.columns import COLUMNS

GOLDEN = Path(__file__).parents[2] / "golden"
SHIPPED = ("california_prop99", "sample", "sample_strata", "uk_seatbelts")
N, START = 60, 30
EVERY = ["reml_ar", {"name": "reml_ar", "variance": "by_segment"}, "reml_ar_noise", "ols", "newey_west"]
EVERY += ["prais_winsten", "arima", "structural"]


def require_agreement(frame, confidence=None, rel=1e-9):
    """Check rows of ``effects`` or ``coefficients`` against the t distribution on their inference scale."""
    # a level that changes by itself has no estimate, and then nothing else
    blank = frame["estimate"].isna()
    assert frame.loc[blank, ["std_error", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert set(frame.loc[blank, "estimator"]) <= {"structural"}
    frame = frame[~blank]
    if "inference_scale" in frame:
        assert set(frame["inference_scale"]) <= {"identity", "log", "fieller"}
        assert (frame.loc[frame["scale"] == "ratio", "inference_scale"] == "log").all()
        frame = frame[frame["inference_scale"] != "fieller"]
        logged = (frame["inference_scale"] == "log").to_numpy()
        ratio = (frame["scale"] == "ratio").to_numpy()
    else:
        logged = ratio = np.zeros(len(frame), dtype=bool)
    assert len(frame)
    numbers = frame[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float, copy=True)
    # a ratio is the exponential, a change in per cent 100 times the exponential less one
    numbers[logged & ~ratio] = 1 + numbers[logged & ~ratio] / 100
    numbers[logged] = np.log(numbers[logged])
    std_error, df = frame["std_error"].to_numpy(), frame["df"].to_numpy()
    assert (std_error > 0).all()
    level = frame["conf_level"].to_numpy() if confidence is None else confidence
    half = stats.t.ppf(0.5 + level / 2, df) * std_error
    size = rel * (np.abs(numbers[:, 0]) + half + logged)
    np.testing.assert_array_less(np.abs(numbers[:, 0] - half - numbers[:, 1]), size)
    np.testing.assert_array_less(np.abs(numbers[:, 0] + half - numbers[:, 2]), size)
    np.testing.assert_allclose(frame["statistic"], numbers[:, 0] / std_error, rtol=10 * rel, atol=10 * rel)
    np.testing.assert_allclose(
        frame["p_value"], 2 * stats.t.sf(np.abs(frame["statistic"]), df), rtol=1e4 * rel, atol=rel
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_tables_of_the_shipped_configs(name):
    """Their numbers are printed to eight digits."""
    effects = pd.read_csv(GOLDEN / name / "effects.csv")
    assert tuple(effects.columns) == COLUMNS["effects"]
    require_agreement(effects, rel=2e-6)


def counted(make_world, mean, kind):
    """Return a study of counts of denominators that grow."""
    rng = np.random.default_rng(5)
    units = ("T1", "D1", "D2", "D3")
    sizes = {unit: np.round(rng.uniform(80, 120, N) + np.arange(N)) for unit in units}
    counts = {unit: rng.binomial(sizes[unit].astype(int), mean).astype(float) for unit in units}
    values = {unit: counts[unit] if kind == "count" else 100 * counts[unit] / sizes[unit] for unit in units}
    return make_world(values, denominators=sizes, counts=counts)


@pytest.mark.parametrize(
    ("shape", "outcome", "families"),
    [
        ("slope", {"kind": "number"}, []),
        ("step", {"kind": "number", "transform": "log"}, []),
        ("step_and_slope", {"kind": "percentage"}, ["binomial", "quasi_binomial"]),
        (
            "slope",
            {"kind": "percentage", "transform": "logit"},
            [{"name": "binomial", "lags": 3}, {"name": "quasi_binomial", "lags": 3}],
        ),
        (
            "step_and_slope",
            {"kind": "count", "per": 1000},
            ["poisson", "quasi_poisson", "negative_binomial", {"name": "poisson", "lags": 2, "label": "P2"}],
        ),
    ],
)
def test_rows_of_every_estimator_scale_and_shape(make_world, shape, outcome, families):
    world = counted(make_world, 0.3, outcome["kind"])
    found = world.run(
        outcomes=[world.outcome(**{**outcome, "seasonality": {"harmonics": 1}})],
        peers={"k": 3},
        designs=["single", "difference", "stacked", "peer_mean"],
        estimators=[*EVERY, *families],
        intervention={"name": "Law", "date": world.period(START), "shape": shape},
        events=[{"name": "Other", "date": world.period(45), "as": "step_and_slope"}],
        estimands={"at": [0, 6]},
        confidence=0.9,
    )
    assert found.tables["not_estimated"].empty
    for name in ("effects", "coefficients", "fits"):
        assert tuple(found.tables[name].columns) == COLUMNS[name]
    require_agreement(found.tables["effects"])
    require_agreement(found.tables["coefficients"], 0.9)
    # every estimator of every design is there, and each row has one meaning
    assert found.tables["effects"].groupby("design")["estimator"].nunique().to_dict() == {
        "difference": len(EVERY),
        "peer_mean": 2,
        "single": len(EVERY) + len(families),
        "stacked": 2,
    }
    keys = ["unit", "design", "estimator", "interruption", "estimand", "scale"]
    assert not found.tables["effects"].duplicated(keys).any()


def test_a_single_observation_varies_as_its_segment_does(make_world, fitted):
    rng = np.random.default_rng(2)
    world = make_world({"T1": 50 + rng.normal(0, np.where(np.arange(N) < START, 3.0, 1.0))})
    estimator = {"name": "reml_ar", "order": 1, "variance": "by_segment"}
    config, _, plan = world.plan(estimators=[estimator])
    (item,), _ = fitted(config, plan, "single")
    fit = item.whole
    assert fit.variance_ratio[0] < 0.4
    series = world.run(estimators=[estimator]).tables["series"].iloc[START:]
    mean = fit.contrasts(item.design.counterfactual[START:])
    quantile = stats.t.ppf(0.975, mean.df[0])
    variance = fit.sigma[0] ** 2 * fit.variance_ratio[0]
    np.testing.assert_allclose(series["counterfactual_high"], mean.interval(0.95)[1][0])
    np.testing.assert_allclose(
        series["prediction_high"], mean.estimate[0] + quantile * np.sqrt(mean.std_error[0] ** 2 + variance)
    )
