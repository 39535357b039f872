"""What an estimator is: its name, options and words, and how it fits many series that share a design."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

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
    def level(self) -> str:
        """Of a structural model: ``fixed`` or ``stochastic``, as ``trend`` and ``season``."""

    @property
    def trend(self) -> str:
        """Of a structural model."""

    @property
    def season(self) -> str:
        """Of a structural model."""

    @property
    def errors(self) -> str:
        """Of a count or binomial family: ``independent`` or ``ar1``."""

    @property
    def lagged_residuals(self) -> int:
        """Of a count or binomial family with independent errors: how many terms of residuals before."""


class ShortSeriesError(NotEstimableError):
    """A series is too short for any inference by this estimator."""

    reason = "series_too_short"


class FitContext(Struct, frozen=True):
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
        Variance of each period over its geometric mean, for weighted series; the sampling variance itself for
        estimators that model it.
    counts, sizes : ndarray, shape (n, S), or None
        Numerators and denominators, for count and binomial families; ``sizes`` None without denominators.
    first_start : int or None
        The first period of any interruption; None: that of ``after``.
    """

    n_used: int
    after: BoolArray
    per_year: int = 12
    relative_variance: FloatArray | None = None
    counts: FloatArray | None = None
    sizes: FloatArray | None = None
    first_start: int | None = None

    @property
    def before_any(self) -> BoolArray:
        """Periods before the first interruption, shape (n,)."""
        if self.first_start is None:
            return ~self.after
        return np.arange(self.after.size) < self.first_start

    def weights_of(self, series: NDArray[np.intp]) -> FitContext:
        """Return the context of some of the series of an estimator that is no family."""
        relative = self.relative_variance
        return self if relative is None else replace(self, relative_variance=relative[:, series])


class Statistics(Struct, frozen=True):
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

    def take(self, pick: NDArray[np.intp] | slice) -> Statistics:
        """Return the statistics of some of the series."""
        return Statistics(
            self.estimates.take(pick),
            self.partial_autocorrelations[pick],
            {name: flag[pick] for name, flag in self.flags.items()},
            None if self.sigma is None else self.sigma[pick],
            None if self.log_likelihood is None else self.log_likelihood[pick],
        )

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


class EstimatorKind(Struct, frozen=True):
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
        Takes sampling variances as weights.
    models_sampling : bool
        Takes sampling variances as a part of its error model, and cannot do without.
    whitenable : bool
        Errors are autoregressive with the fit's partial autocorrelations, or independent.
    of_several_series : bool
        Describes a unit and its peers in one model.
    predicts : bool
        Gives the term of a single period the error with which the others predict it: its standard error holds
        that period's own variation.
    joins_patterns : bool
        Series that miss different periods may be handed over in one call.
    slow : bool
        Takes milliseconds a series.
    has_own_refusals : bool
        Refuses series for other reasons than too few observations and a design that cannot be told apart.
    procedure : str
        By which its standard errors and degrees of freedom are made; blank: one of its own.
    at_bound : EstimatorKind or None
        What answers for the series that this one flags ``at_bound``; None: it answers itself. Parameters,
        contrasts and their uncertainty are then those of the other kind, while autocorrelations, sigma,
        variance ratio and log-likelihood go on describing the fit that met the bound.
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
    models_sampling: bool = False
    whitenable: bool = False
    of_several_series: bool = False
    predicts: bool = False
    joins_patterns: bool = False
    slow: bool = False
    has_own_refusals: bool = False
    procedure: str = ""
    at_bound: EstimatorKind | None = None

    @property
    def inference(self) -> str:
        """By which procedure it answers: ``kr1``, ``random_walk``, ``ols``, ``newey_west`` and so on."""
        return self.procedure or self.name

    @property
    def is_family(self) -> bool:
        """Whether it is a generalised linear model, whose mean is on the response scale."""
        return bool(self.link)

    @property
    def fits_short_segments(self) -> bool:
        """Whether it has no model of the errors that a short segment could not bear."""
        return not (self.has_error_model or self.is_family)

    @property
    def weighs(self) -> bool:
        """Whether it takes sampling variances, as weights or as a part of its error model."""
        return self.can_weigh or self.models_sampling

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
        fit = self.fit_many(X, Y, estimator, context)
        bound = at_bound(fit.flags)
        if self.at_bound is None or not bound.size:
            return fit
        from its_eval.estimators.fit import scatter  # noqa: PLC0415  (start-up time)

        other = self.at_bound.fit(X, Y[:, bound], estimator, context.weights_of(bound))
        count = other.covariance.gradients.shape[1]
        scatter(fit.params, bound, other.params)
        own = fit.covariance
        for whole, part in ((own.adjusted, other.covariance.adjusted), (own.model, other.covariance.model)):
            scatter(whole, bound, part)
        # without variance parameters the degrees of freedom are those of the residuals
        own.gradients[bound] = own.parameter_covariance[bound] = 0.0
        own.gradients[bound, :count] = other.covariance.gradients
        own.parameter_covariance[bound, :count, :count] = other.covariance.parameter_covariance
        walks = np.full((len(fit.params), 2), np.nan)
        scatter(walks, bound, other.walk_variances)
        return replace(fit, walk_variances=walks, flags=_raised(fit.flags, bound, other.flags))

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
            return Statistics.of(self.fit(X, Y, estimator, context), contrasts)
        read = self.read_many(X, Y, contrasts, estimator, context)
        return self.answered(read, X, Y, contrasts, estimator, context)

    def answered(
        self,
        read: Statistics,
        X: FloatArray,
        Y: FloatArray,
        contrasts: FloatArray,
        estimator: Entry,
        context: FitContext,
    ) -> Statistics:
        """Return what was read of series, those at a bound by the kind that answers for them.

        Parameters
        ----------
        read : Statistics
            Of this estimator alone.
        X, Y, contrasts, estimator, context
            As for `read`, contrasts of shape (m, k).
        """
        bound = at_bound(read.flags)
        if self.at_bound is None or not bound.size:
            return read
        from its_eval.estimators.fit import scatter  # noqa: PLC0415  (start-up time)

        other = self.at_bound.read(X, Y[:, bound], contrasts, estimator, context.weights_of(bound))
        scatter(read.estimates, bound, other.estimates)
        return replace(read, flags=_raised(read.flags, bound, other.flags))

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


def at_bound(flags: Mapping[str, BoolArray]) -> NDArray[np.intp]:
    """Return the places of the series that are flagged ``at_bound``."""
    return np.flatnonzero(flags.get("at_bound", False))


def _raised(
    flags: Mapping[str, BoolArray], places: NDArray[np.intp], more: Mapping[str, BoolArray]
) -> dict[str, BoolArray]:
    """Return flags (S,) with those of some of the series added."""
    raised = {name: flag.copy() for name, flag in flags.items()}
    for name, flag in more.items():
        raised.setdefault(name, np.zeros_like(flags["at_bound"]))[places] |= flag
    return raised


def autoregressive_order(order: Any, n_used: int) -> int:
    """Return the order of the error model: as asked, or by the number of usable observations.

    Never chosen by looking at the residuals: that would make the intervals too narrow (methods §2).
    """
    if isinstance(order, int):
        return order
    return 2 if n_used >= SECOND_ORDER_FROM else 1
