"""How often units without an effect are labelled *changed, more than other units do*, and those with one.

Panels of three treated units among forty others, AR(1) errors of .4, 83 months with the start after 27, the
noise of units different (lognormal, sigma .6); each unit less the mean of its ten nearest others. For the
question of the trend and for any change. Run by ``make simulation``.
"""

from functools import cache

import numpy as np
import pytest
from msgspec.structs import astuple

from its_eval.checks.conclusion import conclude, direction
from its_eval.effects.attribution import attribution
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.kenward_roger import joint_f
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import reml_ar_statistics
from its_eval.evaluation import CHANGED_MORE
from its_eval.pipeline.truths import autoregressive_errors

pytestmark = pytest.mark.slow

N, START, RHO = 83, 27, 0.4
TREATED, DONORS, PEERS, PANELS, BLOCK = 3, 40, 10, 4000, 100
UNITS = TREATED + DONORS
time = np.arange(N) - START
X = np.column_stack([np.ones(N), time, time >= 0, np.maximum(time, 0)]).astype(float)
#: Level, slope, and the effect one year after the start.
ROWS = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 12]], dtype=float)
QUESTIONS = {"slope_change": (1,), "change": (0, 1)}


def true_errors():
    """Standard errors of the rows with the true autocorrelation, for errors of variance 1."""
    V = RHO ** np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    covariance = np.linalg.inv(X.T @ np.linalg.solve(V, X))
    return np.sqrt(np.einsum("ij,jk,ik->i", ROWS, covariance, ROWS))


def drawn_gaps(rng, panels, effects, breaks, which):
    """Return units less their peers, shape (n, panels, units), treated first.

    Parameters
    ----------
    effects : sequence of float
        Of the treated, in standard errors of their gap, on one of the rows.
    breaks : float
        Standard deviation of the breaks in level and trend that every unit has of its own, in standard errors
        of a unit with variance 1.
    which : int
        The column of the design that has the effect, 0 for level and 1 for slope.
    """
    traits = rng.standard_normal((panels, UNITS, 3))
    apart = ((traits[:, :, None] - traits[:, None]) ** 2).sum(-1)
    sd = np.exp(0.6 * rng.standard_normal((panels, UNITS)))
    errors = autoregressive_errors(np.array([RHO]), N, panels * UNITS, rng)
    values = errors.reshape(N, panels, UNITS) * sd
    own = breaks * true_errors()[:2] * rng.standard_normal((panels, UNITS, 2))
    values += np.einsum("nt,put->npu", X[:, 2:], own)
    apart[:, :, :TREATED] = np.inf
    apart[:, np.arange(UNITS), np.arange(UNITS)] = np.inf
    nearest = np.argsort(apart, axis=2)[:, :, :PEERS]
    panel = np.arange(panels)[:, None, None]
    gaps = values - values[:, panel, nearest].mean(axis=3)
    of_gap = np.sqrt(sd**2 + (sd[panel, nearest] ** 2).mean(axis=2) / PEERS)
    for unit, effect in enumerate(effects):
        size = effect * true_errors()[which] * of_gap[:, unit]
        gaps[:, :, unit] += X[:, [2 + which]] * size
    return gaps


def estimated(Y):
    """Return estimates of the rows, the differenced model's at a bound."""
    found = reml_ar_statistics(X, Y, ROWS, 2)
    parts = [found.estimates.estimate, found.estimates.std_error, np.maximum(found.estimates.df, 1.0)]
    stuck = found.flags["at_bound"]
    walk = fit_random_walk(X, Y[:, stuck]).contrasts(ROWS)
    for part, other in zip(parts, (walk.estimate, walk.std_error, walk.df), strict=True):
        part[stuck] = other
    return ContrastEstimates(*parts, parts[2]), stuck


