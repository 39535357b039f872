"""The change of one trust among those of its peers: a t test of one case against a small sample."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import special

from its_eval.estimate.fit import FloatArray


@dataclass(frozen=True)
class CrawfordHowell:
    """One case against m peers, for q estimands.

    Attributes
    ----------
    difference, std_error, statistic, p_value : ndarray, shape (q,)
        Case minus mean of the peers, its standard error as a draw from their population, t and the two-sided
        p-value; NaN with fewer than two peers or peers that are all alike.
    df : ndarray, shape (q,)
        m - 1.
    n_peers : ndarray of int, shape (q,)
        Peers with an estimate, m.
    """

    difference: FloatArray
    std_error: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    df: FloatArray
    n_peers: np.ndarray


def crawford_howell(case: FloatArray, peers: FloatArray) -> CrawfordHowell:
    """Compare a trust's estimates with those of its peers.

    ``t = (b_T - mean b_P) / (s_P sqrt(1 + 1/m))`` on m - 1 degrees of freedom (Crawford & Howell 1998, *The
    Clinical Neuropsychologist* 12:482; already Sokal & Rohlf 1981): the two-sample t test with one case,
    exact if case and peers are exchangeable and normal. The estimates should come from least squares without
    weights over periods common to the case and its peers, so that all have the same precision by design.

    Parameters
    ----------
    case : ndarray, shape (q,)
        Estimates of the treated trust.
    peers : ndarray, shape (m, q)
        The same of its peers; NaN where one could not be estimated, which is then left out of that estimand.
    """
    known = ~np.isnan(peers)
    count = known.sum(axis=0)
    with warnings.catch_warnings():
        # the warnings of numpy about too few peers; they are NaN in the result
        warnings.simplefilter("ignore", RuntimeWarning)
        difference = case - np.nanmean(peers, axis=0)
        spread = np.nanstd(peers, axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        std_error = spread * np.sqrt(1.0 + 1.0 / count)
    std_error = np.where((count >= 2) & (std_error > 0.0), std_error, np.nan)
    statistic = difference / std_error
    df = np.maximum(count - 1, 1).astype(np.float64)
    p_value = np.asarray(2.0 * special.stdtr(df, -np.abs(statistic)))
    return CrawfordHowell(difference, std_error, statistic, p_value, count - 1.0, count)
