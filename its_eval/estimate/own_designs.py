"""REML with AR(1) or AR(2) errors and KR1 inference for series that each have a design of their own.

Percentages weighted by their sampling variance (rows of X and y divided by the root of each month's variance,
``sampling_variance``) share no design, so the tables of ``reml_ar`` would have to be made for every series.
Here every series is reduced to its quadratic forms instead, and everything is done in stacked small matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.estimate.ar_statistics import ArStatistics
from its_eval.estimate.assembly import scatter
from its_eval.estimate.error_model import ErrorModel, constant_variance
from its_eval.estimate.forms_fit import blank_forms_fit, chunk_size, fit_forms
from its_eval.estimate.forms_profile import grid_objective, search_grid
from its_eval.estimate.patterns import SingularDesignError, require_estimable
from its_eval.estimate.series_forms import OrthonormalDesigns, SeriesForms, orthonormal_designs, own_forms

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, Fit, FloatArray


def fit_reml_ar_own(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Fit series that each have a design and missing months of their own.

    The same numbers and flags as ``fit_reml_ar(X[s], Y[:, [s]], order)`` for one series after the other.

    Parameters
    ----------
    X : ndarray, shape (S, n, k)
        Designs over all months.
    Y : ndarray, shape (n, S)
        Outcomes, NaN where a month is missing.
    order : int
        p, 1 or 2.

    Returns
    -------
    Fit
        Flags as those of ``fit_reml_ar``.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``, for the first series concerned; a note on the error says which it is.
    ValueError
        For another order, and when X and Y differ in series or months.
    """
    if X.shape[:2] != Y.T.shape:
        raise ValueError(
            f"X has {X.shape[0]} series of {X.shape[1]} months and "
            f"Y {Y.shape[1]} series of {Y.shape[0]} months"
        )
    model = constant_variance(order, Y.shape[0])
    observed = ~np.isnan(Y.T)
    for series in range(Y.shape[1]):
        try:
            require_estimable(X[series], observed[series], minimum_df=order + 1)
        except SingularDesignError as error:
            error.add_note(f"series {series}, counted from 0")
            raise
    outcomes = np.where(observed, Y.T, 0.0)
    result = blank_forms_fit(model, Y.shape[1], X.shape[2])
    n_missing = (~observed).sum(axis=1)
    for count in np.unique(n_missing):
        places = np.flatnonzero(n_missing == count)
        size = chunk_size(model, X.shape[2] + int(count))
        for start in range(0, places.size, size):
            chunk = places[start : start + size]
            scatter(result, chunk, _fit_chunk(model, X[chunk], outcomes[chunk], observed[chunk]))
    return result


def own_design_statistics(X: FloatArray, Y: FloatArray, contrasts: FloatArray, order: int) -> ArStatistics:
    """Estimate contrasts of series that each have a design of their own.

    The same numbers as ``fit_reml_ar_own(X, Y, order).contrasts(contrasts)``.

    Parameters
    ----------
    X : ndarray, shape (S, n, k)
    Y : ndarray, shape (n, S)
        NaN where a month is missing.
    contrasts : ndarray, shape (m, k) or (S, m, k)
        The second form has contrasts of its own for each series.
    order : int
        p, 1 or 2.

    Raises
    ------
    SingularDesignError, ValueError
        As ``fit_reml_ar_own``.
    """
    fit = fit_reml_ar_own(X, Y, order)
    return ArStatistics(fit.contrasts(contrasts), fit.partial_autocorrelations, fit.flags)


def _fit_chunk(model: ErrorModel, X: FloatArray, outcomes: FloatArray, observed: BoolArray) -> Fit:
    """Fit series that miss equally many months."""
    designs = orthonormal_designs(X, observed)
    terms = model.terms(search_grid(model))

    def reduce(chosen: OrthonormalDesigns, residuals: FloatArray) -> FloatArray:
        return own_forms(model, chosen.basis, residuals)

    def search(series: SeriesForms, residuals: FloatArray) -> FloatArray:  # noqa: ARG001 - the forms hold them
        return grid_objective(series, designs.residual_df, terms)

    return fit_forms(model, designs, outcomes, observed, reduce, search)
