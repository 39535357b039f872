"""Simulated worlds: variance 1, the autocorrelation they are called by, a break where it is said to be."""

import numpy as np
import pytest
from scipy.linalg import toeplitz

from its_eval.estimators.reml.autoregression import autocovariances
from its_eval.pipeline.truths import TRUTHS, Errors, autoregressive_errors

N, START, REPS = 60, 20, 20_000
FITTED = np.array([0.5, 0.2])


def draw(truth, partials=FITTED, n=N, start=START, reps=REPS, seed=11):
    """Draw errors where those of the fit are an autoregression."""
    gamma = autocovariances(np.asarray(partials, dtype=np.float64)[None], n)[0]
    factor = np.linalg.cholesky(toeplitz(gamma / gamma[0]))
    return TRUTHS[truth](Errors(n, start, factor), reps, np.random.default_rng(seed))


def autocorrelation(errors, lag):
    """Over the window, the expectation known to be 0: no mean is taken out."""
    return float((errors[lag:] * errors[: len(errors) - lag]).mean() / (errors**2).mean())


@pytest.mark.parametrize("partials", [[], [0.0], [0.0, 0.0], [0.6], [-0.4], [0.5, 0.3], [0.2, -0.4], [0.97]])
def test_errors_have_the_covariance_of_their_process(made, partials):
    errors = autoregressive_errors(np.array(partials), 12, 60_000, np.random.default_rng(5))
    assert errors.shape == (12, 60_000)
    expected = made.covariance(partials, 12)
    expected = expected / expected[0, 0]
    # a sample covariance has a standard error of at most sqrt(2 / reps); 4.5 of them for the worst of 78
    np.testing.assert_allclose(errors @ errors.T / 60_000, expected, atol=4.5 * np.sqrt(2 / 60_000))


@pytest.mark.parametrize("truth", [name for name in TRUTHS if "own" not in name and "bend" not in name])
def test_variance_is_one_over_the_window(truth):
    errors = draw(truth)
    assert errors.shape == (N, REPS)
    # series are the sampling unit
    of_series = (errors**2).mean(axis=0)
    assert abs(of_series.mean() - 1.0) <= 3.5 * of_series.std() / np.sqrt(REPS)


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        # r1 = .5, r2 = .2: phi = (.4, .2), so rho_2 = .4 * .5 + .2
        ("as fitted", (0.5, 0.4)),
        # rho_1 = phi_1 / (1 - phi_2), rho_2 = phi_1 rho_1 + phi_2 (Yule 1927)
        ("AR(2) .3 .3", (0.3 / 0.7, 0.3 * 0.3 / 0.7 + 0.3)),
        ("AR(1) .7 with as much noise", (0.35, 0.245)),
    ],
)
def test_autocorrelation_is_as_stated(truth, expected):
    errors = draw(truth)
    assert [autocorrelation(errors, lag) for lag in (1, 2)] == pytest.approx(expected, abs=0.006)


def test_variance_doubles_where_the_intervention_starts():
    errors = draw("variance doubles at the start")
    before, after = (errors[:START] ** 2).mean(), (errors[START:] ** 2).mean()
    assert after / before == pytest.approx(2.0, abs=0.03)
    # the autocorrelation is that of the fit on either side
    assert autocorrelation(errors[:START], 1) == pytest.approx(0.5, abs=0.01)
    assert autocorrelation(errors[START:], 1) == pytest.approx(0.5, abs=0.01)


def test_the_local_level_wanders_by_a_tenth_of_its_noise():
    errors = draw("local level, ratio .01")
    variance = (errors**2).mean(axis=1)
    # of t steps of .01 beside noise of 1, over their mean
    expected = (1 + 0.01 * np.arange(1, N + 1)) / (1 + 0.01 * (N + 1) / 2)
    np.testing.assert_allclose(variance, expected, atol=4.5 * np.sqrt(2 / REPS) * 1.3)
    # differences of a local level are MA(1) with -1 / (2 + q)
    assert autocorrelation(np.diff(errors, axis=0), 1) == pytest.approx(-1 / 2.01, abs=0.004)


def test_a_drift_is_a_walk_with_autoregression_around_it():
    errors = draw("AR(1) .4 on a drift")
    whole = 1 + 0.02 * (N + 1) / 2
    variance = (errors**2).mean(axis=1)
    expected = (1 + 0.02 * np.arange(1, N + 1)) / whole
    np.testing.assert_allclose(variance, expected, atol=4.5 * np.sqrt(2 / REPS) * 1.5)
    # var of a step: .02 + 2 (1 - .4)
    step = (np.diff(errors, axis=0) ** 2).mean()
    assert step == pytest.approx((0.02 + 2 * 0.6) / whole, rel=0.005)


def test_a_bend_is_the_distance_from_the_chord_before_the_start():
    curve = draw("the trend bends by one sd", reps=REPS).mean(axis=1)
    time = np.arange(N)
    exact = 4 * ((time - START) / START) ** 2
    assert np.abs(curve - exact).max() < 4.5 / np.sqrt(REPS)
    # midway between the first period and the start the chord lies one error sd above the parabola
    assert (exact[0] + exact[START]) / 2 - exact[START // 2] == pytest.approx(1.0)


def test_breaks_of_its_own_lie_elsewhere():
    """With errors so alike that they barely move, the one large step shows the date."""
    stuck = draw("a break of its own elsewhere", np.array([0.999]), reps=2000)
    steps = np.abs(np.diff(stuck, axis=0))
    clear = steps.max(axis=0) > 0.5
    dates = steps.argmax(axis=0)[clear] + 1
    assert clear.mean() > 0.4
    assert dates.min() == int(0.15 * N)
    assert dates.max() == int(0.85 * N)
    assert START not in dates
    assert {START - 1, START + 1} <= set(dates)
    # uniform over the 42 other dates
    counts = np.bincount(dates, minlength=N)[9:52]
    share = dates.size / 42
    assert np.abs(np.delete(counts, START - 9) - share).max() < 4.5 * np.sqrt(share)


def test_a_break_of_its_own_comes_on_top_of_the_errors():
    errors = draw("a break of its own elsewhere")
    first, last = (errors[: int(0.15 * N)] ** 2).mean(), (errors[-1] ** 2).mean()
    assert first == pytest.approx(1.0, abs=0.02)
    since = (N - 1) - np.setdiff1d(np.arange(9, 52), START)
    assert last == pytest.approx(1 + 1 + np.mean((0.02 * since) ** 2), abs=0.1)


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_same_stream_gives_the_same_series(truth):
    np.testing.assert_array_equal(draw(truth, reps=5), draw(truth, reps=5))
    assert not np.array_equal(draw(truth, reps=5), draw(truth, reps=5, seed=12))


@pytest.mark.parametrize("truth", TRUTHS)
def test_short_windows_and_independent_errors(truth):
    errors = draw(truth, np.zeros(2), n=16, start=8, reps=3)
    assert errors.shape == (16, 3)
    assert np.isfinite(errors).all()
