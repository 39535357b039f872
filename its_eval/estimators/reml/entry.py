"""Restricted maximum likelihood as estimators of the config: order, weights, and variance by segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from its_eval.errors import NotEstimableError
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext, Statistics, autoregressive_order

if TYPE_CHECKING:
    from its_eval.estimators.fit import Fit, FloatArray


def _fit_random_walk(X: FloatArray, Y: FloatArray, _estimator: Entry, context: FitContext) -> Fit:
    from its_eval.estimators.random_walk import fit_random_walk  # noqa: PLC0415  (start-up time)

    return fit_random_walk(X, Y, context.relative_variance)


def _read_random_walk(
    X: FloatArray, Y: FloatArray, contrasts: FloatArray, estimator: Entry, context: FitContext
) -> Statistics:
    if context.relative_variance is not None:
        return Statistics.of(_fit_random_walk(X, Y, estimator, context), contrasts)
    from its_eval.estimators.random_walk import random_walk_statistics  # noqa: PLC0415  (start-up time)

    return random_walk_statistics(X, Y, contrasts)


#: No estimator of a config: what answers for series whose autocorrelation sits on its bound.
RANDOM_WALK = EstimatorKind(
    "random_walk",
    "least squares of the differences between neighbouring periods",
    "errors that drift as a random walk: changes from one period to the next are independent",
    _fit_random_walk,
    _read_random_walk,
    can_weigh=True,
    whitenable=True,
)


def _fit_reml_ar(X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
    order = autoregressive_order(estimator.order, context.n_used)
    by_segment = estimator.variance == "by_segment"
    if context.relative_variance is not None:
        from its_eval.estimators.reml.forms_fit import fit_reml_ar_own  # noqa: PLC0415  (start-up time)

        root = np.sqrt(context.relative_variance)
        after = context.after if by_segment else None
        return fit_reml_ar_own(X[None] / root.T[:, :, None], Y / root, order, after)
    if by_segment:
        from its_eval.estimators.reml.by_segment import fit_reml_by_segment  # noqa: PLC0415  (start-up time)

        return fit_reml_by_segment(X, Y, order, context.after)
    from its_eval.estimators.reml.gaps import fit_reml_ar_patterns  # noqa: PLC0415  (start-up time)

    return fit_reml_ar_patterns(X, Y, order)


def _read_reml_ar(
    X: FloatArray, Y: FloatArray, contrasts: FloatArray, estimator: Entry, context: FitContext
) -> Statistics:
    """Read contrasts from tables of the design, where all series share it."""
    if estimator.variance == "by_segment" or context.relative_variance is not None:
        return Statistics.of(_fit_reml_ar(X, Y, estimator, context), contrasts)
    from its_eval.estimators.reml.statistics import reml_ar_statistics  # noqa: PLC0415  (start-up time)

    order = autoregressive_order(estimator.order, context.n_used)
    read = reml_ar_statistics(X, Y, contrasts, order)
    return Statistics(read.estimates, read.partial_autocorrelations, read.flags)


def _fit_reml_ar_noise(X: FloatArray, Y: FloatArray, _estimator: Entry, _context: FitContext) -> Fit:
    from its_eval.estimators.reml.noise import fit_reml_ar_noise  # noqa: PLC0415  (start-up time)

    return fit_reml_ar_noise(X, Y)


class NoSamplingVarianceError(NotEstimableError):
    """The sampling variances of a series are not known."""

    reason = "no_denominators"


def _fit_reml_local_level(X: FloatArray, Y: FloatArray, _estimator: Entry, _context: FitContext) -> Fit:
    from its_eval.estimators.reml.local_level import fit_reml_local_level  # noqa: PLC0415  (start-up time)

    return fit_reml_local_level(X, Y)


def _fit_reml_ar_sampling(X: FloatArray, Y: FloatArray, _estimator: Entry, context: FitContext) -> Fit:
    from its_eval.estimators.reml.sampling_noise import fit_reml_ar_sampling  # noqa: PLC0415  (start-up time)

    if context.relative_variance is None:
        raise NoSamplingVarianceError(
            "reml_ar_sampling needs the sampling variances of the series: a percentage with a denominator in "
            "every used period, of the unit and of its peers"
        )
    return fit_reml_ar_sampling(X, Y, context.relative_variance)


REML_AR = EstimatorKind(
    "reml_ar",
    "REML with autoregressive errors",
    "autoregressive errors of constant variance; restricted maximum likelihood, first-order Kenward-Roger "
    "standard errors and Satterthwaite degrees of freedom",
    _fit_reml_ar,
    _read_reml_ar,
    options=("order", "variance"),
    has_error_model=True,
    can_weigh=True,
    whitenable=True,
    predicts=True,
    joins_patterns=True,
    procedure="kr1",
    at_bound=RANDOM_WALK,
)
REML_AR_NOISE = EstimatorKind(
    "reml_ar_noise",
    "REML with autoregressive errors and noise",
    "an autoregressive process of the first order observed with white noise; restricted maximum likelihood "
    "with first-order Kenward-Roger standard errors",
    _fit_reml_ar_noise,
    has_error_model=True,
    predicts=True,
    procedure="kr1",
    at_bound=RANDOM_WALK,
)
REML_LOCAL_LEVEL = EstimatorKind(
    "reml_local_level",
    "REML with autoregressive errors around a random walk",
    "an autoregressive process of the first order around a level that drifts as a random walk; restricted "
    "maximum likelihood with first-order Kenward-Roger standard errors",
    _fit_reml_local_level,
    has_error_model=True,
    predicts=True,
)
REML_AR_SAMPLING = EstimatorKind(
    "reml_ar_sampling",
    "REML with autoregressive errors and sampling noise",
    "a latent autoregressive process of the first order observed with sampling noise whose variance is known "
    "from the denominators up to a factor; restricted maximum likelihood with first-order Kenward-Roger "
    "standard errors",
    _fit_reml_ar_sampling,
    has_error_model=True,
    predicts=True,
    models_sampling=True,
    has_own_refusals=True,
)
