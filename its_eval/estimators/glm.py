"""Generalised linear models of counts and proportions, by statsmodels, in the conventions of R's glm.

The dispersion alpha of the negative binomial, ``Var y = mu + alpha mu^2``, solves the score equation

  ``sum_t { [log(1 + alpha mu_t) - psi(y_t + 1/alpha) + psi(1/alpha)] / alpha^2
  + (y_t - mu_t) / [alpha (1 + alpha mu_t)] } = 0``

along the coefficients that are best for each alpha (Lawless 1987, *Canadian Journal of Statistics* 15:209).
Its limit at alpha = 0 is ``sum [(y_t - mu_t)^2 - y_t] / 2`` at the Poisson fit (Dean & Lawless 1989, *JASA*
84:467): where that is not positive, the likelihood falls from alpha = 0 on and the estimate is Poisson's.

Poisson and negative binomial have a log link and an exposure, binomial a logit link and a number of trials.
The negative binomial is NB2, ``Var y = mu + alpha mu^2``: alpha maximises the likelihood, and the standard
errors are those of the model at this alpha, as in ``MASS::glm.nb`` (alpha and the coefficients are orthogonal
in the expected information; Venables & Ripley 2002, *Modern Applied Statistics with S*, section 7.4).
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy import special

from its_eval.errors import NotEstimableError
from its_eval.estimators.fit import NOISE_FLOOR, blank_fit, missing_patterns, require_estimable

if TYPE_CHECKING:
    from its_eval.estimators.fit import BoolArray, Fit, FloatArray


Family = Literal["poisson", "quasi_poisson", "negative_binomial", "binomial", "quasi_binomial"]
BINOMIAL: tuple[Family, ...] = ("binomial", "quasi_binomial")

MAXIMUM_ITERATIONS = 200
#: Relative and absolute change of the deviance at which reweighting stops.
DEVIANCE_TOLERANCE = 1e-12
#: Fitted means and probabilities nearer than this to the edge of their range belong to infinite estimates.
EDGE = 1e-8
#: Range of alpha times the largest mean: below it the distribution is as good as Poisson's.
DISPERSION_RANGE = (1e-4, 1e8)


class SeriesModel(Struct, frozen=True):
    """A fitted generalised linear model of n observations and k terms.

    Attributes
    ----------
    params : ndarray, shape (k,)
        NaN where ``infinite``.
    bread : ndarray, shape (k, k)
        Inverse of the expected information at dispersion 1.
    scores : ndarray, shape (n, k)
        Contribution of each observation to the score of the coefficients, at dispersion 1.
    residuals : ndarray, shape (n,)
        Counts minus fitted counts.
    deviance_residuals : ndarray, shape (n,)
        Root of each observation's share of the deviance, with the sign of its residual.
    pearson : float
        Pearson's chi-squared.
    alpha : float
        Dispersion of the negative binomial; 0 for other families.
    log_likelihood : float
        At dispersion 1.
    converged : bool
    infinite : bool
        The likelihood has no finite maximum.
    """

    params: FloatArray
    bread: FloatArray
    scores: FloatArray
    residuals: FloatArray
    deviance_residuals: FloatArray
    pearson: float
    alpha: float
    log_likelihood: float
    converged: bool
    infinite: bool


def fit_series(X: FloatArray, y: FloatArray, family: Family, size: FloatArray | None) -> SeriesModel:
    """Fit one series without missing values.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    y : ndarray, shape (n,)
        Counts.
    family : str
    size : ndarray, shape (n,), or None
        Trials of the binomial families; exposure of the others, None for 1.
    """
    if not y.any() or (family in BINOMIAL and size is not None and np.all(y == size)):
        return _infinite(X, y)
    if family != "negative_binomial":
        return _describe(_reweighted(X, y, family, size), y, size if family in BINOMIAL else None, 0.0)
    poisson = _reweighted(X, y, "poisson", size)
    if not _is_excess(poisson.mu, y):
        return _describe(poisson, y, None, 0.0)
    alpha, settled = _dispersion(X, y, size, poisson)
    best = poisson if alpha == 0.0 else _reweighted(X, y, family, size, alpha, poisson.params)
    return _describe(best, y, None, alpha, settled)


def _reweighted(
    X: FloatArray,
    y: FloatArray,
    family: Family,
    size: FloatArray | None,
    alpha: float = 0.0,
    start: FloatArray | None = None,
) -> Any:
    """Return statsmodels' result of the family with a given alpha."""
    from statsmodels.genmod import families  # noqa: PLC0415 - takes a second to import
    from statsmodels.genmod.generalized_linear_model import GLM  # noqa: PLC0415
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning  # noqa: PLC0415

    if family in BINOMIAL and size is not None:
        model = GLM(np.column_stack([y, size - y]), X, family=families.Binomial())
    else:
        kind = families.NegativeBinomial(alpha=alpha) if alpha > 0.0 else families.Poisson()
        model = GLM(y, X, family=kind, offset=None if size is None else np.log(size))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # A likelihood without a maximum is recognised by its fitted values instead.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return model.fit(
            start_params=start,
            maxiter=MAXIMUM_ITERATIONS,
            atol=DEVIANCE_TOLERANCE,
            rtol=DEVIANCE_TOLERANCE,
            scale=1.0,
        )


