"""The smallest effect that a design can detect, before or after the data exist.

The standard error and the degrees of freedom of REML with AR errors and KR1 inference depend on the data only
through the estimated autocorrelation and variance. At a stated autocorrelation, in units of the residual
standard deviation, they are known beforehand.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from its_eval.estimators.fit import BoolArray, Fit, FloatArray, augmented_design, require_estimable
from its_eval.estimators.reml.autoregression import bound_arrays, marginal_variance
from its_eval.estimators.reml.kenward_roger import kenward_roger
from its_eval.estimators.reml.profile import design_matrices
from its_eval.estimators.reml.reduction import reduce_design
from its_eval.estimators.roots import crossing


def minimum_detectable(std_error: float, df: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the effect that a two-sided t-test at level alpha detects with the given power.

    Parameters
    ----------
    std_error : float
        Standard error of the estimate.
    df : float
        Its degrees of freedom.
    alpha, power : float
        Level and power.

    Returns
    -------
    float
        In the units of the estimate.

    Notes
    -----
    Solves the power function of the noncentral t distribution (methods §11.6) for its noncentrality; the
    textbook shortcut ``(t_{1-alpha/2} + t_{power}) se`` falls a little short at few degrees of freedom.

    Examples
    --------
    >>> round(minimum_detectable(1.0, 1000.0), 2), round(minimum_detectable(1.0, 10.0), 2)
    (2.8, 3.11)
    """
    return std_error * float(detectable_noncentrality(np.asarray(df), alpha, power))


def detectable_noncentrality(df: FloatArray, alpha: float, power: float = 0.8) -> FloatArray:
    """Return ``minimum_detectable`` of a standard error of 1, for many degrees of freedom."""
    critical = np.asarray(special.stdtrit(df, 1.0 - alpha / 2.0), dtype=np.float64)
    ceiling = np.asarray(2.0 * critical + 4.0)
    return crossing(lambda size: _found(size, critical, df) - power, np.zeros_like(ceiling), ceiling)


def _found(noncentrality: FloatArray, critical: float | FloatArray, df: float | FloatArray) -> FloatArray:
    """Return the probability that |t| with a noncentrality exceeds a critical value."""
    upper = 1.0 - special.nctdtr(df, noncentrality, critical)
    # the lower tail as the upper tail of the mirrored distribution; NaN is what is too small for a number
    return np.asarray(upper + np.nan_to_num(1.0 - special.nctdtr(df, -noncentrality, critical)))


def design_fit(X: FloatArray, partials: FloatArray, observed: BoolArray | None = None) -> Fit:
    """Return what a fit would know of its uncertainty if the errors are AR(p) as stated.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    partials : ndarray, shape (G, p)
        Partial autocorrelations, p = 1 or 2; the order is that which will be fitted.
    observed : ndarray of bool, shape (n,), optional
        Periods that will have a value; all by default.

    Returns
    -------
    Fit
        Of G series: coefficients 0, and their uncertainty in units of the (marginal) residual standard
        deviation.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated.
    ValueError
        If an autocorrelation is outside the bounds of the estimator.
    """
    lower, upper = bound_arrays(partials.shape[1])
    if np.any(partials < lower) or np.any(partials > upper):
        allowed = ", ".join(f"{low:g} to {high:g}" for low, high in zip(lower, upper, strict=True))
        raise ValueError(f"partial autocorrelations have to be in {allowed}; got {partials.tolist()}")
    seen = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
    require_estimable(X, seen, minimum_df=partials.shape[1] + 1)
    design = reduce_design(augmented_design(X, seen), partials.shape[1])
    matrices = design_matrices(design, partials)
    covariance = kenward_roger(design, matrices, partials, 1.0 / marginal_variance(partials), X.shape[1])
    n_points = len(partials)
    return Fit(
        params=np.zeros((n_points, X.shape[1])),
        covariance=covariance,
        sigma=np.ones(n_points),
        partial_autocorrelations=partials,
        log_likelihood=np.full(n_points, np.nan),
        n_used=np.full(n_points, seen.sum()),
    )


def power_at(effect: FloatArray, std_error: float, df: float, alpha: float = 0.05) -> FloatArray:
    """Return the probability that a two-sided t-test at level alpha finds effects of a given size.

    By the noncentral t distribution, taking standard error and degrees of freedom as those of the stated
    autocorrelation. ``minimum_detectable`` is its inverse.

    Parameters
    ----------
    effect : ndarray
        True effects.
    std_error, df : float
    alpha : float
    """
    critical = float(special.stdtrit(df, 1.0 - alpha / 2.0))
    return _found(np.abs(effect) / std_error, critical, df)
