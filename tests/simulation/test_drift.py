"""How often a drifting series looks like an effect: AR(2), AR(1) plus noise, and AR(1) around a random walk.

Run by ``make simulation``. The rates expected of drifting series are those of an independent simulation by
dense matrices on a grid.
"""

import numpy as np
import pytest

from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.local_level import fit_reml_local_level
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.sampling_noise import fit_reml_ar_sampling

#: Series of each simulation, and of those with sampling variances.
SERIES, WEIGHTED = 2000, 1000
#: Months and the first one after the start.
LONG, SHORT = (134, 78), (83, 27)
#: Innovation variance of the random walk under AR(1) errors of variance 1.
DRIFT = 0.02

pytestmark = pytest.mark.slow


def design(n, start):
    t = np.arange(n)
    post = (t >= start) * 1.0
    return np.column_stack([np.ones(n), t - start, post, post * (t - start)])


def autoregression(rng, n, rho, replicates=SERIES):
    """Stationary AR(1) of variance 1."""
    series = rng.standard_normal((n, replicates))
    for t in range(1, n):
        series[t] = rho * series[t - 1] + np.sqrt(1.0 - rho**2) * series[t]
    return series


def size(fit):
    """Share of level and slope changes rejected at 5 %, in per cent."""
    return 100.0 * (fit.contrasts(np.eye(4)[2:]).p_value < 0.05).mean(axis=0)


def tolerance(rate, other=1000):
    """3.5 standard errors of the difference from a rate in per cent simulated with ``other`` series."""
    return 3.5 * np.sqrt(rate * (100.0 - rate) * (1.0 / SERIES + 1.0 / other))


def test_slow_drift_in_long_series():
    n, start = LONG
    rng = np.random.default_rng(20150701)
    Y = autoregression(rng, n, 0.4) + np.sqrt(DRIFT) * rng.standard_normal((n, SERIES)).cumsum(axis=0)
    X = design(n, start)
    default, drifting = size(fit_reml_ar(X, Y, 2))[1], size(fit_reml_local_level(X, Y))[1]
    assert abs(default - 27.0) <= tolerance(27.0)
    assert abs(drifting - 12.0) <= tolerance(12.0)
    assert drifting <= default / 2.0


@pytest.mark.parametrize("months", [LONG, SHORT])
def test_a_false_change_of_slope_is_not_left_alone(months):
    """Beside four of five that drift makes, a flag or a standard sensitivity says otherwise.

    The other order, the drifting level, a variance for each segment, a parabola instead of the line.
    """
    n, start = months
    rng = np.random.default_rng(20150704)
    Y = autoregression(rng, n, 0.4) + np.sqrt(DRIFT) * rng.standard_normal((n, SERIES)).cumsum(axis=0)
    X, time = design(n, start), np.arange(n)
    slope = np.eye(4)[[3]]
    fit = fit_reml_ar(X, Y, 2)
    found = fit.contrasts(slope).p_value[:, 0] <= 0.05
    assert found.sum() >= 100
    false = Y[:, found]
    bent = np.column_stack([X, (time / n - 0.5) ** 2])
    others = (
        fit_reml_local_level(X, false).contrasts(slope),
        fit_reml_ar(X, false, 1).contrasts(slope),
        fit_reml_by_segment(X, false, 2, time >= start).contrasts(slope),
        fit_reml_ar(bent, false, 2).contrasts(np.eye(5)[[3]]),
    )
    said = (fit.flags["at_bound"] | fit.flags["near_unit_root"])[found]
    assert (said | (others[0].p_value[:, 0] > 0.05)).mean() < 0.8  # the drifting level alone does not do it
    for item in others:
        said = said | (item.p_value[:, 0] > 0.05)
    assert said.mean() >= 0.8


@pytest.mark.parametrize("months", [LONG, SHORT])
@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
def test_without_drift_it_keeps_its_size(months, rho):
    Y = autoregression(np.random.default_rng(20150702), months[0], rho)
    assert size(fit_reml_local_level(design(*months), Y)).max() <= 6.5


#: Denominators of every month: level, growing, falling, and up and down from month to month.
DENOMINATORS = {
    "equal": lambda n, _: np.full(n, 200.0),
    "growing": lambda n, _: np.linspace(60.0, 900.0, n),
    "falling": lambda n, _: np.linspace(900.0, 60.0, n),
    "uneven": lambda n, rng: rng.uniform(30.0, 600.0, n),
}


@pytest.mark.parametrize("dispersion", [1.0, 2.0])
@pytest.mark.parametrize("name", DENOMINATORS)
def test_sampling_noise_keeps_its_size(name, dispersion):
    """Latent AR(1) of 1.5 points around 85 %, and answers as independent as ``dispersion`` says."""
    n, start = SHORT
    rng = np.random.default_rng(20150703)
    sampling = 1e4 * 0.85 * 0.15 / DENOMINATORS[name](n, rng)[:, None] * np.ones(WEIGHTED)
    noise = np.sqrt(dispersion * sampling) * rng.standard_normal((n, WEIGHTED))
    Y = 85.0 + 1.5 * autoregression(rng, n, 0.5, WEIGHTED) + noise
    found = size(fit_reml_ar_sampling(design(n, start), Y, sampling))
    assert found.max() <= 5.0 + 3.5 * np.sqrt(5.0 * 95.0 / WEIGHTED)
