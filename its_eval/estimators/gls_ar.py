"""Autoregressive errors of any order up to 12, by restricted maximum likelihood from dense matrices, and KR1.

``V = sigma^2 R(r)``, R the correlation matrix of a stationary autoregression with partial autocorrelations r.
The coefficients follow from r by the Durbin-Levinson recursion (Barndorff-Nielsen & Schou 1973, *Journal of
Multivariate Analysis* 3:408): ``phi_kk = r_k``, ``phi_kj = phi_{k-1,j} - r_k phi_{k-1,k-j}``, the variance
over that of the innovations is ``1 / prod(1 - r_k^2)``, and later autocorrelations are Yule and Walker's.
Derivatives of R are complex steps, exact to rounding. Of orders 1 and 2 this is ``reml_ar``, one series at a
time.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from scipy import linalg

from its_eval.estimators.error_terms import ProcessTerms, term_names
from its_eval.estimators.fit import blank_fit, missing_patterns, require_estimable
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext, autoregressive_order
from its_eval.estimators.least_squares import line_of_one
from its_eval.estimators.reml.autoregression import bound_arrays
from its_eval.estimators.reml.dense import RestrictedLikelihood
from its_eval.estimators.reml.entry import RANDOM_WALK
from its_eval.estimators.reml.kenward_roger import dense_kenward_roger
from its_eval.estimators.reml.reml_ar import NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from its_eval.estimators.fit import Fit, FloatArray
    from its_eval.estimators.reml.dense import Covariance

FLAGS = ("at_bound", "near_unit_root", "not_converged", "degenerate")
MOST_ORDER = 12
#: Largest partial autocorrelation in size from the third on; the first two have the bounds of ``reml_ar``.
LARGEST = 0.95
COMPLEX_STEP = 1e-30
#: Nearer than this to a bound counts as on it, as for ``reml_ar``.
AT_BOUND = 1e-3
#: First and second partial autocorrelations from which the search may start, beside the bound of the first;
#: later ones start from 0.
STARTS = (-0.3, 0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
SECOND_STARTS = (-0.3, 0.0, 0.3)


def autocorrelations(partials: Any, n_lags: int) -> Any:
    """Return the autocorrelations at lags 0..n_lags - 1 of partial ones (p,), real or complex."""
    order = len(partials)
    phi = np.zeros(0, dtype=partials.dtype)
    rho = np.zeros(max(n_lags, order + 1), dtype=partials.dtype)
    rho[0] = 1.0
    left = 1.0 + 0.0 * partials[:1].sum()
    for k, own in enumerate(partials):
        rho[k + 1] = phi @ rho[1 : k + 1][::-1] + own * left
        phi = np.concatenate([phi - own * phi[::-1], [own]])
        left = left * (1.0 - own * own)
    further = n_lags - order - 1
    if further > 0:
        denominator = np.concatenate([[1.0], -phi])
        from scipy import signal  # noqa: PLC0415  (start-up time)

        state = signal.lfiltic([1.0], denominator, rho[1 : order + 1][::-1])
        rho[order + 1 :] = signal.lfilter([1.0], denominator, np.zeros(further), zi=state)[0]
    return rho[:n_lags]


def coefficients(partials: Any) -> Any:
    """Return the autoregressive coefficients of partial autocorrelations, both (p,)."""
    phi = np.zeros(0, dtype=partials.dtype)
    for own in partials:
        phi = np.concatenate([phi - own * phi[::-1], [own]])
    return phi


def bounds_of(order: int) -> FloatArray:
    """Return the least and largest partial autocorrelations, shape (p, 2)."""
    if order <= 2:
        return np.column_stack(bound_arrays(order))
    low, high = bound_arrays(2)
    beyond = np.tile([-LARGEST, LARGEST], (order - 2, 1))
    return np.vstack([np.column_stack([low, high]), beyond])


def _correlation(partials: FloatArray, places: Any) -> tuple[FloatArray, Iterator[FloatArray]]:
    """Return R over the used periods, and its derivatives as they are asked for."""
    distance = np.abs(places[:, None] - places)
    n_lags = int(distance.max()) + 1

    def slope(axis: int) -> FloatArray:
        stepped = partials.astype(np.complex128)
        stepped[axis] += 1j * COMPLEX_STEP
        found = autocorrelations(stepped, n_lags).imag / COMPLEX_STEP
        return np.asarray(found[distance])

    return autocorrelations(partials, n_lags)[distance], map(slope, range(partials.size))


def _projected(places: Any, free: FloatArray) -> Covariance:
    """Return what gives N'RN and its derivatives at partial autocorrelations."""

    def covariance(partials: FloatArray) -> tuple[FloatArray, Iterator[FloatArray]]:
        whole, slopes = _correlation(partials, places)
        return free.T @ whole @ free, (free.T @ one @ free for one in slopes)

    return covariance


