"""Effects that are not linear in the parameters: per cent of the counterfactual, and other scales' means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimators.fit import ContrastEstimates, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.scales import Scale

    FloatArray = NDArray[np.float64]

#: Below this many standard errors from zero a denominator is too uncertain for the delta method.
FIELLER_BELOW = 4.0


def above_zero(levels: FloatArray) -> NDArray[np.bool_]:
    """Return of which series a change in per cent of the level means something, shape (S,).

    Of a level below zero, or one that passes through it, a share has no sign that anybody could read.

    Parameters
    ----------
    levels : ndarray, shape (S, m)
        Levels expected without the intervention; NaN where nobody knows them, which is no objection.
    """
    return np.asarray(~(levels <= 0.0).any(axis=1))


def relative_effects(
    fit: Fit, effect_row: FloatArray, base_row: FloatArray, level: FloatArray
) -> tuple[ContrastEstimates, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the average effect in per cent of the counterfactual, where it is, and where Fieller's set is.

    Delta method with gradient ``(100 / mu0) (c - (Delta / mu0) c0)``.

    Parameters
    ----------
    fit : Fit
        Of S series.
    effect_row, base_row : ndarray, shape (k,) or (S, k)
        Average effect and average counterfactual; the second form averages each series in a way of its own.
    level : ndarray, shape (S,)
        Known part of the counterfactual: the mean of the peers of a difference.

    Returns
    -------
    estimates : ContrastEstimates, shape (S, 1)
        NaN where the counterfactual is zero, or its known part is missing.
    there : ndarray of bool, shape (S,)
        Where the counterfactual is not zero. One that nobody knows, as that of the mean of several
        differences, leaves a row without an estimate, so that no other takes its place.
    uncertain : ndarray of bool, shape (S,)
        Where the counterfactual mean is within four standard errors of zero.
    """
    both = fit.contrasts(np.stack([effect_row, base_row], axis=-2))
    base = both.estimate[:, 1] + level
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = both.estimate[:, 0] / base
        gradient = (100.0 / base)[:, None] * (effect_row - ratio[:, None] * base_row)
    none = base == 0.0
    spread = fit.contrasts(np.where(none[:, None], 0.0, gradient)[:, None, :])
    estimate = np.where(none, np.nan, 100.0 * ratio)[:, None]
    uncertain = np.abs(base) < FIELLER_BELOW * both.std_error[:, 1]
    return ContrastEstimates(estimate, spread.std_error, spread.df, spread.df_unclipped), ~none, uncertain


