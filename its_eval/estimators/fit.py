"""What every estimator takes and returns: series by missing months, parameters, and a covariance model.

A month without a value keeps its place in time. One indicator column per missing month, with the outcome
set to 0 there, gives the same restricted likelihood, parameters and covariance as deleting the rows and
columns of the covariance matrix: the error contrasts of the augmented design vanish on the missing rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct, field
from msgspec.structs import astuple
from numpy.typing import NDArray
from scipy import special

from its_eval.errors import NotEstimableError
from its_eval.estimators.quantiles import t_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# The C library hands freed memory back to the system until it has once seen a large block come and go; pages
# would then be fetched anew for every matrix of a fit, which took a quarter of the time of many fits.
np.empty(31 * 2**20, dtype=np.uint8)

#: Degrees of freedom are clipped to at least this before an interval is formed: no p-value is withheld for
#: want of them, which would select those that are shown (inference P1).
MINIMUM_DF = 1.0
#: Below this many unclipped degrees of freedom a contrast is flagged: very wide, little information.
DF_FLOOR = 3.0
#: From so many series on, quadratic forms in the same contrasts are one product.
MANY_SERIES = 16


class ContrastEstimates(Struct, frozen=True):
    """Estimates of m contrasts for S series.

    Attributes
    ----------
    estimate, std_error, df, df_unclipped : ndarray, shape (S, m)
        Point estimates, standard errors, degrees of freedom used and before clipping.
    """

    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    df_unclipped: FloatArray

    @property
    def statistic(self) -> FloatArray:
        """Estimate over standard error, shape (S, m); NaN where the standard error is 0.

        A standard error of 0 belongs to a degenerate series, for which no test is possible.
        """
        statistic = np.full(self.estimate.shape, np.nan)
        np.divide(self.estimate, self.std_error, out=statistic, where=self.std_error > 0.0)
        return statistic

    @property
    def p_value(self) -> FloatArray:
        """Two-sided p-value of a zero contrast by the t distribution, shape (S, m)."""
        return np.asarray(2.0 * special.stdtr(self.df, -np.abs(self.statistic)), dtype=np.float64)

    def take(self, pick: Any) -> ContrastEstimates:
        """Return those of some series, or with ``np.s_[:, contrasts]`` some contrasts."""
        return ContrastEstimates(*(array[pick] for array in astuple(self)))

    def interval(self, confidence: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper limits at the given confidence, each of shape (S, m)."""
        half = self.quantile(confidence) * self.std_error
        return self.estimate - half, self.estimate + half

    def quantile(self, confidence: float) -> FloatArray:
        """Half width of the interval in standard errors, shape (S, m)."""
        return t_quantile(0.5 + confidence / 2.0, self.df)


