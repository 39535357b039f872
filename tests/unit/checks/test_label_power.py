"""The smallest effect that is labelled, against distributions that SciPy knows and against other draws."""

import numpy as np
import pytest
from scipy import optimize, stats

from its_eval.checks.label_power import OwnTest, smallest_labelled
from its_eval.effects.attribution import attribution
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar

ONE = np.array([[1.0]])


def single(s, df):
    return OwnTest(np.array([[s**2]]), df, np.array([df]))


def record(s, df, tau, rng, n_donors=60, n_terms=1, level=0.95):
    """Return the terms of a unit among donors whose own changes are tau."""
    donors = rng.normal(0, np.sqrt(tau**2 + np.square(s)), (n_donors, n_terms))
    errors, freedom = np.broadcast_to(s, donors.shape).astype(float), np.full(donors.shape, df)
    own = ContrastEstimates(np.zeros((1, n_terms)), errors[:1], freedom[:1], freedom[:1])
    (found,) = attribution(
        own, ContrastEstimates(donors, errors, freedom, freedom), centred=True, level=level
    )
    return found.terms


@pytest.mark.parametrize("df", [3.0, 20.0, 400.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_alone_it_is_the_effect_of_the_t_test(df, alpha):
    """Without donors: P(|delta + s t| >= t_crit s) = .8."""
    critical = stats.t.ppf(1 - alpha / 2, df)
    exact = optimize.brentq(
        lambda d: stats.t.sf(critical - d, df) + stats.t.cdf(-critical - d, df) - 0.8, 0, 10 * critical
    )
    (found,) = smallest_labelled(single(2.0, df), (), ONE, alpha=alpha)
    # density of the power curve at .8, and 3.5 standard errors of 20,000 draws
    slope = stats.t.pdf(critical - exact, df)
    assert found / 2 == pytest.approx(exact, abs=3.5 * np.sqrt(0.16 / 20_000) / slope)


@pytest.mark.parametrize("tau", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_four_of_five_such_effects_are_labelled(tau, alpha):
    """Other draws, the two p-values computed one by one."""
    s, df, rng = 0.8, 25.0, np.random.default_rng(3)
    (term,) = record(s, df, tau, rng)
    (effect,) = smallest_labelled(single(s, df), (term,), ONE, alpha=alpha)
    n = 40_000
    own = np.sqrt(max((term.kappa * term.spread) ** 2 - s**2, 0.0))
    change = effect + own * rng.standard_t(term.df, n) + s * rng.standard_t(df, n)
    gap = 2 * stats.t.sf(np.abs(change) / s, df)
    attributed = 2 * stats.t.sf(np.abs(change) / (term.kappa * term.spread), term.df)
    labelled = np.mean((gap <= alpha) & (attributed <= alpha))
    assert labelled == pytest.approx(0.8, abs=3.5 * np.sqrt(0.16 / n + 0.16 / 20_000))


def test_own_changes_make_it_larger_and_units_scale_it():
    s, df, rng = 1.0, 30.0, np.random.default_rng(5)
    effects = [
        smallest_labelled(single(s, df), record(s, df, tau, np.random.default_rng(5)), ONE)[0]
        for tau in (0.0, 2.0, 8.0)
    ]
    assert effects[0] < effects[1] < effects[2]
    one = record(s, df, 2.0, np.random.default_rng(5))
    (tenfold,) = smallest_labelled(single(s, df), one, 0.1 * ONE)
    assert tenfold == pytest.approx(10 * effects[1], rel=1e-9)
    del rng


def test_more_tests_ask_for_more():
    terms = record(1.0, 30.0, 1.0, np.random.default_rng(6))
    found = [smallest_labelled(single(1.0, 30.0), terms, ONE, alpha=0.05 / m)[0] for m in (1, 2, 5)]
    assert found == sorted(found)
    assert found[0] < found[2]


def test_two_terms_both_ways():
    """Joint F and attribution of level and slope, with other draws and p-values written out."""
    rng, df = np.random.default_rng(7), 30.0
    covariance = np.array([[1.0, -0.03], [-0.03, 0.0025]])
    s = np.sqrt(np.diag(covariance))
    terms = record(s, df, s, rng, n_terms=2)
    directions = np.array([[1.0, 0.0], [0.0, 1 / 12]])
    effects = smallest_labelled(OwnTest(covariance, df, np.array([df, df])), terms, directions)
    n = 40_000
    for effect, direction in zip(effects, directions, strict=True):
        error = (
            rng.multivariate_normal(np.zeros(2), covariance, n) / np.sqrt(rng.chisquare(df, n) / df)[:, None]
        )
        whole = np.array([(term.kappa * term.spread) ** 2 for term in terms])
        own = rng.normal(size=(n, 2)) * np.sqrt(whole - s**2) / np.sqrt(rng.chisquare(59, n) / 59)[:, None]
        change = effect * direction + error + own
        joint = stats.f.sf(np.sum(change @ np.linalg.inv(covariance) * change, axis=1) / 2, 2, df)
        each = 2 * stats.t.sf(np.abs(change) / np.sqrt(whole), 59)
        labelled = np.mean((joint <= 0.05) & (2 * each.min(axis=1) <= 0.05))
        assert labelled == pytest.approx(0.8, abs=3.5 * np.sqrt(0.16 / n + 0.16 / 20_000))


@pytest.mark.parametrize("rows", [[2], [2, 3]])
def test_the_region_is_that_of_the_joint_test(rows):
    rng = np.random.default_rng(8)
    t = np.arange(60.0)
    X = np.column_stack([np.ones(60), t - 25, t >= 25, np.maximum(t - 25, 0)])
    Y = rng.standard_normal((60, 3)).cumsum(axis=0) * 0.3 + rng.standard_normal((60, 3))
    fit = fit_reml_ar(X, Y, 1)
    contrasts = np.eye(4)[rows]
    for series in range(3):
        own = OwnTest.of(fit, series, contrasts)
        covariance = own.covariance
        test = joint_f(fit, series, contrasts)
        change = contrasts @ fit.params[series]
        assert change @ np.linalg.inv(covariance) @ change / len(rows) == pytest.approx(test.statistic)
        assert own.df == pytest.approx(test.df_den)
    if len(rows) == 1:
        assert np.sqrt(covariance[0, 0]) == pytest.approx(fit.contrasts(contrasts).std_error[2, 0])


def test_nothing_known_is_nothing_said():
    assert np.isnan(smallest_labelled(single(np.nan, 5.0), (), ONE)).all()


def test_without_a_joint_test_the_terms_have_their_own():
    """min(1, l min p): the level of l = 2 terms is shared."""
    own = OwnTest(np.diag([1.0, 4.0]), np.nan, np.array([12.0, 30.0]))
    critical = stats.t.ppf(1 - 0.05 / 4, [12, 30]) * [1, 2]
    for at, expected in ((critical * 1.001, [True, True]), (critical * 0.999, [False, False])):
        assert own.rejects(np.diag(at), np.zeros(2), 0.05)(0.0).tolist() == expected
    (found,) = smallest_labelled(own, (), np.array([[1.0, 0.0]]))
    assert found == pytest.approx(critical[0] + stats.t.ppf(0.8, 12), abs=0.1)


def test_a_known_variance_has_a_normal_test():
    (found,) = smallest_labelled(single(1.0, np.inf), (), ONE)
    assert found == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=0.05)
