"""Every series gets an answer, and all answers together keep their level: P1 of the inference rulings.

Run by ``make simulation``. 24 months with 12 before the start and 83 with 27, no season, order by the number
of months, through ``its_eval.fit``. Expected rates are those of an independent dense simulation of the same
rule, itself of 4,000 series; withholding p-values at a bound or below 3 degrees of freedom showed up to 33 %
of false positives among those that were left, and found 11 % of effects of any size.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from its_eval import fit
from its_eval.pipeline.truths import autoregressive_errors

SERIES, ALPHA = 4000, 0.05
BEFORE = {24: 12, 83: 27}
#: By months and autocorrelation: false positives of level and slope, %.
SIZES = {
    (24, 0.0): (4.2, 4.1),
    (24, 0.4): (4.7, 4.0),
    (24, 0.8): (6.2, 6.4),
    (83, 0.0): (4.9, 4.9),
    (83, 0.4): (4.6, 4.9),
    (83, 0.8): (5.2, 5.2),
}

pytestmark = pytest.mark.slow


def answers(errors):
    """Return p-values, df and flags of level and slope of series (n, S), every one of which has an answer."""
    n = len(errors)
    months = pd.period_range("2012-01", periods=n, freq="M").astype(str)
    names = [f"s{place}" for place in range(errors.shape[1])]
    found = fit(pd.DataFrame(errors, months, names), months[BEFORE[n]], seasonality="none", at=())
    assert not len(found.tidy("not_estimated"))
    effects = found.tidy().set_index("estimand").loc[["level_change", "slope_change"]]
    assert effects["estimable"].all()
    assert np.isfinite(effects[["p_value", "conf_low", "conf_high"]].to_numpy()).all()
    flags = found.tidy("fits")["flags"].str.contains("at_bound").to_numpy()
    slope = effects.loc["slope_change"]
    assert (slope["inference"].to_numpy() == np.where(flags, "random_walk", "kr1")).all()
    return [effects.loc[name] for name in ("level_change", "slope_change")], flags


def stream(*numbers):
    return np.random.default_rng([20261129, *(int(1000 * number) for number in numbers)])


def margin(rate):
    """3.5 standard errors of a simulated rate in per cent."""
    return 3.5 * np.sqrt(rate * (100 - rate) / SERIES)


@pytest.mark.parametrize(("n", "rho"), SIZES)
def test_all_series_together_keep_their_level(n, rho):
    errors = autoregressive_errors(np.array([rho]), n, SERIES, stream(n, rho))
    (level, slope), _ = answers(errors)
    for rows, expected in zip((level, slope), SIZES[n, rho], strict=True):
        rejected = 100 * np.mean(rows["p_value"] < ALPHA)
        assert abs(rejected - expected) < margin(expected)


@pytest.mark.parametrize("n", BEFORE)
def test_a_unit_root_is_flagged_and_its_slope_near_its_level(n):
    errors = np.cumsum(stream(n).standard_normal((n, SERIES)), axis=0)
    (level, slope), flagged = answers(errors)
    assert np.mean(flagged) > 0.3
    assert 100 * np.mean(slope["p_value"] < ALPHA) < 9.4 + margin(9.4)
    assert 100 * np.mean(level["p_value"] < ALPHA) < 6.5 + margin(6.5)


def test_power_where_most_p_values_used_to_be_withheld():
    """24 months at an autocorrelation of 0.8, a slope of six standard errors of the best estimator."""
    n, rho = 24, 0.8
    time = np.arange(n)
    after = np.maximum(time - BEFORE[n], 0)
    X = np.column_stack([np.ones(n), time, time >= BEFORE[n], after])
    V = rho ** np.abs(np.subtract.outer(time, time))
    size = 6 * np.sqrt(np.linalg.inv(X.T @ np.linalg.inv(V) @ X)[3, 3])
    errors = autoregressive_errors(np.array([rho]), n, SERIES, stream(n, rho, 6))
    (_, slope), flagged = answers(errors + size * after[:, None])
    found = (slope["p_value"] < ALPHA).to_numpy()
    assert abs(100 * found.mean() - 64) < margin(64)
    df = slope["df"].to_numpy()
    old_p = 2 * stats.t.sf(np.abs(slope["statistic"].to_numpy()), df)
    shown = (old_p < ALPHA) & ~flagged & (df >= 3)
    assert abs(100 * shown.mean() - 11) < margin(11)
