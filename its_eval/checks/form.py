"""Whether the gap drifts before the start, the fit stays in range, shocks fade, and an effect matters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_eval.checks.autocorrelation import Whitening
from its_eval.checks.result import (
    DRAWS,
    NOTE_LEVEL,
    CheckResult,
    judged,
    not_applicable,
    number,
    p_text,
    upper_p,
)
from its_eval.estimators.fit import BoolArray, FloatArray
from its_eval.estimators.reml.reml_ar import reml_point_estimates
from its_eval.evaluation import interval_level


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


#: First autocorrelation up to which the intervals keep what they promise.
FADING = 0.8
#: Percentage points from 0 and 100 within which a straight line is doubtful, and the share of its usual
#: distance to which a series has to come where it lies so close all the time.
NEAR_LIMIT, CLOSER = 2.0, 0.5


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
    found = f"{number(low)} to {number(high)} a period ({interval_level(confidence)})"
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

    A rate of one per cent is always that close: there it has to come within half of its usual distance.

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
    usual = float(np.median(room[used]))
    tight = room < min(NEAR_LIMIT, CLOSER * max(usual, 0.0))
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


def persistence(
    autocorrelation: float,
    drawn: FloatArray,
    noise_gain: float | None = None,
    alpha: float = NOTE_LEVEL,
) -> CheckResult:
    """Check ``persistence``: whether shocks last longer than intervals bear, or noise lies on a drift.

    Parameters
    ----------
    autocorrelation : float
        First partial autocorrelation of the fit.
    drawn : ndarray, shape (B,)
        The same of series with a first autocorrelation of `FADING`, as ``lasting_shocks`` gives them; they
        are not looked at where the fit's is no larger.
    noise_gain : float, optional
        Log-likelihood of the model with added noise minus that of the fit. Twice the gain is at most
        chi-squared(1) where the errors are an autoregression: the model with noise has a parameter more than
        AR(1), and no more than AR(2).
    alpha : float
        Level of the test, which is of both together.
    """
    from scipy import special  # noqa: PLC0415  (start-up time)

    p_shocks = upper_p(autocorrelation, drawn) if autocorrelation > FADING else 1.0
    p_noise = 1.0 if noise_gain is None else float(special.chdtrc(1.0, 2.0 * max(noise_gain, 0.0)))
    p_value = min(1.0, 2.0 * min(p_shocks, p_noise))
    clear = f"Shocks fade (first autocorrelation {autocorrelation:.2f}); nothing needs to be done."
    causes = []
    if 2.0 * p_shocks <= max(alpha, p_value):
        causes.append(f"shocks hardly fade (first autocorrelation {autocorrelation:.2f})")
    if 2.0 * p_noise <= max(alpha, p_value):
        causes.append(f"a drifting level with noise fits better (by {noise_gain:.1f} in log-likelihood)")
    found = (
        f"In this series {' and '.join(causes)} ({p_text(p_value)}): a drift can look like an effect, so "
        "read the estimate of `reml_ar_noise` beside this one."
    )
    return judged("persistence", autocorrelation, p_value, found, clear, alpha)


def lasting_shocks(
    matrix: FloatArray, observed: BoolArray, order: int, rng: np.random.Generator, draws: int = DRAWS
) -> FloatArray:
    """Return first partial autocorrelations estimated from series that have one of `FADING`, shape (B,).

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
        Design of the fit.
    observed : ndarray of bool, shape (n,)
    order : int
        Order of the fit, 1 or 2; the second partial autocorrelation is 0.
    rng : numpy.random.Generator
    draws : int
        B.
    """
    whitening = Whitening(matrix, np.array([FADING, 0.0][:order]), observed)
    errors = whitening.errors(rng.standard_normal((int(observed.sum()), draws)))
    return np.asarray(reml_point_estimates(matrix, errors, order)[1][:, 0])
