"""Generalised linear models of counts and proportions, by statsmodels, in the conventions of R's glm.

Poisson and negative binomial have a log link and an exposure, binomial a logit link and a number of trials.
The negative binomial is NB2, ``Var y = mu + alpha mu^2``: alpha maximises the likelihood, and the standard
errors are those of the model at this alpha, as in ``MASS::glm.nb`` (alpha and the coefficients are orthogonal
in the expected information; Venables & Ripley 2002, *Modern Applied Statistics with S*, section 7.4).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np

from its_eval.estimate.assembly import NOISE_FLOOR, blank_fit
from its_eval.estimate.count_data import check_counts
from its_eval.estimate.glm_series import BINOMIAL, Family, SeriesModel, fit_series
from its_eval.estimate.patterns import missing_patterns, require_estimable

if TYPE_CHECKING:
    from its_eval.estimate.fit import BoolArray, Fit, FloatArray

__all__ = ["BINOMIAL", "Family", "fit_glm"]

#: Families whose dispersion is estimated: standard errors carry it, and t(n - k) replaces z.
QUASI: tuple[Family, ...] = ("quasi_poisson", "quasi_binomial")
#: Families whose variance is given: a chi-squared of more than this for each degree of freedom is flagged.
GIVEN_VARIANCE: tuple[Family, ...] = ("poisson", "binomial")
OVERDISPERSED_ABOVE = 1.5
FLAGS = ("overdispersed", "not_converged", "degenerate")


def fit_glm(
    X: FloatArray,
    Y: FloatArray,
    family: Family,
    *,
    exposure: FloatArray | None = None,
    trials: FloatArray | None = None,
    lags: int | None = None,
) -> Fit:
    """Fit one design to many series of counts.

    Standard errors are those of the model; with ``lags`` they are the sandwich ``H^{-1} M H^{-1}`` times
    ``n / (n - k)``, H the expected information and M the Newey-West sum (Bartlett weights) of the scores, as
    ``sandwich::NeweyWest(lag = L, prewhite = FALSE, adjust = TRUE)``. Lags are calendar lags, as in
    ``fit_newey_west``. The family decides the reference distribution in either case: t(n - k) where the
    dispersion is estimated (``quasi_``), the normal distribution for the others, as R's ``summary.glm``; the
    normal distribution shows as infinite degrees of freedom.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    Y : ndarray, shape (n, S)
        Counts (of successes for the binomial families), NaN where a period is missing.
    family : {"poisson", "quasi_poisson", "negative_binomial", "binomial", "quasi_binomial"}
    exposure : ndarray, shape (n, S), optional
        What the counts arose from, positive; its logarithm is an offset. Not for the binomial families.
    trials : ndarray, shape (n, S)
        Out of how many; for the binomial families, which need it.
    lags : int, optional
        L of the Newey-West covariance.

    Returns
    -------
    Fit
        Without variance parameters (q = 0) and partial autocorrelations. ``dispersion`` is alpha for the
        negative binomial (0: the fit is Poisson's) and Pearson's chi-squared over n - k for the others,
        whether or not the standard errors use it. ``sigma`` is the root of the residual sum of squares, in
        counts, over n - k. The log-likelihood is that of the family, for ``quasi_`` that of the family with
        dispersion 1. Flags: ``overdispersed`` (Poisson and binomial: chi-squared over n - k above 1.5),
        ``not_converged`` (the numbers are those of the last step), ``degenerate`` (the likelihood has no
        finite maximum, as for a segment without any event: parameters are NaN; or a ``quasi_`` family fits
        exactly; the covariance is 0 in both cases).

    Raises
    ------
    CountError
        If counts, exposure or trials are impossible: all faults in one message.
    SingularDesignError
        As ``fit_ols``.
    ValueError
        For another family, negative lags, or exposure and trials with the wrong family.
    """
    sizes = _sizes(family, exposure, trials)
    if lags is not None and lags < 0:
        raise ValueError(f"lags is {lags}; it has to be 0 or more")
    check_counts(Y, exposure=exposure, trials=trials)
    n_series, n_terms = Y.shape[1], X.shape[1]
    dispersion = np.zeros(n_series)
    result = replace(blank_fit(n_series, n_terms, 0, 0, FLAGS), dispersion=dispersion)
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        require_estimable(X, observed)
        df = pattern.n_used - n_terms
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = df if family in QUASI else math.inf
        for series in pattern.series:
            size = None if sizes is None else sizes[observed, series]
            model = fit_series(X[observed], Y[observed, series], family, size)
            ratio = model.pearson / df
            exact = family in QUASI and ratio <= NOISE_FLOOR
            result.params[series] = model.params
            result.log_likelihood[series] = model.log_likelihood
            result.sigma[series] = math.sqrt(model.residuals @ model.residuals / df)
            dispersion[series] = model.alpha if family == "negative_binomial" else ratio
            result.flags["not_converged"][series] = not model.converged
            result.flags["degenerate"][series] = model.infinite or exact
            over = family in GIVEN_VARIANCE and ratio > OVERDISPERSED_ABOVE
            result.flags["overdispersed"][series] = over
            if not (model.infinite or exact):
                covariance = model.bread * (ratio if family in QUASI else 1.0)
                if lags is not None:
                    covariance = pattern.n_used / df * _sandwich(model, observed, lags)
                result.covariance.model[series] = result.covariance.adjusted[series] = covariance
    return result


def _sizes(family: Family, exposure: FloatArray | None, trials: FloatArray | None) -> FloatArray | None:
    """Return trials or exposure, whichever the family takes."""
    if family not in get_args(Family):
        raise ValueError(f"family is {family!r}; it has to be one of {', '.join(get_args(Family))}")
    if family in BINOMIAL:
        if trials is None or exposure is not None:
            raise ValueError(f"{family} needs trials and takes no exposure")
        return trials
    if trials is not None:
        raise ValueError(f"{family} takes an exposure and no trials")
    return exposure


def _sandwich(model: SeriesModel, observed: BoolArray, lags: int) -> FloatArray:
    """Newey-West covariance without small-sample factor; a missing period keeps its neighbours apart."""
    from statsmodels.stats.sandwich_covariance import S_hac_simple  # noqa: PLC0415 - takes a second to import

    scores = np.zeros((observed.size, model.scores.shape[1]))
    scores[observed] = model.scores
    return np.asarray(model.bread @ S_hac_simple(scores, nlags=lags) @ model.bread)