class CovarianceModel(Struct, frozen=True):
    """How uncertain linear combinations of the parameters are, for S series.

    With ``Phi`` the model covariance, ``Phi_A`` the reported (adjusted) one, ``W`` the covariance of the
    q variance parameters and ``G_i = Phi P_i Phi``, a contrast c has standard error
    ``sqrt(max(c'Phi_A c, c'Phi c))`` and Satterthwaite degrees of freedom
    ``2 (c'Phi c)^2 / (g'W g)`` with ``g_i = -c'G_i c`` (methods §2). With q = 0 the degrees of freedom are
    ``df_residual``: ordinary least squares and Newey-West.

    Attributes
    ----------
    adjusted, model : ndarray, shape (S, k, k)
        ``Phi_A`` and ``Phi``.
    gradients : ndarray, shape (S, q, k, k)
        ``G_i``.
    parameter_covariance : ndarray, shape (S, q, q)
        ``W``.
    df_residual : ndarray, shape (S,)
        Usable observations minus terms; also the upper bound of the degrees of freedom.
    """

    adjusted: FloatArray
    model: FloatArray
    gradients: FloatArray
    parameter_covariance: FloatArray
    df_residual: FloatArray

    def estimate(self, params: FloatArray, contrasts: FloatArray) -> ContrastEstimates:
        """Estimate contrasts with their standard errors and degrees of freedom.

        Parameters
        ----------
        params : ndarray, shape (S, k)
            Parameters of each series.
        contrasts : ndarray, shape (m, k) or (S, m, k)
            Rows are contrasts; the second form has contrasts of its own for each series.
        """
        estimate = _products(contrasts, params)
        variance = _quadratic(contrasts, self.model)
        adjusted = _quadratic(contrasts, self.adjusted)
        std_error = np.sqrt(np.maximum(np.maximum(adjusted, variance), 0.0))
        ceiling = self.df_residual[:, None]
        if self.gradients.shape[1] == 0:
            df = np.broadcast_to(ceiling, estimate.shape).astype(np.float64)
            return ContrastEstimates(estimate, std_error, df, df)
        gradient = _quadratic(contrasts if contrasts.ndim == 2 else contrasts[:, None], self.gradients)
        spread = np.sum((self.parameter_covariance @ gradient) * gradient, axis=1)
        # No spread means no variance to estimate (a degenerate series): the residual df are as good as any.
        fallback = np.broadcast_to(ceiling, estimate.shape).astype(np.float64)
        unclipped = np.divide(2.0 * variance**2, spread, out=fallback, where=spread > 0.0)
        return ContrastEstimates(
            estimate, std_error, np.clip(unclipped, MINIMUM_DF, np.maximum(ceiling, MINIMUM_DF)), unclipped
        )


class Fit(Struct, frozen=True):
    """One design fitted to S series.

    Attributes
    ----------
    params : ndarray, shape (S, k)
        Coefficients in the order of the design's terms.
    covariance : CovarianceModel
        Their uncertainty.
    sigma : ndarray, shape (S,)
        Marginal standard deviation of the errors.
    partial_autocorrelations : ndarray, shape (S, p)
        Empty second axis for estimators without an error model.
    log_likelihood : ndarray, shape (S,)
        Restricted log-likelihood for REML, Gaussian log-likelihood for least squares.
    n_used : ndarray of int, shape (S,)
        Observations that entered the fit.
    flags : dict of str to ndarray of bool, shape (S,)
        Warnings as data, e.g. ``at_bound``; every flag is a word listed in ``docs/flags.md``.
    variance_ratio : ndarray, shape (S,), or None
        Variance after over variance before the interruption, or of the autoregressive part over the other
        one; None for estimators without such a ratio.
    dispersion : ndarray, shape (S,), or None
        Of count and binomial families, and of sampling noise; None for others.
    walk_variances : ndarray, shape (S, 2), or None
        Of a random walk with added noise: variance of a step from one period to the next, and of the noise
        where the relative variance is 1; None for other errors.
    no_estimate : ndarray of bool, shape (k,) or (S, k), or None
        Coefficients that the model does not have, such as the level of a differenced series: what stands for
        them only places a line, and no contrast of them has an estimate. None: there are none such.
    processes : ndarray of ProcessTerms or None, shape (S,), or None
        Coefficients of the error process; None for a degenerate series, and where no table has them.
    """

    params: FloatArray
    covariance: CovarianceModel
    sigma: FloatArray
    partial_autocorrelations: FloatArray
    log_likelihood: FloatArray
    n_used: NDArray[np.int64]
    flags: dict[str, BoolArray] = field(default_factory=dict)
    variance_ratio: FloatArray | None = None
    dispersion: FloatArray | None = None
    walk_variances: FloatArray | None = None
    no_estimate: BoolArray | None = None
    processes: NDArray[np.object_] | None = None

    def one(self, series: int) -> Fit:
        """Return the fit of one series alone, so that contrasts of its own cost nothing for the others."""
        return self.take(slice(series, series + 1))

    def take(self, pick: NDArray[np.intp] | slice) -> Fit:
        """Return the fit of some of the series."""
        lacking = self.no_estimate
        return Fit(
            self.params[pick],
            CovarianceModel(*(array[pick] for array in astuple(self.covariance))),
            self.sigma[pick],
            self.partial_autocorrelations[pick],
            self.log_likelihood[pick],
            self.n_used[pick],
            {name: flag[pick] for name, flag in self.flags.items()},
            None if self.variance_ratio is None else self.variance_ratio[pick],
            None if self.dispersion is None else self.dispersion[pick],
            None if self.walk_variances is None else self.walk_variances[pick],
            lacking if lacking is None or lacking.ndim == 1 else lacking[pick],
            None if self.processes is None else self.processes[pick],
        )

    def contrasts(self, matrix: FloatArray) -> ContrastEstimates:
        """Estimate contrasts, rows of an (m, k) or (S, m, k) array; NaN where there is no estimate."""
        read = self.covariance.estimate(self.params, matrix)
        if self.no_estimate is None:
            return read
        touched = (matrix != 0.0) & np.atleast_2d(self.no_estimate)[:, None, :]
        lacking = np.broadcast_to(touched.any(axis=-1), read.estimate.shape)
        numbers = (read.estimate, read.std_error, read.df, read.df_unclipped)
        return ContrastEstimates(*(np.where(lacking, np.nan, values) for values in numbers))


