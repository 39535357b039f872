"""How often AR(1) plus noise and the joint F test reject a true null at the 5 % level.

Run by ``make simulation``. 83 months, the intervention at the 28th, no season. The expected rates of AR(1)
plus noise are those of an independent simulation with another implementation, to the whole per cent.
"""

import numpy as np
import pytest

from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar

N, START, SERIES = 83, 27, 2000

pytestmark = pytest.mark.slow


def design():
    t = np.arange(N)
    post = (t >= START) * 1.0
    return np.column_stack([np.ones(N), t - START, post, post * (t - START)])


def autoregression(rng, *coefficients):
    series = rng.standard_normal((N + 300, SERIES))
    for t in range(2, N + 300):
        for lag, coefficient in enumerate(coefficients, start=1):
            series[t] += coefficient * series[t - lag]
    return series[300:]


def local_level(rng, ratio):
    walk = rng.standard_normal((N, SERIES)).cumsum(axis=0)
    return walk * np.sqrt(ratio) + rng.standard_normal((N, SERIES))


TRUTHS = {
    # truth: (series, slope and level rejected by AR(1) plus noise, %)
    "AR(1) .4": (lambda rng: autoregression(rng, 0.4), 3, 4),
    "AR(2) .3 .3": (lambda rng: autoregression(rng, 0.3, 0.3), 3, 3),
    "AR(1) .7 and as much noise": (
        lambda rng: np.sqrt(0.51) * autoregression(rng, 0.7) + rng.standard_normal((N, SERIES)),
        4,
        4,
    ),
    "random walk": (lambda rng: rng.standard_normal((N, SERIES)).cumsum(axis=0), 5, 5),
    "local level, ratio .01": (lambda rng: local_level(rng, 0.01), 9, 5),
    "local level, ratio .1": (lambda rng: local_level(rng, 0.1), 11, 6),
}


def tolerance(rate):
    """3 sqrt(2) standard errors of a simulated rate in per cent, and half a point for the rounding."""
    return 3 * np.sqrt(2 * rate * (100 - rate) / SERIES) + 0.5


@pytest.mark.parametrize("truth", TRUTHS)
def test_noise_guards_against_drift(truth):
    series, slope, level = TRUTHS[truth]
    Y = series(np.random.default_rng(20150701))
    p_value = fit_reml_ar_noise(design(), Y).contrasts(np.eye(4)[2:]).p_value
    found = 100 * (p_value < 0.05).mean(axis=0)
    assert abs(found[1] - slope) <= tolerance(slope)
    assert abs(found[0] - level) <= tolerance(level)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("rho", [0.0, 0.4])
def test_joint_f_keeps_its_size(order, rho):
    """Never above the nominal 5 % by more than chance; series without an F distribution do not reject."""
    Y = autoregression(np.random.default_rng(5), rho)
    fit = fit_reml_ar(design(), Y, order)
    p_value = np.array([joint_f(fit, s, np.eye(4)[2:]).p_value for s in range(SERIES)])
    assert np.isnan(p_value).mean() < 0.02
    rejected = 100 * (p_value < 0.05).mean()
    assert 2.5 <= rejected <= 5 + 3.5 * np.sqrt(5 * 95 / SERIES)