def joint_p(Y, stuck, p_terms):
    """Return the p-value of level and slope together; without an F twice the smaller one."""
    fits = {False: fit_reml_ar(X, Y[:, ~stuck], 2), True: fit_random_walk(X, Y[:, stuck])}
    found, places = np.empty(Y.shape[1]), np.cumsum(~stuck) - 1
    places[stuck] = np.arange(stuck.sum())
    for series, at in enumerate(places):
        found[series] = joint_f(fits[bool(stuck[series])], int(at), ROWS[:2]).p_value
    return np.where(np.isnan(found), np.minimum(1.0, 2 * p_terms.min(axis=1)), found)


@cache
def labelled(effects=(0.0,) * TREATED, breaks=0.0, which=1, panels=PANELS, seed=1):
    """Return by question which treated units are labelled, and the signs told, each (panels, 3)."""
    found = {name: (np.zeros((panels, TREATED), bool), np.zeros((panels, TREATED))) for name in QUESTIONS}
    for begin in range(0, panels, BLOCK):
        rng = np.random.default_rng([20150701, seed, begin])
        gaps = drawn_gaps(rng, BLOCK, effects, breaks, which)
        read, stuck = estimated(gaps.reshape(N, -1))
        treated = np.arange(BLOCK * UNITS).reshape(BLOCK, UNITS)[:, :TREATED]
        flat = treated.ravel()
        p_terms = read.p_value
        joint = joint_p(gaps.reshape(N, -1)[:, flat], stuck[flat], p_terms[flat, :2])
        low, high = read.interval(1 - 0.05 / TREATED)
        for panel in range(BLOCK):
            places = np.arange(panel * UNITS, (panel + 1) * UNITS)
            own, donors = (
                ContrastEstimates(*(part[some][:, :2] for part in astuple(read)))
                for some in (places[:TREATED], places[TREATED:])
            )
            beside = attribution(own, donors, centred=True)
            for name, terms in QUESTIONS.items():
                if name == "change":
                    p_gap = joint[panel * TREATED : (panel + 1) * TREATED]
                    p_beside = np.array([item.p_value for item in beside])
                    shown = (2, 0)
                else:
                    p_gap = p_terms[places[:TREATED], terms[0]]
                    p_beside = np.array([item.terms[terms[0]].p_value for item in beside])
                    shown = terms
                judged = conclude(p_gap, p_beside, np.ones(TREATED, bool), size=TREATED)
                for unit, label in enumerate(judged.labels):
                    at = places[unit]
                    limits = [(float(low[at, row]), float(high[at, row])) for row in shown]
                    trend = (float(low[at, 1]), float(high[at, 1])) if name == "change" else None
                    clear = judged.p_adjusted[unit] <= 0.05
                    way = direction("higher", clear=clear, intervals=limits, otherwise=trend)
                    found[name][0][begin + panel, unit] = label == CHANGED_MORE
                    found[name][1][begin + panel, unit] = {"better": 1, "worse": -1}.get(way, 0)
    return found


@pytest.fixture(autouse=True)
def without_limits(monkeypatch):
    """Leave out the limit of own changes: no label depends on it, and it takes half of the time."""
    monkeypatch.setattr("its_eval.effects.attribution.own_change_limit", lambda *_, **__: np.nan)


def at_most(percent, panels=PANELS):
    return percent / 100 + 3.5 * np.sqrt(percent * (100 - percent) / panels) / 100


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("breaks", "percent"), [(0.0, 5.0), (2.0, 6.5)])
def test_units_without_an_effect_are_seldom_labelled(question, breaks, percent):
    """Any of the three: the family is held."""
    units, _ = labelled(breaks=breaks)[question]
    assert units.any(axis=1).mean() <= at_most(percent), units.any(axis=1).mean()


@pytest.mark.parametrize(("question", "which"), [("slope_change", 1), ("change", 0), ("change", 1)])
def test_opposite_effects_are_each_found_with_their_sign(question, which):
    """They cancel in the mean of the set, which gates nothing."""
    units, signs = labelled((5.0, 0.0, -5.0), 0.0, which, PANELS // 2, 2)[question]
    assert (units[:, 0] & (signs[:, 0] > 0)).mean() >= 0.9
    assert (units[:, 2] & (signs[:, 2] < 0)).mean() >= 0.9
    assert units[:, 1].mean() <= at_most(5.0, PANELS // 2)