def _products(contrasts: FloatArray, params: FloatArray) -> FloatArray:
    """Return c'b of every contrast and series, shape (S, m)."""
    if contrasts.ndim == 2:
        return np.asarray(params @ contrasts.T)
    return np.asarray(np.einsum("smk,sk->sm", contrasts, params), dtype=np.float64)


def _quadratic(contrasts: FloatArray, matrices: FloatArray) -> FloatArray:
    """Return c'Ac of every contrast and symmetric matrix, shape (S, m) or (S, q, m).

    For many series that share their contrasts it is one product of the pairs i <= j of A with those of c.
    """
    if contrasts.ndim > 2 or len(matrices) < MANY_SERIES:
        return np.asarray(np.sum((contrasts @ matrices) * contrasts, axis=-1))
    size = contrasts.shape[1]
    row, column = np.triu_indices(size)
    pairs = np.where(row == column, 1.0, 2.0) * contrasts[:, row] * contrasts[:, column]
    packed = matrices.reshape(-1, size**2).take(row * size + column, axis=1)
    return np.asarray((packed @ pairs.T).reshape(*matrices.shape[:-2], len(contrasts)))


#: Residuals below this fraction of the variation about the mean leave nothing to estimate a variance from.
NOISE_FLOOR = 1e-10
#: Residuals below this many units of rounding of the outcome itself are rounding.
ROUNDING_UNITS = 64.0
#: Residuals below this fraction of the outcome itself leave fewer than six digits of what is estimated.
PRECISION_FLOOR = 2e-9
#: Beyond these residual sums of squares, powers that the covariances need leave double precision.
SUM_RANGE = (1e-140, 1e140)


def degenerate_series(
    Y: FloatArray, observed: BoolArray, residual_sum: FloatArray, total_sum: FloatArray
) -> BoolArray:
    """Series that the design reproduces up to rounding, shape (S,).

    True where ``e'e <= max(1e-20 sum (y - mean)^2, (64 eps)^2 sum y^2)``: constant series and exact lines,
    whatever their unit and level.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes with 0 at missing months.
    observed : ndarray of bool, shape (n,) or (n, S)
        Months with a value.
    residual_sum, total_sum : ndarray, shape (S,)
        Least-squares residual sum of squares e'e and sum of squares y'y.
    """
    rounding = (ROUNDING_UNITS * np.finfo(np.float64).eps) ** 2
    degenerate: BoolArray = residual_sum <= max(rounding, NOISE_FLOOR**2) * total_sum
    # The sum about the mean is at most the sum about zero, so only these can be degenerate.
    for series in np.flatnonzero(degenerate):
        own = Y[observed if observed.ndim == 1 else observed[:, series], series]
        limit = max(NOISE_FLOOR**2 * np.sum((own - own.mean()) ** 2), rounding * total_sum[series])
        degenerate[series] = residual_sum[series] <= limit
    return degenerate


