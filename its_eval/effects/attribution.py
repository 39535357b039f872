"""Whether the change of a treated unit is larger than those of units without the intervention.

Donors' changes, each estimated under the treated unit's own design and date and against peers of its own, are
taken as ``b_j ~ N(mu, tau^2 + phi s_j^2)`` (``effects.own_changes``). The treated unit's b then has the
prediction interval ``b - mu ± t_{J-1} kappa sqrt(tau^2 + phi s^2 + Var mu)``, where

  ``kappa^2 = max(1, mean z_j^2)``,  ``z_j = (b_j - mu)/sqrt(tau^2 + phi s_j^2 + Var mu)`` fitted without j,

makes good what a likelihood of few donors understates. Prediction intervals of random effects with t
quantiles: Higgins, Thompson & Spiegelhalter 2009, *JRSS A* 172:137; leave-one-out residuals as the measure of
prediction: Barber, Candès, Ramdas & Tibshirani 2021, *Annals of Statistics* 49:486 (jackknife+). Permuting
the treated among all units, as the rank does: Abadie, Diamond & Hainmueller 2010, *JASA* 105:493.

Standard errors enter as they are. Half widths of intervals, ``s t_{nu,.975}``, in their place make the size
depend more on the degrees of freedom: few of them go with a large s, for which phi and tau already allow.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from msgspec import Struct
from scipy import special

from its_eval.effects.own_changes import OwnChanges, fit_own_changes, own_change_limit
from its_eval.effects.several_units import reaches
from its_eval.estimators.fit import BoolArray, ContrastEstimates, FloatArray

#: Donors from which a unit may be labelled by its attribution, and from which the interval is shown at all.
LABEL_DONORS = 20
SHOWN_DONORS = 10
#: Donors without whom there is no likelihood and no quantile.
FEWEST_DONORS = 3
#: Standard errors of the donors' mean change beyond which it is not 0, as designs with peers have it.
MEAN_DEVIATION = 2.0
#: Statistics this close, relative to the treated unit's, count as tied, and ties as at least as large.
TIE_TOLERANCE = 1e-9

Use = Literal["label", "shown", "too_few"]


class TermAttribution(Struct, frozen=True):
    """One term's change of a treated unit beside those of the donors.

    Attributes
    ----------
    estimate, std_error : float
        b and s of the treated unit.
    difference, low, high : float
        ``b - mu`` and its attribution interval.
    p_value : float
        Of this term alone.
    spread : float
        ``sqrt(tau^2 + phi s^2 + Var mu)``; half the interval is ``quantile`` times this.
    quantile, df : float
        ``kappa t``, and the degrees of freedom of t: J - 1, J - 2 where mu is free.
    mean, tau, factor, kappa : float
        mu (0 where it is not free), tau, phi and kappa.
    own_change, own_change_limit : float
        ``sqrt(tau^2 + (phi - 1) s^2)``: how much such units change by themselves, and its upper 95 %
        profile-likelihood limit (one-sided).
    as_large : int
        Donors with ``|b_j - mu| >= |b - mu|``: observed changes, noise included, whatever the precision.
    smallest_other : float
        ``max(0, |b| - t_{nu,.975} s)``: the smallest other change at the same time that would take the
        unit's own interval to 0.
    """

    estimate: float
    std_error: float
    difference: float
    low: float
    high: float
    p_value: float
    spread: float
    quantile: float
    df: float
    mean: float
    tau: float
    factor: float
    kappa: float
    own_change: float
    own_change_limit: float
    as_large: int
    smallest_other: float


class Attribution(Struct, frozen=True):
    """Whether a treated unit changed more than donors do, by a question of m terms.

    Attributes
    ----------
    terms : tuple of TermAttribution
        Intervals at ``1 - (1 - level)/m``.
    p_value : float
        ``min(1, m min p)`` over the terms.
    rank_p_value : float
        Share of the treated unit and the donors whose largest |z| over the terms is at least the treated
        unit's; z with mu, tau and phi of all J + 1. A donor that could not be fitted counts as as large.
    rank_differs : bool
        Whether the two lie further apart than 2/(J + 1), and on opposite sides of alpha.
    n_donors, n_unfitted : int
        Donors J with an estimate and a standard error for every term, and those without.
    use : {"label", "shown", "too_few"}
        From 20 donors it may decide a label, from 10 it is shown, with fewer neither.
    """

    terms: tuple[TermAttribution, ...]
    p_value: float
    rank_p_value: float
    rank_differs: bool
    n_donors: int
    n_unfitted: int
    use: Use


class DonorMean(Struct, frozen=True):
    """Mean change of the donors at the date of one term, 0 in designs with peers.

    Attributes
    ----------
    mean, std_error : float
        mu with tau and phi beside it, and its standard error.
    """

    mean: float
    std_error: float

    @property
    def deviates(self) -> bool:
        """Whether it lies more than two standard errors from 0."""
        return abs(self.mean) > MEAN_DEVIATION * self.std_error


def attribution(
    own: ContrastEstimates,
    donors: ContrastEstimates,
    *,
    centred: bool,
    alpha: float = 0.05,
    level: float = 0.95,
) -> tuple[Attribution, ...]:
    """Compare treated units with the same donors.

    Parameters
    ----------
    own : ContrastEstimates, M series and m contrasts
        Treated units, the terms of the question as contrasts.
    donors : ContrastEstimates, J series and m contrasts
        Each as if it had been treated at the same date, with peers of its own. Those without an estimate, or
        whose standard error is not above 0, are counted and left out.
    centred : bool
        True for designs with peers (mu = 0), False where series are taken by themselves.
    alpha : float
        Level against which the two p-values are compared.
    level : float
        Confidence of the question's intervals together.

    Returns
    -------
    tuple of Attribution
        One for each treated unit; NaN throughout where that has no estimate, or fewer than 3 donors have.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> def estimates(change, s):
    ...     df = np.full(change.shape, 30.0)
    ...     return ContrastEstimates(change, np.full(change.shape, s), df, df)
    >>> donors = estimates(rng.standard_normal((60, 1)), 1.0)
    >>> (found,) = attribution(estimates(np.array([[5.0]]), 1.0), donors, centred=True)
    >>> found.use, found.n_donors, found.p_value < 0.001, round(found.rank_p_value * 61)
    ('label', 60, True, 1)
    """
    fitted = _known(donors).all(axis=1)
    others, errors = donors.estimate[fitted], donors.std_error[fitted]
    n_donors, n_terms = others.shape
    n_unfitted = int(fitted.size - n_donors)
    known = _known(own).all(axis=1) & (n_donors >= FEWEST_DONORS)
    terms = [
        _Donors.of(others[:, term], errors[:, term], centred=centred)
        for term in range(n_terms)
        if known.any()
    ]
    found = []
    for unit in range(own.estimate.shape[0]):
        if not known[unit]:
            found.append(_nothing(n_donors, n_unfitted))
            continue
        read = tuple(
            item.read(own, unit, term, 1.0 - (1.0 - level) / n_terms) for term, item in enumerate(terms)
        )
        p_value = min(1.0, n_terms * min(item.p_value for item in read))
        rank = _rank_p(own.estimate[unit], own.std_error[unit], others, errors, n_unfitted, centred=centred)
        sides = bool(reaches(np.array([p_value]), alpha)[0] != reaches(np.array([rank]), alpha)[0])
        differs = sides and abs(p_value - rank) > 2.0 / (n_donors + 1)
        found.append(Attribution(read, p_value, rank, differs, n_donors, n_unfitted, use_of(n_donors)))
    return tuple(found)


def attribution_p(own: ContrastEstimates, donors: ContrastEstimates, *, centred: bool) -> FloatArray:
    """Return the p-value of `attribution` alone, of very many units beside the same donors, shape (M,).

    Parameters
    ----------
    own, donors : ContrastEstimates
        As of `attribution`.
    centred : bool
        As of `attribution`.
    """
    fitted = _known(donors).all(axis=1)
    n_terms = own.estimate.shape[1]
    p_values = np.full(own.estimate.shape, np.nan)
    for term in range(n_terms if fitted.sum() >= FEWEST_DONORS else 0):
        item = _Donors.of(donors.estimate[fitted, term], donors.std_error[fitted, term], centred=centred)
        p_values[:, term] = item.p_value(own.estimate[:, term], own.std_error[:, term])
    p_values[~_known(own).all(axis=1)] = np.nan
    return np.asarray(np.minimum(1.0, n_terms * p_values.min(axis=1)))


def use_of(n_donors: int) -> Use:
    """Return what so many donors are enough for."""
    return "label" if n_donors >= LABEL_DONORS else "shown" if n_donors >= SHOWN_DONORS else "too_few"


def _known(estimates: ContrastEstimates) -> BoolArray:
    """Return which estimates have an uncertainty, shape (S, m)."""
    return np.isfinite(estimates.estimate) & np.isfinite(estimates.std_error) & (estimates.std_error > 0.0)


def donor_mean(donors: ContrastEstimates) -> DonorMean:
    """Return the mean change of the donors: a check of designs with peers, in which it should be 0.

    Parameters
    ----------
    donors : ContrastEstimates, J series and one contrast
    """
    fitted = _known(donors)[:, 0]
    change, std_error = donors.estimate[fitted, 0], donors.std_error[fitted, 0]
    free = fit_own_changes(change, std_error, centred=False)
    return DonorMean(float(free.mean[0]), math.sqrt(float(free.mean_variance[0])))


class _Donors(Struct, frozen=True):
    """What the donors of one term say of any unit.

    Attributes
    ----------
    change, std_error : ndarray, shape (J,)
    centred : bool
    fit : OwnChanges
        Of all J.
    kappa : float
    df : float
    """

    change: FloatArray
    std_error: FloatArray
    centred: bool
    fit: OwnChanges
    kappa: float
    df: float

    @classmethod
    def of(cls, change: FloatArray, std_error: FloatArray, *, centred: bool) -> _Donors:
        fit = fit_own_changes(change, std_error, centred=centred)
        without = fit_own_changes(change, std_error, centred=centred, leave_out=True)
        squares = (change - without.mean) ** 2 / without.variance(std_error)
        kappa = math.sqrt(max(1.0, float(squares.mean())))
        return cls(change, std_error, centred, fit, kappa, float(change.size - 1 - (not centred)))

    def p_value(self, estimate: FloatArray | float, std_error: FloatArray | float) -> FloatArray:
        """Return the p-value of changes beside those of the donors."""
        spread = np.sqrt(self.fit.variance(std_error))
        statistic = np.abs(estimate - self.fit.mean) / (self.kappa * spread)
        return np.asarray(2.0 * special.stdtr(self.df, -statistic))

    def read(self, own: ContrastEstimates, unit: int, term: int, level: float) -> TermAttribution:
        """Compare one term of one unit."""
        estimate, std_error = float(own.estimate[unit, term]), float(own.std_error[unit, term])
        mean, additive = float(self.fit.mean[0]), float(self.fit.additive[0])
        factor = float(self.fit.factor[0])
        difference = estimate - mean
        spread = math.sqrt(float(self.fit.variance(std_error)[0]))
        quantile = self.kappa * float(special.stdtrit(self.df, 0.5 + level / 2.0))
        smallest = max(0.0, abs(estimate) - float(special.stdtrit(own.df[unit, term], 0.975)) * std_error)
        return TermAttribution(
            estimate=estimate,
            std_error=std_error,
            difference=difference,
            low=difference - quantile * spread,
            high=difference + quantile * spread,
            p_value=float(self.p_value(estimate, std_error)[0]),
            spread=spread,
            quantile=quantile,
            df=self.df,
            mean=mean,
            tau=math.sqrt(additive),
            factor=factor,
            kappa=self.kappa,
            own_change=math.sqrt(additive + (factor - 1.0) * std_error**2),
            own_change_limit=own_change_limit(self.change, self.std_error, std_error, centred=self.centred),
            as_large=_at_least(abs(difference), np.abs(self.change - mean)),
            smallest_other=smallest,
        )


def _rank_p(
    change: FloatArray,
    std_error: FloatArray,
    donors: FloatArray,
    errors: FloatArray,
    n_unfitted: int,
    *,
    centred: bool,
) -> float:
    """Return the place of a unit among itself and the donors, as a share of them."""
    largest = np.zeros(donors.shape[0] + 1)
    for term in range(change.size):
        b, s = np.append(donors[:, term], change[term]), np.append(errors[:, term], std_error[term])
        fit = fit_own_changes(b, s, centred=centred)
        z = np.abs(b - fit.mean) / np.sqrt(fit.variance(s) - fit.mean_variance)
        largest = np.maximum(largest, z)
    extreme = n_unfitted + _at_least(float(largest[-1]), largest[:-1])
    return (1 + extreme) / (largest.size + n_unfitted)


def _at_least(observed: float, others: FloatArray) -> int:
    return int(np.sum(others >= observed - TIE_TOLERANCE * abs(observed)))


def _nothing(n_donors: int, n_unfitted: int) -> Attribution:
    return Attribution((), math.nan, math.nan, False, n_donors, n_unfitted, use_of(n_donors))
