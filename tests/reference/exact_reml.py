"""REML with AR(1) or AR(2) errors and KR1 inference in 50 digits, from the definitions.

Nothing is shared with the package. The errors are whitened one by one given those before (the innovations
form of Brockwell and Davis, Introduction to Time Series and Forecasting, 3rd ed., section 2.5), which for
autoregressive errors is exact and reaches back p observations; an AR(1) process keeps that form over gaps.
Derivatives are central differences whose step, 1e-20, costs nothing at this precision. Kenward and Roger
(1997), Biometrics 53: 983-997, give the adjusted covariance, here without second derivatives (KR1).
"""

from __future__ import annotations

import mpmath as mp

DIGITS = 60
STEP = mp.mpf(10) ** -20


class ExactReml:
    """REML of one series on one design; rows of missing months are left out.

    Parameters
    ----------
    X, y : ndarray
        Design and outcome of the observed months; taken as the exact numbers that the doubles are.
    times : sequence of int
        Months; evenly spaced for order 2.
    order : int
        1 or 2.
    """

    def __init__(self, X, y, times, order):
        self.X = [[mp.mpf(float(value)) for value in row] for row in X]
        self.y = [mp.mpf(float(value)) for value in y]
        self.times = list(times)
        self.n, self.k, self.order = len(self.y), len(self.X[0]), order
        self.df = self.n - self.k

    def whitening(self, theta):
        """Rows of W with WRW' = I, as (column, value) pairs; the last of each is on the diagonal."""
        first = theta[0]
        rows = [[(0, mp.mpf(1))]]
        for t in range(1, self.n):
            if self.order == 1:
                power = first ** (self.times[t] - self.times[t - 1])
                scale = 1 / mp.sqrt(1 - power**2)
                rows.append([(t - 1, -power * scale), (t, scale)])
            elif t == 1:
                scale = 1 / mp.sqrt(1 - first**2)
                rows.append([(0, -first * scale), (1, scale)])
            else:
                second = theta[1]
                scale = 1 / mp.sqrt((1 - first**2) * (1 - second**2))
                rows.append([(t - 2, -second * scale), (t - 1, -first * (1 - second) * scale), (t, scale)])
        return rows

    def fitted(self, theta):
        """Coefficients, residual sum, M = X'NX and log|R|."""
        rows = self.whitening(theta)
        U = [[mp.fsum(value * self.X[t][j] for t, value in row) for j in range(self.k)] for row in rows]
        u = [mp.fsum(value * self.y[t] for t, value in row) for row in rows]
        columns = list(zip(*U, strict=True))
        M = mp.matrix(self.k)
        for i in range(self.k):
            for j in range(i + 1):
                M[i, j] = M[j, i] = mp.fdot(columns[i], columns[j])
        beta = mp.cholesky_solve(M, mp.matrix([mp.fdot(column, u) for column in columns]))
        rss = mp.fsum((u[t] - mp.fdot(U[t], beta)) ** 2 for t in range(self.n))
        return beta, rss, M, -2 * mp.fsum(mp.log(row[-1][1]) for row in rows)

    def objective(self, theta):
        """-2 l_R up to a constant."""
        _, rss, M, log_determinant = self.fitted(theta)
        factor = mp.cholesky(M)
        return (
            self.df * mp.log(rss) + log_determinant + 2 * mp.fsum(mp.log(factor[i, i]) for i in range(self.k))
        )

    def score(self, theta):
        """Gradient of the objective."""
        return [self._slope(self.objective, theta, i) for i in range(self.order)]

    @staticmethod
    def _moved(theta, i, by):
        return [value + (by if place == i else 0) for place, value in enumerate(theta)]

    def _slope(self, function, theta, i):
        above, below = (function(self._moved(theta, i, sign * STEP)) for sign in (1, -1))
        return (above - below) / (2 * STEP)

    def optimum(self, start, free):
        """Zero of the score near a start; coordinates that are not free stay where they are."""
        theta = [mp.mpf(float(value)) for value in start]
        free = [i for i in range(self.order) if free[i]]
        for _ in range(4):
            if not free:
                break
            gradient = self.score(theta)
            columns = [self.score(self._moved(theta, i, STEP)) for i in free]
            H = mp.matrix([[(column[i] - gradient[i]) / STEP for column in columns] for i in free])
            step = mp.lu_solve(H, mp.matrix([gradient[i] for i in free]))
            for place, i in enumerate(free):
                theta[i] -= step[place]
            if max(abs(value) for value in step) < mp.mpf(10) ** -14:
                break
        return theta

    def _precision(self, theta):
        """N = W'W as a dictionary of its band."""
        N = {}
        for row in self.whitening(theta):
            for i, a in row:
                for j, b in row:
                    N[i, j] = N.get((i, j), mp.mpf(0)) + a * b
        return N

    def _correlations(self, theta):
        """Autocorrelations by lag."""
        rho = [mp.mpf(1), theta[0]]
        second = theta[1] if self.order == 2 else mp.mpf(0)
        for _ in range(2, self.times[-1] - self.times[0] + 1):
            rho.append(theta[0] * (1 - second) * rho[-1] + second * rho[-2])
        return rho

    def inference(self, theta, contrasts):
        """Rows (estimate, standard error, unclipped df) of contrasts, and the marginal variance."""
        beta, rss, M, _ = self.fitted(theta)
        variance = rss / self.df
        N = self._precision(theta)
        above, below = (
            [self._precision(self._moved(theta, i, s * STEP)) for i in range(self.order)] for s in (1, -1)
        )
        # derivatives of the inverse covariance N / variance by the variance's logarithm and by theta
        slopes = [{key: -value / variance for key, value in N.items()}]
        slopes += [
            {key: (high[key] - low[key]) / (2 * STEP * variance) for key in N}
            for high, low in zip(above, below, strict=True)
        ]
        Phi = variance * mp.inverse(M)
        SX = [self._times_design(slope) for slope in slopes]
        P = [mp.matrix([[mp.fsum(self.X[t][i] * S[t][j] for t in range(self.n)) for j in range(self.k)]
                        for i in range(self.k)]) for S in SX]  # fmt: skip
        rows = self.whitening(theta)
        half = [[self._solve_transposed(rows, column) for column in zip(*S, strict=True)] for S in SX]
        q = len(slopes)
        Q = [[mp.matrix([[variance * mp.fdot(a, b) for b in half[j]] for a in half[i]]) for j in range(q)]
             for i in range(q)]  # fmt: skip
        rho = self._correlations(theta)
        V = [[variance * rho[abs(s - t)] for s in self.times] for t in self.times]
        B = [self._times_dense(slope, V) for slope in slopes]
        information = mp.matrix(q)
        for i in range(q):
            for j in range(q):
                whole = mp.fsum(B[i][s][t] * B[j][t][s] for s in range(self.n) for t in range(self.n))
                lost = 2 * self._trace(Phi * Q[i][j]) - self._trace(Phi * P[i] * Phi * P[j])
                information[i, j] = (whole - lost) / 2
        W = mp.inverse(information)
        Lambda = mp.matrix(self.k)
        for i in range(q):
            for j in range(q):
                Lambda += W[i, j] * (Q[i][j] - P[i] * Phi * P[j])
        adjusted = Phi + 2 * Phi * Lambda * Phi
        found = []
        for contrast in contrasts:
            c = mp.matrix([mp.mpf(float(value)) for value in contrast])
            v = (c.T * Phi * c)[0]
            g = mp.matrix([-(c.T * Phi * A * Phi * c)[0] for A in P])
            error = mp.sqrt(max((c.T * adjusted * c)[0], v))
            found.append(((c.T * beta)[0], error, 2 * v**2 / (g.T * W * g)[0]))
        return found, variance

    def _times_design(self, band):
        product = [[mp.mpf(0)] * self.k for _ in range(self.n)]
        for (i, j), value in band.items():
            for column in range(self.k):
                product[i][column] += value * self.X[j][column]
        return product

    def _times_dense(self, band, dense):
        product = [[mp.mpf(0)] * self.n for _ in range(self.n)]
        for (i, j), value in band.items():
            row, source = product[i], dense[j]
            for column in range(self.n):
                row[column] += value * source[column]
        return product

    def _solve_transposed(self, rows, right):
        """x with W'x = right."""
        x = list(right)
        for t in range(self.n - 1, -1, -1):
            *before, (_, diagonal) = rows[t]
            x[t] /= diagonal
            for column, value in before:
                x[column] -= value * x[t]
        return x

    @staticmethod
    def _trace(matrix):
        return mp.fsum(matrix[i, i] for i in range(matrix.rows))
