"""Restricted maximum likelihood with AR(1) or AR(2) errors and KR1 inference, many series at once."""

from __future__ import annotations

import numpy as np

from its_eval.estimators.fit import (
    BoolArray,
    Fit,
    FloatArray,
    augmented_design,
    blank_fit,
    degenerate_series,
    missing_patterns,
    precision_lost,
    require_estimable,
    scatter,
)
from its_eval.estimators.reml.ar1 import Ar1Solver
from its_eval.estimators.reml.ar2_search import Ar2Solver
from its_eval.estimators.reml.autoregression import BOUNDS, bound_arrays, marginal_variance
from its_eval.estimators.reml.kenward_roger import kenward_roger
from its_eval.estimators.reml.profile import DesignMatrices, design_matrices, evaluate_profile
from its_eval.estimators.reml.reduction import ReducedSeries, reduce_design, reduce_series

#: Distance from a bound within which a partial autocorrelation counts as sitting on it (methods §11.5).
BOUND_MARGIN = 1e-3
#: First partial autocorrelation above which a series is close to a random walk.
NEAR_UNIT_ROOT = 0.9
FLAGS = ("at_bound", "near_unit_root", "degenerate", "precision_lost")
#: Numbers that the working arrays of one chunk of series may hold, about 60 MB.
CHUNK_NUMBERS = 8_000_000
#: The same for iterating alone, which goes through its arrays again and again: those of a processor's cache.
CACHED_NUMBERS = 1_000_000
#: Last step in a partial autocorrelation of a simulated series; the error that is left is about its square.
SIMULATED_STEP = 1e-4