def _describe(
    result: Any, y: FloatArray, trials: FloatArray | None, alpha: float, settled: bool = True
) -> SeriesModel:
    """Read a result of statsmodels."""
    fitted = result.mu
    low = fitted if trials is None else np.minimum(fitted, 1.0 - fitted)
    if not low.min() > EDGE:
        return _infinite(result.model.exog, y)
    return SeriesModel(
        params=result.params,
        bread=np.linalg.inv(-result.model.hessian(result.params, scale=1.0, observed=False)),
        scores=result.model.score_obs(result.params, scale=1.0),
        residuals=y - fitted * (1.0 if trials is None else trials),
        deviance_residuals=np.asarray(result.resid_deviance),
        pearson=float(result.pearson_chi2),
        alpha=alpha,
        log_likelihood=float(result.llf),
        converged=bool(result.converged) and settled,
        infinite=False,
    )


def _infinite(X: FloatArray, y: FloatArray) -> SeriesModel:
    """Return the model of a series whose likelihood has no finite maximum."""
    n_terms = X.shape[1]
    return SeriesModel(
        params=np.full(n_terms, np.nan),
        bread=np.zeros((n_terms, n_terms)),
        scores=np.zeros_like(X),
        residuals=np.zeros_like(y),
        deviance_residuals=np.zeros_like(y),
        pearson=0.0,
        alpha=0.0,
        log_likelihood=math.nan,
        converged=True,
        infinite=True,
    )


def _is_excess(mean: FloatArray, y: FloatArray) -> bool:
    """Return whether the likelihood rises from alpha = 0 on."""
    return bool(np.sum((y - mean) ** 2 - y) > 0.0)


