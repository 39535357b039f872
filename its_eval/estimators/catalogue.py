"""Estimators by the name they have in the config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from its_eval.estimators.glm import CountError
from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.prais_winsten import GapError
from its_eval.estimators.reml.forms_fit import fit_reml_ar_own
from its_eval.estimators.reml.reml_ar import fit_reml_ar

if TYPE_CHECKING:
    from its_eval.config import Estimator
    from its_eval.estimators.fit import BoolArray, Fit, FloatArray
    from its_eval.estimators.glm import Family


__all__ = [
    "ASSUMES",
    "CountError",
    "FitContext",
    "GapError",
    "ShortSeriesError",
    "autoregressive_order",
    "fit_estimator",
]

#: Usable observations from which ``order: auto`` takes AR(2), and below which nothing but a description of
#: the series is honest (methods §0).
SECOND_ORDER_FROM = 48
DESCRIPTIVE_BELOW = 16
#: Links of the count and binomial families.
FAMILY_LINKS = {
    "poisson": "log",
    "quasi_poisson": "log",
    "negative_binomial": "log",
    "binomial": "logit",
    "quasi_binomial": "logit",
}

#: What each estimator's standard error assumes, for the report.
ASSUMES = {
    "reml_ar": "autoregressive errors of constant variance; restricted maximum likelihood, first-order "
    "Kenward-Roger standard errors and Satterthwaite degrees of freedom",
    "reml_ar_noise": "an autoregressive process of the first order observed with white noise; restricted "
    "maximum likelihood with first-order Kenward-Roger standard errors",
    "ols": "independent errors; understates uncertainty when months resemble their neighbours",
    "newey_west": "autocorrelation that fades within the lags; understates uncertainty in short series",
    "prais_winsten": "first-order autoregressive errors whose autocorrelation is known; it is estimated, and "
    "intervals are too narrow in short series",
    "arima": "an ARIMA process, by maximum likelihood and the normal distribution; too narrow in short "
    "series",
    "poisson": "independent counts whose variance is their mean",
    "quasi_poisson": "independent counts whose variance is proportional to their mean",
    "negative_binomial": "independent counts whose variance grows with the square of their mean",
    "binomial": "independent answers, and a level that moves for no other reason than chance",
    "quasi_binomial": "independent months whose variance is proportional to that of a binomial",
    "synthetic": "nothing: the fit before the start is made by choice of weights, so only placebos tell how "
    "unusual a gap is",
}


class ShortSeriesError(ValueError):
    """A series is too short for any inference by this estimator."""


@dataclass(frozen=True)
class FitContext:
    """What some estimators need beside design and series.

    Attributes
    ----------
    n_used : int
        Periods that enter the fit.
    after : ndarray of bool, shape (n,)
        Periods from the intervention on.
    per_year : int
        Seasons in a year.
    relative_variance : ndarray, shape (n, S), or None
        Variance of each period over its geometric mean, for weighted series.
    counts, sizes : ndarray, shape (n, S), or None
        Numerators and denominators, for count and binomial families; ``sizes`` None without denominators.
    """

    n_used: int
    after: BoolArray
    per_year: int = 12
    relative_variance: FloatArray | None = None
    counts: FloatArray | None = None
    sizes: FloatArray | None = None


def autoregressive_order(order: object, n_used: int) -> int:
    """Return the order of the error model: as asked, or by the number of usable observations.

    Never chosen by looking at the residuals: that would make the intervals too narrow (methods §2).
    """
    if isinstance(order, int):
        return order
    return 2 if n_used >= SECOND_ORDER_FROM else 1


def fit_estimator(estimator: Estimator, X: FloatArray, Y: FloatArray, context: FitContext) -> Fit:
    """Fit one estimator to series that miss the same periods.

    Parameters
    ----------
    estimator : Estimator
        Name and options.
    X : ndarray, shape (n, k)
        Design over all periods.
    Y : ndarray, shape (n, S)
        Series, NaN where a period is missing or not used.
    context : FitContext
        What else is known.

    Raises
    ------
    ShortSeriesError
        When there are too few observations for an error model.
    SingularDesignError
        When the design cannot be estimated from the used periods.
    GapError
        When the estimator needs every period between the first and the last.
    """
    name = estimator.name
    if name == "ols":
        return fit_ols(X, Y)
    if name == "newey_west":
        return fit_newey_west(X, Y, estimator.lags)
    if name in FAMILY_LINKS:
        return _fit_family(estimator, X, Y, context)
    if context.n_used < DESCRIPTIVE_BELOW:
        raise ShortSeriesError(
            f"{context.n_used} usable observations; an error model needs {DESCRIPTIVE_BELOW}. "
            "Show the series, or extend the window"
        )
    return _fit_error_model(estimator, X, Y, context)


def _fit_error_model(estimator: Estimator, X: FloatArray, Y: FloatArray, context: FitContext) -> Fit:
    """Fit an estimator that models the errors of neighbouring periods."""
    if estimator.name == "prais_winsten":
        from its_eval.estimators.prais_winsten import fit_prais_winsten  # noqa: PLC0415  (start-up time)

        return fit_prais_winsten(X, Y, estimator.rho)
    if estimator.name == "arima":
        from its_eval.estimators.arima import fit_arima  # noqa: PLC0415

        seasonal = (*estimator.seasonal_order, context.per_year if any(estimator.seasonal_order) else 0)
        return fit_arima(X, Y, cast("tuple[int, int, int]", estimator.order), seasonal)
    if estimator.name == "reml_ar_noise":
        from its_eval.estimators.reml.noise import fit_reml_ar_noise  # noqa: PLC0415

        return fit_reml_ar_noise(X, Y)
    order = autoregressive_order(estimator.order, context.n_used)
    if estimator.variance == "by_segment":
        from its_eval.estimators.reml.by_segment import fit_reml_by_segment  # noqa: PLC0415

        return fit_reml_by_segment(X, Y, order, context.after)
    if context.relative_variance is None:
        return fit_reml_ar(X, Y, order)
    root = np.sqrt(context.relative_variance)
    return fit_reml_ar_own(X[None] / root.T[:, :, None], Y / root, order)


def _fit_family(estimator: Estimator, X: FloatArray, Y: FloatArray, context: FitContext) -> Fit:
    """Fit a count or binomial family to the numerators of the periods that Y has."""
    from its_eval.estimators.glm import BINOMIAL, fit_glm  # noqa: PLC0415  (start-up time)

    family = cast("Family", estimator.name)
    if context.counts is None:
        raise ValueError(f"{family} needs counts")
    counts = np.where(np.isnan(Y), np.nan, context.counts)
    if family in BINOMIAL:
        return fit_glm(X, counts, family, trials=context.sizes, lags=estimator.lags)
    return fit_glm(X, counts, family, exposure=context.sizes, lags=estimator.lags)
