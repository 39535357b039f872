"""Dense-matrix REML with AR(1) or AR(2) errors and KR1 inference, written from the definitions.

Nothing here is shared with the package: the correlation matrix is a Toeplitz matrix of autocorrelations from
the Yule-Walker recursion, gaps are deleted rows and columns, derivative matrices come from differentiating
the recursion, and the optimum is searched from every local minimum of a grid, then polished on the score.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize

BOUNDS = {1: [(-0.8, 0.99)], 2: [(-0.5, 0.975), (-0.6, 0.7)]}


def autocorrelations(theta, n_lags):
    """Autocorrelations and their derivatives by the partial autocorrelations: (n_lags,), (p, n_lags)."""
    order = len(theta)
    r1 = theta[0]
    r2 = theta[1] if order == 2 else 0.0
    phi = np.array([r1 * (1 - r2), r2])
    dphi = np.array([[1 - r2, 0.0], [-r1, 1.0]])
    rho = np.zeros(n_lags)
    slope = np.zeros((2, n_lags))
    rho[:2] = 1.0, r1
    slope[0, 1] = 1.0
    for lag in range(2, n_lags):
        before = rho[lag - 2 : lag][::-1]
        rho[lag] = phi @ before
        slope[:, lag] = dphi @ before + slope[:, lag - 2 : lag][:, ::-1] @ phi
    return rho, slope[:order]


class DenseReml:
    """REML of one design over the observed months."""

    def __init__(self, X, order, observed=None):
        n = X.shape[0]
        self.keep = np.ones(n, bool) if observed is None else observed
        self.X = X[self.keep]
        self.n = n
        self.order = order
        self.df = self.X.shape[0] - self.X.shape[1]
        points = (np.linspace(-0.8, 0.99, 140),) if order == 1 else None
        if order == 2:
            points = (
                np.r_[np.linspace(-0.5, 0.85, 22), np.linspace(0.87, 0.975, 10)],
                np.linspace(-0.6, 0.7, 24),
            )
        self.shape = tuple(len(axis) for axis in points)
        self.grid = np.stack([axis.ravel() for axis in np.meshgrid(*points, indexing="ij")], axis=1)
        self.grid_parts = [self.parts(theta) for theta in self.grid]

    def parts(self, theta):
        """R, its derivatives, P = R^-1 - R^-1 X M^-1 X'R^-1 and log|R| + log|M| with M = X'R^-1 X."""
        rho, slope = autocorrelations(theta, self.n)
        pick = np.ix_(self.keep, self.keep)
        R = linalg.toeplitz(rho)[pick]
        R_first = [linalg.toeplitz(row)[pick] for row in slope]
        inverse = np.linalg.inv(R)
        M = self.X.T @ inverse @ self.X
        half = inverse @ self.X
        P = inverse - half @ np.linalg.solve(M, half.T)
        return R, R_first, P, np.linalg.slogdet(R)[1] + np.linalg.slogdet(M)[1]

    def residuals(self, Y):
        """Least-squares residuals: P is blind to the difference, but a high level would cost it digits."""
        return Y - self.X @ np.linalg.lstsq(self.X, Y, rcond=None)[0]

    def score(self, theta, y):
        """Gradient of -2 l_R, for residuals y."""
        _, R_first, P, _ = self.parts(theta)
        Py = P @ y
        return np.array([np.sum(P * A) - self.df * (Py @ A @ Py) / (y @ Py) for A in R_first])

    def objective(self, theta, y):
        """-2 l_R up to a constant, for residuals y."""
        _, _, P, log_determinants = self.parts(theta)
        return self.df * np.log(y @ P @ y) + log_determinants

    def local_minima(self, Y):
        """Grid points that are no higher than their neighbours, for each series of residuals."""
        rss = np.array([np.einsum("ts,ts->s", Y, P @ Y) for _, _, P, _ in self.grid_parts])
        values = self.df * np.log(rss) + np.array([part[3] for part in self.grid_parts])[:, None]
        values = values.reshape(*self.shape, -1)
        padded = np.pad(values, [(1, 1)] * self.order + [(0, 0)], constant_values=np.inf)
        lowest = np.ones(values.shape, bool)
        for offset in np.ndindex(*[3] * self.order):
            window = tuple(slice(o, o + size) for o, size in zip(offset, self.shape, strict=True))
            lowest &= values <= padded[window]
        flat = lowest.reshape(len(self.grid), -1)
        return [self.grid[flat[:, s]] for s in range(Y.shape[1])]

    def polish(self, start, y):
        """Bounded minimum from a start, the free coordinates solved on the score."""
        bounds = BOUNDS[self.order]
        found = optimize.minimize(
            self.objective, start, args=(y,), jac=self.score, method="L-BFGS-B", bounds=bounds,
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
        )  # fmt: skip
        theta = found.x
        gradient = self.score(theta, y)
        low, high = np.array(bounds).T
        held = ((theta <= low + 1e-12) & (gradient > 0)) | ((theta >= high - 1e-12) & (gradient < 0))
        free = np.flatnonzero(~held)
        if free.size:

            def free_score(values):
                point = theta.copy()
                point[free] = values
                return self.score(point, y)[free]

            solved = optimize.root(free_score, theta[free], tol=1e-13)
            candidate = theta.copy()
            candidate[free] = solved.x
            inside = np.all((candidate >= low) & (candidate <= high))
            if inside and np.abs(free_score(solved.x)).max() < np.abs(gradient[free]).max():
                theta = candidate
        return self.objective(theta, y), theta

    def fit(self, Y):
        """Best (objective, partial autocorrelations, number of grid minima) of each series."""
        Y = self.residuals(Y)
        starts = self.local_minima(Y)
        results = []
        for s, minima in enumerate(starts):
            value, theta = min((self.polish(start, Y[:, s]) for start in minima), key=lambda item: item[0])
            results.append((value, theta, len(minima)))
        return results

    def inference(self, theta, y, contrasts):
        """Estimates with KR1 standard errors and unclipped df (m, 3), the marginal variance, and V."""
        R, R_first, P, _ = self.parts(theta)
        residual = self.residuals(y)
        variance = residual @ P @ residual / self.df
        V, V_first = variance * R, [R, *[variance * A for A in R_first]]
        inverse = np.linalg.inv(V)
        Phi = np.linalg.inv(self.X.T @ inverse @ self.X)
        beta = Phi @ self.X.T @ inverse @ residual + np.linalg.lstsq(self.X, y, rcond=None)[0]
        projection = P / variance
        information = [[0.5 * np.trace(projection @ A @ projection @ B) for B in V_first] for A in V_first]
        W = np.linalg.inv(information)
        P_first = [-self.X.T @ inverse @ A @ inverse @ self.X for A in V_first]
        Lambda = np.zeros_like(Phi)
        for i, A in enumerate(V_first):
            for j, B in enumerate(V_first):
                Q = self.X.T @ inverse @ A @ inverse @ B @ inverse @ self.X
                Lambda += W[i, j] * (Q - P_first[i] @ Phi @ P_first[j])
        adjusted = Phi + 2 * Phi @ Lambda @ Phi
        rows = []
        for c in contrasts:
            v = c @ Phi @ c
            g = np.array([-c @ Phi @ A @ Phi @ c for A in P_first])
            rows.append((c @ beta, np.sqrt(max(c @ adjusted @ c, v)), 2 * v**2 / (g @ W @ g)))
        return np.array(rows), variance, V
