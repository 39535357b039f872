"""Attribution: the likelihood of own changes against SciPy's optimiser, and the record against its formulas."""

import numpy as np
import pytest
from scipy import optimize, stats

from its_eval.effects.attribution import attribution, donor_mean, use_of
from its_eval.effects.own_changes import fit_own_changes, own_change_limit
from its_eval.estimators.fit import ContrastEstimates

STARTS = ([0.01, 1.0], [1.0, 1.1], [4.0, 1.0], [0.1, 3.0], [50.0, 1.5], [0.0, 5.0])


def lack(change, std_error, tau2, phi, centred):
    v = tau2 + phi * std_error**2
    mean = 0.0 if centred else np.average(change, weights=1 / v)
    return float((np.log(v) + (change - mean) ** 2 / v).sum())


def dense(change, std_error, centred):
    """-2 log L at its least, by another optimiser from several starts, in units of the median s."""
    unit = np.median(std_error)
    b, s = change / unit, std_error / unit
    found = [
        optimize.minimize(
            lambda x: lack(b, s, x[0], x[1], centred),
            start,
            bounds=[(0, None), (1, None)],
            method="L-BFGS-B",
            options={"ftol": 1e-14, "gtol": 1e-10},
        ).fun
        for start in STARTS
    ]
    return min(found) + 2 * b.size * np.log(unit)


def world(rng, J, tau, phi, mean=0.0, size=1.0):
    s = size * np.exp(rng.normal(0, 0.6, J))
    return mean * size + rng.normal(0, 1, J) * np.sqrt((tau * size) ** 2 + phi * s**2), s


def estimates(change, std_error, df=40.0):
    change, std_error = np.atleast_2d(change), np.atleast_2d(std_error)
    freedom = np.broadcast_to(df, change.shape).astype(float)
    return ContrastEstimates(change, np.broadcast_to(std_error, change.shape), freedom, freedom)


def column(change, std_error, df=40.0):
    return estimates(change[:, None], std_error[:, None], df)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("tau", [0.0, 0.5, 10.0])