def fieller_sets(
    fit: Fit, rows: tuple[FloatArray, FloatArray], level: FloatArray, quantile: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return Fieller's limits of the relative effect of S series, in per cent; NaN where the set has none.

    Fieller 1954, JRSS B 16:175. The covariance is the one behind the standard error of the average, so that
    limits and p-value agree. An unbounded set has no limits: it may be every number, or leave out an interval
    only, which may be one around 0, so that "from minus to plus infinity" would not be what it says.
    """
    effect_rows, base_rows = (np.broadcast_to(row, fit.params.shape) for row in rows)

    def forms(matrices: FloatArray) -> list[FloatArray]:
        """Return variance of the effect, covariance, and variance of the base."""
        pairs = ((effect_rows, effect_rows), (effect_rows, base_rows), (base_rows, base_rows))
        return [np.asarray(np.einsum("si,sij,sj->s", left, matrices, right)) for left, right in pairs]

    adjusted, model = forms(fit.covariance.adjusted), forms(fit.covariance.model)
    larger = adjusted[0] >= model[0]
    var_effect, covariance, var_base = (
        np.where(larger, first, second) for first, second in zip(adjusted, model, strict=True)
    )
    effect = np.sum(fit.params * effect_rows, axis=1)
    base = np.sum(fit.params * base_rows, axis=1) + level
    limits = fieller_limits(effect, base, var_effect, covariance, var_base, quantile)
    low, high = (np.where(np.isinf(limit), np.nan, 100.0 * limit) for limit in limits)
    return low, high


def fieller_limits(
    numerator: FloatArray,
    denominator: FloatArray,
    var_numerator: FloatArray,
    covariance: FloatArray,
    var_denominator: FloatArray,
    quantile: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return Fieller's confidence limits for ratios; infinite when the denominator may be zero.

    The set of all r with ``(a - r b)^2 <= t^2 (v_aa - 2 r v_ab + r^2 v_bb)``.
    """
    square = np.square(quantile)
    leading = np.square(denominator) - square * var_denominator
    middle = numerator * denominator - square * covariance
    constant = np.square(numerator) - square * var_numerator
    root = np.sqrt(np.maximum(np.square(middle) - leading * constant, 0.0))
    open_set = leading <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(open_set, -np.inf, (middle - root) / leading)
        high = np.where(open_set, np.inf, (middle + root) / leading)
    return low, high


def standardised_effects(
    fit: Fit,
    matrices: tuple[FloatArray, FloatArray],
    chosen: NDArray[np.bool_],
    *,
    scale: Scale,
    offset: FloatArray | None,
    weights: FloatArray | None,
    at: Mapping[int, int],
    by_weight: bool = False,
    projected: FloatArray | None = None,
) -> Iterator[tuple[str, NDArray[np.bool_], ContrastEstimates]]:
    """Yield average, cumulative and relative effects in outcome units, and those at single periods.

    With mu_1t and mu_0t the means with and without the interruption, ``mean_P (mu_1t - mu_0t)`` has the
    gradient ``mean_P (mu'_1t x_1t - mu'_0t x_0t)`` (marginal standardisation, methods §3 and §11.2); its
    standard error is by the delta method, its degrees of freedom those of the gradient as a contrast.

    Parameters
    ----------
    fit : Fit
        Of S series.
    matrices : tuple of ndarray, shape (n, k)
        The design as it was and with the interruption switched off.
    chosen : ndarray of bool, shape (n,)
        P, the periods over which effects are averaged.
    scale : Scale
        Scale of the fit.
    offset : ndarray, shape (S, n), or None
        Known part of the linear predictor: the peer mean of a difference series.
    weights : ndarray, shape (S, n), or None
        Weight of each period in the cumulative effect; None: it has none.
    at : mapping of int to int
        Period of each k of ``effect_at_k``.
    by_weight : bool
        Periods count by their weights in the relative effect too, which then is that of the sum.
    projected : ndarray, shape (S, n), optional
        Values on the scale of the fit where each period has an effect of its own: mu_1t is what was observed,
        and mu_0t that without the effect.

    Yields
    ------
    name : str
        The estimand.
    there : ndarray of bool, shape (S,)
        Which series have it.
    estimates : ContrastEstimates, shape (S, 1)
    """
    known = 0.0 if offset is None else offset
    (with_it, without) = matrices
    linear_1, linear_0 = fit.params @ with_it.T + known, fit.params @ without.T + known
    if projected is not None:
        linear_1, linear_0 = projected, projected - fit.params @ (with_it - without).T
        # what was observed has no error of its own, which is the effect's
        with_it, without = np.zeros_like(with_it), without - with_it
    mean_0 = scale.back(linear_0)
    change = scale.back(linear_1) - mean_0
    base_gradient = scale.derivative(linear_0)[:, :, None] * without
    gradient = scale.derivative(linear_1)[:, :, None] * with_it - base_gradient

    def read(value: FloatArray, rows: FloatArray) -> ContrastEstimates:
        spread = fit.contrasts(rows[:, None, :])
        return ContrastEstimates(value[:, None], spread.std_error, spread.df, spread.df_unclipped)

    for k, index in at.items():
        if index < len(chosen):
            there = np.isfinite(change[:, index]) & gradient[:, index].any(axis=1)
            rows = np.where(there[:, None], gradient[:, index], 0.0)
            yield f"effect_at_{k}", there, read(change[:, index], rows)
    total = change[:, chosen].mean(axis=1)
    average = gradient[:, chosen].mean(axis=1)
    every = np.ones(len(total), dtype=np.bool_)
    yield "average_effect", every, read(total, average)
    if weights is not None:
        weight = np.nan_to_num(weights[:, chosen])
        rows = np.einsum("sp,spk->sk", weight, gradient[:, chosen])
        summed = np.einsum("sp,sp->s", weight, change[:, chosen])
        yield "cumulative_effect", np.asarray(~np.isnan(weights).all(axis=1)), read(summed, rows)
    base, base_row = mean_0[:, chosen].mean(axis=1), base_gradient[:, chosen].mean(axis=1)
    if by_weight and weights is not None:
        total, average = summed, rows
        base = np.einsum("sp,sp->s", weight, mean_0[:, chosen])
        base_row = np.einsum("sp,spk->sk", weight, base_gradient[:, chosen])
    there = base > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(there, total / base, np.nan)
        rows = (100.0 / base)[:, None] * (average - ratio[:, None] * base_row)
    yield "relative_average_effect", there, read(100.0 * ratio, np.where(there[:, None], rows, 0.0))
