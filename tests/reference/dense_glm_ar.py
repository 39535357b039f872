"""Dense-matrix marginal quasi-likelihood with AR(1) errors, written from the formulas.

Nothing is shared with the package: the covariance matrix by its definition, derivatives of it by differences,
an optimiser without derivatives from several starts, KR1 straight from its sums over traces.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize

RHO_BOUNDS = (-0.8, 0.99)


class DenseCounts:
    """One series of counts over its observed periods."""

    def __init__(self, X, y, size, family, observed=None):
        keep = np.ones(len(y), bool) if observed is None else observed
        self.lags = np.abs(np.subtract.outer(np.flatnonzero(keep), np.flatnonzero(keep)))
        self.X, self.y, self.size, self.family = X[keep], y[keep], size[keep], family
        self.df = self.X.shape[0] - self.X.shape[1]

    def working(self, beta):
        """Working response and the noise that counting brings."""
        eta = self.X @ beta
        if "binomial" in self.family and self.family != "negative_binomial":
            p = 1 / (1 + np.exp(-eta))
            return eta + (self.y / self.size - p) / (p * (1 - p)), 1 / (self.size * p * (1 - p))
        mu = self.size * np.exp(eta)
        return eta + (self.y - mu) / mu, 1 / mu

    def covariance(self, parameters, noise):
        """V for ``(s^2, rho[, phi or a])``."""
        V = parameters[0] * (parameters[1] ** np.arange(self.lags.max() + 1.0))[self.lags]
        if len(parameters) == 2:
            return V + np.diag(noise)
        if self.family == "negative_binomial":
            return V + np.diag(noise + parameters[2])
        return V + np.diag(parameters[2] * noise)

    def restricted(self, parameters, z, noise):
        """Restricted log-likelihood of the working response, with all its constants."""
        L = np.linalg.cholesky(self.covariance(parameters, noise))
        A = linalg.solve_triangular(L, np.column_stack([self.X, z]), lower=True)
        Q, R = np.linalg.qr(A[:, :-1])
        left = A[:, -1] - Q @ (Q.T @ A[:, -1])
        logs = 2 * np.log(np.diag(L)).sum() + 2 * np.log(np.abs(np.diag(R))).sum()
        return -0.5 * (self.df * np.log(2 * np.pi) + logs + left @ left)

    def maximise(self, z, noise, extra, rho=None):
        """``(s^2, rho[, phi or a])`` about the maximum, from several starts, and the maximum; rho may be fixed."""
        typical = np.median(noise)

        def unpack(point):
            s2 = np.exp(point[0])
            middle = [rho] if rho is not None else [np.clip(np.tanh(point[1]), *RHO_BOUNDS)]
            if not extra:
                return np.array([s2, *middle])
            size = abs(point[-1])
            return np.array([s2, *middle, size * typical if self.family == "negative_binomial" else 1 + size])

        def loss(point):
            return -self.restricted(unpack(point), z, noise)

        starts = [
            [np.log(typical * s), *([] if rho is not None else [np.arctanh(r)]), *([e] if extra else [])]
            for s in (0.05, 0.5, 3.0)
            for r in (-0.3, 0.3, 0.7, 0.93)
            for e in ((0.05, 1.0) if extra else (0.0,))
        ]
        starts = sorted(starts, key=loss)[:3]
        found = []
        for begin in starts:
            options = {"xatol": 1e-4, "fatol": 1e-8, "maxiter": 1000}
            found.append(optimize.minimize(loss, begin, method="Nelder-Mead", options=options))
        best = min(found, key=lambda result: result.fun)
        return unpack(best.x), -best.fun

    def derivatives(self, parameters, noise, known=()):
        """Derivatives of V by the parameters that are not known, by differences."""
        first = []
        for place, value in enumerate(parameters):
            if place not in known:
                step = np.zeros(len(parameters))
                step[place] = 1e-5 * max(abs(value), 1e-3)
                up, down = (self.covariance(parameters + sign * step, noise) for sign in (1, -1))
                first.append((up - down) / (2 * step[place]))
        return first

    def polish(self, z, noise, parameters):
        """Solve the restricted score equations from nearby."""

        def score(point):
            Vi = np.linalg.inv(self.covariance(point, noise))
            half = Vi @ self.X
            P = Vi - half @ np.linalg.solve(self.X.T @ half, half.T)
            pulled = P @ z
            return [pulled @ A @ pulled - np.sum(P * A) for A in self.derivatives(point, noise)]

        solved = optimize.root(score, parameters, tol=1e-12)
        assert np.max(np.abs(solved.fun)) < 1e-6, solved.message
        return solved.x

    def fit(self, beta, extra, near=None):
        """Iterate to the end; coefficients and variance parameters, searched for `near` a point or everywhere."""
        parameters = near
        for _ in range(100):
            z, noise = self.working(beta)
            if parameters is None:
                parameters = self.maximise(z, noise, extra)[0]
            parameters = self.polish(z, noise, parameters)
            Vi = np.linalg.inv(self.covariance(parameters, noise))
            phi = np.linalg.inv(self.X.T @ Vi @ self.X)
            new = phi @ (self.X.T @ Vi @ z)
            moved = np.max(np.abs(new - beta) / np.sqrt(np.diag(phi)))
            beta = new
            if moved < 1e-8:
                break
        return beta, parameters

    def inference(self, beta, parameters, contrasts, known=()):
        """KR1 standard errors and degrees of freedom before clipping."""
        _, noise = self.working(beta)
        V = self.covariance(parameters, noise)
        Vi = np.linalg.inv(V)
        phi = np.linalg.inv(self.X.T @ Vi @ self.X)
        P = Vi - Vi @ self.X @ phi @ self.X.T @ Vi
        first = self.derivatives(parameters, noise, known)
        W = np.linalg.inv([[0.5 * np.trace(P @ A @ P @ B) for B in first] for A in first])
        pulls = [-self.X.T @ Vi @ A @ Vi @ self.X for A in first]
        excess = sum(
            W[i, j] * (self.X.T @ Vi @ A @ Vi @ B @ Vi @ self.X - pulls[i] @ phi @ pulls[j])
            for i, A in enumerate(first)
            for j, B in enumerate(first)
        )
        adjusted = phi + 2 * phi @ excess @ phi
        result = []
        for c in contrasts:
            variance = c @ phi @ c
            g = np.array([-(c @ phi @ pull @ phi @ c) for pull in pulls])
            result.append((np.sqrt(max(c @ adjusted @ c, variance)), 2 * variance**2 / (g @ W @ g)))
        return np.array(result).T
