"""Dense-matrix REML of AR(1) errors beside a second component, written from the definitions.

``V = a R(rho) + b B``, rows and columns of missing months deleted. Nothing is shared with the package: other
parameters ``(a, rho, b)``, numerical derivatives of V, an optimiser started from a grid, and KR1 straight from
its sums over traces.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize


class DenseComponents:
    """REML of one design over the observed months.

    ``other`` is B over all months, ``bounds`` the range of rho.
    """

    def __init__(self, X, other, observed, bounds):
        self.keep = np.flatnonzero(observed)
        self.X = X[observed]
        self.other = other[np.ix_(observed, observed)]
        self.n_rows = X.shape[0]
        self.df = self.X.shape[0] - self.X.shape[1]
        self.bounds = bounds

    def covariance(self, parameters):
        a, rho, b = parameters
        whole = linalg.toeplitz(np.power(float(rho), np.arange(self.n_rows)))
        return a * whole[np.ix_(self.keep, self.keep)] + b * self.other

    def parts(self, V):
        inverse = np.linalg.inv(V)
        half = inverse @ self.X
        phi = np.linalg.inv(self.X.T @ half)
        P = inverse - half @ phi @ half.T
        return inverse, phi, P, np.linalg.slogdet(V)[1] - np.linalg.slogdet(phi)[1]

    def restricted(self, rho, share, y):
        """Profiled restricted log-likelihood (constants of nlme), for a and b as 1 - share to share."""
        _, _, P, logs = self.parts(self.covariance((1.0 - share, rho, share)))
        scale = y @ P @ y / self.df
        return -0.5 * (self.df * (np.log(2 * np.pi * scale) + 1) + logs)

    def fit(self, y):
        """Best (log-likelihood, rho, share) from many starts, both edges of share searched by themselves."""

        # the level of a series would cost digits
        y = y - self.X @ np.linalg.lstsq(self.X, y, rcond=None)[0]

        def loss(point):
            return -self.restricted(point[0], point[1], y)

        options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 2000}
        low, high = self.bounds
        starts = [(r, w) for r in np.linspace(low, high, 6) for w in (0.003, 0.03, 0.2, 0.5, 0.9, 0.99)]
        found = [
            optimize.minimize(
                loss, start, method="Nelder-Mead", bounds=[self.bounds, (0.0, 1.0)], options=options
            )
            for start in sorted(starts, key=loss)[:3]
        ]
        best = min(found, key=lambda result: result.fun)
        pure = optimize.minimize_scalar(
            lambda rho: loss((rho, 0.0)), bounds=self.bounds, method="bounded", options={"xatol": 1e-9}
        )
        candidates = [(best.fun, *best.x), (pure.fun, pure.x, 0.0), (loss((0.3, 1.0)), 0.3, 1.0)]
        value, rho, share = min(candidates)
        return -value, rho, share

    def inference(self, parameters, free, y, contrasts):
        """Estimate, KR1 standard error and unclipped df of each contrast, of the parameters that are free."""
        V = self.covariance(parameters)
        inverse, phi, P, _ = self.parts(V)
        steps = [1e-5 * max(parameters[0], 1e-3), 1e-5, 1e-5 * max(parameters[2], 1e-3)]
        first = []
        for place in free:
            step = np.zeros(3)
            step[place] = steps[place]
            change = self.covariance(parameters + step) - self.covariance(parameters - step)
            first.append(change / (2 * steps[place]))
        W = np.linalg.inv([[0.5 * np.trace(P @ A @ P @ B) for B in first] for A in first])
        pulls = [-self.X.T @ inverse @ A @ inverse @ self.X for A in first]
        excess = np.zeros_like(phi)
        for i, A in enumerate(first):
            for j, B in enumerate(first):
                Q = self.X.T @ inverse @ A @ inverse @ B @ inverse @ self.X
                excess += W[i, j] * (Q - pulls[i] @ phi @ pulls[j])
        adjusted = phi + 2 * phi @ excess @ phi
        beta = phi @ self.X.T @ inverse @ y
        rows = []
        for c in contrasts:
            v = c @ phi @ c
            g = np.array([-c @ phi @ pull @ phi @ c for pull in pulls])
            rows.append((c @ beta, np.sqrt(max(c @ adjusted @ c, v)), 2 * v**2 / (g @ W @ g)))
        return np.array(rows)
