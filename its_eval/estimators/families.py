"""Count and binomial families as estimators of the config: periods independent, or with AR(1) errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from its_eval.errors import NotEstimableError
from its_eval.estimators.glm import BINOMIAL, Family, fit_glm
from its_eval.estimators.kind import Entry, EstimatorKind, FitContext, require_length

if TYPE_CHECKING:
    from its_eval.estimators.fit import Fit, FloatArray


class NoTrialsError(NotEstimableError):
    """It is not known of how many the counts of a share are."""

    reason = "no_denominators"


def _fit_entry(X: FloatArray, Y: FloatArray, estimator: Entry, context: FitContext) -> Fit:
    """Fit a family to the numerators of the periods that Y has."""
    family = cast("Family", estimator.name)
    if context.counts is None:
        raise ValueError(f"{family} needs counts")
    if family in BINOMIAL and context.sizes is None:
        raise NoTrialsError(f"{family} needs a denominator in every used period")
    counts = np.where(np.isnan(Y), np.nan, context.counts)
    sizes = {"trials" if family in BINOMIAL else "exposure": context.sizes}
    if estimator.errors == "ar1":
        from its_eval.estimators.glm_ar import fit_glm_ar  # noqa: PLC0415  (start-up time)

        require_length(context.n_used)
        return fit_glm_ar(X, counts, family, **sizes)
    return fit_glm(
        X, counts, family, **sizes, lags=estimator.lags, lagged_residuals=estimator.lagged_residuals
    )


def _family(name: Family, title: str, assumes: str) -> EstimatorKind:
    binomial = name in BINOMIAL
    return EstimatorKind(
        name,
        title,
        assumes,
        _fit_entry,
        options=("errors", "lags", "lagged_residuals"),
        of_kind="percentage" if binomial else "count",
        link="logit" if binomial else "log",
        has_own_refusals=True,
    )


POISSON = _family("poisson", "Poisson regression", "independent counts whose variance is their mean")
QUASI_POISSON = _family(
    "quasi_poisson",
    "quasi-Poisson regression",
    "independent counts whose variance is proportional to their mean",
)
NEGATIVE_BINOMIAL = _family(
    "negative_binomial",
    "negative binomial regression",
    "independent counts whose variance grows with the square of their mean",
)
BINOMIAL_FAMILY = _family(
    "binomial",
    "logistic regression",
    "independent answers, and a level that moves for no other reason than chance",
)
QUASI_BINOMIAL = _family(
    "quasi_binomial",
    "quasi-binomial regression",
    "independent months whose variance is proportional to that of a binomial",
)
