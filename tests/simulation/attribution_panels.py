"""Panels of units without an intervention, with breaks of their own: what an attribution has to put up with."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from its_eval.effects.exchangeability import effective_donors
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.random_walk import fit_random_walk
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.reml.statistics import reml_ar_statistics

#: Level and slope.
TERMS = np.eye(4)[2:]


@dataclass(frozen=True)
class World:
    """Periods in all and before the start, and the autocorrelation of every unit."""

    n: int = 83
    start: int = 27
    rho: float = 0.4

    @property
    def design(self):
        time = np.arange(self.n)
        after = (time >= self.start) * 1.0
        return np.column_stack([np.ones(self.n), time - self.start, after, after * (time - self.start)])

    @property
    def order(self):
        return 2 if self.n >= 48 else 1

    @property
    def true_errors(self):
        """Of level and slope, for a unit of standard deviation 1."""
        inverse = np.linalg.inv(linalg.toeplitz(self.rho ** np.arange(self.n)))
        return np.sqrt(np.diag(np.linalg.inv(self.design.T @ inverse @ self.design))[2:])

    def errors(self, rng, *shape):
        """AR(1) series of marginal variance 1, periods first."""
        series = rng.standard_normal((self.n, *shape))
        for t in range(1, self.n):
            series[t] = self.rho * series[t - 1] + np.sqrt(1 - self.rho**2) * series[t]
        return series


@dataclass(frozen=True)
class Panels:
    """P panels, the treated unit first: estimates (P, J + 1, 2), its series (n, P), effective donors (P,)."""

    world: World
    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    treated: np.ndarray
    effective: np.ndarray

    def pair(self, panel, which=(0, 1)):
        """Estimates of the treated unit and of the donors of one panel, of some of the terms."""
        parts = [part[panel][:, list(which)] for part in (self.estimate, self.std_error, self.df)]
        own, donors = [part[:1] for part in parts], [part[1:] for part in parts]
        return ContrastEstimates(*own, own[2]), ContrastEstimates(*donors, donors[2])

    def fit(self, panel):
        """The fit of the treated unit."""
        one = self.treated[:, [panel]]
        fit = fit_reml_ar(self.world.design, one, self.world.order)
        return fit_random_walk(self.world.design, one) if fit.flags["at_bound"][0] else fit


def panels(
    rng, n_panels, world=World(), *, J=60, k=10, breaks="none", regional=0.0, treated_sd=1.0, size=2.0
):
    """Draw panels, and estimate every difference from the mean of the k nearest donors.

    Noise differs between units (lognormal, sigma .6), and own breaks in level and slope are ``size`` true
    standard errors of a unit of standard deviation 1, or of its own.
    """
    series, effective = [], []
    for _ in range(n_panels):
        place = rng.standard_normal((J + 1, 3))
        apart = ((place[:, None] - place) ** 2).sum(axis=-1)
        sd = np.exp(0.6 * rng.standard_normal(J + 1))
        sd[0] = treated_sd
        units = world.errors(rng, J + 1) * sd
        if regional:
            root = np.linalg.cholesky(np.exp(-apart / 2) + 1e-9 * np.eye(J + 1))
            units = np.sqrt(1 - regional) * units + np.sqrt(regional) * (world.errors(rng, J + 1) @ root.T)
        own = rng.standard_normal((J + 1, 2)) * world.true_errors * size
        own *= {"none": 0.0, "absolute": 1.0, "proportional": sd[:, None]}[breaks]
        units = units + world.design[:, 2:] @ own.T
        np.fill_diagonal(apart, np.inf)
        apart[:, 0] = np.inf
        peers = np.argsort(apart, axis=1)[:, :k]
        series.append(units - units[:, peers].mean(axis=2))
        weights = np.eye(J + 1)
        np.put_along_axis(weights, peers, -1 / k, axis=1)
        effective.append(effective_donors(weights[1:]))
    stacked = np.hstack(series)
    found = reml_ar_statistics(world.design, stacked, TERMS, world.order)
    parts = [found.estimates.estimate, found.estimates.std_error, np.maximum(found.estimates.df, 1.0)]
    stuck = found.flags["at_bound"]
    walk = fit_random_walk(world.design, stacked[:, stuck]).contrasts(TERMS)
    for part, other in zip(parts, (walk.estimate, walk.std_error, walk.df), strict=True):
        part[stuck] = other
    shaped = [part.reshape(n_panels, J + 1, 2) for part in parts]
    return Panels(world, *shaped, stacked[:, :: J + 1], np.array(effective))
