"""Placebo in space: how often an untouched unit shows as much, and one unit among those of its peers.

Every eligible trust takes the place of a treated one, with peers of its own, and the studentised effects are
ranked. The p-value is that of a permutation test that counts the treated trust among the candidates
(Abadie, Diamond & Hainmueller 2010, *JASA* 105:493). Studentised, because small trusts are noisier: Ferman &
Pinto 2019, *Review of Economics and Statistics* 101:452, show it for differences in differences.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from its_eval.checks.result import count_at_least, upper_p
from its_eval.estimators.fit import BoolArray, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Random sets of donors for the joint placebo.
JOINT_DRAWS = 9_999


@dataclass(frozen=True)
class Placebo:
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


def joint_placebo(
    treated: FloatArray,
    donors: FloatArray,
    rng: np.random.Generator,
    draws: int = JOINT_DRAWS,
    eligible: BoolArray | None = None,
) -> float:
    """Return the p-value of |mean t| of the treated trusts among sets of as many donors.

    Parameters
    ----------
    treated : ndarray, shape (M,)
        Studentised effects; a trust without one (NaN) is left out.
    donors : ndarray, shape (J,) or (J, M)
        Those of the donors; a column for each treated trust where their dates or donors differ. NaN where a
        donor could not be fitted: a set with such a donor counts as extreme.
    rng : numpy.random.Generator
    draws : int
        Random sets, without replacement within a set. If no more sets than this exist, each is taken
        once (where dates differ, in every order).
    eligible : ndarray of bool, shape (J, M), optional
        Which donors may take the place of each treated trust; by default all.

    Returns
    -------
    float
        NaN where no treated trust has a statistic or the donors are fewer than those that have.
    """
    known = ~np.isnan(treated)
    treated, donors = treated[known], donors if donors.ndim == 1 else donors[:, known]
    n_treated, n_donors = treated.size, donors.shape[0]
    if n_treated == 0 or n_donors < n_treated:
        return math.nan
    if eligible is not None and not eligible[:, known].all():
        sets = eligible_sets(eligible[:, known], draws, rng)
        if sets.shape[0] == 0:
            return math.nan
        drawn = donors[sets, np.arange(n_treated)]
        return upper_p(abs(float(treated.mean())), np.abs(drawn.mean(axis=1)))
    same_dates = donors.ndim == 1
    if (math.comb if same_dates else math.perm)(n_donors, n_treated) <= draws:
        sets = np.array(list((combinations if same_dates else permutations)(range(n_donors), n_treated)))
    else:
        sets = random_sets(n_donors, n_treated, draws, rng)
    drawn = donors[sets] if same_dates else donors[sets, np.arange(n_treated)]
    return upper_p(abs(float(treated.mean())), np.abs(drawn.mean(axis=1)))


def eligible_sets(eligible: BoolArray, draws: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return random sets of donors without repeats, each donor in the place of a trust that it may stand for.

    The trust with the fewest donors draws first, the others from what is left. Where trusts have the same
    donors or none in common, all sets are equally likely.

    Parameters
    ----------
    eligible : ndarray of bool, shape (J, M)
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (B, M)
        B = draws, less those in which nobody was left for a trust.
    """
    n_donors, size = eligible.shape
    sets = np.zeros((draws, size), dtype=np.intp)
    free = np.ones((draws, n_donors), dtype=np.bool_)
    whole = np.ones(draws, dtype=np.bool_)
    for place in np.argsort(eligible.sum(axis=0), kind="stable"):
        order = np.where(free & eligible[:, place], rng.random((draws, n_donors)), -1.0)
        sets[:, place] = np.argmax(order, axis=1)
        whole &= order.max(axis=1) >= 0.0
        free[np.arange(draws), sets[:, place]] = False
    return sets[whole]


def random_sets(n_donors: int, size: int, draws: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return random ordered sets (draws, size) of donors, each without repeats."""
    order = np.argsort(rng.random((draws, n_donors)), axis=1)
    return order[:, :size]


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
