"""The mean effect of a set of treated units, whose estimates depend on each other through what they share.

Peers that units share, and shocks that reach several of them, make separate estimates correlated; treated as
independent, their mean is taken as more precise than it is. The covariance of two estimates by generalised
least squares is here the product of what is known exactly, the whitened contrasts, and of what the residuals
show, the correlation of the whitened errors in the same periods. Common or staggered starts are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.fit import ContrastEstimates

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, FloatArray


class UnitPart(Struct, frozen=True):
    """What one unit brings to a set: m estimates, and what they may share with those of other units.

    Attributes
    ----------
    estimate, std_error, df : ndarray, shape (m,)
        Of each term of the question.
    residual : ndarray, shape (n,)
        Whitened residual ``L^{-1}(y - Xb)`` on the calendar of the panel, 0 in periods that were not used,
        scaled to length 1; all 0 for an estimate that shares nothing with others.
    contrasts : ndarray, shape (m, n)
        Whitened contrasts ``L^{-1}X(X'R^{-1}X)^{-1}c``, likewise.
    residual_df : float
        Used periods minus terms; 0 where only the degrees of freedom of the estimates are known.
    """

    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    residual: FloatArray
    contrasts: FloatArray
    residual_df: float = 0.0

    @classmethod
    def alone(cls, estimate: FloatArray, std_error: FloatArray, df: FloatArray) -> UnitPart:
        """Return the part of a unit whose estimates, each of shape (m,), depend on no other unit's."""
        return cls(estimate, std_error, df, np.zeros(1), np.zeros((estimate.size, 1)))


def whitened_parts(
    X: FloatArray, y: FloatArray, used: BoolArray, contrasts: FloatArray, estimates: ContrastEstimates
) -> list[UnitPart]:
    """Return the parts of S units that use the same periods.

    Parameters
    ----------
    X : ndarray, shape (S, n_used, k)
        Whitened design ``L^{-1}X`` of each unit, with ``LL' = R`` its error correlation.
    y : ndarray, shape (S, n_used)
        Whitened series ``L^{-1}y``.
    used : ndarray of bool, shape (n,)
        Which periods of the calendar these are.
    contrasts : ndarray, shape (m, k) or (S, m, k)
        Rows of the design that were estimated; the second form has contrasts of its own for each unit.
    estimates : ContrastEstimates
        Their estimates, shape (S, m).
    """
    size = np.linalg.norm(X, axis=1, keepdims=True)
    design = X / np.where(size > 0.0, size, 1.0)
    # a comparative model repeats its columns in the rows of the unit: the inverse is a pseudo-inverse
    inverse = np.linalg.pinv(design)
    rows = np.broadcast_to(contrasts, (len(X), *contrasts.shape[-2:])) / np.where(size > 0.0, size, 1.0)
    residual = y
    for _ in range(2):  # twice, so that a high level costs no digits
        explained = design @ (inverse @ residual[:, :, None])
        residual = residual - explained[:, :, 0]
    residuals = np.zeros((len(X), used.size))
    residuals[:, used] = _unit_length(residual)
    weights = np.zeros((len(X), rows.shape[1], used.size))
    weights[:, :, used] = _unit_length(rows @ inverse)
    own = (estimates.estimate, estimates.std_error, estimates.df, residuals, weights)
    residual_df = float(X.shape[1] - X.shape[2])
    return [UnitPart(*parts, residual_df) for parts in zip(*own, strict=True)]


def _unit_length(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0.0, length, 1.0))


class PartStack(Struct, frozen=True):
    """The parts of N units beside each other.

    Attributes
    ----------
    estimate, std_error, df, residual_df : ndarray, shape (m, N)
        The last is at least `df`.
    residuals : ndarray, shape (N, n)
    weights : ndarray, shape (m, N, n)
        Whitened contrasts, scaled to the length of their standard errors.
    """

    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    residual_df: FloatArray
    residuals: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, parts: Sequence[UnitPart]) -> PartStack:
        """Put parts beside each other."""
        std_error = np.stack([part.std_error for part in parts], axis=1)
        df = np.stack([part.df for part in parts], axis=1)
        return cls(
            np.stack([part.estimate for part in parts], axis=1),
            std_error,
            df,
            np.maximum(df, np.array([part.residual_df for part in parts])),
            np.stack([part.residual for part in parts]),
            np.stack([part.contrasts for part in parts], axis=1) * std_error[:, :, None],
        )

    def covariances(self, other: PartStack, rows: slice = slice(None)) -> FloatArray:
        """Return the covariances ``A_ij r_ij`` of estimates, shape (m, N or rows, other N).

        ``A_ij = s_i s_j h_i'h_j`` and ``r_ij = e_i'e_j``. A unit's own variance on the diagonal is
        ``s_i^2`` only where its residual has length 1; callers that need it take the standard error.
        """
        correlation = self.residuals[rows] @ other.residuals.T
        return np.asarray(self.weights[:, rows] @ np.swapaxes(other.weights, 1, 2) * correlation)


