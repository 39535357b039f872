"""Counts and proportions with AR(1) errors on the scale of the link: marginal quasi-likelihood and KR1.

The mean is that of the family, ``g(mu) = X beta`` (plus log exposure). Around it the working response
``z = g(mu) + (y - mu) g'(mu)`` has the covariance matrix ``V = s^2 R(rho) + N``: an autoregressive process on
the scale of the link, and the variance that counting brings about,

  ``N = diag(1/mu)`` (Poisson), ``diag(phi/mu)``, phi >= 1 (quasi-Poisson), ``diag(1/mu + a)``, a >= 0
  (negative binomial), ``diag(1/(n p (1 - p)))`` (binomial) and phi times that (quasi-binomial).

Given z and N the variance parameters maximise the restricted likelihood (``latent``) and beta is estimated by
generalised least squares; then z and N are made anew, until beta stays where it is (Breslow & Clayton 1993,
*JASA* 88:9, section 4: the marginal form of their penalised quasi-likelihood, whose mu is the expected count
and not that of a period without a disturbance). Covariances are KR1 at the end. Zeros need no care.

Independent overdispersion and an autoregressive process can hardly be told apart where rho may be 0: then phi
is 1 and a is 0. Where no process is seen (``s^2 = 0``) the fit is that of the plain family, its covariance
times Pearson's chi-squared over n - k where that is above 1, with t(n - k). Where rho is at its upper bound,
the process is a random walk.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple, replace

from its_eval.estimators.fit import blank_fit, missing_patterns, require_estimable
from its_eval.estimators.glm import (
    BINOMIAL,
    Family,
    SeriesModel,
    check_counts,
    check_sizes,
    fit_series,
)
from its_eval.estimators.reml.latent import (
    ZERO,
    Extra,
    LatentModel,
    LatentSeries,
    follow,
    latent_covariance,
    on_edge,
    regress,
    search,
)
from its_eval.estimators.reml.reml_ar import NEAR_UNIT_ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.estimators.fit import BoolArray, CovarianceModel, Fit, FloatArray

#: What is estimated of N besides the mean.
EXTRAS: dict[Family, Extra] = {
    "quasi_poisson": "factor",
    "quasi_binomial": "factor",
    "negative_binomial": "constant",
}
FLAGS = ("at_bound", "near_unit_root", "not_converged", "degenerate")
#: Beta has settled when no coefficient moves by so many standard errors. Three digits would do for people;
#: the rest makes the result independent of where the iteration started.
SETTLED = 1e-7
MAXIMUM_ROUNDS = 150
#: After every so many rounds steps are halved, down to the least share: some series jump to and fro.
DAMPED_EVERY, LEAST_STEP = 25, 0.125
#: A linear predictor so far from that of the plain family (means of e^20 times) has left for infinity.
FURTHEST = 20.0
#: Twice the loss of log-likelihood within which rho may be 0: the 95 % point of chi-squared(1).
RANGE_95 = 3.841458820694124
#: Numbers that the arrays of one chunk of series may hold.
CHUNK_NUMBERS = 4_000_000


def fit_glm_ar(
    X: FloatArray,
    Y: FloatArray,
    family: Family,
    *,
    exposure: FloatArray | None = None,
    trials: FloatArray | None = None,
) -> Fit:
    """Fit one design with AR(1) errors on the scale of the link to many series of counts.

    Parameters
    ----------
    X, Y, family, exposure, trials
        As for ``fit_glm``.

    Returns
    -------
    Fit
        The variance parameters are s^2, rho and, but for Poisson and binomial, phi or a; those that are
        known have no uncertainty. ``partial_autocorrelations`` is rho, NaN where ``s^2`` is 0;
        ``sigma`` is s, the standard deviation of the process on the scale of the link (of a random walk: of
        a step); ``dispersion`` is a of the negative binomial and phi of the others. The restricted
        log-likelihood is that of the working response, for which fits of unlike mean are not comparable.
        Flags: ``at_bound`` (rho was at its upper bound and the process is a random walk, or it is at its
        lower bound), ``near_unit_root`` (rho above 0.9), ``not_converged``, ``degenerate`` (the likelihood
        has no finite maximum, as in ``fit_glm``).

    Raises
    ------
    CountError, ValueError
        As ``fit_glm``.
    SingularDesignError
        As ``fit_glm``, with k + q + 1 usable periods needed.
    """
    sizes = check_sizes(family, exposure, trials)
    check_counts(Y, exposure=exposure, trials=trials)
    extra = EXTRAS.get(family, "")
    n_series, n_terms = Y.shape[1], X.shape[1]
    dispersion = np.ones(n_series)
    result = replace(blank_fit(n_series, n_terms, 2 + bool(extra), 1, FLAGS), dispersion=dispersion)
    result.params[:] = result.partial_autocorrelations[:] = result.log_likelihood[:] = np.nan
    for pattern in missing_patterns(Y):
        observed = pattern.observed
        require_estimable(X, observed, minimum_df=3 + bool(extra))
        result.n_used[pattern.series] = pattern.n_used
        result.covariance.df_residual[pattern.series] = pattern.n_used - n_terms
        # a search takes at most 12 complex numbers a period and column, a covariance a matrix of all periods
        numbers = pattern.n_used * (24 * (n_terms + 1) + pattern.n_used)
        for chunk in pattern.chunks(max(8, CHUNK_NUMBERS // numbers)):
            where = np.ix_(observed, chunk.series)
            counts = Y[where].T
            own = np.ones_like(counts) if sizes is None else sizes[where].T
            data = _Counts(X[observed], np.flatnonzero(observed), counts, own, family)
            _fit_chunk(result, dispersion, chunk.series, data)
    return result


class _Counts:
    """Series of one family over the periods that all of them have.

    Parameters
    ----------
    X : ndarray, shape (n, k)
    places : ndarray of int, shape (n,)
        Places of the periods in time.
    counts, sizes : ndarray, shape (S, n)
        Counts, and their exposure or trials.
    family : str
    """

    def __init__(
        self, X: FloatArray, places: NDArray[np.intp], counts: FloatArray, sizes: FloatArray, family: Family
    ) -> None:
        self.X = X
        self.places = places
        self.counts = counts
        self.sizes = sizes
        self.family = family
        self.basis, self.triangular = np.linalg.qr(X)

    def take(self, pick: NDArray[Any]) -> _Counts:
        """Return some of the series."""
        return _Counts(self.X, self.places, self.counts[pick], self.sizes[pick], self.family)

    def working(self, coordinates: FloatArray, unit: FloatArray | None = None) -> LatentSeries:
        """Return the working response with its noise, at coordinates (S, k) of the linear predictor on Q.

        The unit of variances is the median noise, unless it is given.
        """
        linear = coordinates @ self.basis.T
        if self.family in BINOMIAL:
            share = 1.0 / (1.0 + np.exp(-linear))
            noise = 1.0 / (self.sizes * share * (1.0 - share))
            response = linear + (self.counts - self.sizes * share) * noise
        else:
            noise = np.exp(-linear) / self.sizes
            response = linear + self.counts * noise - 1.0
        typical = np.median(noise, axis=1) if unit is None else unit
        return LatentSeries(self.basis, self.triangular, self.places, response, noise, typical)


class _Found(Struct, frozen=True):
    """Where the iterations of S series ended.

    Attributes
    ----------
    coordinates : ndarray, shape (S, k)
        Linear predictor on Q.
    theta : ndarray, shape (S, q)
        Variance parameters.
    unit : ndarray, shape (S,)
        Unit of these.
    settled, lost : ndarray of bool, shape (S,)
        Whether they came to rest; whether they left for infinity.
    bounced : ndarray of bool, shape (S,)
        Whether they did not come to rest, and rho was at its upper bound now and then.
    """

    coordinates: FloatArray
    theta: FloatArray
    unit: FloatArray
    settled: BoolArray
    lost: BoolArray
    bounced: BoolArray

    def take(self, pick: NDArray[Any]) -> _Found:
        """Return those of some of the series."""
        return _Found(*(array[pick] for array in astuple(self)))


def _fit_chunk(result: Fit, dispersion: FloatArray, series: NDArray[np.intp], data: _Counts) -> None:
    """Fit series that miss the same periods and write them into their places."""
    plain_family: Family = "binomial" if data.family in BINOMIAL else "poisson"
    plain = [
        fit_series(data.X, counts, plain_family, sizes)
        for counts, sizes in zip(data.counts, data.sizes, strict=True)
    ]
    infinite = np.array([model.infinite for model in plain])
    result.flags["degenerate"][series] = infinite
    left = np.flatnonzero(~infinite)
    if not left.size:
        return
    start = np.array([plain[place].params for place in left]) @ data.triangular.T
    extra = EXTRAS.get(data.family, "")
    model, own = LatentModel(extra), data.take(left)
    found = _iterate(own, model, start)
    if extra:
        # where rho may be 0 the rest of the noise is known
        at = own.working(found.coordinates, found.unit)
        lost = (search(model, at, independent=True)[1] - _value(model, at, found.theta)) * at.residual_df
        certain = (lost > RANGE_95) & (found.theta[:, 0] > ZERO)
        _write(result, dispersion, series[left[certain]], own.take(certain), model, found.take(certain))
        left, own, start = left[~certain], own.take(~certain), start[~certain]
        if not left.size:
            return
        model = LatentModel()
        found = _iterate(own, model, start)
    some = found.theta[:, 0] > ZERO
    _write(result, dispersion, series[left[some]], own.take(some), model, found.take(some))
    for place in left[~some]:
        _write_plain(result, dispersion, int(series[place]), plain[place], extra)


def _write_plain(result: Fit, dispersion: FloatArray, series: int, model: SeriesModel, extra: Extra) -> None:
    """Write the fit of the plain family, where no autoregressive process is seen."""
    factor = max(1.0, model.pearson / float(result.covariance.df_residual[series]))
    result.params[series] = model.params
    result.covariance.model[series] = result.covariance.adjusted[series] = factor * model.bread
    result.log_likelihood[series] = model.log_likelihood
    result.flags["not_converged"][series] = not model.converged
    dispersion[series] = 0.0 if extra == "constant" else factor


def _write(
    result: Fit,
    dispersion: FloatArray,
    series: NDArray[np.intp],
    data: _Counts,
    model: LatentModel,
    found: _Found,
) -> None:
    """Write fits into their places, as random walks where rho is at its upper bound or returns to it."""
    if not model.walk:
        walk = _at_upper_bound(model, found.theta) | found.bounced
        if walk.any():
            steps = LatentModel(model.extra, walk=True)
            refitted = _iterate(data.take(walk), steps, found.coordinates[walk])
            # a walk may follow a last count of 0 for ever
            walk[walk], refitted = ~refitted.lost, refitted.take(~refitted.lost)
            _write(result, dispersion, series[walk], data.take(walk), steps, refitted)
        series, data, found = series[~walk], data.take(~walk), found.take(~walk)
    if not series.size:
        return
    at = data.working(found.coordinates, found.unit)
    _write_covariance(result, series, model, latent_covariance(model, at, found.theta))
    variance, rho, _ = model.parts(at, np.arange(series.size), found.theta)
    result.params[series] = np.linalg.solve(data.triangular, found.coordinates.T).T
    result.sigma[series] = np.sqrt(variance)
    result.partial_autocorrelations[series, 0] = rho
    df = at.residual_df
    constant = df * math.log(2.0 * math.pi) + 2.0 * np.log(np.abs(np.diag(data.triangular))).sum()
    result.log_likelihood[series] = -(df * _value(model, at, found.theta) + constant) / 2.0
    if model.extra == "constant":
        dispersion[series] = found.unit * np.expm1(found.theta[:, -1])
    elif model.extra == "factor":
        dispersion[series] = np.exp(found.theta[:, -1])
    else:
        dispersion[series] = 0.0 if data.family == "negative_binomial" else 1.0
    result.flags["not_converged"][series] = ~found.settled
    result.flags["at_bound"][series] = True if model.walk else on_edge(model, found.theta)[:, 1]
    result.flags["near_unit_root"][series] = rho > NEAR_UNIT_ROOT


def _write_covariance(
    result: Fit, series: NDArray[np.intp], model: LatentModel, covariance: CovarianceModel
) -> None:
    """Write a covariance model whose parameters may be fewer than those of the family."""
    whole = result.covariance
    whole.model[series], whole.adjusted[series] = covariance.model, covariance.adjusted
    names = np.array([0] + [1] * (not model.walk) + [2] * bool(model.extra), dtype=np.intp)
    whole.gradients[np.ix_(series, names)] = covariance.gradients
    whole.parameter_covariance[np.ix_(series, names, names)] = covariance.parameter_covariance


def _value(model: LatentModel, series: LatentSeries, theta: FloatArray) -> FloatArray:
    """Return the objective of each series at its own point."""
    return np.asarray(regress(model, series, np.arange(len(theta)), theta).value)


def _iterate(data: _Counts, model: LatentModel, start: FloatArray) -> _Found:
    """Make the working response anew until the coefficients settle, from coordinates (S, k) on Q.

    A series whose coefficients leave for infinity, as those of a random walk that follows a last count of 0
    may, stays where it was before that.
    """
    at = data.working(start)
    unit = at.unit
    coordinates, theta = start.copy(), search(model, at)[0]
    settled, lost, bounced = np.zeros((3, len(start)), dtype=np.bool_)
    for done in range(MAXIMUM_ROUNDS):
        active = np.flatnonzero(~settled & ~lost)
        if not active.size:
            break
        at = data.take(active).working(coordinates[active], unit[active])
        # the first step moves the mean most: look everywhere again
        theta[active] = search(model, at)[0] if done == 1 else follow(model, at, theta[active])[0]
        found = regress(model, at, np.arange(active.size), theta[active])
        step = found.shift - coordinates[active]
        spread = np.sqrt(np.einsum("sii->si", np.linalg.inv(found.inner)))
        moved = coordinates[active] + step * max(0.5 ** (done // DAMPED_EVERY), LEAST_STEP)
        lost[active] = (np.abs((moved - start[active]) @ data.basis.T) > FURTHEST).any(axis=1)
        coordinates[active] = np.where(lost[active, None], coordinates[active], moved)
        settled[active] = ~lost[active] & ((np.abs(step) / spread).max(axis=1) < SETTLED)
        if done >= DAMPED_EVERY and not model.walk:
            bounced[active] |= _at_upper_bound(model, theta[active])
    return _Found(coordinates, theta, unit, settled, lost, bounced & ~settled)


def _at_upper_bound(model: LatentModel, theta: FloatArray) -> BoolArray:
    """Return for which series rho is at its upper bound."""
    return np.asarray(theta[:, 1] >= model.bounds()[1][1] - ZERO)
