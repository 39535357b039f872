"""What leaving out one period does to a generalised least-squares fit, in closed form.

With V = s^2 R the covariance, P = R^{-1} - R^{-1}X(X'R^{-1}X)^{-1}X'R^{-1} and d the indicator of a period,
deleting the period is adding the column d (Haslett & Hayes 1998, *JRSS B* 60:201):

  its coefficient    d'Py / d'Pd,
  the others move    b - b_(t) = (X'R^{-1}X)^{-1}X'R^{-1}d (d'Py / d'Pd),
  RSS falls by       (d'Py)^2 / d'Pd.

R stays that of the whole fit. For R = I these are the textbook measures of Belsley, Kuh & Welsch 1980.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from its_eval.checks.innovations import Whitening
from its_eval.estimate.fit import FloatArray

#: A period whose d'Pd / d'R^{-1}d is below this has a coefficient of its own: it cannot be left out.
ALONE = 1e-10


@dataclass(frozen=True)
class Deletion:
    """Deletion measures of one fit, for any number of residual series.

    Attributes
    ----------
    whitening : Whitening
        The fit.
    """

    whitening: Whitening

    @cached_property
    def _projected(self) -> FloatArray:
        """``L^{-T}(I - QQ')``, taking whitened residuals to Py; its rows have length (d'Pd)^{1/2}."""
        basis = self.whitening.factored[0]
        complement = np.eye(basis.shape[0]) - basis @ basis.T
        return np.asarray(self.whitening.inverse_factor.T @ complement)

    @cached_property
    def precision(self) -> FloatArray:
        """``d'Pd`` of each observed period, shape (n_used,); NaN where it cannot be left out."""
        kept = np.sum(self._projected**2, axis=1)
        whole = np.sum(self.whitening.inverse_factor**2, axis=0)
        return np.where(kept > ALONE * whole, kept, np.nan)

    def studentised(self, residuals: FloatArray) -> FloatArray:
        """Return the t statistic of a dummy for each period: externally studentised residuals.

        Parameters
        ----------
        residuals : ndarray, shape (n_used, S)
            Whitened residuals.

        Returns
        -------
        ndarray, shape (n_used, S)
            t(n - k - 1) if the error model holds.
        """
        pulled = self._projected @ residuals
        return np.asarray(
            pulled / (self._sigma_without(residuals, pulled) * np.sqrt(self.precision)[:, None])
        )

    def moves(self, residuals: FloatArray, contrast: FloatArray) -> FloatArray:
        """Return ``c'b - c'b_(t)``, by how much each period moves a contrast (k,): shape (n_used, S)."""
        return np.asarray(
            self._direction(contrast)[:, None] * (self._projected @ residuals) / self.precision[:, None]
        )

    def dfbetas(self, residuals: FloatArray, contrast: FloatArray) -> FloatArray:
        """Return the moves over the contrast's standard error, with s^2 estimated without the period."""
        pulled = self._projected @ residuals
        triangular = self.whitening.factored[1]
        length = float(np.linalg.norm(np.linalg.solve(triangular.T, contrast)))
        return np.asarray(self.moves(residuals, contrast) / (self._sigma_without(residuals, pulled) * length))

    def _sigma_without(self, residuals: FloatArray, pulled: FloatArray) -> FloatArray:
        """s_(t), shape (n_used, S)."""
        total = np.sum(residuals**2, axis=0)
        # what is left after the only period that does not fit is rounding, but not 0
        rss = np.fmax(total - pulled**2 / self.precision[:, None], np.finfo(np.float64).eps * total)
        return np.asarray(np.sqrt(rss / (self.whitening.residual_df - 1)))

    def _direction(self, contrast: FloatArray) -> FloatArray:
        """``c'(X'R^{-1}X)^{-1}X'R^{-1}``, shape (n_used,)."""
        basis, triangular = self.whitening.factored
        weights = basis @ np.linalg.solve(triangular.T, contrast)
        return np.asarray(self.whitening.inverse_factor.T @ weights)
