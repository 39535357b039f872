"""An estimator from outside: least squares whose standard errors are doubled, for people who trust nothing."""

from msgspec.structs import replace

from its_eval.estimators.kind import EstimatorKind
from its_eval.estimators.least_squares import fit_ols


def fit_doubtful(X, Y, _entry, _context):
    fit = fit_ols(X, Y)
    wider = replace(fit.covariance, adjusted=4.0 * fit.covariance.adjusted, model=4.0 * fit.covariance.model)
    return replace(fit, covariance=wider)


DOUBTFUL = EstimatorKind(
    "doubtful", "least squares without trust", "independent errors, and half of what it is told", fit_doubtful
)