@pytest.mark.parametrize("phi", [1.0, 1.5, 4.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_the_likelihood_is_at_its_maximum(centred, tau, phi, size):
    rng = np.random.default_rng([int(10 * tau), int(10 * phi), int(np.log10(size)) + 9])
    change, std_error = world(rng, int(rng.integers(10, 80)), tau, phi, 0.0 if centred else 3.0, size)
    fit = fit_own_changes(change, std_error, centred=centred)
    mine = lack(change, std_error, fit.additive[0], fit.factor[0], centred)
    assert mine <= dense(change, std_error, centred) + 1e-7
    v = fit.additive[0] + fit.factor[0] * std_error**2
    expected = (0.0, 0.0) if centred else (np.average(change, weights=1 / v), 1 / np.sum(1 / v))
    np.testing.assert_allclose([fit.mean[0], fit.mean_variance[0]], expected, rtol=1e-9, atol=0)
    without = fit_own_changes(change, std_error, centred=centred, leave_out=True)
    for j in (0, change.size // 2, change.size - 1):
        one = fit_own_changes(np.delete(change, j), np.delete(std_error, j), centred=centred)
        for name in ("mean", "mean_variance", "factor"):
            np.testing.assert_allclose(
                getattr(without, name)[j], getattr(one, name)[0], rtol=1e-6, atol=1e-9 * size
            )
        np.testing.assert_allclose(without.additive[j], one.additive[0], rtol=1e-6, atol=1e-9 * size**2)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("tau", [0.0, 0.3, 3.0])
def test_many_units_left_out_are_fits_of_the_others(centred, tau):
    change, std_error = world(np.random.default_rng(5), 600, tau, 1.0, 0.2, 1.0)
    without = fit_own_changes(change, std_error, centred=centred, leave_out=True)
    for j in (0, 279, 280, int(np.argmax(np.abs(change))), int(np.argmin(std_error))):
        one = fit_own_changes(np.delete(change, j), np.delete(std_error, j), centred=centred)
        for name in ("mean", "mean_variance", "factor", "additive"):
            np.testing.assert_allclose(
                getattr(without, name)[j], getattr(one, name)[0], rtol=1e-8, atol=1e-10, err_msg=name
            )


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("place", "value"), [("std_error", 1e-9), ("std_error", 1e9), ("change", 1e9)])
def test_a_unit_that_dominates_leaves_the_others_as_they_are(centred, place, value):
    rng = np.random.default_rng(3)
    parts = {"change": rng.normal(size=12), "std_error": rng.uniform(0.5, 1.5, 12)}
    alone = fit_own_changes(**{name: part[1:] for name, part in parts.items()}, centred=centred)
    parts[place][0] = value
    without = fit_own_changes(**parts, centred=centred, leave_out=True)
    # the unit of measure and the grid are those of all twelve
    for name in ("mean", "mean_variance", "factor", "additive"):
        np.testing.assert_allclose(
            getattr(without, name)[0], getattr(alone, name)[0], rtol=1e-6, atol=1e-9, err_msg=name
        )
    assert all(np.isfinite(getattr(without, name)).all() for name in ("mean", "mean_variance", "factor"))


def test_equal_standard_errors_give_the_textbook_variance():
    """With one s for all, tau^2 + phi s^2 is the mean square, or the variance with J for the divisor."""
    rng = np.random.default_rng(3)
    change, s = rng.normal(1, 3, 30), np.full(30, 1.0)
    assert fit_own_changes(change, s, centred=True).variance(1.0)[0] == pytest.approx(np.mean(change**2))
    free = fit_own_changes(change, s, centred=False)
    assert free.mean[0] == pytest.approx(change.mean())
    assert free.variance(1.0)[0] == pytest.approx(change.var() * (1 + 1 / 30))


def test_noise_alone_gives_nothing_of_its_own():
    s = np.exp(np.linspace(-1, 1, 40))
    fit = fit_own_changes(0.9 * s * np.tile([1, -1], 20), s, centred=True)
    assert (fit.additive[0], fit.factor[0]) == (0.0, 1.0)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("tau", "phi"), [(0.0, 1.0), (1.0, 1.0), (0.5, 1.5)])
def test_the_upper_limit_is_that_of_the_profile(centred, tau, phi):
    rng = np.random.default_rng(8)
    change, std_error = world(rng, 50, tau, phi)
    own = 0.8
    limit = own_change_limit(change, std_error, own, centred=centred)
    assert limit >= np.sqrt(max(0.0, _best_square(change, std_error, own, centred)))

    def profile(square):
        """Least over phi, on a fine grid: tau^2 = q - (phi - 1) s^2 >= 0."""
        factors = 1 + np.linspace(0, 1, 20_001) * square / own**2
        return min(lack(change, std_error, max(square - (f - 1) * own**2, 0.0), f, centred) for f in factors)

    rise = profile(limit**2) - dense(change, std_error, centred)
    assert rise == pytest.approx(stats.norm.ppf(0.95) ** 2, abs=1e-4)


def _best_square(change, std_error, own, centred):
    fit = fit_own_changes(change, std_error, centred=centred)
    return fit.additive[0] + (fit.factor[0] - 1) * own**2


def test_the_limit_covers_what_there_is():
    """One-sided 95 %: the own change of a unit lies above it in about 5 % of worlds with J = 60."""
    rng, above, tau = np.random.default_rng(12), 0, 1.0
    for _ in range(200):
        change, std_error = world(rng, 60, tau, 1.0)
        above += own_change_limit(change, std_error, 1.0, centred=True) < tau
    assert above / 200 <= 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("centred", [True, False])
def test_every_number_of_the_record_is_its_formula(centred):
    rng = np.random.default_rng(4)
    b, s = world(rng, 25, 0.7, 1.2, 0.4)
    df = rng.uniform(2, 60, 25)
    own = estimates([2.6], [0.9], 12.0)
    (found,) = attribution(own, column(b, s, df[:, None]), centred=centred, level=0.9)
    (term,) = found.terms
    mine = 0.9
    fit = fit_own_changes(b, s, centred=centred)
    mean, tau2, phi = fit.mean[0], fit.additive[0], fit.factor[0]
    spread2 = 0.0 if centred else 1 / np.sum(1 / (tau2 + phi * s**2))
    z = []
    for j in range(25):
        keep = np.arange(25) != j
        one = fit_own_changes(b[keep], s[keep], centred=centred)
        v = one.additive[0] + one.factor[0] * s**2
        extra = 0.0 if centred else 1 / np.sum(1 / v[keep])
        z.append((b[j] - one.mean[0]) / np.sqrt(v[j] + extra))
    kappa = np.sqrt(max(1.0, np.mean(np.square(z))))
    freedom = 24 if centred else 23
    sd = np.sqrt(tau2 + phi * mine**2 + spread2)
    half = stats.t.ppf(0.95, freedom) * kappa * sd
    assert term.kappa == pytest.approx(kappa, rel=1e-6)
    np.testing.assert_allclose(
        [term.difference, term.low, term.high, term.p_value],
        [
            2.6 - mean,
            2.6 - mean - half,
            2.6 - mean + half,
            2 * stats.t.sf((2.6 - mean) / kappa / sd, freedom),
        ],
        rtol=1e-6,
    )
    assert term.as_large == np.sum(np.abs(b - mean) >= 2.6 - mean)
    smallest = max(0.0, 2.6 - 0.9 * stats.t.ppf(0.975, 12))
    assert term.smallest_other == pytest.approx(smallest)
    assert term.own_change == pytest.approx(np.sqrt(tau2 + (phi - 1) * mine**2), rel=1e-6)
    all_b, all_s = np.append(b, 2.6), np.append(s, mine)
    whole = fit_own_changes(all_b, all_s, centred=centred)
    ranked = np.abs(all_b - whole.mean) / np.sqrt(whole.additive + whole.factor * all_s**2)
    assert found.rank_p_value == np.mean(ranked >= ranked[-1])


def test_several_terms_share_the_level():
    rng = np.random.default_rng(6)
    change, s = np.stack([world(rng, 40, 0.5, 1.0)[0] for _ in range(2)], axis=1), np.ones((40, 2))
    donors = estimates(change, s)
    own = estimates([0.5, 4.0], [1.0, 1.0])
    (both,) = attribution(own, donors, centred=True)
    singles = [
        attribution(
            estimates(own.estimate[0, [c]], [1.0]), column(change[:, c], s[:, c]), centred=True, level=0.975
        )[0]
        for c in range(2)
    ]
    assert both.p_value == pytest.approx(min(1.0, 2 * min(item.p_value for item in singles)))
    for term, single in zip(both.terms, singles, strict=True):
        assert (term.low, term.high) == pytest.approx((single.terms[0].low, single.terms[0].high))
    largest = []
    for c, mine in enumerate(own.estimate[0]):
        b = np.append(change[:, c], mine)
        fit = fit_own_changes(b, np.ones(41), centred=True)
        largest.append(np.abs(b) / np.sqrt(fit.additive + fit.factor))
    largest = np.max(largest, axis=0)
    assert both.rank_p_value == pytest.approx(np.mean(largest >= largest[-1]))


def test_units_and_scale_do_not_matter():
    rng = np.random.default_rng(7)
    b, s = world(rng, 30, 1.0, 1.3)
    (one,) = attribution(estimates([3.0], [1.1]), column(b, s), centred=True)
    (other,) = attribution(estimates([-3e5], [1.1e5]), column(-1e5 * b, 1e5 * s), centred=True)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert other.terms[0].low == pytest.approx(-1e5 * one.terms[0].high, rel=1e-9)
    assert other.rank_p_value == one.rank_p_value


def test_a_flag_when_rank_and_attribution_disagree():
    """One donor far out makes the fitted spread wide; by rank the treated unit is second of 61."""
    b, s = np.append(0.3 * stats.norm.ppf(np.linspace(0.01, 0.99, 59)), 40.0), np.full(60, 0.3)
    (found,) = attribution(estimates([5.0], [0.3]), column(b, s), centred=True)
    assert found.p_value > 0.05 + 2 / 61
    assert found.rank_p_value == pytest.approx(2 / 61)
    assert found.rank_differs


def test_unfitted_donors_and_units_are_counted_not_hidden():
    rng = np.random.default_rng(9)
    b, s = world(rng, 22, 0.0, 1.0)
    b[3], s[5] = np.nan, 0.0
    found = attribution(estimates([[9.0], [np.nan]], [[1.0], [1.0]]), column(b, s), centred=True)
    assert (found[0].n_donors, found[0].n_unfitted, found[0].use) == (20, 2, "label")
    assert found[0].rank_p_value == pytest.approx(3 / 23)
    assert np.isnan(found[1].p_value)
    assert found[1].terms == ()


@pytest.mark.parametrize(("n", "use"), [(9, "too_few"), (10, "shown"), (19, "shown"), (20, "label")])
def test_how_many_donors_are_enough(n, use):
    assert use_of(n) == use


def test_the_mean_of_donors_is_checked():
    rng = np.random.default_rng(10)
    b, s = world(rng, 60, 0.0, 1.0, mean=2.0)
    moved, still = donor_mean(column(b, s)), donor_mean(column(b - b.mean(), s))
    assert moved.deviates
    assert moved.mean == pytest.approx(2.0, abs=4 * moved.std_error)
    assert not still.deviates