def _dispersion(X: FloatArray, y: FloatArray, size: FloatArray | None, poisson: Any) -> tuple[float, bool]:
    """Return alpha, and whether it lies inside the range that is searched."""
    from scipy import optimize  # noqa: PLC0415 - takes a while to import

    def slope(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        mean = _reweighted(X, y, "negative_binomial", size, alpha, poisson.params).mu
        return dispersion_score(y, mean, alpha)

    low, high = (math.log(limit / poisson.mu.max()) for limit in DISPERSION_RANGE)
    if slope(low) <= 0.0:
        return 0.0, True
    if slope(high) >= 0.0:
        return math.exp(high), False
    return math.exp(optimize.brentq(slope, low, high, xtol=1e-10)), True


def dispersion_score(y: FloatArray, mean: FloatArray, alpha: float) -> float:
    """Differentiate the negative binomial log-likelihood by log alpha."""
    size = 1.0 / alpha
    gained = np.log1p(alpha * mean) - special.digamma(y + size) + special.digamma(size)
    return float(np.sum(gained / alpha + (y - mean) / (1.0 + alpha * mean)))


#: Faulty cells named in a message; the others are only counted.
NAMED = 5


class CountError(NotEstimableError):
    """Counts, exposures or trials that no model of counts can have produced.

    Attributes
    ----------
    problems : list of str
        One for each kind of fault, with the cells where it occurs.
    """

    reason = "impossible_counts"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def check_counts(Y: FloatArray, *, exposure: FloatArray | None, trials: FloatArray | None) -> None:
    """Raise unless all counts are possible.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Counts, NaN where a period is missing; nothing is asked of exposure and trials there.
    exposure, trials : ndarray, shape (n, S), optional

    Raises
    ------
    CountError
        Negative or infinite counts, exposures or trials that are not positive numbers, more successes than
        trials: all of them in one pass.
    """
    observed = ~np.isnan(Y)
    faults = [("counts have to be 0 or more", observed & ~((Y >= 0.0) & np.isfinite(Y)))]
    for name, sizes in (("exposure", exposure), ("trials", trials)):
        if sizes is not None:
            known = np.isfinite(sizes) & (sizes > 0.0)
            faults.append((f"{name} has to be a positive number where there is a count", observed & ~known))
    if trials is not None:
        faults.append(("a count cannot exceed its trials", observed & (trials < Y)))
    problems = [f"{rule}: {_cells(where)}" for rule, where in faults if where.any()]
    if problems:
        raise CountError(problems)


def _cells(where: BoolArray) -> str:
    """Name the first faulty cells by period and series, both counted from 0."""
    periods, series = np.nonzero(where)
    named = [f"period {t} of series {s}" for t, s in zip(periods[:NAMED], series[:NAMED], strict=True)]
    further = f" and {periods.size - NAMED} more" if periods.size > NAMED else ""
    return ", ".join(named) + further + " (counted from 0)"


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
    lagged_residuals: int = 0,
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
    lagged_residuals : int
        So many terms beside the design: the deviance residuals of a fit without them, of 1 to so many periods
        before (Bhaskaran, Gasparrini, Hajat, Smeeth & Armstrong 2013, *International Journal of Epidemiology*
        42:1187). A period without such a residual, the first ones and those after a gap, has their mean, 0.

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
    sizes = check_sizes(family, exposure, trials)
    if lags is not None and lags < 0:
        raise ValueError(f"lags is {lags}; it has to be 0 or more")
    check_counts(Y, exposure=exposure, trials=trials)
    n_series, n_terms = Y.shape[1], X.shape[1]
    dispersion = np.zeros(n_series)
    result = replace(blank_fit(n_series, n_terms, 0, 0, FLAGS), dispersion=dispersion)
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        require_estimable(X, observed, 1 + lagged_residuals)
        df = pattern.n_used - n_terms - lagged_residuals
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = df if family in QUASI else math.inf
        for series in pattern.series:
            size = None if sizes is None else sizes[observed, series]
            model = fit_series(X[observed], Y[observed, series], family, size)
            if lagged_residuals and not model.infinite:
                beside = _lagged(model.deviance_residuals, observed, lagged_residuals)
                both = np.hstack([X[observed], beside])
                model = fit_series(both, Y[observed, series], family, size)
            ratio = model.pearson / df
            exact = family in QUASI and ratio <= NOISE_FLOOR
            result.params[series] = model.params[:n_terms]
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
                own = covariance[:n_terms, :n_terms]
                result.covariance.model[series] = result.covariance.adjusted[series] = own
    return result


def _lagged(residuals: FloatArray, observed: BoolArray, count: int) -> FloatArray:
    """Return residuals of 1 to so many periods before, 0 where there is none, shape (n_used, count)."""
    calendar = np.zeros(observed.size)
    calendar[observed] = residuals
    return np.column_stack(
        [np.concatenate([np.zeros(lag), calendar[:-lag]])[observed] for lag in range(1, count + 1)]
    )


def check_sizes(family: Family, exposure: FloatArray | None, trials: FloatArray | None) -> FloatArray | None:
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