def precision_lost(residual_sum: FloatArray, total_sum: FloatArray) -> BoolArray:
    """Series whose level or unit leaves double precision too few digits for their variation, shape (S,).

    True where ``e'e <= (2e-9)^2 y'y`` (the rounding of y is then above 1e-7 of a residual) or where e'e lies
    outside 1e-140 to 1e140. A series of another unit, or with its level taken off, has no such trouble.

    Parameters
    ----------
    residual_sum, total_sum : ndarray, shape (S,)
        Least-squares residual sum of squares e'e and sum of squares y'y.
    """
    low, high = SUM_RANGE
    lost: BoolArray = residual_sum <= PRECISION_FLOOR**2 * total_sum
    return lost | (residual_sum < low) | (residual_sum > high)


def blank_fit(n_series: int, n_terms: int, n_variance: int, order: int, flags: Iterable[str]) -> Fit:
    """Fit in which every series is degenerate: no uncertainty, no error model, nothing flagged yet.

    Parameters
    ----------
    n_series, n_terms : int
        S and k.
    n_variance : int
        Number q of variance parameters.
    order : int
        Number p of partial autocorrelations.
    flags : iterable of str
        Names of the flags.
    """
    covariance = CovarianceModel(
        adjusted=np.zeros((n_series, n_terms, n_terms)),
        model=np.zeros((n_series, n_terms, n_terms)),
        gradients=np.zeros((n_series, n_variance, n_terms, n_terms)),
        parameter_covariance=np.zeros((n_series, n_variance, n_variance)),
        df_residual=np.zeros(n_series),
    )
    return Fit(
        params=np.zeros((n_series, n_terms)),
        covariance=covariance,
        sigma=np.zeros(n_series),
        partial_autocorrelations=np.zeros((n_series, order)),
        log_likelihood=np.full(n_series, np.inf),
        n_used=np.zeros(n_series, dtype=np.int64),
        flags={flag: np.zeros(n_series, dtype=np.bool_) for flag in flags},
    )


def scatter(whole: Any, series: NDArray[np.intp] | slice, part: Any) -> None:
    """Write the results of some series into their places among the results of all series.

    Parameters
    ----------
    whole, part : ndarray, dict of results, record of results, or None
        Of the same kind (None: a field that this kind of result does not have); arrays have the series on
        their first axis. ``whole`` is changed in place.
    series : ndarray of int or slice
        Where the series of ``part`` belong.
    """
    if part is None:
        return
    if isinstance(part, np.ndarray):
        whole[series] = part
    elif isinstance(part, dict):
        for name, values in part.items():
            scatter(whole[name], series, values)
    else:
        for name in part.__struct_fields__:
            scatter(getattr(whole, name), series, getattr(part, name))


#: A column counts as a combination of earlier ones when less than this fraction of its length is left.
RANK_TOLERANCE = 1e-10


class SingularDesignError(NotEstimableError):
    """The design cannot be estimated from the usable observations.

    Attributes
    ----------
    terms : tuple of int
        Columns that are linear combinations of earlier ones; empty when observations are too few.
    n_used, n_terms : int
        Usable observations and columns of the design.
    """

    reason = "singular_design"

    def __init__(self, message: str, *, terms: tuple[int, ...], n_used: int, n_terms: int) -> None:
        super().__init__(message)
        self.terms = terms
        self.n_used = n_used
        self.n_terms = n_terms


