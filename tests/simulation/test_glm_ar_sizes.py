"""False positives of counts and proportions with AR(1) errors, where plain families have up to 55 %.

Run by ``make simulation``. 60 months, the intervention at the 31st, no season; a Gaussian AR(1) process on the
scale of the link. One-sided: at most 7 %, and 3.5 standard errors. Without a process the test is conservative.
"""

import numpy as np
import pytest

from its_eval.estimators.glm import fit_glm
from its_eval.estimators.glm_ar import fit_glm_ar

pytestmark = pytest.mark.slow

N, START, SERIES = 60, 30, 2000
MOST = 7.0 + 350.0 * np.sqrt(0.07 * 0.93 / SERIES)


def design():
    t = np.arange(N)
    post = (t >= START) * 1.0
    return np.column_stack([np.ones(N), t - START, post, post * (t - START)])


def process(rng, spread, rho):
    noise = rng.standard_normal((N, SERIES))
    series = noise.copy()
    for t in range(1, N):
        series[t] = rho * series[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return spread * series


def rejected(fit):
    """Level and slope, in per cent of the series that have an answer, which nearly all have."""
    answered = ~fit.flags["degenerate"]
    assert answered.mean() > 0.99
    return 100 * np.mean(fit.contrasts(np.eye(4)[2:]).p_value[answered] < 0.05, axis=0)


#: (mean, standard deviation of the process, rho).
COUNTS = [(5, 0.3, 0.6), (20, 0.2, 0.6), (200, 0.15, 0.6), (20, 0.3, 0.8), (20, 0.3, 0.0), (5, 0.0, 0.0)]


@pytest.mark.parametrize("family", ["poisson", "quasi_poisson", "negative_binomial"])
@pytest.mark.parametrize("cell", COUNTS, ids=str)
def test_counts(cell, family):
    mean, spread, rho = cell
    rng = np.random.default_rng([2015, mean, int(100 * spread), int(10 * rho)])
    Y = rng.poisson(mean * np.exp(process(rng, spread, rho) - spread**2 / 2)).astype(float)
    fit = fit_glm_ar(design(), Y, family)
    assert (rejected(fit) <= MOST).all()
    assert fit.flags["not_converged"].mean() < 0.001
    if rho == 0.6:
        assert (rejected(fit_glm(design(), Y, "quasi_poisson")) > 10.0).all()
    level = fit.params[:, 2]
    assert abs(level.mean()) <= 3.5 * level.std() / np.sqrt(SERIES) + 0.005


@pytest.mark.parametrize("family", ["binomial", "quasi_binomial"])
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("trials", [50, 500])
def test_proportions(trials, share, rho, family):
    rng = np.random.default_rng([2015, trials, int(10 * share), int(10 * rho)])
    linear = np.log(share / (1 - share)) + process(rng, 0.3, rho)
    Y = rng.binomial(trials, 1 / (1 + np.exp(-linear))).astype(float)
    fit = fit_glm_ar(design(), Y, family, trials=np.full(Y.shape, float(trials)))
    assert (rejected(fit) <= MOST).all()
