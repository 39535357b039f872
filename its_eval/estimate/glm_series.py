"""One generalised linear model of one series, by statsmodels' iteratively reweighted least squares.

The dispersion alpha of the negative binomial, ``Var y = mu + alpha mu^2``, solves the score equation

  ``sum_t { [log(1 + alpha mu_t) - psi(y_t + 1/alpha) + psi(1/alpha)] / alpha^2
  + (y_t - mu_t) / [alpha (1 + alpha mu_t)] } = 0``

along the coefficients that are best for each alpha (Lawless 1987, *Canadian Journal of Statistics* 15:209).
Its limit at alpha = 0 is ``sum [(y_t - mu_t)^2 - y_t] / 2`` at the Poisson fit (Dean & Lawless 1989, *JASA*
84:467): where that is not positive, the likelihood falls from alpha = 0 on and the estimate is Poisson's.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from its_eval.estimate.fit import FloatArray

Family = Literal["poisson", "quasi_poisson", "negative_binomial", "binomial", "quasi_binomial"]
BINOMIAL: tuple[Family, ...] = ("binomial", "quasi_binomial")

MAXIMUM_ITERATIONS = 200
#: Relative and absolute change of the deviance at which reweighting stops.
DEVIANCE_TOLERANCE = 1e-12
#: Fitted means and probabilities nearer than this to the edge of their range belong to infinite estimates.
EDGE = 1e-8
#: Range of alpha times the largest mean: below it the distribution is as good as Poisson's.
DISPERSION_RANGE = (1e-4, 1e8)


@dataclass(frozen=True)
class SeriesModel:
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
