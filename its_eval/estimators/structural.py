"""Structural time series: a level, a trend and a season that may change by themselves, with regressors.

Harvey 1989, *Forecasting, Structural Time Series Models and the Kalman Filter*, chapter 2; the model of
statsmodels' ``UnobservedComponents`` with exact diffuse starting states and regression coefficients among
them, whose likelihood is the restricted one. With independent disturbances ``eta, zeta, omega`` of variances
that are estimated, and 0 where a part is fixed,

  ``y_t = level_t + season_t + x_t'b + e_t``,   ``level_{t+1} = level_t + slope_t + eta_t``,
  ``slope_{t+1} = slope_t + zeta_t``,   ``season_{t+1} = -season_t - ... - season_{t-s+2} + omega_t``.

Everything is linear in the starting states and the disturbances, so that ``y = A a_1 + X b + u`` with
``V = sum_j theta_j F_j F_j'``: column i of F_j is what a disturbance at i does to later periods. The starting
states are diffuse, which makes A columns of the design. To ``F_j F_j'`` anything may be added that A spans:
the likelihood, b and its covariance do not see it, and V stays invertible where the noise is 0.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.estimators.fit import (
    CovarianceModel,
    SingularDesignError,
    blank_fit,
    missing_patterns,
    require_estimable,
)
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext
from its_eval.estimators.least_squares import line_of_one
from its_eval.estimators.placing import independent_columns, of_unit_length, place_line
from its_eval.estimators.reml.dense import RestrictedLikelihood
from its_eval.estimators.reml.kenward_roger import dense_kenward_roger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, Fit, FloatArray
    from its_eval.estimators.reml.dense import Covariance

FLAGS = ("not_converged", "variance_zero", "no_level", "degenerate")
#: Shares of the whole variance from which the search may start, for each part that changes.
SHARES = (0.0, 0.003, 0.03, 0.2, 0.7)


class Parts(Struct, frozen=True):
    """Which parts change by themselves.

    Attributes
    ----------
    level, trend : bool
        A level that moves, a slope that moves.
    season : int
        Periods in the season that moves; 0 for none.
    """

    level: bool = True
    trend: bool = False
    season: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The parts that have a variance, the irregular one first."""
        moving = {"level": self.level, "trend": self.trend, "season": bool(self.season)}
        return ("irregular", *(name for name, moves in moving.items() if moves))

    def starting_states(self, n: int) -> FloatArray:
        """Return A, shape (n, d): what the starting states do to each period."""
        time = np.arange(n)
        columns = [np.ones(n)] if self.level or self.trend else []
        columns += [time.astype(np.float64)] if self.trend else []
        place = time % self.season if self.season else time
        columns += [(place == own) - 1.0 * (place == self.season - 1) for own in range(self.season - 1)]
        return np.column_stack(columns) if columns else np.empty((n, 0))

    def effects(self, name: str, n: int) -> FloatArray:
        """Return F, shape (n, n): what a disturbance of a part does to each later period."""
        if name == "irregular":
            return np.eye(n)
        passed = np.arange(n)[:, None] - np.arange(n) - 1
        if name == "level":
            return np.asarray(passed >= 0, dtype=np.float64)
        if name == "trend":
            return np.asarray(np.maximum(passed, 0), dtype=np.float64)
        place = passed % self.season
        return np.asarray(np.where(passed >= 0, (place == 0) - 1.0 * (place == 1), 0.0))


def fit_structural(X: FloatArray, Y: FloatArray, parts: Parts | None = None) -> Fit:
    """Fit one design with a structural time series model to many series.

    The variances maximise the restricted likelihood, covariances are first-order Kenward-Roger with
    Satterthwaite degrees of freedom. A variance on its bound, 0, is taken as known.

    Columns of the design that the starting states span have no coefficient: the constant where the level or
    the slope moves, the trend where the slope does, the season where it does. What is returned for them puts
    the line through the observed series, as for a differenced series of ``fit_arima``, and contrasts of them
    have no estimate (``no_estimate``). Effects do not involve these columns.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all periods.
    Y : ndarray, shape (n, S)
        NaN where a period is missing, which keeps its place in time.
    parts : Parts, optional
        What moves; the level alone when left out.

    Returns
    -------
    Fit
        The variance parameters are those of ``parts.names``, over the variance of the least-squares residuals
        and, but for the irregular one, over the mean square of what a part does to the series. sigma is the
        standard deviation of the irregular part, the log-likelihood restricted. Flags: ``variance_zero`` (a
        variance is 0: this part does not move, or nothing is irregular), ``no_level`` (the level
        or the slope moves), ``not_converged``, ``degenerate`` (as ``fit_ols``).

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the used periods of some series, or these are too few for its columns,
        starting states and variances; if a season is to move that has fewer than 2 periods.
    """
    parts = Parts() if parts is None else parts
    n_series, n_terms = Y.shape[1], X.shape[1]
    if parts.season == 1:
        message = "a season that changes needs at least 2 periods a year"
        raise SingularDesignError(message, terms=(), n_used=len(X), n_terms=n_terms)
    states = parts.starting_states(len(X))
    behind = independent_columns(of_unit_length(np.hstack([states, X])))
    kept = behind[behind >= states.shape[1]] - states.shape[1]
    result = blank_fit(n_series, n_terms, len(parts.names), 0, FLAGS)
    if kept.size < n_terms:
        result.flags["no_level"][:] = parts.level or parts.trend
        result = replace(result, no_estimate=~np.isin(np.arange(n_terms), kept))
    for pattern in missing_patterns(Y):
        model = _Model(X, states, parts, pattern.observed)
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = pattern.n_used - model.X.shape[1]
        for series in pattern.series:
            _fit_one(result, int(series), model, Y[pattern.observed, series], kept)
    return result


