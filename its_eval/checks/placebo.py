"""Placebo in space: how often an untouched unit shows as much, and one unit among those of its peers.

Every eligible trust takes the place of a treated one, with peers of its own, and the studentised effects are
ranked. The p-value is that of a permutation test that counts the treated trust among the candidates
(Abadie, Diamond & Hainmueller 2010, *JASA* 105:493). Studentised, because small trusts are noisier: Ferman &
Pinto 2019, *Review of Economics and Statistics* 101:452, show it for differences in differences.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from msgspec import Struct
from scipy import special

from its_eval.checks.result import count_at_least
from its_eval.estimators.fit import FloatArray


class Placebo(Struct, frozen=True):
    """Rank of one treated trust among its donors.

    Attributes
    ----------
    p_value : float
        (1 + n_extreme) / (1 + n_donors); NaN where the trust has no statistic or there is no donor.
    n_donors : int
        Donors J, those included that could not be fitted.
    n_extreme : int
        Donors at least as extreme, in either direction. Ties count, and so do unfitted donors.
    n_unfitted : int
        Donors that could not be fitted.
    """

    p_value: float
    n_donors: int
    n_extreme: int
    n_unfitted: int

    @property
    def rank(self) -> int:
        """Place of the trust among all n_donors + 1, 1 for the most extreme."""
        return self.n_extreme + 1


def placebo(treated: float, donors: FloatArray) -> Placebo:
    """Rank |t| of a treated trust among the donors'.

    Parameters
    ----------
    treated : float
        Its studentised effect.
    donors : ndarray, shape (J,)
        Those of the donors; NaN where one could not be fitted.
    """
    unfitted = int(np.isnan(donors).sum())
    if math.isnan(treated):
        return Placebo(math.nan, donors.size, donors.size, unfitted)
    extreme = count_at_least(abs(treated), np.abs(donors))
    p_value = (1 + extreme) / (1 + donors.size) if donors.size else math.nan
    return Placebo(p_value, donors.size, extreme, unfitted)


class CrawfordHowell(Struct, frozen=True):
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
