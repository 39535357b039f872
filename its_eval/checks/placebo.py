"""Placebo in space: how often an untouched trust shows as much.

Every eligible trust takes the place of a treated one, with peers of its own, and the studentised effects are
ranked. The p-value is that of a permutation test that counts the treated trust among the candidates
(Abadie, Diamond & Hainmueller 2010, *JASA* 105:493). Studentised, because small trusts are noisier: Ferman &
Pinto 2019, *Review of Economics and Statistics* 101:452, show it for differences in differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from its_eval.checks.monte_carlo import count_at_least, upper_p
from its_eval.estimate.fit import BoolArray, FloatArray

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