class _Model:
    """One design and the used periods of some series.

    Parameters
    ----------
    X, states : ndarray, shapes (n, k) and (n, d)
        Design and A over all periods.
    parts : Parts
    observed : ndarray of bool, shape (n,)
        Used periods.
    """

    def __init__(self, X: FloatArray, states: FloatArray, parts: Parts, observed: BoolArray) -> None:
        self.design = X[observed]
        both = np.hstack([X, states])
        require_estimable(X, observed, len(parts.names) + 1)
        more = independent_columns(of_unit_length(both))
        #: the design, and behind it the starting states that it does not span
        self.X = both[:, np.concatenate([np.arange(X.shape[1]), more[more >= X.shape[1]]])][observed]
        require_estimable(self.X, np.ones(len(self.X), dtype=np.bool_), len(parts.names) + 1)
        basis = np.linalg.qr(self.X, mode="complete")[0][:, self.X.shape[1] :]
        self.covariances = []
        self.sizes = np.ones(len(parts.names))
        spanned = states[observed] @ states[observed].T
        for place, name in enumerate(parts.names):
            effects = parts.effects(name, len(X))[observed]
            whole = effects @ effects.T
            self.sizes[place] = np.sum((basis.T @ effects) ** 2) / basis.shape[1]
            more_of_it = spanned if name != "irregular" else 0.0
            self.covariances.append((whole + more_of_it) / self.sizes[place])
        bounds = np.tile([0.0, np.inf], (len(parts.names), 1))
        self.likelihood = RestrictedLikelihood(
            self.X, partial(_projected, self.covariances), bounds, own_scale=False
        )

    def starts(self) -> list[FloatArray]:
        """Return variances of sum 1 from which a search may start."""
        others = len(self.covariances) - 1
        shares = [each for each in product(SHARES, repeat=others) if sum(each) < 1.0]
        return [*(np.array([1.0 - sum(each), *each]) for each in shares), *np.eye(others + 1)[1:]]

    def covariance(self, theta: FloatArray) -> FloatArray:
        """Return V."""
        return np.asarray(sum(own * one for own, one in zip(theta, self.covariances, strict=True)))


def _projected(covariances: list[FloatArray], free: FloatArray) -> Covariance:
    """Return what gives N'VN and its derivatives at the variances."""
    pulled = np.array([free.T @ one @ free for one in covariances])
    return lambda theta: (np.tensordot(theta, pulled, axes=1), list(pulled))


def _fit_one(result: Fit, series: int, model: _Model, outcome: FloatArray, kept: NDArray[np.intp]) -> None:
    """Fit one series and write it into its place."""
    X, used = model.X, model.design
    least_squares, residual, degenerate = line_of_one(used, outcome)
    if degenerate:
        result.flags["degenerate"][series] = True
        result.params[series] = least_squares
        return
    scale = math.sqrt(residual @ residual / outcome.size)
    y = residual / scale
    best = model.likelihood.maximise(y, model.starts())
    V = model.covariance(best.theta)
    half = np.linalg.solve(V, X)
    shift = np.linalg.solve(X.T @ half, half.T @ y)[kept] * scale
    found = dense_kenward_roger(
        X,
        V[None],
        [one[None] for one in model.covariances],
        np.array([scale**2]),
        np.concatenate([[True], best.on_bound])[None],
    )
    params, placing = place_line(used, outcome, kept, least_squares[kept] + shift)
    result.params[series] = params
    _write(result, series, found, placing, kept)
    result.sigma[series] = scale * math.sqrt(best.theta[0])
    n_free = outcome.size - X.shape[1]
    result.log_likelihood[series] = best.log_likelihood - n_free * math.log(scale)
    result.flags["not_converged"][series] = not best.converged
    result.flags["variance_zero"][series] = bool(best.on_bound.any())


def _write(
    result: Fit, series: int, found: CovarianceModel, placing: FloatArray, kept: NDArray[np.intp]
) -> None:
    """Write the covariance of the kept columns, and what follows for the others, into its place."""
    own, rows = result.covariance, np.ix_(kept, kept)

    def spread(matrix: FloatArray) -> FloatArray:
        return np.asarray(placing @ matrix[rows] @ placing.T)

    own.model[series] = spread(found.model[0])
    own.adjusted[series] = spread(found.adjusted[0])
    # the scale is no parameter beside the variances
    own.gradients[series] = [spread(one) for one in found.gradients[0, 1:]]
    own.parameter_covariance[series] = found.parameter_covariance[0, 1:, 1:]


def _fit_entry(X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
    """Fit an entry of the config, whose season is that of the frequency."""
    moving = {name: getattr(estimator, name) == "stochastic" for name in ("level", "trend", "season")}
    season = context.per_year if moving["season"] else 0
    return fit_structural(X, Y, Parts(moving["level"], moving["trend"], season))


STRUCTURAL = EstimatorKind(
    "structural",
    "structural time series model, REML",
    "a level, and if asked for a trend and a season, that change by themselves as random walks, observed "
    "with independent noise; restricted maximum likelihood with first-order Kenward-Roger standard errors",
    _fit_entry,
    options=("level", "trend", "season"),
    has_error_model=True,
    predicts=True,
    slow=True,
    has_own_refusals=True,
)
