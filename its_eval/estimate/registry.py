"""Estimators by the name they have in the config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.estimate.classical import fit_newey_west, fit_ols
from its_eval.estimate.reml_ar import fit_reml_ar

if TYPE_CHECKING:
    from its_eval.config import Estimator
    from its_eval.estimate.fit import Fit, FloatArray

#: Usable observations from which ``order: auto`` takes AR(2), and below which nothing but a description of
#: the series is honest (methods §0).
SECOND_ORDER_FROM = 48
DESCRIPTIVE_BELOW = 16

#: What each estimator's standard error assumes, for the report.
ASSUMES = {
    "reml_ar": "autoregressive errors of constant variance; restricted maximum likelihood, first-order "
    "Kenward-Roger standard errors and Satterthwaite degrees of freedom",
    "ols": "independent errors; understates uncertainty when months resemble their neighbours",
    "newey_west": "autocorrelation that fades within the lags; understates uncertainty in short series",
}


class ShortSeriesError(ValueError):
    """A series is too short for any inference by this estimator."""


def autoregressive_order(order: int | str, n_used: int) -> int:
    """Return the order of the error model: as asked, or by the number of usable observations.

    Never chosen by looking at the residuals: that would make the intervals too narrow (methods §2).
    """
    if isinstance(order, int):
        return order
    return 2 if n_used >= SECOND_ORDER_FROM else 1


def fit_estimator(estimator: Estimator, X: FloatArray, Y: FloatArray, n_used: int) -> Fit:
    """Fit one estimator to series that miss the same periods.

    Parameters
    ----------
    estimator : Estimator
        Name and options.
    X : ndarray, shape (n, k)
        Design over all periods.
    Y : ndarray, shape (n, S)
        Series, NaN where a period is missing or not used.
    n_used : int
        Periods that enter the fit.

    Raises
    ------
    ShortSeriesError
        When there are too few observations for REML.
    SingularDesignError
        When the design cannot be estimated from the used periods.
    """
    if estimator.name == "ols":
        return fit_ols(X, Y)
    if estimator.name == "newey_west":
        return fit_newey_west(X, Y, estimator.lags)
    if n_used < DESCRIPTIVE_BELOW:
        raise ShortSeriesError(
            f"{n_used} usable observations; an error model needs {DESCRIPTIVE_BELOW}. "
            "Show the series, or extend the window"
        )
    return fit_reml_ar(X, Y, autoregressive_order(estimator.order, n_used))