class PreparedReml:
    """Tables of one design and missing pattern, usable for any number of series.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    order : int
        p, 1 or 2.
    observed : ndarray of bool, shape (n,), optional
        Months with a value; all by default.

    Attributes
    ----------
    design : ReducedDesign
        The design with its indicator columns, in reduced form.
    chunk_size, point_chunk_size : int
        Number of series to hand to ``fit`` and to ``point_estimates`` at a time to keep memory modest.

    Raises
    ------
    SingularDesignError
        If the design cannot be estimated from the observed months.
    """

    def __init__(self, X: FloatArray, order: int, observed: BoolArray | None = None) -> None:
        if order not in BOUNDS:
            raise ValueError(f"order is {order}; only AR(1) and AR(2) errors are available")
        self.observed = np.ones(X.shape[0], dtype=np.bool_) if observed is None else observed
        require_estimable(X, self.observed, minimum_df=order + 1)
        self.order = order
        self.n_terms = X.shape[1]
        self.n_used = int(self.observed.sum())
        self.design = reduce_design(augmented_design(X, self.observed), order)
        self._solver = Ar1Solver(self.design) if order == 1 else Ar2Solver(self.design)
        axes = self.design.n_terms + self.design.n_reach
        moments = self.design.n_reach**2 + self._solver.n_points
        self.chunk_size = max(16, CHUNK_NUMBERS // (8 * (order * axes) ** 2 + moments))
        iterated = 8 * order * axes * self.design.n_terms
        self.point_chunk_size = max(16, CACHED_NUMBERS // (iterated + moments))

    def fit(self, Y: FloatArray) -> Fit:
        """Fit series of shape (n, S) with 0 at the missing months."""
        design, order = self.design, self.order
        series = reduce_series(design, Y)
        degenerate = degenerate_series(Y, self.observed, series.lag_sums[0], series.total_sum)
        whole = blank_fit(Y.shape[1], self.n_terms, order + 1, order, FLAGS)
        whole.params[:] = self._coefficients(series.coordinates)
        whole.covariance.df_residual[:] = design.residual_df
        whole.n_used[:] = self.n_used
        whole.flags["degenerate"][:] = degenerate
        lost = precision_lost(series.lag_sums[0], series.total_sum)
        whole.flags["precision_lost"][:] = lost & ~degenerate
        regular = np.flatnonzero(~degenerate)
        if regular.size:
            scatter(whole, regular, self._fit_regular(series.take(regular)))
        return whole

    def point_estimates(self, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients (S, n_terms) and partial autocorrelations (S, p) of ``fit``, to about 1e-7.

        Degenerate series are not looked for.
        """
        series = reduce_series(self.design, Y)
        partials = self._solver.solve(series, SIMULATED_STEP)
        matrices = design_matrices(self.design, partials)
        return self._coefficients(_coordinates(series, matrices)), partials

    def _coefficients(self, coordinates: FloatArray) -> FloatArray:
        """Coefficients of X (S, n_terms) from coordinates on Q (k, S)."""
        solved = np.linalg.solve(self.design.triangular, coordinates)
        return np.asarray(solved[: self.n_terms].T, dtype=np.float64)

    def _fit_regular(self, series: ReducedSeries) -> Fit:
        """Fit series that are not degenerate."""
        design = self.design
        partials = self._solver.solve(series)
        profile = evaluate_profile(design, series, partials)
        innovation_variance = profile.rss / design.residual_df
        log_scale = 2.0 * np.log(np.abs(np.diag(design.triangular))).sum()
        constant = design.residual_df * (np.log(2.0 * np.pi / design.residual_df) + 1.0) + log_scale
        return Fit(
            params=self._coefficients(_coordinates(series, profile.matrices)),
            covariance=kenward_roger(design, profile.matrices, partials, innovation_variance, self.n_terms),
            sigma=np.sqrt(innovation_variance * marginal_variance(partials)),
            partial_autocorrelations=partials,
            log_likelihood=-(design.residual_df * profile.value + constant) / 2.0,
            n_used=np.full(partials.shape[0], self.n_used, dtype=np.int64),
            flags=autocorrelation_flags(partials),
        )


def _coordinates(series: ReducedSeries, matrices: DesignMatrices) -> FloatArray:
    """Generalised least-squares coordinates on Q, shape (k, S)."""
    return series.coordinates + (matrices.shift @ series.reach.T[:, :, None])[:, :, 0].T


def autocorrelation_flags(partials: FloatArray) -> dict[str, BoolArray]:
    """Flag ``at_bound`` and ``near_unit_root`` of partial autocorrelations (S, p)."""
    lower, upper = bound_arrays(partials.shape[1])
    near = (partials <= lower + BOUND_MARGIN) | (partials >= upper - BOUND_MARGIN)
    return {"at_bound": np.asarray(near.any(axis=1)), "near_unit_root": partials[:, 0] > NEAR_UNIT_ROOT}


def fit_reml_ar(X: FloatArray, Y: FloatArray, order: int) -> Fit:
    """Fit one design with AR(p) errors to many series.

    The partial autocorrelations maximise the restricted likelihood within the bounds of methods §11.5; every
    local optimum is considered. Covariances are first-order Kenward-Roger (``kenward_roger``). Missing months
    keep their place in time and are equal to rows and columns deleted from the covariance matrix.

    The restricted log-likelihood is that of ``nlme::gls(method = "REML")``, with all its constants,

      ``l_R = -[nu log(2 pi sigma_e^2) + nu - log|N| + log|X'NX|] / 2,  nu = n - k,``

    where N is the inverse covariance matrix for innovation variance 1; differently from the density of error
    contrasts it contains no ``log|X'X| / 2``, so fits are comparable for one X only.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design over all months.
    Y : ndarray, shape (n, S)
        Outcomes, NaN where a month is missing.
    order : int
        p, 1 or 2.

    Returns
    -------
    Fit
        Flags: ``at_bound`` (a partial autocorrelation within 0.001 of its bound), ``near_unit_root`` (the
        first above 0.9), ``degenerate`` (the least-squares residuals are rounding: parameters are those of
        least squares, covariance, sigma and autocorrelations are 0, the log-likelihood is infinite),
        ``precision_lost`` (fewer than six digits are left; see ``assembly``).

    Raises
    ------
    SingularDesignError
        If X is rank deficient over the usable months of some series, or these are fewer than k + p + 1 (the
        p + 1 variance parameters need as many degrees of freedom).
    """
    result = blank_fit(Y.shape[1], X.shape[1], order + 1, order, FLAGS)
    for pattern in missing_patterns(Y):
        span = pattern.span
        prepared = PreparedReml(X[span], order, pattern.observed[span])
        for chunk in pattern.chunks(prepared.chunk_size):
            scatter(result, chunk.places, prepared.fit(chunk.fill(Y)[span]))
    return result


class PointEstimates:
    """Coefficients and partial autocorrelations of ``fit_reml_ar`` alone; draws of a series share its tables.

    For simulated series, of which no covariance is wanted: a third of the cost, to about 1e-7. Parameters and
    errors are those of ``fit_reml_ar``; no series may be degenerate.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    order : int
    """

    def __init__(self, X: FloatArray, order: int) -> None:
        self._matrix, self._order = X, order
        # of one pattern of missing months: those of thousands would fill the memory
        self._kept: tuple[bytes, PreparedReml] | None = None

    def __call__(self, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coefficients (S, k) and partial autocorrelations (S, p) of series (n, S)."""
        params = np.empty((Y.shape[1], self._matrix.shape[1]))
        partials = np.empty((Y.shape[1], self._order))
        for pattern in missing_patterns(Y):
            span, key = pattern.span, pattern.observed.tobytes()
            if self._kept is None or self._kept[0] != key:
                self._kept = key, PreparedReml(self._matrix[span], self._order, pattern.observed[span])
            prepared = self._kept[1]
            for chunk in pattern.chunks(prepared.point_chunk_size):
                found = prepared.point_estimates(chunk.fill(Y)[span])
                params[chunk.places], partials[chunk.places] = found
        return params, partials


def reml_point_estimates(X: FloatArray, Y: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Return what `PointEstimates` gives of one set of series."""
    return PointEstimates(X, order)(Y)
