"""Panels of units without an intervention, with breaks of their own: what an attribution has to put up with."""

import numpy as np
from scipy import linalg

from its_eval.effects.exchangeability import effective_donors
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.statistics import reml_ar_statistics

N, START, RHO = 83, 27, 0.4
TIME = np.arange(N)
AFTER = (TIME >= START) * 1.0
DESIGN = np.column_stack([np.ones(N), TIME - START, AFTER, AFTER * (TIME - START)])
#: Level and slope.
TERMS = np.eye(4)[2:]
#: True standard errors of both for a unit of standard deviation 1.
PRECISION = np.linalg.inv(linalg.toeplitz(RHO**TIME))
TRUE_ERRORS = np.sqrt(np.diag(np.linalg.inv(DESIGN.T @ PRECISION @ DESIGN))[2:])


def ar1(rng, *shape):
    """AR(1) series of marginal variance 1, periods first."""
    innovations = rng.standard_normal((N, *shape))
    series = np.empty_like(innovations)
    series[0] = innovations[0]
    for t in range(1, N):
        series[t] = RHO * series[t - 1] + np.sqrt(1 - RHO**2) * innovations[t]
    return series


def panels(
    rng, n_panels, J=60, k=10, breaks="none", regional=0.0, treated_sd=1.0, effect=(0.0, 0.0), size=2.0
):
    """Return gap estimates of P panels, the treated unit first: arrays (P, J + 1, 2), and effective donors.

    Noise differs between units (lognormal, sigma .6), and own breaks in level and slope are ``size`` true
    standard errors of a unit of standard deviation 1, or of its own. ``effect`` is in outcome units.
    """
    series, effective = [], []
    for _ in range(n_panels):
        place = rng.standard_normal((J + 1, 3))
        apart = ((place[:, None] - place) ** 2).sum(axis=-1)
        sd = np.exp(0.6 * rng.standard_normal(J + 1))
        sd[0] = treated_sd
        units = ar1(rng, J + 1) * sd
        if regional:
            root = np.linalg.cholesky(np.exp(-apart / 2) + 1e-9 * np.eye(J + 1))
            units = np.sqrt(1 - regional) * units + np.sqrt(regional) * (ar1(rng, J + 1) @ root.T)
        own = rng.standard_normal((J + 1, 2)) * TRUE_ERRORS * size
        own *= {"none": 0.0, "absolute": 1.0, "proportional": sd[:, None]}[breaks]
        own[0] += effect
        units = units + DESIGN[:, 2:] @ own.T
        np.fill_diagonal(apart, np.inf)
        apart[:, 0] = np.inf
        peers = np.argsort(apart, axis=1)[:, :k]
        series.append(units - units[:, peers].mean(axis=2))
        weights = np.eye(J + 1)
        np.put_along_axis(weights, peers, -1 / k, axis=1)
        effective.append(effective_donors(weights[1:]))
    stacked = np.hstack(series)
    found = reml_ar_statistics(DESIGN, stacked, TERMS, 2)
    parts = [found.estimates.estimate, found.estimates.std_error, np.maximum(found.estimates.df, 1.0)]
    stuck = found.flags["at_bound"]
    walk = fit_random_walk(DESIGN, stacked[:, stuck]).contrasts(TERMS)
    for part, other in zip(parts, (walk.estimate, walk.std_error, walk.df), strict=True):
        part[stuck] = other
    return [part.reshape(n_panels, J + 1, 2) for part in parts], np.array(effective)


def treated_and_donors(parts, panel, which):
    """Return the estimates of the treated unit and of the donors of one panel for some of the terms."""
    estimate, std_error, df = (part[panel][:, which] for part in parts)
    return (
        ContrastEstimates(estimate[:1], std_error[:1], df[:1], df[:1]),
        ContrastEstimates(estimate[1:], std_error[1:], df[1:], df[1:]),
    )