def fit_gls_ar(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Fit one design with AR(p) errors to many series, one at a time.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods.
    Y : ndarray, shape (n, S)
        NaN where a period is missing, which keeps its place in time.
    order : int
        p, 1 to 12.

    Returns
    -------
    Fit
        The variance parameters are (log sigma^2, r); partial autocorrelations are r, sigma is the marginal
        standard deviation, the log-likelihood restricted. Flags as those of ``fit_reml_ar``: ``at_bound``
        (a partial autocorrelation within 0.001 of its bound), ``near_unit_root``, ``degenerate``, and
        ``not_converged``. ``processes`` has the autoregressive coefficients.

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the used periods of some series or these are fewer than k + p + 2.
    ValueError
        For another order.
    """
    if not 1 <= order <= MOST_ORDER:
        raise ValueError(f"order is {order}; it has to be 1 to {MOST_ORDER}")
    n_series, n_terms = Y.shape[1], X.shape[1]
    blank = blank_fit(n_series, n_terms, 1 + order, order, FLAGS)
    result = replace(blank, processes=np.full(n_series, None, dtype=np.object_))
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        require_estimable(X, observed, minimum_df=order + 2)
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = pattern.n_used - n_terms
        places = np.flatnonzero(observed)
        likelihood = RestrictedLikelihood(
            X[observed], partial(_projected, places), bounds_of(order), own_scale=True
        )
        for series in pattern.series:
            _fit_one(result, int(series), X[observed], Y[observed, series], places, likelihood)
    return result


def _fit_one(
    result: Fit,
    series: int,
    X: FloatArray,
    outcome: FloatArray,
    places: Any,
    likelihood: RestrictedLikelihood,
) -> None:
    """Fit one series and write it into its place."""
    least_squares, residual, degenerate = line_of_one(X, outcome)
    if degenerate:
        result.flags["degenerate"][series] = True
        result.params[series] = least_squares
        return
    scale = math.sqrt(residual @ residual / outcome.size)
    y, order = residual / scale, result.partial_autocorrelations.shape[1]
    pairs = product((*STARTS, likelihood.bounds[0, 1]), SECOND_STARTS if order > 1 else (0.0,))
    best = likelihood.maximise(y, [np.array([*pair, *[0.0] * order])[:order] for pair in pairs])
    whole, slopes = _correlation(best.theta, places)
    variance = best.scale * scale**2
    half = linalg.cho_solve(linalg.cho_factor(whole, lower=True), X)
    shift = np.linalg.solve(X.T @ half, half.T @ y) * scale
    known = np.concatenate([[False], best.on_bound])[None]
    found = dense_kenward_roger(X, whole[None], [one[None] for one in slopes], np.array([variance]), known)
    own = result.covariance
    result.params[series] = least_squares + shift
    own.model[series], own.adjusted[series] = found.model[0], found.adjusted[0]
    own.gradients[series] = found.gradients[0]
    own.parameter_covariance[series] = found.parameter_covariance[0]
    result.partial_autocorrelations[series] = best.theta
    result.sigma[series] = math.sqrt(variance)
    result.log_likelihood[series] = best.log_likelihood - (outcome.size - X.shape[1]) * math.log(scale)
    near = np.abs(best.theta[:, None] - likelihood.bounds).min(axis=1) < AT_BOUND
    result.flags["at_bound"][series] = bool(near.any())
    if result.processes is not None:
        spread = own.parameter_covariance[series] if best.converged and not near.any() else None
        result.processes[series] = _terms(best.theta, variance, spread)
    result.flags["near_unit_root"][series] = bool(best.theta[0] > NEAR_UNIT_ROOT)
    result.flags["not_converged"][series] = not best.converged


def _terms(partials: FloatArray, variance: float, spread: FloatArray | None) -> ProcessTerms:
    """Return the coefficients and the variance of the innovations, with errors by the delta method.

    Parameters
    ----------
    partials : ndarray, shape (p,)
    variance : float
        Of the errors.
    spread : ndarray, shape (1 + p, 1 + p), or None
        Covariance of the logarithm of the variance and the partial autocorrelations; None: there is none.
    """
    order = partials.size
    innovations = variance * float(np.prod(1.0 - partials**2))
    errors = np.full(order + 1, np.nan)
    if spread is not None:
        slopes = np.zeros((order + 1, order + 1))
        slopes[order, 0] = innovations
        slopes[order, 1:] = -2.0 * innovations * partials / (1.0 - partials**2)
        for axis in range(order):
            stepped = partials.astype(np.complex128)
            stepped[axis] += 1j * COMPLEX_STEP
            slopes[:order, axis + 1] = coefficients(stepped).imag / COMPLEX_STEP
        errors = np.sqrt(np.diag(slopes @ spread @ slopes.T))
    return ProcessTerms(
        f"AR({order})",
        by_data=False,
        terms=term_names(order),
        estimate=(*coefficients(partials).tolist(), innovations),
        std_error=tuple(errors.tolist()),
    )


def _fit_entry(X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
    """Fit an entry of the config."""
    return fit_gls_ar(X, Y, autoregressive_order(estimator.order, context.n_used))


GLS_AR = EstimatorKind(
    "gls_ar",
    "generalised least squares with autoregressive errors, REML",
    "autoregressive errors of constant variance, of an order up to 12; restricted maximum likelihood, "
    "first-order Kenward-Roger standard errors and Satterthwaite degrees of freedom",
    _fit_entry,
    options=("order",),
    has_error_model=True,
    predicts=True,
    slow=True,
    has_own_refusals=True,
    procedure="kr1",
    at_bound=RANDOM_WALK,
)
