"""Contrasts of very many series with AR errors, without the covariance of everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.assembly import degenerate_series, precision_lost
from its_eval.estimate.fit import MINIMUM_DF, BoolArray, ContrastEstimates, FloatArray
from its_eval.estimate.reml_ar import FLAGS, autocorrelation_flags

if TYPE_CHECKING:
    from its_eval.estimate.reduction import ReducedSeries


@dataclass(frozen=True)
class ArStatistics:
    """Contrasts of S series with AR errors, without their covariance models.

    Attributes
    ----------
    estimates : ContrastEstimates
        Estimates, standard errors and degrees of freedom, shape (S, m).
    partial_autocorrelations : ndarray, shape (S, p)
    flags : dict of str to ndarray of bool, shape (S,)
        As those of ``fit_reml_ar``.
    """

    estimates: ContrastEstimates
    partial_autocorrelations: FloatArray
    flags: dict[str, BoolArray]


def blank_statistics(n_series: int, n_contrasts: int, order: int) -> ArStatistics:
    """Arrays to be filled."""
    # The series are last in memory, as in the tables: every contrast is written in one run.
    estimates = ContrastEstimates(*np.empty((4, n_contrasts, n_series)).swapaxes(1, 2))
    flags = {flag: np.empty(n_series, dtype=np.bool_) for flag in FLAGS}
    return ArStatistics(estimates, np.empty((n_series, order)), flags)


def outcome_flags(Y: FloatArray, observed: BoolArray, series: ReducedSeries) -> dict[str, BoolArray]:
    """Flag series that have nothing, or too little, left beside their fitted line.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes with 0 at missing months.
    observed : ndarray of bool, shape (n,)
    series : ReducedSeries
    """
    residual_sum, total_sum = series.lag_sums[0], series.total_sum
    degenerate = degenerate_series(Y, observed, residual_sum, total_sum)
    lost = precision_lost(residual_sum, total_sum) & ~degenerate
    return {"degenerate": degenerate, "precision_lost": lost}


def complete_statistics(
    estimate: FloatArray,
    std_error: FloatArray,
    df: FloatArray,
    partials: FloatArray,
    flags: dict[str, BoolArray],
    residual_df: int,
) -> ArStatistics:
    """Clip the degrees of freedom and add the flags of the autocorrelations.

    Parameters
    ----------
    estimate, std_error, df : ndarray, shape (m, S)
        Those of degenerate series are replaced, apart from the estimate, which must be that of least squares.
    partials : ndarray, shape (S, p)
    flags : dict of str to ndarray of bool, shape (S,)
        Those of ``outcome_flags``.
    residual_df : int
        Upper bound of the degrees of freedom.
    """
    flags = {**autocorrelation_flags(partials), **flags}
    degenerate = flags["degenerate"]
    if degenerate.any():  # as in blank_fit: least squares without uncertainty
        std_error[:, degenerate] = 0.0
        df[:, degenerate] = residual_df
        partials[degenerate] = 0.0
        flags["at_bound"] &= ~degenerate
        flags["near_unit_root"] &= ~degenerate
    clipped = np.clip(df, MINIMUM_DF, max(float(residual_df), MINIMUM_DF))
    return ArStatistics(ContrastEstimates(estimate.T, std_error.T, clipped.T, df.T), partials, flags)
