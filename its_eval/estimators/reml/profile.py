"""The profiled restricted likelihood as a function of the partial autocorrelations.

Up to a constant, ``-2 l_R / (n - k) = log RSS(r) + log h(r)`` with
``log h = (log|M| - log|N|) / (n - k)``, ``M = Q'NQ``, and RSS the generalised residual sum of squares

  ``RSS = sum_l alpha_l a_l + p'Jp,   J = F'(N - lag part)F - L M^{-1} L',   L = F'NQ,   p = F'e``.

exp of the whole is ``h(r) RSS(r)``: linear in the moments of a series, so a grid of it for many series is one
matrix product.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from its_eval.estimators.reml.autoregression import PrecisionTerms, form_pairs, precision_terms
from its_eval.estimators.reml.reduction import ReducedDesign, ReducedSeries, pack_symmetric

if TYPE_CHECKING:
    from its_eval.estimators.fit import FloatArray


class DesignMatrices(Struct, frozen=True, dict=True):
    """What the design contributes at G points of the partial autocorrelations.

    Attributes
    ----------
    terms : PrecisionTerms
        Weights of the forms.
    inverse : ndarray, shape (G, k, k)
        ``M^{-1}``.
    link : ndarray, shape (G, r, k)
        ``L = F'NQ``.
    shift : ndarray, shape (G, k, r)
        ``M^{-1}L'``: what F'e adds to Q'y in the generalised least-squares estimate.
    log_scale : ndarray, shape (G,)
        ``log h``.
    columns : ndarray, shape (m, q, k)
        ``Z'S_ij Q``, the forms of which the derivatives are sums.
    """

    terms: PrecisionTerms
    inverse: FloatArray
    link: FloatArray
    shift: FloatArray
    log_scale: FloatArray
    columns: FloatArray

    @cached_property
    def first(self) -> FloatArray:
        """``Z'N_a Q`` with ``N_a = dN/dr_a``, shape (G, p, q, k)."""
        return np.tensordot(self.terms.first, self.columns, axes=1)

    @cached_property
    def inner_first(self) -> FloatArray:
        """``dM/dr_a``, shape (G, p, k, k): the first k rows of ``first``, all that an iteration needs."""
        return np.tensordot(self.terms.first, self.columns[:, : self.columns.shape[2]], axes=1)


def design_matrices(design: ReducedDesign, partials: FloatArray) -> DesignMatrices:
    """Evaluate the design's matrices at partial autocorrelations of shape (G, p)."""
    n_terms = design.n_terms
    terms = precision_terms(partials)
    columns = design.forms[:, :, :n_terms]
    precision_columns = np.tensordot(terms.weights, columns, axes=1)
    inner, link = precision_columns[:, :n_terms], precision_columns[:, n_terms:]
    inverse, log_determinant = inverse_and_log_determinant(inner)
    log_scale = (log_determinant - terms.log_determinant) / design.residual_df
    return DesignMatrices(
        terms=terms,
        inverse=inverse,
        link=link,
        shift=inverse @ np.swapaxes(link, 1, 2),
        log_scale=log_scale,
        columns=columns,
    )