class SetEffect(Struct, frozen=True):
    """The mean effect of the units of a set, for each of the m terms of a question.

    Attributes
    ----------
    estimate, std_error, df : ndarray, shape (m,)
    n_units : int
        Units averaged, K.
    """

    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    n_units: int

    @property
    def terms(self) -> ContrastEstimates:
        """The terms as contrasts of one series, shape (1, m)."""
        return ContrastEstimates(self.estimate[None], self.std_error[None], self.df[None], self.df[None])

    @property
    def statistic(self) -> FloatArray:
        """Estimate over standard error, shape (m,); NaN where the standard error is 0."""
        return np.asarray(self.terms.statistic[0])

    @property
    def p_values(self) -> FloatArray:
        """Two-sided p-value of each term by itself, shape (m,)."""
        return np.asarray(self.terms.p_value[0])

    @property
    def p_value(self) -> float:
        """p-value of the question, that no term changed: m times the smallest, at most 1 (Bonferroni)."""
        return float(np.minimum(1.0, self.estimate.size * np.fmin.reduce(self.p_values)))

    def interval(self, confidence: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper limits of each term at the given confidence, each of shape (m,)."""
        low, high = self.terms.interval(confidence)
        return low[0], high[0]


def set_effect(parts: Sequence[UnitPart]) -> SetEffect:
    """Average the estimates of K units.

    ``b = mean b_i`` with ``V = K^{-2} sum_ij A_ij r_ij``. V varies for two reasons, whose shares add up as
    Satterthwaite's do: the residuals are a sample, on f = mean(f_i) residual degrees of freedom of which the
    dependence of the units leaves ``f tr(Ar)^2 / tr(ArAr)``; and each unit's error model was estimated, which
    ``1/nu_i - 1/f_i`` measures, and with it its part ``w_i = sum_j A_ij r_ij / tr(Ar)`` of V:

      ``1/nu = tr(ArAr) / (f tr(Ar)^2) + sum_ij w_i w_j r_ij^2 tau_i tau_j``,   ``tau_i^2 = 1/nu_i - 1/f_i``,

    clipped so that nu lies in [1, sum nu_i]. Without an error model the second share is nil. Equal and
    independent units have ``K nu_i``; identical units have the standard error and the degrees of freedom of
    one.

    Parameters
    ----------
    parts : sequence of UnitPart
        Of the same terms, on the same calendar.

    Raises
    ------
    ValueError
        For no parts.
    """
    if not parts:
        raise ValueError("a set has at least one unit")
    stack = PartStack.of(parts)
    n_units = len(parts)
    correlation = stack.residuals @ stack.residuals.T
    np.fill_diagonal(correlation, 1.0)
    products = stack.weights @ np.swapaxes(stack.weights, 1, 2)
    products[:, np.arange(n_units), np.arange(n_units)] = stack.std_error**2
    mixed = products @ correlation
    total = np.trace(mixed, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # shares of the variance, so that no outcome's unit leaves double precision
        mixed = mixed / total[:, None, None]
        own = np.diagonal(mixed, axis1=1, axis2=2)
        estimated = own * np.sqrt(1.0 / stack.df - 1.0 / stack.residual_df)
        sampled = np.einsum("mij,mji->m", mixed, mixed) / stack.residual_df.mean(axis=1)
        df = 1.0 / (sampled + np.einsum("mi,ij,mj->m", estimated, correlation**2, estimated))
    df = np.clip(df, 1.0, np.maximum(stack.df.sum(axis=1), 1.0))
    return SetEffect(stack.estimate.mean(axis=1), np.sqrt(np.maximum(total, 0.0)) / n_units, df, n_units)
