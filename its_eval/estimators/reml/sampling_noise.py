"""REML of AR(1) errors beside sampling noise whose variance is known up to a factor, and KR1 inference.

``V = s^2 R(rho) + phi B``, B the diagonal of the sampling variances of percentages with denominators, phi = 1
where answers are independent. A latent level that moves from month to month is autocorrelated, and who
happened to be asked is not. Weights (``relative_variance``) hold only the sum of both variances and let both
be autocorrelated.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from its_eval.estimators.fit import BoolArray, Fit, FloatArray, missing_patterns, scatter
from its_eval.estimators.reml.components import (
    Component,
    Tridiagonal,
    blank_components_fit,
    fit_components,
)

#: Grid of rho and of the sampling share of the variance; the first and the last value are the bounds.
RHO = (-0.5, -0.3, -0.15, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 0.99)
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.96, 1.0)
#: With equal sampling variances the two parts are the same at rho = 0.
SMALLEST_RHO = 0.01


def sampling_component(sampling: FloatArray, observed: BoolArray) -> Component:
    """Return the sampling variances (n, S) of the observed months, of mean 1."""
    variance = sampling[observed].T
    variance = variance / variance.mean(axis=1, keepdims=True)
    none = np.zeros((variance.shape[0], variance.shape[1] - 1))
    inverse = Tridiagonal(1.0 / variance, none, np.log(variance).sum(axis=1))
    return Component(inverse, variance[:, :, None] * np.eye(variance.shape[1]), RHO, SHARES, SMALLEST_RHO)


def fit_reml_ar_sampling(X: FloatArray, Y: FloatArray, sampling: FloatArray) -> Fit:
    """Fit one design with a latent AR(1) beside sampling noise to many series.

    rho in [-0.5, 0.99] and the sampling noise's share of the variance in [0, 1] maximise the restricted
    likelihood; on an edge they are taken as known (``components``).

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    Y : ndarray, shape (n, S)
        Outcomes, NaN where a month is missing.
    sampling : ndarray, shape (n, S)
        Sampling variances b_t, above 0 where there is an outcome.

    Returns
    -------
    Fit
        As of ``fit_components``: ``variance_ratio`` is s^2 over the mean of ``phi b_t``; ``dispersion`` is
        phi.

    Raises
    ------
    SingularDesignError
        As ``fit_reml_ar``, with k + 3 usable months needed.
    ValueError
        If a sampling variance is missing or not above 0 where there is an outcome.
    """
    if not (sampling[~np.isnan(Y)] > 0.0).all():
        raise ValueError("every outcome needs a sampling variance above 0")
    n_series = Y.shape[1]
    whole = replace(blank_components_fit(n_series, X.shape[1]), dispersion=np.zeros(n_series))
    for pattern in missing_patterns(Y):
        own = sampling[:, pattern.series]
        component = sampling_component(own, pattern.observed)
        fit = fit_components(X, Y[:, pattern.series], pattern.observed, component)
        share = np.zeros(len(fit.sigma)) if fit.variance_ratio is None else 1.0 / (1.0 + fit.variance_ratio)
        dispersion = fit.sigma**2 * share / own[pattern.observed].mean(axis=0)
        scatter(whole, pattern.places, replace(fit, dispersion=dispersion))
    return whole
