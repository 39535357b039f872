"""Dense-matrix REML with AR(p) errors and a variance per segment, written from the definitions.

Nothing here is shared with the package. Autocovariances are those of statsmodels, derivatives of V are
central differences, missing months are deleted rows and columns, and KR1 is computed from V and its
derivatives. The optimum is the best of the local minima of a grid, each solved on the score.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize
from statsmodels.tsa.arima_process import arma_acovf

LIMIT = np.log(100.0)
BOUNDS = {
    1: [(-0.8, 0.99), (-LIMIT, LIMIT)],
    2: [(-0.5, 0.975), (-0.6, 0.7), (-LIMIT, LIMIT)],
}
STEP = 1e-5


def correlation(partials, n):
    r1, r2 = (*partials, 0.0)[:2]
    acovf = arma_acovf(np.array([1.0, -r1 * (1.0 - r2), -r2]), np.array([1.0]), nobs=n)
    return linalg.toeplitz(acovf / acovf[0])


class DenseBySegment:
    """REML of one design over the observed months.

    Parameters are the partial autocorrelations and the log of the variance after over the variance before;
    sigma is the standard deviation before.
    """

    def __init__(self, X, order, after, observed):
        self.X, self.after, self.observed, self.order = X[observed], after, observed, order
        self.df = self.X.shape[0] - self.X.shape[1]

    def covariance(self, theta):
        """V for sigma = 1, rows and columns of missing months deleted."""
        scale = np.where(self.after, np.exp(theta[-1] / 2.0), 1.0)
        V = scale[:, None] * correlation(theta[:-1], self.after.size) * scale
        return V[np.ix_(self.observed, self.observed)]

    def slopes(self, theta):
        """Central differences of V by each parameter."""
        step = STEP * np.eye(len(theta))
        return [(self.covariance(theta + h) - self.covariance(theta - h)) / (2.0 * STEP) for h in step]

    def projection(self, theta):
        """P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1 and log|V| + log|X'V^-1 X|."""
        V = self.covariance(theta)
        half = np.linalg.solve(V, self.X)
        M = self.X.T @ half
        P = np.linalg.inv(V) - half @ np.linalg.solve(M, half.T)
        return P, np.linalg.slogdet(V)[1] + np.linalg.slogdet(M)[1]

    def residuals(self, Y):
        return Y - self.X @ np.linalg.lstsq(self.X, Y, rcond=None)[0]

    def objective(self, theta, e):
        """-2 l_R up to a constant, for residuals e (n, S) or (n,)."""
        P, logs = self.projection(theta)
        return self.df * np.log(np.sum(e * (P @ e), axis=0)) + logs

    def score(self, theta, e):
        """Gradient of the objective."""
        P, _ = self.projection(theta)
        Pe = P @ e
        slopes = self.slopes(theta)
        return np.array([np.sum(P * A) - self.df * (Pe @ A @ Pe) / (e @ Pe) for A in slopes])

    def fit(self, Y, sizes):
        """Best (objective, theta) of each series over a grid of the given sizes."""
        E = self.residuals(Y)
        axes = [
            np.linspace(low, high, size) for (low, high), size in zip(BOUNDS[self.order], sizes, strict=True)
        ]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        values = np.array([self.objective(theta, E) for theta in grid]).reshape(*sizes, -1)
        padded = np.pad(values, [(1, 1)] * len(sizes) + [(0, 0)], constant_values=np.inf)
        lowest = np.ones(values.shape, bool)
        for offset in np.ndindex(*[3] * len(sizes)):
            window = tuple(slice(o, o + size) for o, size in zip(offset, sizes, strict=True))
            lowest &= values <= padded[window]
        starts = lowest.reshape(len(grid), -1)
        return [
            min((self.polish(start, E[:, s]) for start in grid[starts[:, s]]), key=lambda found: found[0])
            for s in range(E.shape[1])
        ]

    def polish(self, start, e):
        """Bounded minimum from a start, the free coordinates solved on the score."""
        bounds = BOUNDS[self.order]
        found = optimize.minimize(
            self.objective, start, args=(e,), jac=self.score, method="L-BFGS-B", bounds=bounds,
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
        )  # fmt: skip
        theta, (low, high) = found.x, np.array(bounds).T
        gradient = self.score(theta, e)
        held = ((theta <= low) & (gradient > 0)) | ((theta >= high) & (gradient < 0))
        free = np.flatnonzero(~held)
        if free.size:

            def whole(values):
                point = theta.copy()
                point[free] = values
                return point

            solved = whole(optimize.root(lambda v: self.score(whole(v), e)[free], theta[free], tol=1e-12).x)
            inside = np.all((solved >= low) & (solved <= high))
            if inside and np.abs(self.score(solved, e)[free]).max() < np.abs(gradient[free]).max():
                theta = solved
        return self.objective(theta, e), theta

    def inference(self, theta, y, contrasts):
        """Estimate, KR1 standard error and unclipped df of each contrast, sigma, and -2 l_R."""
        e = self.residuals(y)
        P, logs = self.projection(theta)
        variance = e @ P @ e / self.df
        V = variance * self.covariance(theta)
        slopes = [V / variance, *[variance * A for A in self.slopes(theta)]]
        inverse = np.linalg.inv(V)
        Phi = np.linalg.inv(self.X.T @ inverse @ self.X)
        beta = Phi @ self.X.T @ inverse @ y
        P = P / variance
        W = np.linalg.inv([[0.5 * np.trace(P @ A @ P @ B) for B in slopes] for A in slopes])
        firsts = [-self.X.T @ inverse @ A @ inverse @ self.X for A in slopes]
        Lambda = sum(
            W[i, j] * (self.X.T @ inverse @ A @ inverse @ B @ inverse @ self.X - firsts[i] @ Phi @ firsts[j])
            for i, A in enumerate(slopes)
            for j, B in enumerate(slopes)
        )
        adjusted = Phi + 2.0 * Phi @ Lambda @ Phi
        rows = []
        for c in contrasts:
            v = c @ Phi @ c
            g = np.array([-c @ Phi @ first @ Phi @ c for first in firsts])
            rows.append((c @ beta, np.sqrt(max(c @ adjusted @ c, v)), 2.0 * v**2 / (g @ W @ g)))
        deviance = self.df * (np.log(2.0 * np.pi * variance) + 1.0) + logs
        return np.array(rows), np.sqrt(variance), deviance