def inverse_and_log_determinant(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverse and ``log|A|`` of symmetric positive definite matrices, shapes (G, k, k) and (G,).

    By Beaton's sweep of every row (Goodnight 1979, *American Statistician* 33:149), all matrices at once: for
    many small matrices several times as fast as a factor of each.
    """
    swept = matrices.transpose(1, 2, 0).copy()
    product = np.empty_like(swept)
    log_determinant = np.zeros(len(matrices))
    for place in range(len(swept)):
        pivot = swept[place, place].copy()
        log_determinant += np.log(pivot)
        row = swept[place] / pivot
        swept -= np.multiply(swept[:, place, None], row, out=product)
        swept[place] = swept[:, place] = row
        swept[place, place] = -1.0 / pivot
    return np.negative(swept.transpose(2, 0, 1), order="C"), log_determinant


def rss_table(design: ReducedDesign, matrices: DesignMatrices) -> FloatArray:
    """Coefficients (G, n_moments) of RSS at G points in the moments of a series."""
    reach = slice(design.n_terms, None)
    weights = matrices.terms.weights
    direct = np.tensordot(weights, design.residual_forms[:, reach, reach], axes=1)
    curvature = direct - matrices.link @ matrices.shift
    return np.hstack([design.lag_weights(weights), pack_symmetric(curvature)])


def objective_table(design: ReducedDesign, partials: FloatArray) -> FloatArray:
    """Coefficients (G, n_moments) of ``h RSS``, which the restricted likelihood estimate minimises."""
    matrices = design_matrices(design, partials)
    return np.asarray(np.exp(matrices.log_scale)[:, None] * rss_table(design, matrices))


def objective_values(design: ReducedDesign, series: ReducedSeries, partials: FloatArray) -> FloatArray:
    """Evaluate the objective of each series at every one of G points, without tables of the design.

    One Cholesky factor of ``[[M, c], [c', s]]`` with ``c = L'p`` and ``s = sum_l alpha_l a_l + p'(.)p`` gives
    both parts: the first k pivots multiply to |M|, and the square of the last is RSS. Dearer than
    ``objective_table`` for many series, cheaper for a few, and much cheaper where F is wide, as it is when
    every row of the design has a weight of its own.

    Returns
    -------
    ndarray, shape (G, S)
        ``log RSS + log h``.
    """
    n_terms = design.n_terms
    terms = precision_terms(partials)
    inner = np.tensordot(terms.weights, design.forms[:, :n_terms, :n_terms], axes=1)
    bordered = np.empty((len(partials), n_terms + 1, n_terms + 1))
    bordered[:, :n_terms, :n_terms] = inner
    across = design.forms[:, n_terms:, :n_terms]
    within = design.residual_forms[:, n_terms:, n_terms:]
    values = np.empty((len(partials), series.reach.shape[1]))
    lags = [j - i for i, j in form_pairs(design.order)]
    for column in range(values.shape[1]):
        reach = series.reach[:, column]
        border = terms.weights @ (reach @ across)
        bordered[:, :n_terms, n_terms] = bordered[:, n_terms, :n_terms] = border
        sums = series.lag_sums[lags, column] + np.einsum("i,mij,j->m", reach, within, reach)
        bordered[:, n_terms, n_terms] = terms.weights @ sums
        pivots = 2.0 * np.log(np.diagonal(np.linalg.cholesky(bordered), axis1=1, axis2=2))
        log_determinant = pivots[:, :n_terms].sum(axis=1) - terms.log_determinant
        values[:, column] = pivots[:, n_terms] + log_determinant / design.residual_df
    return values


class ProfileValues(Struct, frozen=True):
    """The objective ``log RSS + log h`` of S series, each at partial autocorrelations of its own.

    Attributes
    ----------
    value, rss : ndarray, shape (S,)
        Objective and generalised residual sum of squares.
    gradient, hessian : ndarray, shapes (S, p) and (S, p, p)
        Derivatives of the objective.
    matrices : DesignMatrices
        The design's part at the same points.
    """

    value: FloatArray
    rss: FloatArray
    gradient: FloatArray
    hessian: FloatArray
    matrices: DesignMatrices


def evaluate_profile(design: ReducedDesign, series: ReducedSeries, partials: FloatArray) -> ProfileValues:
    """Evaluate the objective exactly, with derivatives.

    With u the generalised residual, ``D_ij = u'S_ij u`` and ``v_a = Q'N_a u``:

      ``RSS_a = sum w_ij,a D_ij`` (the coefficients' own response drops out, they minimise RSS),
      ``RSS_ab = sum w_ij,ab D_ij - 2 v_a'M^{-1}v_b``,
      ``(log|M|)_a = tr M^{-1}M_a``, ``(log|M|)_ab = tr M^{-1}M_ab - tr M^{-1}M_a M^{-1}M_b``.

    Parameters
    ----------
    design : ReducedDesign
    series : ReducedSeries
        S series.
    partials : ndarray, shape (S, p)
    """
    n_terms, df = design.n_terms, design.residual_df
    matrices = design_matrices(design, partials)
    terms = matrices.terms
    reach = series.reach.T
    correction = (matrices.shift @ reach[:, :, None])[:, :, 0]
    position = np.hstack([-correction, reach])
    pulled = np.tensordot(position, design.residual_forms, axes=(1, 1))
    lag_sums = series.lag_sums.T[:, [j - i for i, j in form_pairs(design.order)]]
    sums = lag_sums + (pulled @ position[:, :, None])[:, :, 0]

    rss = np.sum(terms.weights * sums, axis=1)
    rss_first = (terms.first @ sums[:, :, None])[:, :, 0]
    slope = terms.first @ pulled[:, :, :n_terms]
    rss_second = (terms.second @ sums[:, None, :, None])[:, :, :, 0]
    rss_second = rss_second - 2.0 * slope @ matrices.inverse @ np.swapaxes(slope, 1, 2)

    inner_forms = design.forms[:, :n_terms, :n_terms].reshape(-1, n_terms**2)
    traces = matrices.inverse.reshape(-1, n_terms**2) @ inner_forms.T
    relative = matrices.inverse[:, None] @ matrices.inner_first
    scale_first = (terms.first @ traces[:, :, None])[:, :, 0] - terms.log_determinant_first
    scale_second = (terms.second @ traces[:, None, :, None])[:, :, :, 0] - trace_products(relative)
    scale_second -= terms.log_determinant_second

    relative_first = rss_first / rss[:, None]
    gradient = relative_first + scale_first / df
    hessian = rss_second / rss[:, None, None] + scale_second / df
    hessian -= relative_first[:, :, None] * relative_first[:, None]
    return ProfileValues(np.log(rss) + matrices.log_scale, rss, gradient, hessian, matrices)


def trace_products(matrices: FloatArray) -> FloatArray:
    """``tr A_a A_b`` for matrices of shape (G, p, k, k): shape (G, p, p)."""
    points, order, size, _ = matrices.shape
    flat = matrices.reshape(points, order, size**2)
    flipped = np.swapaxes(matrices, 2, 3).reshape(points, order, size**2)
    return np.asarray(flat @ np.swapaxes(flipped, 1, 2))
