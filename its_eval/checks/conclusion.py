"""What tests together allow to say: the three-way label, and what a specification curve says.

Two nulls are tested. That of the difference series says that the gap to these peers did not change; that of
the placebo says that the trust changed no more than trusts do. An effect is called consistent only if both
are rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from its_eval.checks.placebo import Placebo, placebo
from its_eval.effects.several_units import adjust, reaches
from its_eval.estimators.fit import FloatArray
from its_eval.evaluation import CONSISTENT, GAP_CHANGED, NO_CLEAR_EVIDENCE, NOT_ESTIMABLE, NOT_UNUSUAL


@dataclass(frozen=True)
class Conclusion:
    """Labels of one family: the treated trusts of one outcome and design.

    Attributes
    ----------
    unit_labels : tuple of str or None
        A label for each treated trust; None where donors are too few for any trust to be labelled, whatever
        its data.
    set_label : str or None
        Label of the treated trusts as a set; None where the set has no p-value.
    p_both : ndarray, shape (M,)
        Holm-adjusted larger of the two p-values of each trust.
    """

    unit_labels: tuple[str, ...] | None
    set_label: str | None
    p_both: FloatArray


def enough_donors(n_donors: int, n_treated: int, alpha: float = 0.05) -> bool:
    """Return whether the smallest possible placebo p-value, 1/(J + 1), can pass Holm over M trusts.

    At alpha = 0.05 that is J + 1 >= 20 M.
    """
    return (n_donors + 1) * alpha >= n_treated * (1.0 - 1e-9)


def three_way_label(
    p_gap: FloatArray,
    p_placebo: FloatArray,
    p_joint: float,
    n_donors: int,
    p_gap_set: float = np.nan,
    alpha: float = 0.05,
) -> Conclusion:
    """Label the treated trusts of one outcome and design, one by one or as a set.

    With enough donors, a trust is *consistent with an effect* if Holm's adjustment over the trusts of
    ``max(p_gap, p_placebo)`` is below alpha and the joint placebo of the set is at most alpha; *gap changed,
    not unusual* if only Holm's adjustment of ``p_gap`` is below alpha (*gap to peers changed* if there is no
    placebo to tell); else there is *no clear evidence*. The
    label of the set uses its own p-values in the same way, without Holm.

    Parameters
    ----------
    p_gap : ndarray, shape (M,)
        Of the primary estimand on the difference series; NaN where not estimable, which counts as 1 for the
        other trusts.
    p_placebo : ndarray, shape (M,)
    p_joint : float
        Of the set, ``placebo.joint_placebo``.
    n_donors : int
        J, the fewest donors of any of the trusts.
    p_gap_set : float
        Of the primary estimand on the mean difference of the set; NaN if that was not fitted.
    alpha : float
    """
    either = np.where(np.isnan(p_gap) | np.isnan(p_placebo), 1.0, np.fmax(p_gap, p_placebo))
    p_both = adjust(either, "holm")
    p_changed = adjust(np.where(np.isnan(p_gap), 1.0, p_gap), "holm")
    small_both, small_gap = reaches(p_both, alpha), reaches(p_changed, alpha)
    jointly = None if np.isnan(p_joint) else bool(reaches(np.array(p_joint), alpha))
    units: tuple[str, ...] | None = None
    if enough_donors(n_donors, p_gap.size, alpha):
        units = tuple(
            NOT_ESTIMABLE
            if np.isnan(p_gap[unit])
            else _label(
                changed=bool(small_gap[unit]),
                unusual=None if np.isnan(p_placebo[unit]) else jointly and bool(small_both[unit]),
            )
            for unit in range(p_gap.size)
        )
    together = (
        None
        if np.isnan(p_gap_set)
        else _label(changed=bool(reaches(np.array(p_gap_set), alpha)), unusual=jointly)
    )
    return Conclusion(units, together, p_both)


def _label(*, changed: bool, unusual: bool | None) -> str:
    """Label by two tests; the second is None where it could not be made."""
    if not changed:
        return NO_CLEAR_EVIDENCE
    if unusual is None:
        return GAP_CHANGED
    return CONSISTENT if unusual else NOT_UNUSUAL


@dataclass(frozen=True)
class SpecificationSummary:
    """Summary of one curve of S specifications.

    Attributes
    ----------
    n_specifications, n_unfitted : int
        Specifications with an estimate, and those without.
    median, lower_quartile, upper_quartile : float
        Of the estimates.
    share_same_sign : float
        Share of the estimates with the sign of their median.
    share_excluding_zero : float
        Share of the intervals on one side of zero.
    median_statistic : float
        Median |t|.
    joint : Placebo or None
        Rank of ``median_statistic`` among donors with the identical curve; None without donors.
    """

    n_specifications: int
    n_unfitted: int
    median: float
    lower_quartile: float
    upper_quartile: float
    share_same_sign: float
    share_excluding_zero: float
    median_statistic: float
    joint: Placebo | None


def median_statistics(statistics: FloatArray) -> FloatArray:
    """Return the median |t| over the specifications (..., S) of each curve.

    A specification that could not be fitted (NaN) counts as infinitely extreme: it can only make the treated
    trust look less unusual among the donors.
    """
    sizes = np.where(np.isnan(statistics), np.inf, np.abs(statistics))
    middle = np.sort(sizes, axis=-1)
    n = sizes.shape[-1]
    low, high = middle[..., (n - 1) // 2], middle[..., n // 2]
    infinite = np.isinf(high)
    half = np.where(infinite, 0.0, low) / 2.0 + np.where(infinite, 0.0, high) / 2.0
    return np.asarray(np.where(infinite, np.inf, half))


def summarise_specifications(
    estimates: FloatArray,
    low: FloatArray,
    high: FloatArray,
    statistics: FloatArray,
    donors: FloatArray | None = None,
) -> SpecificationSummary:
    """Summarise the specification curve of a treated trust.

    The joint p-value asks how often a donor, run through the very same specifications, has as large a median
    |t|: the inference of specification curves (Simonsohn, Simmons & Nelson 2020, *Nature Human Behaviour*
    4:1208) with placebo trusts in the place of shuffled data. The specifications are not independent, which a
    count of significant ones ignores and this rank does not.

    Parameters
    ----------
    estimates, low, high, statistics : ndarray, shape (S,)
        Estimates of one estimand with intervals and t; NaN where a specification could not be fitted.
    donors : ndarray, shape (J, S), optional
        t of the donors under the same specifications, NaN likewise. Specifications without an estimate for
        the treated trust are left out for all.
    """
    known = ~np.isnan(estimates)
    count = int(known.sum())
    if count == 0:
        nan = math.nan
        return SpecificationSummary(0, estimates.size, nan, nan, nan, nan, nan, nan, None)
    lower, median, upper = (float(value) for value in np.quantile(estimates[known], [0.25, 0.5, 0.75]))
    apart = (low[known] > 0.0) | (high[known] < 0.0)
    own = float(median_statistics(statistics[known]))
    joint = None if donors is None else placebo(own, median_statistics(donors[:, known]))
    return SpecificationSummary(
        n_specifications=count,
        n_unfitted=estimates.size - count,
        median=median,
        lower_quartile=lower,
        upper_quartile=upper,
        share_same_sign=float(np.mean(np.sign(estimates[known]) == np.sign(median))),
        share_excluding_zero=float(np.mean(apart)),
        median_statistic=own,
        joint=joint,
    )
