"""What an estimator is: its name, options and words, and how it fits many series that share a design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from its_eval.errors import NotEstimableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, ContrastEstimates, Fit, FloatArray

    #: X of shape (n, k), Y of shape (n, S), the entry of the config with its options, and the context.
    FitMany = Callable[[FloatArray, FloatArray, "Entry", "FitContext"], Fit]
    #: The same for contrasts of shape (m, k), the third argument.
    ReadMany = Callable[[FloatArray, FloatArray, FloatArray, "Entry", "FitContext"], "Statistics"]

#: Usable observations from which ``order: auto`` takes AR(2), and below which nothing but a description of
#: the series is honest (methods §0).
SECOND_ORDER_FROM = 48
DESCRIPTIVE_BELOW = 16


class Entry(Protocol):
    """An estimator as a config names it, with its options and the label of its rows."""

    @property
    def name(self) -> str:
        """Which estimator."""

    @property
    def label(self) -> str:
        """What its rows are called."""

    @property
    def order(self) -> Any:
        """Of an autoregression or of an ARIMA process."""

    @property
    def variance(self) -> str:
        """Whether it is ``constant`` or ``by_segment``."""

    @property
    def lags(self) -> int | None:
        """Of Newey-West."""

    @property
    def rho(self) -> Any:
        """How Prais-Winsten estimates the autocorrelation."""

    @property
    def seasonal_order(self) -> tuple[int, int, int]:
        """Of an ARIMA process."""

    @property
    def errors(self) -> str:
        """Of a count or binomial family: ``independent`` or ``ar1``."""


class ShortSeriesError(NotEstimableError):
    """A series is too short for any inference by this estimator."""

    reason = "series_too_short"


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


@dataclass(frozen=True)
class Statistics:
    """Contrasts of S series without the covariance of everything else.

    Attributes
    ----------
    estimates : ContrastEstimates
        Shape (S, m).
    partial_autocorrelations : ndarray, shape (S, p)
    flags : dict of str to ndarray of bool, shape (S,)
        As those of the fit.
    sigma, log_likelihood : ndarray, shape (S,), or None
        None where only contrasts are estimated.
    """

    estimates: ContrastEstimates
    partial_autocorrelations: FloatArray
    flags: dict[str, BoolArray]
    sigma: NDArray[np.float64] | None = None
    log_likelihood: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, fit: Fit, contrasts: FloatArray) -> Statistics:
        """Return the contrasts of a fit."""
        return cls(
            fit.contrasts(contrasts),
            fit.partial_autocorrelations,
            fit.flags,
            fit.sigma,
            fit.log_likelihood,
        )


@dataclass(frozen=True)
class EstimatorKind:
    """One estimator of the catalogue.

    Attributes
    ----------
    name : str
        What a config calls it.
    title : str
        What it is, in a few words.
    assumes : str
        What its standard error assumes, in words.
    fit_many : callable
        Fits series that miss the same periods.
    read_many : callable or None
        Estimates contrasts alone, faster where series are many; None: by way of the fit.
    options : tuple of str
        Keys of an entry of the config that mean something to it.
    of_kind : str
        The kind of outcome that a count or binomial family is for; blank for any.
    link : str
        Scale of a family's linear predictor; blank: that of the outcome's ``transform``.
    has_error_model : bool
        Models the errors of neighbouring periods, which takes `DESCRIPTIVE_BELOW` observations.
    can_weigh : bool
        Takes sampling variances, unless its variance changes at the start.
    whitenable : bool
        Errors are autoregressive with the fit's partial autocorrelations, or independent.
    of_several_series : bool
        Describes a unit and its peers in one model.
    slow : bool
        Takes milliseconds a series.
    """

    name: str
    title: str
    assumes: str
    fit_many: FitMany
    read_many: ReadMany | None = None
    options: tuple[str, ...] = ()
    of_kind: str = ""
    link: str = ""
    has_error_model: bool = False
    can_weigh: bool = False
    whitenable: bool = False
    of_several_series: bool = False
    slow: bool = False

    @property
    def is_family(self) -> bool:
        """Whether it is a generalised linear model, whose mean is on the response scale."""
        return bool(self.link)

    def weighs(self, estimator: Entry) -> bool:
        """Return whether an entry of the config takes sampling variances as weights."""
        return self.can_weigh and estimator.variance == "constant"

    def fit(self, X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
        """Fit series that miss the same periods.

        Parameters
        ----------
        X : ndarray, shape (n, k)
            Design over all periods.
        Y : ndarray, shape (n, S)
            Series, NaN where a period is missing or not used.
        estimator : Entry
            Options.
        context : FitContext
            What else is known.

        Raises
        ------
        NotEstimableError
            When there are too few observations for an error model, the design cannot be estimated from the
            used periods, a gap cannot be bridged, or a family cannot have such counts.
        """
        self._require_length(context)
        return self.fit_many(X, Y, estimator, context)

    def read(
        self, X: FloatArray, Y: FloatArray, contrasts: FloatArray, estimator: Entry, context: FitContext
    ) -> Statistics:
        """Estimate contrasts of series that miss the same periods, as fast as this estimator can.

        Parameters
        ----------
        X, Y, estimator, context
            As for `fit`.
        contrasts : ndarray, shape (m, k) or (S, m, k)
            The second form has contrasts of its own for each series.

        Raises
        ------
        NotEstimableError
            As `fit`.
        """
        self._require_length(context)
        if self.read_many is None or contrasts.ndim == 3:
            return Statistics.of(self.fit_many(X, Y, estimator, context), contrasts)
        return self.read_many(X, Y, contrasts, estimator, context)

    def _require_length(self, context: FitContext) -> None:
        if self.has_error_model:
            require_length(context.n_used)


def require_length(n_used: int) -> None:
    """Raise when there are too few usable observations for an error model."""
    if n_used < DESCRIPTIVE_BELOW:
        raise ShortSeriesError(
            f"{n_used} usable observations; an error model needs {DESCRIPTIVE_BELOW}. "
            "Show the series, or extend the window"
        )


def autoregressive_order(order: Any, n_used: int) -> int:
    """Return the order of the error model: as asked, or by the number of usable observations.

    Never chosen by looking at the residuals: that would make the intervals too narrow (methods §2).
    """
    if isinstance(order, int):
        return order
    return 2 if n_used >= SECOND_ORDER_FROM else 1
