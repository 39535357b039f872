"""Segmented regression by least squares, and what tests together say, written out anew with NumPy and SciPy."""

from itertools import combinations, permutations

import numpy as np
from scipy import stats


def segments(n, *starts):
    """Return the design matrix: level, trend, and for each start a step and a bend."""
    time = np.arange(n)
    columns = [np.ones(n), time - starts[0]]
    for start in starts:
        columns += [time >= start, np.maximum(time - start, 0)]
    return np.column_stack(columns).astype(float)


class LeastSquares:
    """One series on a design matrix."""

    def __init__(self, y, X):
        used = ~np.isnan(y)
        self.X, self.y = X[used], y[used]
        self.inverse = np.linalg.inv(self.X.T @ self.X)
        self.b = np.linalg.lstsq(self.X, self.y, rcond=None)[0]
        self.residual = self.y - self.X @ self.b
        self.df = len(self.y) - X.shape[1]
        self.variance = self.residual @ self.residual / self.df

    def read(self, row):
        """Return estimate, standard error and p-value of a combination of the coefficients."""
        row = np.asarray(row, dtype=float)
        estimate, error = row @ self.b, np.sqrt(self.variance * row @ self.inverse @ row)
        return estimate, error, 2 * stats.t.sf(abs(estimate / error), self.df)

    def interval(self, row, level=0.95):
        estimate, error, _ = self.read(row)
        reach = stats.t.ppf(0.5 + level / 2, self.df) * error
        return estimate - reach, estimate + reach

    def joint_p(self, columns):
        """Return the p-value of no coefficient of several columns, from the residuals without them."""
        kept = [column for column in range(self.X.shape[1]) if column not in columns]
        small = self.X[:, kept]
        left = self.y - small @ np.linalg.lstsq(small, self.y, rcond=None)[0]
        ratio = (left @ left - self.residual @ self.residual) / len(columns) / self.variance
        return stats.f.sf(ratio, len(columns), self.df)


def holm(p_values, size=None):
    """Return adjusted p-values of a family of so many; those that are not there are 1."""
    p_values = np.asarray(p_values, dtype=float)
    size = len(p_values) if size is None else size
    adjusted, largest = np.empty(len(p_values)), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (size - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def set_terms(fits, rows):
    """Return mean, standard error and degrees of freedom of several least-squares fits, for each row.

    All on the same periods: V = K^-2 sum_ij A_ij r_ij with A_ij = s_i s_j h_i'h_j and r_ij = e_i'e_j, h_i the
    weights of the estimate and e_i the residuals, both of length 1; df = f tr(Ar)^2 / tr(ArAr).
    """
    numbers = []
    for row in rows:
        read = [fit.read(row) for fit in fits]
        errors = np.array([error for _, error, _ in read])
        h = np.array([fit.X @ fit.inverse @ row for fit in fits])
        e = np.array([fit.residual for fit in fits])
        h, e = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (h, e))
        product = (np.outer(errors, errors) * (h @ h.T)) @ (e @ e.T)
        total = np.trace(product)
        df = np.mean([fit.df for fit in fits]) * total**2 / np.trace(product @ product)
        numbers.append((np.mean([b for b, _, _ in read]), np.sqrt(total) / len(fits), df))
    return np.array(numbers).T


def set_statistic(fits, rows):
    """Return the largest |mean| over its standard error."""
    estimate, error, _ = set_terms(fits, rows)
    return np.max(np.abs(estimate) / error)


def p_of_all_sets(own, places, rows):
    """Return the share of all sets of units whose statistic is at least that of the treated.

    Parameters
    ----------
    own : sequence of str
        The treated, in the order of the places.
    places : sequence of dict
        For each place the fit of everybody who may stand in it; a place that is the same object as another is
        alike, and the order of units in those does not matter.
    """
    alike = all(item is places[0] for item in places)
    choose = combinations if alike else permutations
    observed = set_statistic([place[unit] for place, unit in zip(places, own, strict=True)], rows)
    every = [
        set_statistic([place[unit] for place, unit in zip(places, chosen, strict=True)], rows)
        for chosen in choose(sorted(set().union(*places)), len(own))
    ]
    return np.mean(np.array(every) >= observed * (1 - 1e-9)), len(every)
