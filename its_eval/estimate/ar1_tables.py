"""AR(1) errors in very many series: everything that depends on the design is a table.

After the reduction of a series all else depends on the design and on rho only, and smoothly so: a Chebyshev
series in the warped autocorrelation of ``ar1_solver`` replaces all matrix algebra per series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar1_solver import Ar1Solver, to_rho, warped_bounds
from its_eval.estimate.ar_statistics import ArStatistics, complete_statistics, outcome_flags
from its_eval.estimate.kenward_roger import kenward_roger
from its_eval.estimate.patterns import augmented_design, require_estimable
from its_eval.estimate.profile import design_matrices, rss_table
from its_eval.estimate.reduction import reduce_design, reduce_series

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, FloatArray

#: Terms of the Chebyshev series: what it leaves out is smaller than the tables' error in rho.
CHEBYSHEV_TERMS = 44


class Ar1Tables:
    """Chebyshev tables of one design, missing pattern and set of contrasts, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    contrasts : ndarray, shape (m, k)
    observed : ndarray of bool, shape (n,), optional
        Months with a value; all by default.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, contrasts: FloatArray, observed: BoolArray | None = None) -> None:
        self.observed = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
        require_estimable(X, self.observed, minimum_df=2)
        self.design = design = reduce_design(augmented_design(X, self.observed), order=1)
        self.solver = Ar1Solver(design)
        n_terms = X.shape[1]
        self.projection = contrasts @ np.linalg.inv(design.triangular)[:n_terms]
        low, high = warped_bounds()
        self.centre, self.half_width = (low + high) / 2.0, (high - low) / 2.0
        angles = np.pi * (np.arange(CHEBYSHEV_TERMS) + 0.5) / CHEBYSHEV_TERMS
        partials = to_rho(self.centre + self.half_width * np.cos(angles))[:, None]
        matrices = design_matrices(design, partials)
        unit = np.ones(CHEBYSHEV_TERMS)
        covariance = kenward_roger(design, matrices, partials, unit, n_terms)
        read = covariance.estimate(np.zeros((CHEBYSHEV_TERMS, n_terms)), contrasts)

        # What F'e adds to each contrast, RSS in the moments, se for a residual variance of 1, and log df.
        shift = (self.projection @ matrices.shift).reshape(CHEBYSHEV_TERMS, -1)
        values = [shift, rss_table(design, matrices), read.std_error, np.log(read.df_unclipped)]
        self._sizes = np.cumsum([block.shape[1] for block in values])[:-1]
        cosines = np.cos(np.outer(np.arange(CHEBYSHEV_TERMS), angles)) * (2.0 / CHEBYSHEV_TERMS)
        cosines[0] /= 2.0
        self._coefficients = np.ascontiguousarray((cosines @ np.hstack(values)).T)

    def evaluate(self, Y: FloatArray) -> ArStatistics:
        """Estimate the contrasts of series of shape (n, S) with 0 at the missing months."""
        design, n_series = self.design, Y.shape[1]
        series = reduce_series(design, Y)
        moments = series.moments()
        flags = outcome_flags(Y, self.observed, series)
        degenerate = flags["degenerate"]
        warped = self.solver.solve_warped(moments)
        table = self._coefficients @ self._basis(warped)
        shift, rss_weights, multiplier, log_df = np.split(table, self._sizes)

        estimate = self.projection @ series.coordinates
        estimate += np.einsum("mrs,rs->ms", shift.reshape(-1, design.n_reach, n_series), series.reach)
        rss_weights *= moments
        scale = np.sqrt(np.maximum(rss_weights.sum(axis=0), 0.0) / design.residual_df)
        multiplier *= scale
        unclipped = np.exp(log_df)
        partials = to_rho(warped)[:, None]
        if degenerate.any():
            estimate[:, degenerate] = self.projection @ series.coordinates[:, degenerate]
        return complete_statistics(estimate, multiplier, unclipped, partials, flags, design.residual_df)

    def _basis(self, warped: FloatArray) -> FloatArray:
        """Chebyshev polynomials (terms, S) at the warped autocorrelations."""
        basis = np.empty((CHEBYSHEV_TERMS, warped.size))
        basis[0] = 1.0
        basis[1] = (warped - self.centre) / self.half_width
        doubled = 2.0 * basis[1]
        for degree in range(2, CHEBYSHEV_TERMS):
            np.multiply(doubled, basis[degree - 1], out=basis[degree])
            basis[degree] -= basis[degree - 2]
        return basis
