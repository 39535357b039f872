"""Dense-matrix REML of an AR(1) process observed with white noise, written from the definitions.

``V = sigma_n^2 (I + q K)``, K the covariance matrix of AR(1) with innovation variance 1, rows and columns of
missing months deleted. Nothing is shared with the package: other parameters ``(sigma_n^2, rho, q)``,
numerical derivatives of V, an optimiser started from a grid, and KR1 straight from its sums over traces.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize

RHO_BOUNDS = (-0.8, 0.99)


def covariance(parameters, n):
    """V for ``(sigma_n^2, rho, q)``, all months."""
    noise, rho, q = parameters
    return noise * (np.eye(n) + q * linalg.toeplitz(rho ** np.arange(n)) / (1 - rho**2))


class DenseNoise:
    """REML of one design over the observed months."""

    def __init__(self, X, observed=None):
        self.n = X.shape[0]
        self.keep = np.ones(self.n, bool) if observed is None else observed
        self.X = X[self.keep]
        self.df = self.X.shape[0] - self.X.shape[1]

    def dense(self, parameters):
        return covariance(parameters, self.n)[np.ix_(self.keep, self.keep)]

    def parts(self, V):
        inverse = np.linalg.inv(V)
        half = inverse @ self.X
        phi = np.linalg.inv(self.X.T @ half)
        P = inverse - half @ phi @ half.T
        return inverse, phi, P, np.linalg.slogdet(V)[1] - np.linalg.slogdet(phi)[1]

    def restricted(self, rho, q, residual):
        """Profiled restricted log-likelihood (constants of nlme) and sigma_n^2."""
        _, _, P, logs = self.parts(self.dense((1.0, rho, q)))
        noise = residual @ P @ residual / self.df
        return -0.5 * (self.df * (np.log(2 * np.pi * noise) + 1) + logs), noise

    def fit(self, y):
        """Best (log-likelihood, rho, q, sigma_n^2) from many starts, q up to 1e7."""
        residual = y - self.X @ np.linalg.lstsq(self.X, y, rcond=None)[0]

        def loss(point):
            return -self.restricted(point[0], np.exp(point[1]), residual)[0]

        starts = [(r, k) for r in (-0.6, -0.2, 0.2, 0.5, 0.8, 0.95, 0.985) for k in (-5, -3, -1, 0.5, 2, 6)]
        ranked = sorted(starts, key=loss)[:8]
        bounds = [RHO_BOUNDS, (-9.0, np.log(1e7))]
        found = [
            optimize.minimize(
                loss, start, method="Nelder-Mead", bounds=bounds,
                options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
            )
            for start in ranked
        ]  # fmt: skip
        best = min(found, key=lambda result: result.fun)
        rho, q = best.x[0], np.exp(best.x[1])
        value, noise = self.restricted(rho, q, residual)
        return value, rho, q, noise

    def inference(self, parameters, y, contrasts):
        """Estimate, KR1 standard error and unclipped df of each contrast, at the given parameters."""
        V = self.dense(parameters)
        inverse, phi, P, _ = self.parts(V)
        steps = np.array([1e-5 * parameters[0], 1e-5, 1e-5 * parameters[2]])
        first = [
            (self.dense(parameters + step) - self.dense(parameters - step)) / (2 * step.sum())
            for step in np.diag(steps)
        ]
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
