"""Whether a straight line fits the time before, the fit stays in range, and an effect matters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_eval.checks.result import CheckResult, judged, not_applicable, number, p_text
from its_eval.estimators.fit import DF_FLOOR, BoolArray, FloatArray, SingularDesignError
from its_eval.estimators.reml.reml_ar import fit_reml_ar


def equivalence(low: FloatArray, high: FloatArray, margin: float) -> NDArray[np.str_]:
    """Return what intervals say about a margin: ``within``, ``beyond`` or ``inconclusive``.

    An interval of confidence 1 - 2 alpha inside ±margin is Schuirmann's two one-sided tests at level alpha
    (1987, *Journal of Pharmacokinetics and Biopharmaceutics* 15:657): a 95 % interval concludes at 2.5 %.

    Parameters
    ----------
    low, high : ndarray
        Limits; NaN gives ``inconclusive``.
    margin : float
        Largest effect that would not matter, above 0, in the units of the effect.

    Raises
    ------
    ValueError
        If the margin is not a positive number.
    """
    if not margin > 0.0 or not np.isfinite(margin):
        raise ValueError(f"the margin is {margin}; it has to be a positive number in the units of the effect")
    within = (low > -margin) & (high < margin)
    beyond = (low >= margin) | (high <= -margin)
    return np.asarray(np.where(within, "within", np.where(beyond, "beyond", "inconclusive")))


#: First autocorrelation above which a series is close to a random walk.
PERSISTENT = 0.9
#: Gain in log-likelihood from which added noise is preferred.
NOISE_GAIN = 2.0
#: A column with less than this share left after the others is one of theirs.
SPANNED = 1e-8
#: Percentage points from 0 and 100 within which a straight line is doubtful.
NEAR_LIMIT = 2.0


def curvature(
    X: FloatArray, outcome: FloatArray, start: int, order: int, *, confidence: float = 0.95
) -> CheckResult:
    """Check ``curvature``: a squared time over the periods before the interruption, and over those alone.

    A bent trend that is fitted by a straight line shows as a change of slope that nobody made. REML with
    AR errors and KR1 inference, as for the effects. The column is 0 from the interruption on, where level and
    slope are free, so that only the periods before tell of a bend; season and autocorrelation come from the
    whole window. The periods before alone hardly determine the autocorrelation: where 27 months with a term
    for each month leave degrees of freedom for a test, it finds a bend in 34 % of straight trends at an
    autocorrelation of 0.7; this one finds it in 5 %.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Design of the fit, its interruption included.
    outcome : ndarray, shape (n,)
        NaN where missing.
    start : int
        First period of the interruption.
    order : int
        Of the autoregression, 1 or 2.
    confidence : float
        Of the interval; p-values up to 1 - confidence ask for attention.
    """
    name = "curvature"
    time = np.arange(outcome.size, dtype=np.float64)
    observed = ~np.isnan(outcome)
    after = time >= start
    matrix = X
    for column in (after.astype(np.float64), np.where(after, time - start, 0.0)):
        matrix = _with_new(matrix, column, observed)
    centred = time - (start - 1) / 2.0
    matrix = np.column_stack([matrix, np.where(after, 0.0, centred**2)])
    few = f"{int(np.sum(observed & ~after))} periods before the interruption are too few to see a bend."
    try:
        fit = fit_reml_ar(matrix, outcome[:, None], order)
    except SingularDesignError:
        return not_applicable(name, few)
    read = fit.contrasts(np.eye(matrix.shape[1])[-1:])
    statistic, df = float(read.statistic[0, 0]), float(read.df_unclipped[0, 0])
    if math.isnan(statistic) or df < DF_FLOOR or fit.flags["at_bound"][0]:
        reason = "The periods before the interruption carry too little information to see a bend."
        return not_applicable(name, reason)
    p_value = float(read.p_value[0, 0])
    low, high = (float(limit[0, 0]) for limit in read.interval(confidence))
    level = f"{100.0 * confidence:g} % confidence"
    detail = f"(squared time {number(low)} to {number(high)} at {level}, {p_text(p_value)})"
    return judged(
        name,
        statistic,
        p_value,
        f"The trend before the interruption is bent {detail}: the straight counterfactual is doubtful, so "
        "compare shorter pre-periods and do not rely on the change of slope.",
        f"No bend is seen in the trend before the interruption {detail}; absence of a bend is not proven.",
        round(1.0 - confidence, 12),
    )


def _with_new(matrix: FloatArray, column: FloatArray, observed: BoolArray) -> FloatArray:
    """Return the matrix with a column that it does not already span."""
    left = column - matrix @ np.linalg.lstsq(matrix[observed], column[observed], rcond=None)[0]
    if np.linalg.norm(left[observed]) <= SPANNED * np.linalg.norm(column[observed]):
        return matrix
    return np.column_stack([matrix, column])


def pre_trend(
    estimate: float, std_error: float, df: float, margin: float | None, confidence: float
) -> CheckResult:
    """Check ``pre_trend``: whether the gap to the peers drifts before the interruption by more than a margin.

    Not a significance test, which a short or noisy series would always pass: the interval of the pre-slope
    of the difference has to lie inside the margin.

    Parameters
    ----------
    estimate, std_error, df : float
        Pre-slope of the difference.
    margin : float or None
        Largest drift per period that would not matter; None where the config states none.
    confidence : float
    """
    from scipy import special  # noqa: PLC0415  (start-up time)

    if not std_error > 0.0:
        return not_applicable("pre_trend", "The drift before the interruption could not be estimated.")
    half = float(special.stdtrit(df, 0.5 + confidence / 2.0)) * std_error
    low, high = estimate - half, estimate + half
    found = f"{number(low)} to {number(high)} a period ({100 * confidence:g} % interval)"
    if margin is None:
        reason = (
            f"Before the interruption the gap to the peers drifts by {found}: state the largest drift that "
            "would not matter to have this judged."
        )
        return CheckResult("pre_trend", estimate, math.nan, "not_applicable", reason)
    verdict = str(equivalence(np.array(low), np.array(high), margin))
    if verdict == "within":
        message = (
            f"Before the interruption the gap to the peers drifts by {found}, inside the margin ±{margin:g}."
        )
        return CheckResult("pre_trend", estimate, math.nan, "pass", message)
    how = "more than" if verdict == "beyond" else "perhaps more than"
    message = (
        f"Before the interruption the gap to the peers drifts by {found}, {how} the margin ±{margin:g}: look "
        "for peers with a more similar past before reading the effect as the intervention's."
    )
    return CheckResult("pre_trend", estimate, math.nan, "attention", message)


def floor_ceiling(
    fitted: FloatArray,
    counterfactual: FloatArray,
    used: BoolArray,
    periods: Sequence[str],
    *,
    percentage: bool,
) -> CheckResult:
    """Check ``floor_ceiling``: fitted or counterfactual values within 2 points of 0 or 100, or beyond.

    Parameters
    ----------
    fitted, counterfactual : ndarray, shape (n,)
        On the scale of the outcome.
    used : ndarray of bool, shape (n,)
    periods : sequence of str, length n
        Names of the periods for the message.
    percentage : bool
        Other outcomes have no ceiling, and the check does not apply.
    """
    name = "floor_ceiling"
    if not percentage:
        return not_applicable(name, "Only percentages have a floor and a ceiling.")
    both = np.vstack([fitted, counterfactual])
    room = np.where(used, np.minimum(both, 100.0 - both).min(axis=0), np.inf)
    closest = int(np.argmin(room))
    tight = room < NEAR_LIMIT
    if not tight.any():
        message = (
            f"Fitted and counterfactual values stay {room[closest]:.1f} points or more from 0 and 100 %."
        )
        return CheckResult(name, float(room[closest]), math.nan, "pass", message)
    where = "beyond 0 or 100 %" if room[closest] < 0.0 else "close to 0 or 100 %"
    count = int(tight.sum())
    message = (
        f"The fit or the counterfactual comes {where} in {count} period{'' if count == 1 else 's'} (closest: "
        f"{periods[closest]}): a straight line cannot go on there; compare the estimate on the logit scale."
    )
    return CheckResult(name, float(room[closest]), math.nan, "attention", message)


def persistence(autocorrelation: float, noise_gain: float | None = None) -> CheckResult:
    """Check ``persistence``: whether the series is close to a random walk or better fitted with added noise.

    Parameters
    ----------
    autocorrelation : float
        First partial autocorrelation of the fit.
    noise_gain : float, optional
        Log-likelihood of the model with added noise minus that of the fit.
    """
    walk = autocorrelation > PERSISTENT
    noisy = noise_gain is not None and noise_gain > NOISE_GAIN
    if not (walk or noisy):
        message = f"Shocks fade (first autocorrelation {autocorrelation:.2f}); nothing needs to be done."
        return CheckResult("persistence", autocorrelation, math.nan, "pass", message)
    causes = [f"shocks hardly fade (first autocorrelation {autocorrelation:.2f})"] if walk else []
    if noisy:
        causes.append(f"a drifting level with noise fits better (by {noise_gain:.1f} in log-likelihood)")
    message = (
        f"In this series {' and '.join(causes)}: a drift can look like an effect, so read the estimate of "
        "`reml_ar_noise` beside this one."
    )
    return CheckResult("persistence", autocorrelation, math.nan, "attention", message)