class MissingPattern(Struct, frozen=True):
    """Series that miss the same months.

    Attributes
    ----------
    observed : ndarray of bool, shape (n,)
        Months with a value.
    series : ndarray of int
        Columns of Y that have this pattern, ascending.
    """

    observed: BoolArray
    series: NDArray[np.intp]

    @property
    def n_used(self) -> int:
        """Number of months with a value."""
        return int(self.observed.sum())

    @property
    def span(self) -> slice:
        """Rows from the first month with a value to the last; those outside are no gaps, and cost nothing."""
        months = np.flatnonzero(self.observed)
        return slice(int(months[0]), int(months[-1]) + 1) if months.size else slice(0, 0)

    @property
    def places(self) -> NDArray[np.intp] | slice:
        """The series as an index; a slice, which costs no copy, where they are neighbours."""
        first, last = int(self.series[0]), int(self.series[-1])
        return slice(first, last + 1) if last - first + 1 == self.series.size else self.series

    def chunks(self, size: int) -> Iterator[MissingPattern]:
        """Split the series into groups of at most ``size``."""
        for start in range(0, self.series.size, size):
            yield MissingPattern(self.observed, self.series[start : start + size])

    def fill(self, Y: FloatArray) -> FloatArray:
        """Outcomes of this pattern's series with 0 at the missing months, shape (n, len(series)).

        A view of Y when nothing is missing and the series are neighbours, otherwise a copy.
        """
        if self.observed.all():
            return Y[:, self.places]
        outcomes = Y[:, self.series]
        outcomes[~self.observed] = 0.0
        return outcomes


def missing_patterns(Y: FloatArray) -> list[MissingPattern]:
    """Group the columns of Y by the months they miss.

    Parameters
    ----------
    Y : ndarray, shape (n, S)
        Outcomes, one series a column, NaN where a month is missing.

    Returns
    -------
    list of MissingPattern
        In the order in which the patterns first occur in Y.
    """
    missing = np.isnan(Y)
    n_series = Y.shape[1]
    if not missing.any():
        return [MissingPattern(np.ones(Y.shape[0], dtype=np.bool_), np.arange(n_series))] if n_series else []
    bits = np.ascontiguousarray(np.packbits(missing, axis=0).T)
    groups: dict[bytes, list[int]] = {}
    for series, pattern in enumerate(bits.view(f"V{bits.shape[1]}").ravel().tolist()):
        groups.setdefault(pattern, []).append(series)
    return [MissingPattern(~missing[:, series[0]], np.array(series)) for series in groups.values()]


def augmented_design(X: FloatArray, observed: BoolArray) -> FloatArray:
    """Design with one indicator column per missing month behind the k columns of X."""
    return np.hstack([X, np.eye(X.shape[0])[:, ~observed]])


def require_estimable(X: FloatArray, observed: BoolArray, minimum_df: int = 1) -> None:
    """Raise unless X has full column rank and degrees of freedom over the observed months.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design without indicator columns.
    observed : ndarray of bool, shape (n,)
        Months with a value.
    minimum_df : int
        Fewest acceptable observations minus terms.

    Raises
    ------
    SingularDesignError
    """
    used = X[observed]
    n_used, n_terms = used.shape
    if n_used - n_terms < minimum_df:
        message = (
            f"{n_used} usable observations are too few for {n_terms} terms: "
            f"at least {n_terms + minimum_df} are needed"
        )
        raise SingularDesignError(message, terms=(), n_used=n_used, n_terms=n_terms)
    length = np.linalg.norm(used, axis=0)
    left_over = np.abs(np.diag(np.linalg.qr(used / np.where(length > 0.0, length, 1.0), mode="r")))
    terms = tuple(int(column) for column in np.flatnonzero(left_over < RANK_TOLERANCE))
    if terms:
        listed = ", ".join(str(column) for column in terms)
        message = (
            f"the design is rank deficient over the {n_used} usable observations: column(s) {listed} "
            f"(counted from 0) are linear combinations of earlier columns"
        )
        raise SingularDesignError(message, terms=terms, n_used=n_used, n_terms=n_terms)
